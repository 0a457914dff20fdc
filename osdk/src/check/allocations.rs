// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Allocations that cannot say no: how many each crate of the kernel has left.
//!
//! What a program can make large or many is allocated by functions that look first: by
//! `try_reserve`, by `framework::mm::admit`, or by an error of theirs. A function that
//! allocates and does not look is counted; the counts are in
//! `allocations.txt` beside this file, and may only fall.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use proc_macro2::Delimiter;

use crate::census::source_files;
use crate::metadata::Graph;
use crate::source::{Class, Kind, Source, Token};
use crate::workspace::Workspace;

/// Where the counts are.
const LIST: &str = "osdk/src/check/allocations.txt";

/// Methods that allocate, and stop the kernel without memory.
const METHODS: [&str; 15] = [
    "append",
    "collect",
    "concat",
    "entry",
    "extend",
    "extend_from_slice",
    "insert",
    "join",
    "push",
    "push_back",
    "resize",
    "resize_with",
    "to_owned",
    "to_string",
    "to_vec",
];

/// Functions of types that do.
const FUNCTIONS: [&str; 5] = ["from", "new", "new_cyclic", "new_uninit_slice", "with_capacity"];
/// These types; `Vec::new` allocates nothing.
const TYPES: [&str; 3] = ["Arc", "Box", "Rc"];
/// Macros that do.
const MACROS: [&str; 2] = ["format", "vec"];
/// A function that calls one of these has looked.
const LOOKS: [&str; 3] = ["admit", "try_reserve", "try_reserve_exact"];

/// Crates whose count is above the one on the list.
pub(super) fn counted(workspace: &Workspace) -> Result<Vec<String>> {
    let list = std::fs::read_to_string(workspace.root().join(LIST)).context(LIST)?;
    let listed = parse(&list);
    let graph = Graph::load(workspace)?;
    let mut found = BTreeMap::new();
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        let place = package.place.display().to_string();
        if !(place.starts_with("services") || place.starts_with("syscalls")) {
            continue;
        }
        for file in source_files(package)? {
            *found.entry(place.clone()).or_insert(0) += count(&file.source()?);
        }
    }
    Ok(differences(&listed, &found))
}

/// Lines of a crate and its count.
fn parse(list: &str) -> BTreeMap<String, usize> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim().split_once(' '));
    pairs.filter_map(|(name, count)| Some((name.to_owned(), count.trim().parse().ok()?))).collect()
}

fn differences(listed: &BTreeMap<String, usize>, found: &BTreeMap<String, usize>) -> Vec<String> {
    let compare = |(place, &count): (&String, &usize)| {
        let most = listed.get(place).copied().unwrap_or(0);
        (count > most).then(|| {
            format!(
                "{place}: {count} allocations that cannot fail, of {most} at most: use try_reserve \
                 or framework::mm::admit before"
            )
        })
    };
    found.iter().filter_map(compare).collect()
}

/// A function that is being read.
struct Function {
    /// How deep its body is.
    depth: usize,
    allocations: usize,
    has_looked: bool,
}

/// Allocations in functions of a file that do not look.
fn count(source: &Source) -> usize {
    let mut open: Vec<Function> = Vec::new();
    let (mut depth, mut total) = (0, 0);
    // How deep the head of a function is that has no body yet.
    let mut head = None;
    for (index, token) in source.tokens.iter().enumerate() {
        match &token.kind {
            Kind::Ident(word) if word == "fn" && token.class == Class::Code => head = Some(depth),
            Kind::Punct(';') if head == Some(depth) => head = None,
            Kind::Open(delimiter) => {
                if head == Some(depth) && *delimiter == Delimiter::Brace {
                    open.push(Function { depth: depth + 1, allocations: 0, has_looked: false });
                    head = None;
                }
                depth += 1;
            }
            Kind::Close(_) => {
                if let Some(done) = open.pop_if(|function| function.depth == depth)
                    && !done.has_looked
                {
                    total += done.allocations;
                }
                depth -= 1;
            }
            Kind::Ident(word) if token.class == Class::Code => {
                let Some(function) = open.last_mut() else { continue };
                function.has_looked |= LOOKS.contains(&word.as_str());
                function.allocations += usize::from(allocates(&source.tokens, index, word));
            }
            _ => {}
        }
    }
    total
}

/// Whether the name at `index` is called, and allocates.
fn allocates(tokens: &[Token], index: usize, word: &str) -> bool {
    let at = |offset: isize| index.checked_add_signed(offset).and_then(|at| tokens.get(at));
    let is_punct = |offset, mark| at(offset).is_some_and(|token: &Token| token.is_punct(mark));
    if is_punct(-1, '.') {
        return METHODS.contains(&word);
    }
    if is_punct(1, '!') {
        return MACROS.contains(&word);
    }
    let owner = if is_punct(-1, ':') && is_punct(-2, ':') { at(-3) } else { None };
    let of_type = owner.is_some_and(|owner| TYPES.iter().any(|name| owner.is_ident(name)));
    let is_full = owner.is_some_and(|owner| !owner.is_ident("Self")) && word == "with_capacity";
    FUNCTIONS.contains(&word) && (of_type || is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        count(&Source::parse(text, Class::Code).unwrap())
    }

    #[test]
    fn allocations_are_seen() {
        assert_eq!(found("fn f() { v.push(1); map.entry(2); x.collect::<Vec<_>>() }"), 3);
        assert_eq!(found("fn f() { let a = Arc::new(1); Box::new(format!(\"x\")); vec![1] }"), 4);
        assert_eq!(found("fn f() { Vec::with_capacity(3); Vec::new(); Mutex::new(1); }"), 1);
        assert_eq!(
            found("fn push(x: u8) { insert(x) } #[cfg(test)] mod tests { fn f() { v.push(1) } }"),
            0
        );
    }

    #[test]
    fn who_looks_is_not_counted() {
        assert_eq!(found("fn f() { v.try_reserve(1)?; v.push(1); }"), 0);
        assert_eq!(found("fn f() { fn g() { admit()?; m.insert(1) } v.push(1); }"), 1);
        assert_eq!(found("fn f() -> [u8; 3] { v.push(1) } fn g() { admit() }"), 1);
    }

    #[test]
    fn counts_only_fall() {
        let listed = parse("# head\nservices/vfs 3\nsyscalls 1\n");
        let found = |vfs, syscalls| {
            BTreeMap::from([("services/vfs".to_owned(), vfs), ("syscalls".to_owned(), syscalls)])
        };
        assert!(differences(&listed, &found(3, 1)).is_empty());
        assert!(differences(&listed, &found(4, 1))[0].contains("3 at most"));
        assert!(differences(&listed, &found(3, 0)).is_empty());
    }
}
