// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin's arguments.

use std::path::PathBuf;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// TDX module and host.
    Tdx,
    /// Nothing: callbacks and counters only.
    Observe,
    /// Nothing: how long the guest's kernel keeps its CPU to itself; see [`crate::sections`].
    Sections,
}

/// Which kernel is the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// Becomes a TD at its PVH entry, with the firmware's hand-over.
    Nacre,
    /// A TD from the first instruction, booted by the BIOS.
    Linux,
}

/// How quotes are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Within the call.
    Sync,
    /// Some calls later, with the event notification if one is set up.
    Async,
}

/// The arguments, `name=value` each.
#[derive(Clone, Debug)]
pub struct Config {
    /// `mode=tdx|observe|sections`
    pub mode: Mode,
    /// `guest=nacre|linux`
    pub guest: Guest,
    /// `events=FILE`: one JSON object a line.
    pub events: Option<PathBuf>,
    /// `scenario=FILE`: the attack.
    pub scenario: Option<PathBuf>,
    /// `monitor=SOCKET`: QEMU's monitor; from the workload's first mark on each instruction is translated by itself.
    pub monitor: Option<PathBuf>,
    /// `ram=N`: bytes of memory, for a guest without a hand-over.
    pub ram: u64,
    /// `seed=N`
    pub seed: u64,
    /// `kernel=FILE`: the image, for its entry and for MRTD.
    pub kernel: Option<PathBuf>,
    /// `quote=sync|async`
    pub quote: Quote,
    /// `reduce_ve=on|off`: whether the module offers REDUCE_VE.
    pub reduce_ve: bool,
    /// `config_flags=HEX`: CONFIG_FLAGS of the TD.
    pub config_flags: u64,
    /// `attributes=HEX`: ATTRIBUTES of the TD.
    pub attributes: u64,
    /// `tsc_hz=N`: the frequency that CPUID 0x15 tells; 0 is the default of 1 GHz.
    pub tsc_hz: u64,
    /// `instructions=on`: instructions are counted, for the events `mark`.
    pub instructions: bool,
    /// Every argument, for the attack engine's own.
    pub all: Vec<(String, String)>,
    /// Number of vCPUs.
    pub cpus: usize,
}

/// SEPT_VE_DISABLE, the one attribute of an ordinary production TD.
pub const SEPT_VE_DISABLE: u64 = 1 << 28;

/// CONFIG_FLAGS: the guest itself switches #VE of pending pages off and on, by TD_CTLS.
pub const FLEXIBLE_PENDING_VE: u64 = 1 << 1;
/// CONFIG_FLAGS: TDVMCALL leaves RBP alone.
pub const NO_RBP_MOD: u64 = 1 << 2;

impl Config {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The first argument that is not understood.
    pub fn parse(args: &[String], cpus: usize) -> Result<Self, String> {
        let mut config = Self {
            mode: Mode::Tdx,
            guest: Guest::Nacre,
            events: None,
            scenario: None,
            monitor: None,
            ram: 0,
            seed: 1,
            kernel: None,
            quote: Quote::Sync,
            reduce_ve: true,
            config_flags: NO_RBP_MOD,
            attributes: SEPT_VE_DISABLE,
            tsc_hz: 0,
            instructions: false,
            all: Vec::new(),
            cpus,
        };
        for arg in args {
            let (name, value) = arg.split_once('=').unwrap_or((arg, "on"));
            let bad = || format!("argument {arg} is not understood");
            match (name, value) {
                ("mode", "tdx") => config.mode = Mode::Tdx,
                ("mode", "observe") => config.mode = Mode::Observe,
                ("mode", "sections") => config.mode = Mode::Sections,
                ("guest", "nacre") => config.guest = Guest::Nacre,
                ("guest", "linux") => config.guest = Guest::Linux,
                ("quote", "sync") => config.quote = Quote::Sync,
                ("quote", "async") => config.quote = Quote::Async,
                ("mode" | "guest" | "quote", _) => return Err(bad()),
                ("events", path) => config.events = Some(path.into()),
                ("scenario", path) => config.scenario = Some(path.into()),
                ("kernel", path) => config.kernel = Some(path.into()),
                ("monitor", path) => config.monitor = Some(path.into()),
                ("ram", number) => config.ram = parse(number).ok_or_else(bad)?,
                ("seed", number) => config.seed = parse(number).ok_or_else(bad)?,
                ("config_flags", number) => config.config_flags = parse(number).ok_or_else(bad)?,
                ("attributes", number) => config.attributes = parse(number).ok_or_else(bad)?,
                ("tsc_hz", number) => config.tsc_hz = parse(number).ok_or_else(bad)?,
                ("instructions", value) => config.instructions = value == "on",
                ("reduce_ve", value) => config.reduce_ve = value == "on",
                _ => {}
            }
            config.all.push((name.to_owned(), value.to_owned()));
        }
        Ok(config)
    }
}

fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_arguments() {
        let args = ["mode=tdx", "guest=linux", "seed=0x10", "own=1"].map(str::to_owned);
        let config = Config::parse(&args, 2).unwrap();
        assert_eq!((config.guest, config.seed, config.cpus), (Guest::Linux, 16, 2));
        assert!(config.all.contains(&("own".into(), "1".into())));
        assert!(Config::parse(&["mode=x".to_owned()], 1).is_err());
    }
}
