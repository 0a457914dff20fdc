// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Assembly, and the instructions that `core::arch` gives, are in two folders only.
//!
//! Text that `include!` brings in is seen by no check, so the kernel has none.

use anyhow::Result;

use super::rules::tracked;
use super::vendors::KERNEL;
use crate::census::source_files;
use crate::metadata::Graph;
use crate::source::{Kind, Source, Token};
use crate::workspace::Workspace;

/// Folders that know the processor.
const FOLDERS: [&str; 2] = ["framework/src/arch/", "framework/src/cvm/"];

/// Lines with assembly elsewhere in the kernel.
pub(super) fn elsewhere(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        for file in source_files(package)? {
            let name = file.path.strip_prefix(workspace.root()).unwrap_or(&file.path).display();
            let name = name.to_string();
            let source = file.source()?;
            let included = included(&source);
            problems.extend(included.iter().map(|line| format!("{name}:{line}: include!")));
            if !is_home(&name) {
                let lines = lines(&source);
                problems.extend(lines.iter().map(|line| format!("{name}:{line}: assembly")));
            }
        }
    }
    let files = tracked(workspace, &["*.S", "*.s", "*.asm"])?;
    problems.extend(stray(&files).map(|name| format!("{name}: assembly")));
    Ok(problems)
}

fn is_home(name: &str) -> bool {
    FOLDERS.iter().any(|folder| name.starts_with(folder))
}

/// Those of these files of assembly that are the kernel's, and are not where they belong.
fn stray(files: &[String]) -> impl Iterator<Item = &String> {
    let is_kernel = |name: &str| KERNEL.iter().any(|folder| name.starts_with(folder));
    files.iter().filter(move |name| is_kernel(name) && !is_home(name))
}

/// Lines that name assembly, or the module of processor instructions.
fn lines(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let behind = |n: usize| source.tokens.get(at + n);
        let is_macro = ["asm", "global_asm", "naked_asm"].iter().any(|name| is_named(token, name))
            && behind(1).is_some_and(|next| next.is_punct('!'));
        let is_module = is_library(token)
            && behind(1).is_some_and(|next| next.is_punct(':'))
            && behind(3).is_some_and(|next: &Token| is_named(next, "arch"));
        let is_renamed = is_library(token) && behind(1).is_some_and(|next| next.is_ident("as"));
        let is_use = imports(source, at, "arch");
        if is_macro || is_module || is_renamed || is_use || is_named(token, "naked") {
            lines.push(token.line);
        }
    }
    lines.dedup();
    lines
}

/// Lines that bring in the text of another file as code.
fn included(source: &Source) -> Vec<usize> {
    let tokens = source.tokens.iter().enumerate();
    let found = tokens.filter(|(at, token)| {
        let is_macro = source.tokens.get(at + 1).is_some_and(|next| next.is_punct('!'));
        is_named(token, "include") && is_macro || imports(source, *at, "include")
    });
    found.map(|(_, token)| token.line).collect()
}

/// Whether a `use` begins here that takes `name` from the library, at any depth.
fn imports(source: &Source, at: usize, name: &str) -> bool {
    let mut rest = source.tokens.iter().skip(at);
    // `use<'a>` is a bound.
    let begins = rest.next().is_some_and(|token| token.is_ident("use"))
        && !source.tokens.get(at + 1).is_some_and(|next| next.is_punct('<'));
    let tree: Vec<_> = rest.take_while(|token| !token.is_punct(';')).collect();
    begins
        && tree.iter().any(|token| is_library(token))
        && tree.iter().any(|token| is_named(token, name))
}

fn is_library(token: &Token) -> bool {
    is_named(token, "core") || is_named(token, "std")
}

/// Whether it is this name, raw or not.
fn is_named(token: &Token, name: &str) -> bool {
    matches!(&token.kind, Kind::Ident(ident) if ident.trim_start_matches("r#") == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Class;

    #[test]
    fn assembly_is_found() {
        let found = |text| lines(&Source::parse(text, Class::Code).unwrap());
        let text =
            "use core::arch::asm;\nfn f() {\n    asm!(\"nop\");\n}\n#[unsafe(naked)]\nfn g() {}\n";
        assert_eq!(found(text), [1, 3, 5]);
        assert_eq!(found("fn f() { global_asm!(\"\") }\nfn g() { naked_asm!(\"\") }\n"), [1, 2]);
        assert_eq!(found("use crate::arch;\nlet asm = core::mem::take(&mut x);\n"), [0; 0]);
        assert_eq!(found("fn f() -> impl A + use<'_> { core::mem::take(arch) }\n"), [0; 0]);
    }

    #[test]
    fn other_names_do_not_hide_assembly() {
        let found = |text| lines(&Source::parse(text, Class::Code).unwrap());
        assert_eq!(found("use core::{arch::asm as emit};\nfn f() { emit!(\"nop\") }\n"), [1]);
        assert_eq!(found("use std::{mem, arch::{x86_64 as x}};\n"), [1]);
        assert_eq!(found("use {core::{mem, r#arch}};\n"), [1]);
        assert_eq!(found("use core as c;\nextern crate core as d;\n"), [1, 2]);
        assert_eq!(found("fn f() { r#asm!(\"nop\") }\n"), [1]);
    }

    #[test]
    fn files_of_assembly_have_a_home() {
        let files = ["services/mm/src/x.S", "framework/src/arch/x86/a.S", "framework/src/b.S"];
        let files: Vec<_> =
            files.into_iter().chain(["osdk/tests/c.S"]).map(str::to_owned).collect();
        let found: Vec<_> = stray(&files).collect();
        assert_eq!(found, ["services/mm/src/x.S", "framework/src/b.S"]);
    }

    #[test]
    fn included_code_is_found() {
        let found = |text| included(&Source::parse(text, Class::Code).unwrap());
        assert_eq!(found("include!(\"a.txt\");\nfn f() { core::include!(\"b\") }\n"), [1, 2]);
        assert_eq!(found("use core::include as text;\n"), [1]);
        assert_eq!(found("include_str!(\"a\");\ninclude_bytes!(\"b\");\n"), [0; 0]);
    }
}
