// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk new`: a kernel project of its own on the framework.
//!
//! It is a copy of `osdk/template` with a manifest, a README and an alias, so that `cargo osdk` works in its folder: the
//! alias runs the osdk of the checkout that made it, which also has the linker script and the compiler's flags.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::STATUS_USAGE;
use crate::workspace::Workspace;

/// Options of `cargo osdk new`.
#[derive(Args, Clone, Debug)]
pub struct NewArgs {
    /// Folder to make; its last part is the project's name
    path: PathBuf,
    /// The framework: the folder of a checkout, or the URL of a git repository
    #[arg(long, value_name = "PATH|GIT")]
    framework: Option<String>,
}

/// What is copied as it is.
const FILES: [(&str, &str); 9] = [
    ("src/main.rs", include_str!("../template/src/main.rs")),
    ("src/archive.rs", include_str!("../template/src/archive.rs")),
    ("src/console.rs", include_str!("../template/src/console.rs")),
    ("src/elf.rs", include_str!("../template/src/elf.rs")),
    ("src/program.rs", include_str!("../template/src/program.rs")),
    ("src/scheduler.rs", include_str!("../template/src/scheduler.rs")),
    ("programs/init.rs", include_str!("../template/programs/init.rs")),
    ("rust-toolchain.toml", include_str!("../../rust-toolchain.toml")),
    (".gitignore", "/target\n"),
];

/// Words that Cargo or the compiler want for themselves, or that the template uses.
const RESERVED: &str = "\
    abstract alloc archive as async await become box break build console const continue core \
    crate deps do dyn else enum examples extern false final fn for framework gen if impl in \
    incremental let log loop macro match mod move mut override priv proc_macro pub ref return \
    nacre-framework self static std struct super test trait true try type typeof unsafe unsized \
    use where while";

/// Makes the project; returns the exit status.
///
/// # Errors
/// When the file system refuses.
pub fn run(args: &NewArgs) -> Result<u8> {
    let name = args.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let refusal = name_refusal(name).or_else(|| {
        let is_there = args.path.exists();
        is_there.then(|| format!("{} exists already", args.path.display()))
    });
    let framework = match refusal {
        Some(refusal) => Err(refusal),
        None => dependency(args.framework.as_deref()),
    };
    match framework {
        Ok(framework) => {
            make(&args.path, name, &framework)?;
            println!("{} is a kernel. Next: cd {0} && cargo osdk run", args.path.display());
            Ok(0)
        }
        Err(refusal) => {
            eprintln!("osdk: error: {refusal}");
            Ok(STATUS_USAGE)
        }
    }
}

/// Why Cargo does not take a package's name, if it does not.
fn name_refusal(name: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let why = if name.is_empty() {
        "the project has no name"
    } else if !name.chars().all(is_allowed) {
        "a name has letters, digits, - and _ only"
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        "a name begins with a letter"
    } else if RESERVED.split(' ').any(|word| word == name) || name.chars().all(|c| c == '_') {
        "that name is reserved"
    } else {
        return None;
    };
    Some(format!("{why}: \"{name}\""))
}

/// The manifest's words for where the framework is.
fn dependency(given: Option<&str>) -> Result<String, String> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    if let Some(url) = given.filter(|given| given.contains("://") || given.starts_with("git@")) {
        return Ok(format!("git = {}", quoted(url)));
    }
    let checkout = match given {
        Some(folder) => PathBuf::from(folder),
        None => Workspace::checkout().root().to_owned(),
    };
    let manifests = [checkout.join("framework"), checkout.clone()];
    let is_framework = |folder: &&PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.contains("name = \"nacre-framework\""))
    };
    let found = manifests.iter().find(is_framework).and_then(|found| found.canonicalize().ok());
    let found = found.ok_or(format!("{} has no framework", checkout.display()))?;
    let path = found.to_str().ok_or("the path of the framework is not UTF-8")?;
    Ok(format!("path = {}", quoted(path)))
}

fn make(folder: &Path, name: &str, framework: &str) -> Result<()> {
    let checkout = Workspace::checkout();
    let osdk = checkout.root().join("osdk/Cargo.toml");
    // Cargo splits an alias at spaces; as a list it would be joined with that of a folder above.
    let osdk = osdk.to_str().filter(|path| !path.contains([' ', '"', '\\']));
    let osdk =
        osdk.context("the checkout lies in a folder whose name no alias of Cargo can have")?;
    let write = |file: &str, text: &str| -> Result<()> {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    };
    for (file, text) in FILES {
        write(file, text)?;
    }
    write("Cargo.toml", &manifest(name, framework))?;
    write("README.md", &README.replace("NAME", name))?;
    write(".cargo/config.toml", &CONFIG.replace("OSDK", osdk))?;
    // The same versions of crates; Cargo leaves out those that are not used.
    let lock = fs::read_to_string(checkout.root().join("Cargo.lock"))?;
    write("Cargo.lock", &lock)
}

const CONFIG: &str = "\
[alias]
osdk = \"run --quiet --manifest-path OSDK --bin cargo-osdk --\"
";

fn manifest(name: &str, framework: &str) -> String {
    MANIFEST.replace("NAME", name).replace("FRAMEWORK", framework)
}

const MANIFEST: &str = "\
[package]
name = \"NAME\"
version = \"0.1.0\"
edition = \"2024\"

# This package is a kernel, for `cargo osdk`. Each program of its initramfs is a path in the guest and
# a source file without std (or a file that goes there as it is).
[package.metadata.osdk]
programs = { \"/init\" = \"programs/init.rs\" }

[features]
# In-guest tests instead of the program (`cargo osdk test`).
ktest = [\"framework/ktest\"]

[dependencies]
framework = { package = \"nacre-framework\", FRAMEWORK }
log = { version = \"0.4\", default-features = false }

[profile.dev]
opt-level = 1

[profile.release]
panic = \"abort\"
debug = \"line-tables-only\"
codegen-units = 1
lto = \"fat\"

[workspace]
";

const README: &str = "\
# NAME

A kernel on Nacre's framework: it prints, runs `/init` of its initramfs in user mode, and powers off with its exit status.
It is for plain machines: its console is a serial port, which a confidential VM (`--cvm tdx`) does not use by itself.

    cargo osdk run                  # build, boot, run; ends as the program ended
    cargo osdk test                 # the tests in the guest (`framework::kernel_test!`)
    cargo osdk debug                # gdb at the first instruction
    cargo test                      # unit tests on the build machine

| file | what it is |
|---|---|
| `src/main.rs` | the start: policy, first task, in-guest tests |
| `src/scheduler.rs` | which task runs: in turn, on one CPU |
| `src/program.rs` | a program's memory, registers and system calls |
| `src/elf.rs`, `src/archive.rs` | the formats of programs and of the initramfs |
| `src/console.rs` | a driver: the serial port |
| `programs/init.rs` | the program; `Cargo.toml` says where it goes |

`cargo osdk` is that of the checkout that made this project (`.cargo/config.toml`); it also gives the compiler's flags and the linker
script, so build with `cargo osdk build`, not with plain `cargo build`. What the framework has: docs/framework.md there.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_cargo_wants_them() {
        for good in ["demo", "my-kernel", "k9", "_x"] {
            assert_eq!(name_refusal(good), None);
        }
        for bad in ["", "9k", "-x", "a b", "a/b", "ö", "crate", "test", "framework", "__"] {
            assert!(name_refusal(bad).is_some(), "{bad}");
        }
        // Cargo would find two packages of that name.
        assert!(name_refusal("nacre-framework").is_some());
    }

    #[test]
    fn the_framework_is_found() {
        assert!(dependency(None).unwrap().ends_with("/framework\""));
        assert_eq!(dependency(Some("https://x/y")).unwrap(), "git = \"https://x/y\"");
        assert!(dependency(Some("/nowhere")).is_err());
        assert!(manifest("demo", "path = \"/x\"").contains("name = \"demo\""));
    }

    /// Each block of Rust code of the page is in the template, line by line.
    #[test]
    fn the_page_shows_the_template() {
        let page = Workspace::checkout().root().join("docs/framework.md");
        let page = fs::read_to_string(page).unwrap();
        let tidy = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
        let sources: Vec<_> = FILES.iter().map(|(_, text)| tidy(text)).collect();
        let mut blocks = 0;
        for block in page.split("```rust\n").skip(1) {
            let lines = tidy(block.split("```").next().unwrap().trim_end());
            let is_there = |source: &Vec<String>| source.windows(lines.len()).any(|w| w == lines);
            assert!(sources.iter().any(is_there), "not in osdk/template:\n{}", lines.join("\n"));
            blocks += 1;
        }
        assert!(blocks > 3);
    }
}
