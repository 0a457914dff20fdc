// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Finds unsafe code, places that may panic, and host input in the tokens of a file.

use proc_macro2::Delimiter;

use crate::source::{Class, Kind, Source, Token};

/// A kind of unsafe code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnsafeKind {
    /// A block.
    Block,
    /// A function.
    Fn,
    /// An implementation of an unsafe trait.
    Impl,
    /// A trait, an extern block or an attribute.
    Other,
}

/// A place with unsafe code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsafeSite {
    /// What it is.
    pub kind: UnsafeKind,
    /// Its line, from 1.
    pub line: usize,
    /// Whether a `SAFETY:` comment or a `# Safety` section stands above it.
    pub explained: bool,
}

/// A place that may panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicSite {
    /// What it is; one of `PANIC_KINDS`.
    pub what: &'static str,
    /// Its line, from 1.
    pub line: usize,
}

/// What [`PanicSite::what`] can be.
pub(super) const PANIC_KINDS: [&str; 8] = [
    "unwrap",
    "expect",
    "panic!",
    "todo!",
    "unimplemented!",
    "unreachable!",
    "assert!",
    "indexing",
];

/// How far above an unsafe block its comment may be, over lines of the same statement.
const MAX_CLIMB: usize = 8;

/// The unsafe code of the product.
pub fn unsafe_sites(source: &Source) -> Vec<UnsafeSite> {
    let tokens = &source.tokens;
    let mut sites = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if !token.is_ident("unsafe") || token.class == Class::Test || token.class == Class::Hosted {
            continue;
        }
        if let Some(kind) = unsafe_kind(tokens.get(index + 1..).unwrap_or_default()) {
            let explained = is_explained(source, token.line);
            sites.push(UnsafeSite { kind, line: token.line, explained });
        }
    }
    sites
}

fn unsafe_kind(rest: &[Token]) -> Option<UnsafeKind> {
    let kind = |index: usize| rest.get(index).map(|token| &token.kind);
    let word = |index: usize| match kind(index) {
        Some(Kind::Ident(word)) => Some(word.as_str()),
        _ => None,
    };
    match (kind(0)?, word(0)) {
        (Kind::Open(Delimiter::Brace), _) => Some(UnsafeKind::Block),
        (_, Some("fn")) => word(1).map(|_| UnsafeKind::Fn),
        (_, Some("impl")) => Some(UnsafeKind::Impl),
        (_, Some("trait")) => Some(UnsafeKind::Other),
        (_, Some("extern")) => {
            let after = 1 + usize::from(kind(1) == Some(&Kind::Literal));
            match (kind(after), word(after), word(after + 1)) {
                (_, Some("fn"), Some(_)) => Some(UnsafeKind::Fn),
                (Some(Kind::Open(Delimiter::Brace)), ..) => Some(UnsafeKind::Other),
                // The type of a pointer to a function.
                _ => None,
            }
        }
        (Kind::Open(Delimiter::Parenthesis), _) => Some(UnsafeKind::Other),
        _ => None,
    }
}

/// Looks for the reason above `line`: in comments, over attributes and earlier lines of the same statement.
fn is_explained(source: &Source, line: usize) -> bool {
    let above = source.lines.get(..line.saturating_sub(1)).unwrap_or_default();
    let mut climbed = 0;
    for text in above.iter().rev().map(|text| text.trim()) {
        if text.starts_with("//") {
            if text.contains("SAFETY:") || text.contains("# Safety") {
                return true;
            }
            continue;
        }
        climbed += 1;
        let is_other_statement = text.ends_with([';', '}'])
            || (text.ends_with('{') && !text.contains("=>"))
            || text.is_empty();
        if climbed > MAX_CLIMB || (is_other_statement && !text.starts_with("#[")) {
            return false;
        }
    }
    false
}

/// Places of the product that may panic.
pub fn panic_sites(source: &Source) -> Vec<PanicSite> {
    let tokens = &source.tokens;
    let mut sites = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.class != Class::Code {
            continue;
        }
        let before = index.checked_sub(1).and_then(|at| tokens.get(at));
        let after = tokens.get(index + 1);
        let what = match &token.kind {
            Kind::Ident(name) if before.is_some_and(|token| token.is_punct('.')) => {
                method(name, after)
            }
            Kind::Ident(name) if after.is_some_and(|token| token.is_punct('!')) => macro_call(name),
            Kind::Open(Delimiter::Bracket)
                if is_indexing(tokens.get(..index).unwrap_or_default()) =>
            {
                Some("indexing")
            }
            _ => None,
        };
        sites.extend(what.map(|what| PanicSite { what, line: token.line }));
    }
    sites
}

fn method(name: &str, after: Option<&Token>) -> Option<&'static str> {
    let called = after.is_some_and(|token| token.kind == Kind::Open(Delimiter::Parenthesis));
    match name {
        "unwrap" | "unwrap_err" if called => Some("unwrap"),
        "expect" | "expect_err" if called => Some("expect"),
        _ => None,
    }
}

fn macro_call(name: &str) -> Option<&'static str> {
    match name {
        "panic" => Some("panic!"),
        "todo" => Some("todo!"),
        "unimplemented" => Some("unimplemented!"),
        "unreachable" => Some("unreachable!"),
        // debug_assert is not in the shipped kernel.
        "assert" | "assert_eq" | "assert_ne" => Some("assert!"),
        _ => None,
    }
}

/// Whether a bracket after these tokens indexes a value.
fn is_indexing(before: &[Token]) -> bool {
    const NO_VALUE: [&str; 21] = [
        "as", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "loop", "match",
        "move", "mut", "pub", "ref", "return", "static", "type", "where", "while",
    ];
    let Some((last, rest)) = before.split_last() else { return false };
    match &last.kind {
        Kind::Ident(name) => {
            !NO_VALUE.contains(&name.as_str())
                && !rest.last().is_some_and(|token| token.kind == Kind::Lifetime)
        }
        // `(a)[0]` indexes, the field `pub(crate) [u8; 2]` does not.
        Kind::Close(Delimiter::Parenthesis) => {
            let open = rest.iter().rposition(|t| t.kind == Kind::Open(Delimiter::Parenthesis));
            let word = open.and_then(|at| at.checked_sub(1)).and_then(|at| rest.get(at));
            !word.is_some_and(|token| token.is_ident("pub"))
        }
        Kind::Close(Delimiter::Bracket) | Kind::Punct('?') => true,
        _ => false,
    }
}

/// Mentions of `Untrusted` in the product.
pub fn untrusted_sites(source: &Source) -> usize {
    source
        .tokens
        .iter()
        .filter(|token| token.class == Class::Code && token.is_ident("Untrusted"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Source {
        Source::parse(text, Class::Code).unwrap()
    }

    #[test]
    fn unsafe_of_every_kind() {
        let text = "
/// # Safety
/// Caller holds the lock.
#[inline]
pub unsafe fn a() {}
// SAFETY: one thread.
unsafe impl Send for A {}
unsafe extern \"C\" { fn b(); }
type F = unsafe extern \"C\" fn(u8);
type G = unsafe fn();
#[unsafe(no_mangle)]
extern \"C\" fn c() {
    // SAFETY: a is fine.
    let x =
        unsafe { a() };
    unsafe { a() }
}
macro_rules! m { () => { unsafe { a() } } }
#[cfg(test)]
mod tests { fn t() { unsafe { a() } } }
";
        let sites = unsafe_sites(&parse(text));
        let kinds: Vec<_> = sites.iter().map(|site| (site.kind, site.explained)).collect();
        use UnsafeKind::{Block, Fn, Impl, Other};
        let expected = [
            (Fn, true),
            (Impl, true),
            (Other, false),
            (Other, false),
            (Block, true),
            (Block, false),
            (Block, false),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn panics_are_found_and_look_alikes_are_not() {
        let text = "
struct S(pub [u8; 2], pub(crate) [u8; 2]);
fn f<'a>(v: &'a [u8], w: &mut [u8]) -> Option<[u8; 2]> {
    let _ = v[0] + g()[1] + h?[2];
    let _ = v.get(0).unwrap() + v.first().expect(\"why\") + v.unwrap_or(3);
    for x in [1, 2] { return [x]; }
    #[allow(x)] let y = vec![1];
    panic!(\"no {}\", y[0]); assert_eq!(1, 1); debug_assert!(true);
}
#[cfg(test)]
mod tests { fn t() { v[0].unwrap(); } }
";
        let mut found: Vec<_> = panic_sites(&parse(text)).iter().map(|site| site.what).collect();
        found.sort_unstable();
        let expected = [
            "assert!", "expect", "indexing", "indexing", "indexing", "indexing", "panic!", "unwrap",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn untrusted_is_counted() {
        assert_eq!(untrusted_sites(&parse("fn f(x: Untrusted<u32>) -> Untrusted<u8> {}")), 2);
    }
}
