// SPDX-License-Identifier: Apache-2.0 OR MIT
//! No circles between files, but for a short list.
//!
//! Files that use one another must lie in one folder, and be on the list with a reason. Every crate of the
//! workspace that is linked into the kernel is checked. A file uses what it names, by a path or as a symbol of assembly,
//! and what methods it calls where the `impl`s of a type are in several files. Those are told by their names alone, so
//! a method that is public, or whose name another file defines too, is not seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use anyhow::Result;

use crate::census::source_files;
use crate::metadata::Graph;
use crate::modules::{Edge, Modules};
use crate::workspace::Workspace;

/// More circles than this are no exceptions any more.
const MAX_ALLOWED: usize = 8;

/// Files of one folder that may use one another.
struct Allowed {
    folder: &'static str,
    files: &'static [&'static str],
    /// Why they must, in a sentence.
    reason: &'static str,
}

const ALLOWED: [Allowed; 4] = [
    Allowed {
        folder: "services/fs/pseudofs/src",
        files: &["directory.rs", "inode.rs"],
        reason: "a directory holds inodes, and what an inode is may be a directory",
    },
    Allowed {
        folder: "services/sched/src",
        files: &["core_policy.rs", "placement.rs"],
        reason: "one policy in two files: to queue a task asks for its CPU, and to move one queues it there",
    },
    Allowed {
        folder: "services/tty/src/ldisc",
        files: &["echo.rs", "edit.rs", "mod.rs", "output.rs"],
        reason: "one state machine by its jobs: editing echoes, echo is output, and all three look at the settings",
    },
    Allowed {
        folder: "services/vfs/src",
        files: &["dentry.rs", "file.rs", "file_ops.rs", "inode.rs", "mount.rs", "path.rs"],
        reason: "opening an inode gives the operations of an open file, which take the file, which knows its path: \
                 a dentry seen through a mount, and the dentry names the inode",
    },
];

/// A circle that was found.
struct Circle {
    /// Its files, from the root of the workspace.
    files: Vec<String>,
    /// The circle in words.
    text: String,
}

/// Circles that are not on the list, and what is on the list for nothing.
pub(super) fn circles(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut found = Vec::new();
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        let files = source_files(package)?;
        for root in &package.roots {
            let modules = Modules::read(root, &files)?;
            let name = |file: &PathBuf| {
                file.strip_prefix(workspace.root()).unwrap_or(file).display().to_string()
            };
            let names: Vec<String> = modules.files.iter().map(name).collect();
            found.extend(circles_of(&names, &modules.edges()));
        }
    }
    Ok(judge(&found, &ALLOWED))
}

/// The circles of one crate.
fn circles_of(names: &[String], edges: &[Edge]) -> Vec<Circle> {
    let knots = knots(names.len(), edges);
    let circle = |knot: &BTreeSet<usize>| {
        let files = knot.iter().filter_map(|file| names.get(*file)).cloned().collect();
        Circle { files, text: describe(knot, edges, names) }
    };
    knots.iter().map(circle).collect()
}

/// What is wrong with the circles found, or with the list.
fn judge(found: &[Circle], allowed: &[Allowed]) -> Vec<String> {
    let is_on_list = |circle: &&Circle| allowed.iter().any(|entry| entry.matches(&circle.files));
    let mut problems: Vec<String> =
        found.iter().filter(|circle| !is_on_list(circle)).map(|c| c.text.clone()).collect();
    for entry in allowed {
        if !found.iter().any(|circle| entry.matches(&circle.files)) {
            problems
                .push(format!("{}: no such circle any more: take it off the list", entry.folder));
        }
        if entry.reason.is_empty() {
            problems.push(format!("{}: a circle is allowed without a reason", entry.folder));
        }
    }
    if allowed.len() > MAX_ALLOWED {
        problems.push(format!("{} circles are allowed, {MAX_ALLOWED} may be", allowed.len()));
    }
    problems
}

impl Allowed {
    /// Whether `files` are just those of the entry, each in its folder and none below.
    fn matches(&self, files: &[String]) -> bool {
        let in_folder =
            |file: &String| Some(file.strip_prefix(self.folder)?.strip_prefix('/')?.to_owned());
        let names: Option<BTreeSet<String>> = files.iter().map(in_folder).collect();
        let expected: BTreeSet<String> = self.files.iter().map(|&file| file.to_owned()).collect();
        names.is_some_and(|names| names == expected && names.iter().all(|name| !name.contains('/')))
    }
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A circle in words: who is in it, and the shortest way round, through several folders if there are.
fn describe(circle: &BTreeSet<usize>, edges: &[Edge], names: &[String]) -> String {
    let name = |file: usize| names.get(file).map_or("?", String::as_str);
    let folders: BTreeSet<&str> = circle.iter().map(|file| folder(name(*file))).collect();
    let inside = |edge: &&Edge| circle.contains(&edge.from) && circle.contains(&edge.to);
    let crosses =
        |edge: &&Edge| folders.len() == 1 || folder(name(edge.from)) != folder(name(edge.to));
    let ways = edges.iter().filter(inside).filter(crosses).filter_map(|edge| {
        let mut way = way(edge.to, edge.from, circle, edges)?;
        way.push(*edge);
        Some(way)
    });
    let shortest = ways.min_by_key(Vec::len).unwrap_or_default();
    let steps: Vec<String> = shortest
        .iter()
        .map(|edge| format!("{}:{} uses {}", name(edge.from), edge.line, name(edge.to)))
        .collect();
    format!("circle of {} files in {} folders: {}", circle.len(), folders.len(), steps.join(", "))
}

/// The shortest way between two files of a circle.
fn way(from: usize, to: usize, circle: &BTreeSet<usize>, edges: &[Edge]) -> Option<Vec<Edge>> {
    let mut came_by = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        if at == to {
            break;
        }
        for edge in edges.iter().filter(|edge| edge.from == at && circle.contains(&edge.to)) {
            if edge.to != from && !came_by.contains_key(&edge.to) {
                came_by.insert(edge.to, *edge);
                queue.push_back(edge.to);
            }
        }
    }
    let (mut way, mut at) = (Vec::new(), to);
    while at != from {
        let edge = came_by.get(&at)?;
        way.push(*edge);
        at = edge.from;
    }
    way.reverse();
    Some(way)
}

/// Groups of files that all lead to one another.
fn knots(count: usize, edges: &[Edge]) -> Vec<BTreeSet<usize>> {
    let mut targets = vec![Vec::new(); count];
    for edge in edges {
        if let Some(list) = targets.get_mut(edge.from) {
            list.push(edge.to);
        }
    }
    let reach: Vec<BTreeSet<usize>> = (0..count).map(|from| reached(from, &targets)).collect();
    let mutual = |a: usize, b: usize| {
        reach.get(a).is_some_and(|set| set.contains(&b))
            && reach.get(b).is_some_and(|set| set.contains(&a))
    };
    let mut knots = BTreeSet::new();
    for file in 0..count {
        let knot: BTreeSet<usize> = (0..count).filter(|other| mutual(file, *other)).collect();
        if knot.len() > 1 {
            knots.insert(knot);
        }
    }
    knots.into_iter().collect()
}

/// What can be reached from a file.
fn reached(from: usize, targets: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut left = vec![from];
    while let Some(at) = left.pop() {
        for to in targets.get(at).into_iter().flatten() {
            if seen.insert(*to) {
                left.push(*to);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(usize, usize)]) -> Vec<Edge> {
        pairs.iter().map(|&(from, to)| Edge { from, to, line: from * 10 + to }).collect()
    }

    #[test]
    fn only_files_that_lead_to_one_another_are_a_knot() {
        assert!(knots(4, &edges(&[(0, 1), (1, 2), (0, 2), (2, 3)])).is_empty());
        let found = knots(6, &edges(&[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 3), (4, 5)]));
        assert_eq!(found, [BTreeSet::from([0, 1, 2]), BTreeSet::from([3, 4])]);
    }

    #[test]
    fn the_shortest_way_through_another_folder_is_told() {
        let names = ["a/x.rs", "a/y.rs", "b/z.rs"].map(str::to_owned);
        let edges = edges(&[(0, 1), (1, 0), (1, 2), (2, 0)]);
        let told = describe(&BTreeSet::from([0, 1, 2]), &edges, &names);
        assert!(told.starts_with("circle of 3 files in 2 folders"), "{told}");
        assert!(told.contains("a/y.rs:12 uses b/z.rs") && told.contains("b/z.rs:20 uses a/x.rs"));
    }

    #[test]
    fn a_crate_s_circles_are_named_by_file() {
        let names = ["a/x.rs", "a/y.rs", "a/z.rs"].map(str::to_owned);
        let circles = circles_of(&names, &edges(&[(0, 1), (1, 0), (2, 0)]));
        assert_eq!(circles.len(), 1);
        assert_eq!(circles[0].files, ["a/x.rs", "a/y.rs"]);
        assert_eq!(judge(&circles, &[]), [circles[0].text.clone()]);
    }

    fn found(files: &[&str]) -> Circle {
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        Circle { text: format!("circle of {}", files.len()), files }
    }

    const ENTRY: Allowed = Allowed { folder: "a", files: &["x.rs", "y.rs"], reason: "they must" };

    #[test]
    fn an_entry_of_the_list_allows_just_its_files() {
        assert!(judge(&[found(&["a/y.rs", "a/x.rs"])], &[ENTRY]).is_empty());
        for other in [&["a/x.rs", "a/y.rs", "a/z.rs"][..], &["a/x.rs", "b/y.rs"], &["a/x.rs"]] {
            let told = judge(&[found(other)], &[ENTRY]);
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told[0].starts_with("circle of") && told[1].ends_with("take it off the list"));
        }
    }

    #[test]
    fn no_entry_allows_a_circle_between_folders() {
        let entry = Allowed { files: &["b/x.rs", "y.rs"], ..ENTRY };
        assert!(judge(&[found(&["a/b/x.rs", "a/y.rs"])], &[entry])[0].starts_with("circle of"));
    }

    #[test]
    fn entries_need_a_reason_and_are_few() {
        let circle = [found(&["a/y.rs", "a/x.rs"])];
        let told = judge(&circle, &[Allowed { reason: "", ..ENTRY }]);
        assert_eq!(told, ["a: a circle is allowed without a reason"]);
        let many = [const { ENTRY }; MAX_ALLOWED + 1];
        assert_eq!(judge(&circle, &many), ["9 circles are allowed, 8 may be"]);
    }
}
