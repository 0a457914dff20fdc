// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Vendors' names are in one folder: nothing else in the kernel knows TDX from SEV-SNP.
//!
//! All text of the kernel's sources is looked at, comments and file names too. What
//! Linux's ABI calls by such a name is on a list, each file with its reason; a row that
//! nothing needs any more is a problem too.

use std::fs;

use anyhow::Result;

use super::rules::tracked;
use crate::workspace::Workspace;

/// The folder that may.
const FOLDER: &str = "framework/src/cvm/";

/// Where the kernel is.
pub(super) const KERNEL: [&str; 6] =
    ["abi/", "drivers/", "framework/", "services/", "src/", "syscalls/"];

/// Parts of words that only one vendor has: of TDX, then of SEV-SNP, then of both.
const NAMES: [&str; 22] = [
    "tdx",
    "tdcall",
    "tdvmcall",
    "vmcall",
    "tdreport",
    "tdinfo",
    "mrtd",
    "rtmr",
    "sept",
    "veinfo",
    "sev",
    "snp",
    "ghcb",
    "vmgexit",
    "vmpl",
    "vmsa",
    "svsm",
    "pvalidate",
    "rmpadjust",
    "ve",
    "vc",
    "ccel",
];

/// Names that are words of their own elsewhere: they count in an identifier of several
/// parts, and behind `#`.
const SHORT: [&str; 2] = ["ve", "vc"];

/// How words begin that only look like such a name.
const OTHERS: [&str; 2] = ["seven", "sever"];

/// File, the names that it may use, and why.
const ALLOWED: [(&str, &[&str], &str); 7] = [
    ("abi/src/ioctl/tdx_guest.rs", &["tdx", "tdreport"], "Linux's ABI of that guest"),
    ("abi/src/ioctl/mod.rs", &["tdx"], "the row and the test that name that file"),
    ("services/attest/src/tdx_guest.rs", &["tdx", "tdreport"], "Linux's ABI of that guest"),
    ("services/attest/src/lib.rs", &["tdx"], "the row that names that file"),
    ("services/attest/src/firmware.rs", &["ccel"], "the table's name in sysfs"),
    ("services/attest/src/fake.rs", &["tdx", "ccel"], "tests open files by those names"),
    ("services/attest/src/tsm.rs", &["tdx"], "a test reads the provider's name"),
];

/// Vendors' names elsewhere, and rows of the list that nothing needs.
pub(super) fn elsewhere(workspace: &Workspace) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut unused: Vec<_> = rows().collect();
    for file in tracked(workspace, &["*.rs", "*.S", "*.ld"])? {
        if file.starts_with(FOLDER) || !KERNEL.iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        let text = fs::read_to_string(workspace.root().join(&file))?;
        for (line, name) in found(&file, &text) {
            unused.retain(|row| *row != (&file, name));
            if !rows().any(|row| row == (&file, name)) {
                problems.push(format!("{file}:{line}: `{name}` belongs below {FOLDER}"));
            }
        }
    }
    problems.extend(unused.iter().map(|(file, name)| {
        format!("osdk/src/check/vendors.rs: {file} needs no leave for `{name}`")
    }));
    Ok(problems)
}

/// The list, a row for each name.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALLOWED.iter().flat_map(|(file, names, _)| names.iter().map(move |name| (*file, *name)))
}

/// Names in the path of a file (as line 0) and in its text.
fn found(path: &str, text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (at, line) in std::iter::once(path).chain(text.lines()).enumerate() {
        let mut before = ' ';
        for word in line.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
            let end = word.chars().last().unwrap_or(' ');
            let parts = parts(word);
            for name in NAMES.iter().filter(|name| parts.iter().any(|part| is_of(part, name))) {
                if !SHORT.contains(name) || parts.len() > 1 || before == '#' {
                    found.push((at, *name));
                }
            }
            before = end;
        }
    }
    found
}

/// Whether a part of a word is this name, or begins with it, as in `TDXGuest`.
fn is_of(part: &str, name: &str) -> bool {
    let begins = name.len() > 2 && part.starts_with(name);
    part == name || begins && !OTHERS.iter().any(|other| part.starts_with(other))
}

/// The parts of a word in snake case or camel case, in small letters, without digits.
fn parts(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for c in word.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && was_small) {
            parts.push(String::new());
        }
        was_small = c.is_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| c.is_alphabetic()) {
            part.extend(c.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        found("x.rs", text).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn names_are_found_in_every_form() {
        assert_eq!(names("let x = tdx_call(Kind::Tdx);"), ["tdx", "tdx"]);
        assert_eq!(names("rtmr3: \"mrtd:sha384\" // RTMR2"), ["rtmr", "mrtd", "rtmr"]);
        assert_eq!(names("struct VeInfo; fn serve_ve() {}"), ["ve", "ve"]);
        assert_eq!(names("a #VE, a #VC"), ["ve", "vc"]);
        assert_eq!(names("SnpGuest, SEV-SNP, ghcb_msr"), ["snp", "sev", "snp", "ghcb"]);
        assert_eq!(names("TDXGuest SEVStatus tdxguest IsTDXs"), ["tdx", "sev", "tdx", "tdx"]);
        assert_eq!(found("services/tdx_guest.rs", ""), [(0, "tdx")]);
    }

    #[test]
    fn other_words_are_not() {
        assert_eq!(
            names("several seventh severe ve vc service reserve move_value VmSpace"),
            [""; 0]
        );
        assert_eq!(names("Intel's manual says so, AMD's too"), [""; 0]);
    }

    #[test]
    fn the_list_has_reasons_and_is_short() {
        assert!(ALLOWED.iter().all(|(.., reason)| !reason.is_empty()));
        let homes = ["abi/src/ioctl/", "services/attest/"];
        assert!(ALLOWED.iter().all(|(file, ..)| homes.iter().any(|home| file.starts_with(home))));
    }
}
