// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who calls a method of a type whose `impl`s are in several files.
//!
//! Types of values are not known here, only names. So that nothing is found falsely, a method counts if it is not
//! `pub`, no other file of the crate defines a function of that name, and the caller can see it. Methods that share
//! their name with another's, public methods and those of traits are therefore not followed.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Delimiter;

use super::reader::name;
use super::{Edge, MAX_HOPS, Modules};
use crate::source::{Kind, Token};

/// A method of a type, in an `impl` without a trait.
#[derive(Debug)]
pub(super) struct Method {
    /// The type, as the `impl` names it.
    pub of: Vec<String>,
    pub name: String,
    pub reach: Reach,
}

/// From where a method can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Its module and those in it.
    Module,
    /// The module outside of it, and those in that.
    Outer,
    Crate,
    /// Other crates too.
    All,
}

/// `.name(…)`, or `of::name`.
#[derive(Debug)]
pub(super) struct Call {
    pub name: String,
    pub of: Option<String>,
    pub line: usize,
}

/// A method that is followed.
struct Followed<'a> {
    module: usize,
    file: usize,
    method: &'a Method,
}

impl Modules {
    /// From each caller to the file of the method.
    pub(super) fn method_edges(&self) -> Vec<Edge> {
        let followed = self.followed();
        let mut edges = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            for call in &module.calls {
                // Several of one name are in one file.
                for to in followed.get(call.name.as_str()).into_iter().flatten() {
                    let own = to.method.of.last();
                    let is_of_type =
                        call.of.as_ref().is_none_or(|of| of == "Self" || Some(of) == own);
                    if is_of_type && self.can_see(at, to) {
                        edges.push(Edge { from: module.file, to: to.file, line: call.line });
                    }
                }
            }
        }
        edges
    }

    /// Methods to follow, by name.
    fn followed(&self) -> BTreeMap<&str, Vec<Followed<'_>>> {
        let mut homes: BTreeMap<(usize, &str), BTreeSet<usize>> = BTreeMap::new();
        let mut methods = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            for method in &module.methods {
                let (Some(home), Some(of)) = (
                    self.file_of(at, &method.of, MAX_HOPS).or(Some(module.file)),
                    method.of.last(),
                ) else {
                    continue;
                };
                let files = homes.entry((home, of)).or_insert_with(|| BTreeSet::from([home]));
                files.insert(module.file);
                methods.push((
                    (home, of.as_str()),
                    Followed { module: at, file: module.file, method },
                ));
            }
        }
        let is_split = |of: &(usize, &str)| homes.get(of).is_some_and(|files| files.len() > 1);
        let mut defined: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for module in &self.modules {
            for name in &module.functions {
                defined.entry(name).or_default().insert(module.file);
            }
        }
        let is_alone = |name: &str| defined.get(name).is_some_and(|files| files.len() == 1);
        let mut followed: BTreeMap<&str, Vec<Followed<'_>>> = BTreeMap::new();
        for (of, to) in methods {
            let name = to.method.name.as_str();
            if to.method.reach != Reach::All && is_split(&of) && is_alone(name) {
                followed.entry(name).or_default().push(to);
            }
        }
        followed
    }

    fn can_see(&self, from: usize, to: &Followed<'_>) -> bool {
        let outermost = match to.method.reach {
            Reach::Module => Some(to.module),
            Reach::Outer => self.outer(to.module),
            Reach::Crate | Reach::All => return true,
        };
        let mut at = Some(from);
        while at.is_some() && at != outermost {
            at = at.and_then(|at| self.outer(at));
        }
        at.is_some()
    }
}

/// The type of the `impl` at `at`, unless that is a trait's.
pub(super) fn type_of_impl(tokens: &[&Token], at: usize) -> Option<Vec<String>> {
    let head = tokens.get(at + 1..)?;
    let end = head.iter().position(|token| token.kind == Kind::Open(Delimiter::Brace))?;
    let (mut depth, mut path, mut was_arrow) = (0_usize, Vec::new(), false);
    for token in head.get(..end)? {
        match &token.kind {
            Kind::Punct('<') => depth += 1,
            Kind::Punct('>') if !was_arrow => depth = depth.saturating_sub(1),
            Kind::Ident(word) if depth == 0 && word == "for" => return None,
            Kind::Ident(word) if depth == 0 && word == "where" => break,
            Kind::Ident(word) if depth == 0 => path.push(word.clone()),
            _ => {}
        }
        was_arrow = token.is_punct('-');
    }
    (!path.is_empty()).then_some(path)
}

/// How far the visibility before the `fn` at `at` goes.
pub(super) fn reach(tokens: &[&Token], at: usize) -> Reach {
    let is_qualifier = |token: &Token| {
        token.kind == Kind::Literal
            || ["const", "async", "unsafe", "extern"].iter().any(|word| token.is_ident(word))
    };
    let before: Vec<&Token> = tokens
        .iter()
        .take(at)
        .rev()
        .copied()
        .skip_while(|token| is_qualifier(token))
        .take(3)
        .collect();
    match before.as_slice() {
        [public, ..] if public.is_ident("pub") => Reach::All,
        [close, within, ..] if close.kind == Kind::Close(Delimiter::Parenthesis) => {
            match name(within) {
                Some("super") => Reach::Outer,
                Some("self") => Reach::Module,
                _ => Reach::Crate,
            }
        }
        _ => Reach::Module,
    }
}
