// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Layouts, flag values and numbers of Linux are in one crate, `abi`, each layout with its size.
//!
//! A driver's wire format is read field by field, so no crate but the framework has a
//! reason to declare a layout of its own. Flag sets that are the kernel's own affair, not
//! Linux's, are on a list; a row that nothing needs any more is a problem too. A number of
//! Linux's is told by its name; one that is written out without a name is not found.

use anyhow::Result;

use crate::census::{UNSAFE_CRATE, source_files};
use crate::metadata::Graph;
use crate::source::{Class, Kind, Source, Token};
use crate::workspace::Workspace;

/// The crate that may.
const FOLDER: &str = "abi/src/";

/// Files with flag sets outside of it, and why.
const FLAGS: &[(&str, &str)] = &[
    ("drivers/uart/src/wire.rs", "registers of the device"),
    ("services/mm/src/flags.rs", "properties of an area, never shown to a program"),
    ("services/vfs/src/types.rs", "what a permission check asks for"),
];

/// How names of Linux's numbers begin.
const PREFIXES: &[&str] = &[
    "AT_", "BLK", "CLD_", "CLOCK_", "CLONE_", "DT_", "FALLOC_", "FUTEX_", "F_", "GRND_", "ITIMER_",
    "LOCK_", "MADV_", "MAP_", "MCL_", "MNT_", "MREMAP_", "MS_", "OOM_", "O_", "POLL", "PRIO_",
    "PROT_", "PR_", "P_", "RENAME_", "RLIMIT_", "RUSAGE_", "RWF_", "SA_", "SCHED_", "SEEK_",
    "SIGEV_", "SI_", "STATX_", "S_", "TC", "TIOC", "UTIME_", "W_",
];

/// Whole names, and how others end.
const NAMES: &[&str] = &["ARG_MAX", "IOV_MAX", "NAME_MAX", "NGROUPS_MAX", "PATH_MAX", "PIPE_BUF"];
const SUFFIXES: &[&str] = &["_MAGIC", "_MAJOR"];

/// Layouts, flag sets and numbers elsewhere in the safe crates, layouts without a size.
pub(super) fn elsewhere(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    let mut unused: Vec<_> = FLAGS.iter().map(|(file, _)| *file).collect();
    for package in graph.linked_into_kernel(workspace)? {
        if !package.is_member || package.name == UNSAFE_CRATE {
            continue;
        }
        for file in source_files(package)? {
            let name = file.path.strip_prefix(workspace.root()).unwrap_or(&file.path);
            let name = name.display().to_string();
            let source = file.source()?;
            if name.starts_with(FOLDER) {
                let lacking = without_size(&source);
                problems.extend(lacking.iter().map(|what| format!("{name}: {what} has no size")));
                continue;
            }
            for (line, what) in declarations(&source) {
                if what == "bitflags" && FLAGS.iter().any(|(file, _)| *file == name) {
                    unused.retain(|file| *file != name);
                } else {
                    problems.push(format!("{name}:{line}: {what} belongs to abi"));
                }
            }
            let numbers = numbers(&source).into_iter();
            problems.extend(
                numbers.map(|(line, what)| format!("{name}:{line}: {what} belongs to abi")),
            );
        }
    }
    problems.extend(unused.iter().map(|file| format!("{file} needs no leave for flags")));
    Ok(problems)
}

/// Lines that declare a layout or a set of flags, and by what.
fn declarations(source: &Source) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let behind = |n: usize| source.tokens.get(at + n);
        let is_macro = behind(1).is_some_and(|next| next.is_punct('!'));
        if token.is_ident("repr") && is_of_c(source.tokens.get(at + 1..).unwrap_or_default()) {
            found.push((token.line, "repr(C)"));
        }
        for name in ["pod_struct", "bitflags"] {
            if is_macro && token.is_ident(name) {
                found.push((token.line, name));
            }
        }
    }
    found
}

/// Whether the group that begins these tokens names C, at any place.
fn is_of_c(group: &[Token]) -> bool {
    let mut depth = 0_u32;
    for token in group {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 && token.is_ident("C") => return true,
            _ => {}
        }
        if depth == 0 {
            return false;
        }
    }
    false
}

/// Constants with a name of Linux's that are given a number, and their lines.
fn numbers(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        if !token.is_ident("const") || token.class != Class::Code {
            continue;
        }
        let Some(name) = source.tokens.get(at + 1).and_then(name) else { continue };
        let mut value = source.tokens.iter().skip(at + 2).skip_while(|token| !token.is_punct('='));
        let is_number = value.nth(1).is_some_and(|token| token.kind == Kind::Literal);
        if is_number && is_of_linux(name) {
            found.push((token.line, name));
        }
    }
    found
}

fn is_of_linux(name: &str) -> bool {
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// Structs of `pod_struct!` whose file does not assert their size.
fn without_size(source: &Source) -> Vec<String> {
    let mut structs = Vec::new();
    let mut asserted = Vec::new();
    let mut depth: Option<u32> = None;
    for (at, token) in source.tokens.iter().enumerate() {
        let next = |n: usize| source.tokens.get(at + n);
        let word = |n: usize| next(n).and_then(name);
        if token.is_ident("pod_struct") {
            depth = Some(0);
        }
        if let Some(level) = &mut depth {
            match token.kind {
                Kind::Open(_) => *level += 1,
                Kind::Close(_) => *level -= 1,
                _ => {}
            }
            if matches!(token.kind, Kind::Close(_)) && *level == 0 {
                depth = None;
            } else if token.is_ident("struct") {
                structs.extend(word(1));
            }
        }
        // size_of::<Name>() == …
        if token.is_ident("size_of") && next(8).is_some_and(|token| token.is_punct('=')) {
            asserted.extend(word(4));
        }
    }
    structs.into_iter().filter(|name| !asserted.contains(name)).map(str::to_owned).collect()
}

fn name(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Ident(name) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn parse(text: &str) -> Source {
        Source::parse(text, Class::Code).unwrap()
    }

    #[test]
    fn layouts_and_flags_are_found() {
        let found = |text| declarations(&parse(text));
        assert_eq!(found("#[repr(C)]\nstruct A;"), [(1, "repr(C)")]);
        assert_eq!(found("#[repr(C, packed)]\nstruct A;"), [(1, "repr(C)")]);
        assert_eq!(found("#[repr(align(8), C)]\nstruct A;"), [(1, "repr(C)")]);
        assert_eq!(found("#[repr(packed, C)]\nstruct A;"), [(1, "repr(C)")]);
        assert_eq!(found("#[repr(transparent)]\nstruct A(C);\nfn f(repr: C) {}"), []);
        assert_eq!(found("\nframework::pod_struct! {}"), [(2, "pod_struct")]);
        assert_eq!(found("use bitflags::bitflags;\nbitflags! {}"), [(2, "bitflags")]);
        assert_eq!(found("#[repr(u8)]\nenum A {}"), []);
    }

    #[test]
    fn numbers_of_linux_are_found() {
        let found = |text| -> Vec<String> {
            numbers(&parse(text)).into_iter().map(|(_, name)| name.to_owned()).collect()
        };
        assert_eq!(found("const MADV_FREE: i32 = 8;"), ["MADV_FREE"]);
        assert_eq!(found("pub(crate) const S_IXGRP: u32 = 0o010;"), ["S_IXGRP"]);
        assert_eq!(found("const MEM_MAJOR: u32 = 1; const SLOTS: usize = 4;"), ["MEM_MAJOR"]);
        assert_eq!(found("const NAME_MAX: usize = 255;"), ["NAME_MAX"]);
        assert_eq!(found("const S_ALL: u32 = S_IFMT | S_ISUID;"), [""; 0]);
        assert_eq!(found("#[cfg(test)]\nmod tests { const O_RDWR: u32 = 2; }"), [""; 0]);
    }

    #[test]
    fn a_layout_without_size_is_named() {
        let text = "framework::pod_struct! { pub struct A { pub a: u8 } pub struct B { b: u8 } }\n\
                    const _: () = assert!(size_of::<A>() == 1);\nstruct C;";
        assert_eq!(without_size(&parse(text)), ["B"]);
        let used = "framework::pod_struct! { struct A { a: u8 } }\nlet n = size_of::<A>() + 1;";
        assert_eq!(without_size(&parse(used)), ["A"]);
    }
}
