// SPDX-License-Identifier: Apache-2.0 OR MIT
//! docs/host-inputs.md and the code name the same host inputs.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::census::{input_sites, is_boundary, source_files};
use crate::metadata::Graph;
use crate::workspace::Workspace;

const PAGE: &str = "docs/host-inputs.md";
/// More sites than this are too many to look after.
pub(crate) const MAX_SITES: usize = 120;

/// A place: file and function.
type Place = (String, String);

/// What differs between the page and the code.
pub(super) fn listed(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let (mut places, mut count) = (BTreeSet::new(), 0);
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        for file in source_files(package)? {
            let name = file.path.strip_prefix(workspace.root()).unwrap_or(&file.path);
            for site in input_sites(&file.source()?, is_boundary(&package.name)) {
                places.insert((name.display().to_string(), site.function));
                count += 1;
            }
        }
    }
    let page = fs::read_to_string(workspace.root().join(PAGE)).context(PAGE)?;
    let targets = fs::read_to_string(workspace.root().join("fuzz/src/targets.rs"))?;
    let mut problems = compare(&places, &page, &targets);
    if count >= MAX_SITES {
        problems
            .push(format!("{count} places take host input, fewer than {MAX_SITES} are allowed"));
    }
    Ok(problems)
}

fn compare(places: &BTreeSet<Place>, page: &str, targets: &str) -> Vec<String> {
    let (mut listed, mut problems) = (BTreeSet::new(), Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let (Some(place), Some(fuzz)) = (cells.get(1), cells.last()) else { continue };
        let mut names = quoted(place);
        let Some(file) = names.next() else { continue };
        listed.extend(names.map(|name| (file.to_owned(), name.to_owned())));
        for target in quoted(fuzz).filter(|t| !targets.contains(&format!("name: \"{t}\""))) {
            problems.push(format!("{PAGE}: there is no fuzz target `{target}`"));
        }
        if fuzz.trim().is_empty() {
            problems.push(format!("{PAGE}: {file}: no fuzz target, and no reason why not"));
        }
    }
    for (file, function) in places.difference(&listed) {
        problems.push(format!("{file}: {function} takes host input and is not in {PAGE}"));
    }
    for (file, function) in listed.difference(places) {
        problems.push(format!("{PAGE}: `{file}`: `{function}` takes no host input"));
    }
    problems
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let place = |file: &str, function: &str| (file.to_owned(), function.to_owned());
        let places = BTreeSet::from([place("a/b.rs", "one"), place("a/b.rs", "two")]);
        let page =
            "| input | where |\n|---|---|\n| x | `a/b.rs`: `one`, `gone` | t | c | `acpi` |\n";
        let problems = compare(&places, page, "name: \"acpi\"");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].contains("two takes host input"));
        assert!(problems[1].contains("`gone` takes no host input"));
        let page = "| x | `a/b.rs`: `one`, `two` | t | c | `none` |\n";
        assert_eq!(compare(&places, page, ""), [format!("{PAGE}: there is no fuzz target `none`")]);
    }
}
