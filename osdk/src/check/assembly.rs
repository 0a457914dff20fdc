// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Assembly, and the instructions that `core::arch` gives, are in two folders only.

use anyhow::Result;

use crate::census::source_files;
use crate::metadata::Graph;
use crate::source::{Source, Token};
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
            if !FOLDERS.iter().any(|folder| name.starts_with(folder)) {
                let lines = lines(&file.source()?);
                problems.extend(lines.iter().map(|line| format!("{name}:{line}: assembly")));
            }
        }
    }
    Ok(problems)
}

/// Lines that name assembly, or the module of processor instructions.
fn lines(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let behind = |n: usize| source.tokens.get(at + n);
        let is_macro = ["asm", "global_asm", "naked_asm"].iter().any(|name| token.is_ident(name))
            && behind(1).is_some_and(|next| next.is_punct('!'));
        let is_module = ["core", "std"].iter().any(|name| token.is_ident(name))
            && behind(1).is_some_and(|next| next.is_punct(':'))
            && behind(3).is_some_and(|next: &Token| next.is_ident("arch"));
        if is_macro || is_module || token.is_ident("naked") {
            lines.push(token.line);
        }
    }
    lines
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
    }
}
