// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Chooses between KVM and TCG, QEMU's own translator.
//!
//! A `/dev/kvm` alone proves nothing: some hosts offer one that interprets ring 0 and delivers system calls wrongly. KVM is
//! used only where the CPU itself has virtualisation and QEMU starts a machine with it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

/// How QEMU runs guest code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// Translated by QEMU; runs everywhere.
    Tcg,
    /// By the CPU's virtualisation.
    Kvm,
}

impl Accel {
    /// What was asked for, or the best that works here.
    pub fn choose(asked: Option<Self>, qemu: &Path) -> Result<Self> {
        match asked {
            Some(Self::Tcg) => Ok(Self::Tcg),
            Some(Self::Kvm) => match why_no_kvm(qemu) {
                None => Ok(Self::Kvm),
                Some(reason) => bail!("KVM cannot be used here: {reason}; try --accel tcg"),
            },
            None if why_no_kvm(qemu).is_none() => Ok(Self::Kvm),
            None => Ok(Self::Tcg),
        }
    }
}

fn why_no_kvm(qemu: &Path) -> Option<&'static str> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !has_virtualisation(&cpuinfo) {
        return Some("the CPU shows neither vmx nor svm");
    }
    if fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        return Some("/dev/kvm cannot be opened");
    }
    if !starts(qemu) {
        return Some("QEMU does not start a machine with it");
    }
    None
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags"))
        .flat_map(str::split_whitespace)
        .any(|flag| flag == "vmx" || flag == "svm")
}

/// Whether QEMU brings up a stopped machine; it is still alive after a moment if so.
fn starts(qemu: &Path) -> bool {
    let child = Command::new(qemu)
        .args(["-accel", "kvm", "-M", "q35", "-cpu", "host", "-m", "64", "-S", "-nodefaults"])
        .args(["-display", "none", "-monitor", "none"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let end = Instant::now() + Duration::from_millis(300);
    let mut alive = true;
    while alive && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
        alive = matches!(child.try_wait(), Ok(None));
    }
    let _ = child.kill();
    let _ = child.wait();
    alive
}

#[cfg(test)]
mod tests {
    use super::has_virtualisation;

    #[test]
    fn flags_are_whole_words() {
        assert!(has_virtualisation("model name : x\nflags\t\t: fpu vmx sse\n"));
        assert!(has_virtualisation("flags : svm"));
        assert!(!has_virtualisation("flags : fpu svm_lock sse\nvmx flags : vnmi"));
    }
}
