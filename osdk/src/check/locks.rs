// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A file that owns a lock says in its head where the lock stands in the order.

use std::collections::BTreeSet;

use anyhow::Result;
use proc_macro2::Delimiter;

use crate::census::{SourceFile, source_files};
use crate::metadata::Graph;
use crate::source::{Class, Kind, Source, Token};
use crate::workspace::Workspace;

/// The framework's locks.
const LOCKS: [&str; 4] = ["SpinLock", "IrqLock", "Mutex", "RwLock"];

/// Files of the kernel that own a lock and have no `Locks:` line.
pub(super) fn ordered(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = BTreeSet::new();
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        let files = source_files(package)?;
        let sources = files.iter().map(SourceFile::source).collect::<Result<Vec<_>>>()?;
        let locks = lock_names(&sources);
        for (file, source) in files.iter().zip(&sources) {
            if let Some(lock) = owned_lock(&source.tokens, &locks)
                && !says_order(&source.lines)
            {
                let shown = super::rules::shown(workspace, &file.path);
                problems.insert(format!("{shown}: owns a {lock}, and its head has no `Locks:`"));
            }
        }
    }
    Ok(problems.into_iter().collect())
}

/// Names of locks in a crate: the framework's, and what the crate calls them.
fn lock_names(sources: &[Source]) -> BTreeSet<String> {
    let mut locks: BTreeSet<String> = LOCKS.iter().map(|&name| name.to_owned()).collect();
    loop {
        // An alias may be of another alias.
        let found: Vec<_> =
            sources.iter().flat_map(|source| aliases(&source.tokens, &locks)).collect();
        let known = locks.len();
        locks.extend(found);
        if locks.len() == known {
            return locks;
        }
    }
}

/// Names that `type … = lock` and `use lock as …` give.
fn aliases(tokens: &[Token], locks: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, t)| t.class == Class::Code) {
        let rest = tokens.get(index + 1..).unwrap_or_default();
        let is_type = token.is_ident("type") && lock_in(item(rest), locks).is_some();
        let is_renamed = matches!(&token.kind, Kind::Ident(word) if locks.contains(word))
            && rest.first().is_some_and(|next| next.is_ident("as"));
        let name = rest.get(usize::from(is_renamed)).map(|token| &token.kind);
        if let Some(Kind::Ident(name)) = name
            && (is_type || is_renamed)
        {
            found.push(name.clone());
        }
    }
    found
}

/// The first lock that is a static or part of a type here.
fn owned_lock<'a>(tokens: &'a [Token], locks: &BTreeSet<String>) -> Option<&'a str> {
    tokens.iter().enumerate().find_map(|(index, token)| {
        let is_lifetime = index.checked_sub(1).and_then(|i| tokens.get(i)).map(|t| &t.kind)
            == Some(&Kind::Lifetime);
        let begins = ["static", "struct", "enum"].iter().any(|word| token.is_ident(word));
        if !begins || is_lifetime || token.class != Class::Code {
            return None;
        }
        lock_in(item(tokens.get(index + 1..)?), locks)
    })
}

/// The tokens up to the end of an item: its semicolon, or its braces.
fn item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0_u32;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(delimiter) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && delimiter == Delimiter::Brace {
                    return tokens.get(..index).unwrap_or_default();
                }
            }
            Kind::Punct(';') if depth == 0 => return tokens.get(..index).unwrap_or_default(),
            _ => {}
        }
    }
    tokens
}

/// A lock by value; the item's own name and references do not count.
fn lock_in<'a>(item: &'a [Token], locks: &BTreeSet<String>) -> Option<&'a str> {
    item.windows(2).enumerate().find_map(|(index, window)| {
        let [before, name] = window else { return None };
        let Kind::Ident(word) = &name.kind else { return None };
        let has_type = item.get(index + 2).is_some_and(|after| after.is_punct('<'));
        let is_alias = !LOCKS.contains(&word.as_str());
        let is_lock = name.class == Class::Code && locks.contains(word) && (has_type || is_alias);
        let is_reference = before.is_punct('&') || is_lifetime_name(item, before);
        (is_lock && !is_reference).then_some(word.as_str())
    })
}

fn is_lifetime_name(item: &[Token], token: &Token) -> bool {
    item.windows(2).any(|pair| {
        matches!(pair, [mark, name] if mark.kind == Kind::Lifetime && std::ptr::eq(name, token))
    })
}

fn says_order(lines: &[String]) -> bool {
    let head = lines.iter().take_while(|line| line.starts_with("//"));
    head.filter_map(|line| line.strip_prefix("//! Locks:")).any(|rest| !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(text: &str) -> Option<String> {
        let source = Source::parse(text, Class::Code).unwrap();
        let locks = lock_names(std::slice::from_ref(&source));
        owned_lock(&source.tokens, &locks).map(str::to_owned)
    }

    #[test]
    fn owners_of_locks_are_found() {
        assert_eq!(lock("static A: SpinLock<()> = SpinLock::new(());").unwrap(), "SpinLock");
        assert_eq!(lock("struct S { a: [u8; 2], m: sync::Mutex<()> }").unwrap(), "Mutex");
        assert_eq!(lock("pub enum E { A(IrqLock<u8>) }").unwrap(), "IrqLock");
        assert_eq!(lock("struct S(Arc<RwLock<u8>>);").unwrap(), "RwLock");
    }

    #[test]
    fn other_names_do_not_hide_locks() {
        let text = "type Slot = SpinLock<u8>;\ntype Row = [Slot; 2];\nstruct S { rows: Vec<Row> }";
        assert_eq!(lock(text).unwrap(), "Row");
        assert_eq!(lock("type B = Slot;\ntype Slot = Mutex<()>;\nstruct S(B);").unwrap(), "B");
        assert_eq!(lock("use sync::{Mutex as Own};\nstruct S(Own<u8>);").unwrap(), "Own");
        assert_eq!(lock("type Slot = SpinLock<u8>;\nstruct S<'a>(&'a Slot);"), None);
    }

    #[test]
    fn users_of_locks_are_none() {
        assert_eq!(lock("pub struct Mutex<T> { inner: Inner<T> }"), None);
        assert_eq!(lock("struct G<'a> { lock: &'a Mutex<u8> }"), None);
        assert_eq!(lock("fn f(m: &'static Mutex<u8>) { let x: Mutex<u8>; }"), None);
        assert_eq!(lock("#[cfg(test)]\nstruct S { m: Mutex<()> }"), None);
    }

    #[test]
    fn the_line_is_in_the_head() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(says_order(&lines("// SPDX\n//! Tag.\n//!\n//! Locks: a leaf.\n\nuse x;\n")));
        assert!(!says_order(&lines("// SPDX\n//! Tag.\n//! Locks:\n\nuse x;\n")));
        assert!(!says_order(&lines("//! Tag.\n\n//! Locks: a leaf.\n")));
    }
}
