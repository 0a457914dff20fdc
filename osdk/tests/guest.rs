// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk run` against a kernel that says what it is told to: statuses, output, stops, time-outs.
//!
//! Needs QEMU and a C compiler, which `make setup` installs.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use osdk::machine::find_qemu;

const OSDK: &str = env!("CARGO_BIN_EXE_cargo-osdk");

struct Fake {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// Assembles a kernel that says `console` and `control` and ends as `end` defines.
fn fake(console: &str, control: &str, end: &str) -> Fake {
    find_qemu().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_kernel.S");
    let status = Command::new("cc")
        .args(["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,--build-id=none"])
        .arg(format!("-DCONSOLE={console:?}"))
        .arg(format!("-DCONTROL={control:?}"))
        .args(end.split_whitespace())
        .arg(source)
        .arg("-o")
        .arg(&path)
        .status()
        .expect("cc runs; run: make setup");
    assert!(status.success());
    Fake { _folder: folder, path }
}

fn run(fake: &Fake, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(OSDK)
        .arg("run")
        .arg("--kernel")
        .arg(&fake.path)
        .args(["--accel", "tcg", "--mem", "64M", "--initramfs"])
        .arg(&fake.path)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_programs_bytes_and_status() {
    let kernel = fake("Linux\r\n42\r\n", "init\nexit 7\n", "-DVALUE=0x10");
    let output = run(&kernel, &["--quiet", "--exec", "x"], b"");
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("Linux\n42\n", Some(7)));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_stop_is_70_with_a_backtrace() {
    let control = "stop lost it\nframe 0x100000 0\nframe 0xdead0000 0\nframe 0xdead0000 0\nend\n";
    let kernel = fake("", control, "-DVALUE=0x11");
    let output = run(&kernel, &["--quiet"], b"");
    assert_eq!(output.status.code(), Some(70));
    let said = text(&output.stderr);
    assert!(said.starts_with("kernel stop: lost it\nbacktrace:\n    0: _start\n"), "{said}");
    assert!(said.contains("(not in the kernel)\n             … 2 times\n"), "{said}");
}

#[test]
fn a_stop_that_does_not_end_is_ended() {
    let kernel = fake("", "stop stuck\nend\n", "-DHANG");
    let output = run(&kernel, &["--quiet"], b"");
    assert_eq!(output.status.code(), Some(70));
    assert_eq!(text(&output.stderr), "kernel stop: stuck\n");
}

#[test]
fn a_triple_fault_is_told() {
    let kernel = fake("", "init\n", "-DTRIPLE");
    let output = run(&kernel, &[], b"");
    assert_eq!(output.status.code(), Some(70));
    assert!(text(&output.stderr).contains("triple fault"));
}

#[test]
fn a_hang_is_124() {
    let kernel = fake("begun\r\n", "", "-DHANG");
    let output = run(&kernel, &["--timeout", "6"], b"");
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("begun\n", Some(124)));
}

#[test]
fn stdin_reaches_the_console_and_ends_with_ctrl_d() {
    let kernel = fake("> ", "exit 0\n", "-DECHO -DVALUE=0x10");
    let output = run(&kernel, &["--timeout", "20"], b"hello\n");
    assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("> hello\n", Some(0)));
}

#[test]
fn a_qemu_that_fails_is_125() {
    let kernel = fake("", "", "-DHANG");
    let output = run(&kernel, &["--qemu-args", "-no-such-option"], b"");
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("no-such-option"));
}

#[test]
fn wrong_usage_is_2() {
    let output = Command::new(OSDK).args(["run", "--no-such"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
