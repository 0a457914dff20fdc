// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Safe code that would break memory safety ends in a stop with its reason, in the release build.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel is told to do, and why it must stop.
const DEEDS: [(&str, &str); 16] = [
    ("new", "the scheduling policy runs a task that was not started"),
    ("dead", "the scheduling policy runs a task that has ended"),
    ("sleeping", "the scheduling policy runs a task that sleeps"),
    ("twice", "the scheduling policy runs a task that a CPU has"),
    ("idle", "the scheduling policy runs an idle task"),
    ("policy-yields", "the scheduling policy switches tasks"),
    ("boot-waits", "an idle task, or the boot code, waits"),
    ("boot-ends", "an idle task, or the scheduling policy, ends"),
    ("sleep-locked", HELD),
    ("yield-locked", HELD),
    ("end-locked", HELD),
    ("program-locked", HELD),
    ("boot-locked", HELD),
    ("forget-locks", "spin locks are taken and never freed"),
    ("sleep-in-interrupt", HELD),
    ("context-of-two", "a user context is used by a task that does not own it"),
];
const HELD: &str =
    "a task waits, switches or runs a program with a spin lock held, or in an interrupt";
/// As docs/command-line.md has it: `cargo osdk run` ends so after a stop.
const STOPPED: i32 = 70;

/// A project with the kernel of this test. It stays, so that the next run need not build the framework.
fn project() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let project = folder.join("misuse");
    if !project.exists() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-osdk"));
        let made = command.args(["new", "misuse"]).current_dir(folder).status().unwrap();
        assert!(made.success());
    }
    fs::write(project.join("src/main.rs"), include_str!("misuse/kernel.rs")).unwrap();
    project
}

#[test]
#[ignore = "boots guests: cargo osdk ci new"]
fn safe_code_that_breaks_the_rules_is_stopped() {
    let project = project();
    for (deed, reason) in DEEDS {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-osdk"));
        command.args(["run", "--quiet", "--smp", "2", "--mem", "128M", "--timeout", "60"]);
        let output = command.args(["--append", deed]).current_dir(&project).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(STOPPED), "{deed}: {said}");
        assert!(said.contains(reason), "{deed}: {said}");
    }
}
