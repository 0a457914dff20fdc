// SPDX-License-Identifier: Apache-2.0 OR MIT
//! No circles between files, but for a short list.
//!
//! Files that use one another must lie in one folder, and be on the list with a reason. The framework is
//! checked; the safe crates have circles that are still to be opened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::Result;

use crate::census::{UNSAFE_CRATE, source_files};
use crate::metadata::Graph;
use crate::modules::{Edge, Modules};
use crate::workspace::Workspace;

/// More circles than this are no exceptions any more.
const MAX_ALLOWED: usize = 8;

/// Files of one folder that may use one another, and why.
const ALLOWED: [(&str, &[&str], &str); 0] = [];

/// Circles that are not on the list, and what is on the list for nothing.
pub(super) fn circles(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    let mut met = BTreeSet::new();
    for package in
        graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.name == UNSAFE_CRATE)
    {
        let files = source_files(package)?;
        for root in &package.roots {
            let modules = Modules::read(root, &files)?;
            let names: Vec<String> = modules
                .files
                .iter()
                .map(|file| {
                    file.strip_prefix(workspace.root()).unwrap_or(file).display().to_string()
                })
                .collect();
            let edges = modules.edges();
            for circle in knots(names.len(), &edges) {
                let files: Vec<&str> =
                    circle.iter().filter_map(|file| names.get(*file)).map(String::as_str).collect();
                let on_list = ALLOWED
                    .iter()
                    .position(|(folder, allowed, _)| matches(folder, allowed, &files));
                match on_list {
                    Some(place) => {
                        met.insert(place);
                    }
                    None => problems.push(describe(&circle, &edges, &names)),
                }
            }
        }
    }
    for (place, (folder, _, _)) in ALLOWED.iter().enumerate() {
        if !met.contains(&place) {
            problems.push(format!("{folder}: no such circle any more: take it off the list"));
        }
    }
    if ALLOWED.len() > MAX_ALLOWED {
        problems.push(format!("{} circles are allowed, {MAX_ALLOWED} may be", ALLOWED.len()));
    }
    Ok(problems)
}

/// Whether `files` are just those of an entry of the list.
fn matches(folder: &str, allowed: &[&str], files: &[&str]) -> bool {
    let whole: BTreeSet<String> = allowed.iter().map(|file| format!("{folder}/{file}")).collect();
    files.len() == whole.len() && files.iter().all(|file| whole.contains(*file))
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
    fn an_entry_of_the_list_matches_its_files_alone() {
        assert!(matches("a", &["x.rs", "y.rs"], &["a/y.rs", "a/x.rs"]));
        assert!(!matches("a", &["x.rs", "y.rs"], &["a/x.rs", "a/y.rs", "a/z.rs"]));
        assert!(!matches("a", &["x.rs", "y.rs"], &["a/x.rs", "b/y.rs"]));
    }
}
