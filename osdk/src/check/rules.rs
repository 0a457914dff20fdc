// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rules about the text of the source.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::census::{UNSAFE_CRATE, UnsafeKind, panic_sites, source_files, unsafe_sites};
use crate::metadata::{Graph, Package};
use crate::source::Class;
use crate::workspace::Workspace;

/// A file with more lines is refused.
const MAX_LINES: usize = 800;

/// Code lines of the framework at most, and its unsafe sites (docs/architecture.md).
const FRAMEWORK_LINES: usize = 12_500;
const FRAMEWORK_SITES: usize = 280;

/// Files that a program wrote.
const GENERATED: [&str; 0] = [];

const LICENCE: &str = "SPDX-License-Identifier: Apache-2.0 OR MIT";

/// The plugin is loaded into QEMU: its interface is unsafe code, in this one file, and its licence is QEMU's.
const PLUGIN: &str = "hostile-host";
const PLUGIN_FOLDER: &str = "regression/hostile/host/";
const PLUGIN_UNSAFE: &str = "src/ffi.rs";
const PLUGIN_LICENCE: &str = "SPDX-License-Identifier: GPL-2.0-or-later";

/// Every crate of the kernel but one forbids unsafe code in its root; so do the host tools.
pub(super) fn unsafe_roots(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    for package in members(&graph).filter(|package| package.name != UNSAFE_CRATE) {
        for root in &package.roots {
            if package.name == PLUGIN {
                continue;
            }
            let text = fs::read_to_string(root)?;
            if !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
                problems.push(format!("{}: no #![forbid(unsafe_code)]", root.display()));
            }
        }
    }
    if let Ok(plugin) = graph.member(PLUGIN).context("no plugin") {
        for file in source_files(plugin)? {
            let is_interface = file.path.ends_with(PLUGIN_UNSAFE);
            if !is_interface && !unsafe_sites(&file.source()?).is_empty() {
                problems.push(format!("{}: unsafe code", file.path.display()));
            }
        }
    }
    Ok(problems)
}

/// No file is too long to be read.
pub(super) fn file_sizes(workspace: &Workspace) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in tracked(workspace, &["*.rs", "*.c", "*.h", "*.S", "*.sh"])? {
        let text = fs::read_to_string(workspace.root().join(&name)).unwrap_or_default();
        let lines = text.lines().count();
        if lines > MAX_LINES && !GENERATED.contains(&name.as_str()) {
            problems.push(format!("{name}: {lines} lines, {MAX_LINES} are allowed"));
        }
    }
    Ok(problems)
}

/// Every source file begins with its licence (after a `#!` line).
pub(super) fn licence_lines(workspace: &Workspace) -> Result<Vec<String>> {
    let patterns = ["*.rs", "*.c", "*.h", "*.S", "*.ld", "*.sh", "Makefile"];
    let mut problems = Vec::new();
    for name in tracked(workspace, &patterns)? {
        let Ok(text) = fs::read_to_string(workspace.root().join(&name)) else { continue };
        let first = text.lines().find(|line| !line.starts_with("#!/"));
        let licence = if name.starts_with(PLUGIN_FOLDER) { PLUGIN_LICENCE } else { LICENCE };
        if !first.is_some_and(|line| line.contains(licence)) {
            problems.push(format!("{name}: line 1 is not the SPDX line"));
        }
    }
    Ok(problems)
}

/// No file has the marks of a merge that was not finished.
pub(super) fn merge_marks(workspace: &Workspace) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in tracked(workspace, &["*"])? {
        let Ok(text) = fs::read_to_string(workspace.root().join(&name)) else { continue };
        let found = (1..).zip(text.lines()).filter(|(_, line)| is_merge_mark(line));
        problems.extend(found.map(|(number, _)| format!("{name}:{number}: a mark of a merge")));
    }
    Ok(problems)
}

fn is_merge_mark(line: &str) -> bool {
    line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")
}

/// Safe crates have no unsafe code and nothing that panics where a rule can tell.
pub(super) fn safe_crates(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    let linked = graph.linked_into_kernel(workspace)?;
    for package in linked.into_iter().filter(|p| p.is_member && p.name != UNSAFE_CRATE) {
        for file in source_files(package)? {
            let source = file.source()?;
            let shown = shown(workspace, &file.path);
            for site in unsafe_sites(&source) {
                problems.push(format!("{shown}:{}: unsafe code", site.line));
            }
            for site in panic_sites(&source) {
                if matches!(site.what, "unwrap" | "todo!" | "unimplemented!") {
                    problems.push(format!("{shown}:{}: {}", site.line, site.what));
                }
            }
        }
    }
    Ok(problems)
}

/// Every unsafe site of the framework says why it is sound.
pub(super) fn unsafe_explained(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    for file in source_files(graph.member(UNSAFE_CRATE).context("no framework")?)? {
        if file.class != Class::Code {
            continue;
        }
        for site in unsafe_sites(&file.source()?) {
            if !site.explained && site.kind != UnsafeKind::Other {
                let shown = shown(workspace, &file.path);
                problems.push(format!("{shown}:{}: unsafe without its reason", site.line));
            }
        }
    }
    Ok(problems)
}

/// The framework stays within its budget.
pub(super) fn framework_budget(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let (mut lines, mut sites) = (0, 0);
    for file in source_files(graph.member(UNSAFE_CRATE).context("no framework")?)? {
        let source = file.source()?;
        lines += source.code_lines(Class::Code);
        sites += unsafe_sites(&source).iter().filter(|it| it.kind != UnsafeKind::Other).count();
    }
    Ok(over_budget(lines, sites))
}

fn over_budget(lines: usize, sites: usize) -> Vec<String> {
    let mut problems = Vec::new();
    if lines > FRAMEWORK_LINES {
        problems.push(format!("framework: {lines} code lines, over its {FRAMEWORK_LINES}"));
    }
    if sites > FRAMEWORK_SITES {
        problems.push(format!("framework: {sites} unsafe sites, over its {FRAMEWORK_SITES}"));
    }
    problems
}

/// Every target of the Makefile says what it does.
pub(super) fn make_targets(workspace: &Workspace) -> Result<Vec<String>> {
    let text = fs::read_to_string(workspace.root().join("Makefile"))?;
    Ok(undocumented_targets(&text))
}

fn undocumented_targets(makefile: &str) -> Vec<String> {
    makefile
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.contains('='))
        .filter_map(|line| line.split_once(':'))
        .filter(|(target, rest)| !target.contains(' ') && !rest.contains("## "))
        .map(|(target, _)| format!("Makefile: target {target} has no ## comment"))
        .collect()
}

fn members(graph: &Graph) -> impl Iterator<Item = &Package> {
    graph.packages.values().filter(|package| package.is_member)
}

pub(super) fn shown(workspace: &Workspace, path: &std::path::Path) -> String {
    path.strip_prefix(workspace.root()).unwrap_or(path).display().to_string()
}

/// Files of the checkout that match, as git lists them.
pub(super) fn tracked(workspace: &Workspace, patterns: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"])
        .args(patterns)
        .current_dir(workspace.root())
        .output()
        .context("cannot start git")?;
    ensure!(output.status.success(), "git ls-files failed");
    let names = String::from_utf8(output.stdout)?;
    let there = |name: &&str| !name.is_empty() && workspace.root().join(name).is_file();
    Ok(names.split('\0').filter(there).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_without_comments_are_named() {
        let text = "export X := 1\nall: a ## build all\nrun: a\n\techo x\n.PHONY: all\nvar = a:b\n";
        assert_eq!(undocumented_targets(text), ["Makefile: target run has no ## comment"]);
    }

    #[test]
    fn the_budget_ends_where_it_says() {
        assert!(over_budget(FRAMEWORK_LINES, FRAMEWORK_SITES).is_empty());
        assert_eq!(over_budget(FRAMEWORK_LINES + 1, FRAMEWORK_SITES + 1).len(), 2);
    }

    #[test]
    fn marks_of_a_merge_are_known() {
        assert!(is_merge_mark("<<<<<<< HEAD") && is_merge_mark(">>>>>>> 1234567 (a commit)"));
        assert!(!is_merge_mark("=======") && !is_merge_mark("    <<<<<<< HEAD"));
    }

    #[test]
    fn tracked_files_are_listed() {
        let workspace = Workspace::find().unwrap();
        assert!(tracked(&workspace, &["Makefile"]).unwrap().contains(&"Makefile".to_owned()));
    }
}
