// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every crate has a README, and the pages name files and folders that exist.
//!
//! A path stands between backquotes and ends like a file of the tree, or with `/`; or it
//! is the target of a link. It counts from the page's folder, from the `src` there, or from
//! the root. Pages other than READMEs may leave out the first folders of a path, and `src`.
//! Examples set off as code are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::rules::{shown, tracked};
use crate::metadata::Graph;
use crate::workspace::Workspace;

const README: &str = "README.md";

/// A crate whose README is written by `cargo osdk new`.
const TEMPLATE: &str = "osdk/template";

/// How the files end whose names are looked for.
const ENDINGS: [&str; 9] = [".rs", ".md", ".c", ".h", ".S", ".sh", ".toml", ".ld", "/"];

/// What is made by building, and so is in no checkout.
const MADE: [&str; 2] = ["target/", ".toolchain/"];

/// Paths that are no files of this tree, by page, and why.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("docs/threat-model.md", "sev_guest.rs", "yet to be written"),
    ("docs/style.md", "syscall/arch/x86.rs", "of another project"),
    ("docs/style.md", "sys/kern/src/umem.rs", "of another project"),
    ("docs/style.md", "devices/virtio/queue.rs", "of another project"),
];

/// Crates without a README.
pub(super) fn crates_without(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let folders = graph.packages.values().filter(|package| package.is_member).map(|p| &*p.folder);
    let lacking = without_page(folders).map(|folder| shown(workspace, folder));
    let lacking = lacking.filter(|folder| folder != TEMPLATE);
    Ok(lacking.map(|folder| format!("{folder}: no {README}")).collect())
}

fn without_page<'a>(folders: impl Iterator<Item = &'a Path>) -> impl Iterator<Item = &'a Path> {
    folders.filter(|folder| !folder.join(README).is_file())
}

/// Paths in pages where nothing is.
pub(super) fn dangling(workspace: &Workspace) -> Result<Vec<String>> {
    let tree = Tree::new(tracked(workspace, &["*"])?);
    let mut problems = Vec::new();
    for page in tracked(workspace, &["*.md"])? {
        let text = fs::read_to_string(workspace.root().join(&page))?;
        for (line, path) in tree.missing(&page, &text) {
            problems.push(format!("{page}:{line}: there is no {path}"));
        }
    }
    Ok(problems)
}

/// Every file and folder of the checkout.
struct Tree(BTreeSet<PathBuf>);

impl Tree {
    fn new(files: Vec<String>) -> Self {
        let mut all = BTreeSet::new();
        for file in files {
            all.extend(Path::new(&file).ancestors().map(Path::to_owned));
        }
        Self(all)
    }

    /// The paths of a page that are not there, each with its line.
    fn missing<'a>(&self, page: &str, text: &'a str) -> Vec<(usize, &'a str)> {
        let is_there = |path: &str, is_link| {
            let known = |(on, what, _): &(&str, &str, &str)| *on == page && *what == path;
            self.has(page, path, is_link) || ELSEWHERE.iter().any(known)
        };
        let mut missing = Vec::new();
        for (line, text) in prose(text) {
            let links = links(text).filter(|path| !is_there(path, true));
            missing.extend(links.map(|path| (line, path)));
            let quoted = quoted(text).filter(|path| !is_there(path, false));
            missing.extend(quoted.map(|path| (line, path)));
        }
        missing
    }

    fn has(&self, page: &str, path: &str, is_link: bool) -> bool {
        let folder = Path::new(page).parent().unwrap_or(Path::new(""));
        let there = |from: &Path| tidy(&from.join(path)).is_some_and(|path| self.0.contains(&path));
        if is_link {
            return there(folder);
        }
        let is_tail =
            || self.0.iter().any(|known| known.ends_with(path) || short(known).ends_with(path));
        there(folder)
            || there(&folder.join("src"))
            || there(Path::new(""))
            || (!page.ends_with(README) && is_tail())
    }
}

/// A path as prose has it: `vfs/open.rs` for `services/vfs/src/open.rs`.
fn short(path: &Path) -> PathBuf {
    path.iter().filter(|name| *name != "src").collect()
}

/// A path without `..`; None if it leaves the checkout.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => tidy.push(name),
            Component::ParentDir if !tidy.pop() => return None,
            _ => {}
        }
    }
    Some(tidy)
}

/// The lines that are no code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence && !line.starts_with("    ")
    })
}

/// What stands between backquotes and looks like a path; `file.rs:12` is one too.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split('`').skip(1).step_by(2);
    let paths = words.map(|word| word.split(':').next().unwrap_or(word));
    paths.filter(|path| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        path.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
            && path.chars().all(is_plain)
            && ENDINGS.iter().any(|ending| path.ends_with(ending) && path != ending)
            && !MADE.iter().any(|made| path.starts_with(made))
    })
}

/// The targets of links into the checkout.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing<'a>(page: &str, text: &'a str) -> Vec<(usize, &'a str)> {
        let files = ["a/README.md", "a/src/one.rs", "a/src/deep/two.rs", "docs/page.md", "top.sh"];
        Tree::new(files.map(str::to_owned).into()).missing(page, text)
    }

    #[test]
    fn a_crate_without_page_is_named() {
        let root = Workspace::checkout().root().to_owned();
        let (with, lacks) = (root.join("osdk"), root.join("osdk/src"));
        assert!(without_page([&*with, &*lacks].into_iter()).eq([&*lacks]));
    }

    #[test]
    fn paths_count_from_page_sources_and_root() {
        let text = "`src/one.rs`, `one.rs`, `a/src/deep/`, `top.sh`, `one.rs:12`";
        assert_eq!(missing("a/README.md", text), []);
        assert_eq!(missing("a/README.md", "\n`two.rs` `gone/`"), [(2, "two.rs"), (2, "gone/")]);
        assert_eq!(
            missing("docs/page.md", "`deep/two.rs` `deep/` `ep/two.rs`"),
            [(1, "ep/two.rs")]
        );
    }

    #[test]
    fn what_is_no_path_is_not_looked_for() {
        let text = "`/proc/gone.rs` `a/*.rs` `x.y` `target/x.rs` `.rs` `<x>/y.rs`\n    `gone.rs`\n\
                    ```\n`gone.rs`\n```\n`last.rs`";
        assert_eq!(missing("docs/page.md", text), [(6, "last.rs")]);
    }

    #[test]
    fn links_are_followed() {
        let text = "[a](../a/README.md) [b](#here) [c](https://x.y) [d](page.md#x) [e](../b.md)";
        assert_eq!(missing("docs/page.md", text), [(1, "../b.md")]);
    }
}
