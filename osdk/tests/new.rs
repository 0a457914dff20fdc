// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk new`, from the name to the running program.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

fn new(folder: &Path, name: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-osdk"));
    command.args(["new", name]).current_dir(folder).output().unwrap()
}

/// `cargo osdk`, as one types it in the project.
fn osdk(project: &Path, args: &[&str]) -> String {
    let mut command = Command::new("cargo");
    let output = command.arg("osdk").args(args).current_dir(project).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "osdk {args:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wrong_names_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["9k", "a b", "fn", "."] {
        let output = new(folder.path(), name);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("osdk: error: "));
    }
    std::fs::create_dir(folder.path().join("there")).unwrap();
    let output = new(folder.path(), "there");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("exists already"));
}

#[test]
fn a_project_refuses_what_is_for_nacre() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new(folder.path(), "demo").status.success());
    for (args, why) in [
        (&["run", "--exec", "ls"][..], "--exec is for Nacre's init"),
        (&["check"], "run it in a checkout"),
        (&["census"], "run it in a checkout"),
        (&["ci"], "run it in a checkout"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-osdk"));
        let output = command.args(args).current_dir(folder.path().join("demo")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("osdk: error: ") && said.contains(why), "{said}");
    }
}

/// Makes, builds, runs and tests a project outside of the checkout.
#[test]
#[ignore = "boots guests: cargo osdk ci new"]
fn a_new_kernel_boots() {
    let folder = tempfile::tempdir().unwrap();
    assert!(new(folder.path(), "demo").status.success());
    let project = folder.path().join("demo");
    let said = osdk(&project, &["run", "--quiet", "--timeout", "120"]);
    assert_eq!(said, "hello from user mode\n");
    let tested = osdk(&project, &["test", "--timeout", "120"]);
    assert!(tested.contains("test demo::the_program_runs ... ok"), "{tested}");
    assert!(tested.contains("1 passed; 0 failed"), "{tested}");
}
