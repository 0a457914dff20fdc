// SPDX-License-Identifier: Apache-2.0 OR MIT
//! docs/dependencies.md names every crate from outside, and who asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use crate::metadata::Graph;
use crate::workspace::Workspace;

const PAGE: &str = "docs/dependencies.md";
/// What stands in the column for more crates than one wants to read.
const MANY: &str = "many";
/// From so many on.
const MANY_IS: usize = 6;

/// Crates from outside, each with those of ours whose manifest asks for it.
type Askers = BTreeMap<String, BTreeSet<String>>;

/// What the page leaves out, or says wrongly.
pub(super) fn documented(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let page = fs::read_to_string(workspace.root().join(PAGE)).context(PAGE)?;
    let mut askers = Askers::new();
    for package in graph.packages.values().filter(|package| package.is_member) {
        let asker = package.name.strip_prefix("nacre-").unwrap_or(&package.name);
        for name in &package.outside {
            askers.entry(name.clone()).or_default().insert(asker.to_owned());
        }
    }
    let linked = graph.linked_into_kernel(workspace)?;
    let linked = linked.iter().filter(|p| !p.is_member).map(|package| package.name.clone());
    Ok(compare(&page, &askers, linked))
}

fn compare(page: &str, askers: &Askers, linked: impl Iterator<Item = String>) -> Vec<String> {
    let rows = rows(page);
    let mut problems = Vec::new();
    let names: BTreeSet<String> = linked.chain(askers.keys().cloned()).collect();
    for name in names {
        let Some(listed) = rows.get(&name) else {
            problems.push(format!("{PAGE} does not name `{name}`"));
            continue;
        };
        let asking = askers.get(&name).cloned().unwrap_or_default();
        let is_many = listed.contains(MANY) && asking.len() >= MANY_IS;
        if !is_many && *listed != asking {
            let list = |names: &BTreeSet<String>| Vec::from_iter(names.clone()).join(", ");
            let (page, manifests) = (list(listed), list(&asking));
            problems
                .push(format!("{PAGE}: `{name}`: the page says {page:?}, manifests {manifests:?}"));
        }
    }
    problems
}

/// The rows of the page's tables: who asks for each crate. Names in backquotes are crates
/// from outside that bring it along, and what stands in brackets explains.
fn rows(page: &str) -> Askers {
    let mut rows = Askers::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|');
        let (Some(crates), Some(who)) = (cells.next(), cells.next()) else { continue };
        let who = who.split(',').filter_map(|name| name.split('(').next()).map(str::trim);
        let who: BTreeSet<_> =
            who.filter(|name| !name.starts_with('`')).map(str::to_owned).collect();
        for name in crates.split('`').skip(1).step_by(2) {
            rows.entry(name.to_owned()).or_default().extend(who.iter().cloned());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn askers(list: &[(&str, &[&str])]) -> Askers {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        list.iter().map(|(name, by)| ((*name).to_owned(), owned(by))).collect()
    }

    #[test]
    fn names_and_askers_are_compared() {
        let page =
            "| crate | who |\n|---|---|\n| `a`, `b` | x, y (for z) | why |\n| `c` | `a` | why |\n";
        let both: &[&str] = &["x", "y"];
        let right = askers(&[("a", both), ("b", both)]);
        assert_eq!(compare(page, &right, ["c".to_owned()].into_iter()), [""; 0]);
        let problems = compare(page, &askers(&[("a", both), ("d", &["x"])]), [].into_iter());
        assert_eq!(problems, [format!("{PAGE} does not name `d`")]);
        let problems = compare(page, &askers(&[("a", &["x"])]), [].into_iter());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("the page says \"x, y\", manifests \"x\""));
    }

    #[test]
    fn many_are_many() {
        let page = "| `a` | many | why |\n";
        let few = askers(&[("a", &["p", "q"])]);
        assert_eq!(compare(page, &few, [].into_iter()).len(), 1);
        let many = askers(&[("a", &["p", "q", "r", "s", "t", "u"])]);
        assert_eq!(compare(page, &many, [].into_iter()), [""; 0]);
    }
}
