// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Finds the places where the kernel takes in what the host wrote.
//!
//! A site is a call of one of the functions through which all host input comes, or a comment
//! `// host input: …` where bytes come in another way.

use proc_macro2::Delimiter;

use crate::source::{Class, Kind, Source, Token};

/// A place where host input comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSite {
    /// The function around it.
    pub function: String,
    /// Its line, from 1.
    pub line: usize,
}

/// Methods that return what the host wrote.
const METHODS: [&str; 11] = [
    "load_frame",
    "load_u8",
    "load_u16",
    "load_u32",
    "load_u64",
    "read_into",
    "read_u8",
    "read_u16",
    "read_u32",
    "read_u64",
    "write_shared",
];
/// Functions, or methods of a backend, that do.
const FUNCTIONS: [&str; 8] =
    ["port_in", "port_read", "mmio_read", "msr_read", "ask", "ask_raw", "u32_at", "u64_at"];
/// What marks other places.
const MARKER: &str = "// host input:";

/// The crates that talk to the host: of others only what is marked counts.
pub fn is_boundary(package: &str) -> bool {
    matches!(
        package,
        "nacre-framework" | "nacre-class" | "nacre-uart" | "nacre-pci" | "nacre-virtio"
    )
}

/// The sites of a file of the product, and those that are marked.
pub fn input_sites(source: &Source, is_boundary: bool) -> Vec<InputSite> {
    let tokens = &source.tokens;
    let mut sites = Vec::new();
    let mut function = String::new();
    let mut markers = source
        .lines
        .iter()
        .zip(1..)
        .filter(|(line, _)| line.trim_start().starts_with(MARKER))
        .map(|(_, number)| number)
        .peekable();
    for (index, token) in tokens.iter().enumerate() {
        while markers.peek().is_some_and(|line| *line < token.line) {
            if let Some(line) = markers.next()
                && token.class == Class::Code
            {
                sites.push(InputSite { function: function.clone(), line });
            }
        }
        if token.is_ident("fn")
            && let Some(name) = name_at(tokens, index + 1)
        {
            function = name;
        }
        if is_boundary && token.class == Class::Code && is_intake(tokens, index) {
            sites.push(InputSite { function: function.clone(), line: token.line });
        }
    }
    sites
}

/// The name of a function, also one that a macro makes.
fn name_at(tokens: &[Token], index: usize) -> Option<String> {
    match &tokens.get(index)?.kind {
        Kind::Ident(name) => Some(name.clone()),
        Kind::Punct('$') => match &tokens.get(index + 1)?.kind {
            Kind::Ident(name) => Some(format!("${name}")),
            _ => None,
        },
        _ => None,
    }
}

fn is_intake(tokens: &[Token], index: usize) -> bool {
    let at = |offset: isize| index.checked_add_signed(offset).and_then(|index| tokens.get(index));
    let is_open = |token: Option<&Token>| {
        token.is_some_and(|token| token.kind == Kind::Open(Delimiter::Parenthesis))
    };
    let is_mark = |offset, mark| at(offset).is_some_and(|token| token.is_punct(mark));
    let is_name = |offset, name| at(offset).is_some_and(|token| token.is_ident(name));
    let Some(Kind::Ident(name)) = at(0).map(|token| &token.kind) else { return false };
    match name.as_str() {
        "new" => is_mark(-1, ':') && is_name(-3, "Untrusted") && is_open(at(1)),
        "read" => is_mark(-1, '.') && is_name(-2, "memory") && is_open(at(1)),
        name if METHODS.contains(&name) => is_mark(-1, '.') && is_open(at(1)),
        name if FUNCTIONS.contains(&name) => !is_name(-1, "fn") && is_open(at(1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_found_with_their_function() {
        let text = "
            fn first(buffer: &SharedBuf) {
                let a = buffer.load_u16(4).check(|a| Ok(*a));
                let b = Untrusted::new(7);
            }
            macro_rules! m { ($load:ident) => { pub fn $load() { Untrusted::new(1); } } }
            fn u32_at() { memory.read(1, out); other.read(1); let f: fn(u8) = x; }
            // host input: a slice
            fn last() {}
            #[cfg(any(test, feature = \"fuzz\"))]
            mod fuzz { fn it() { Untrusted::new(2); cvm::port_read(5); } }
            #[cfg(test)]
            mod tests { fn t() { Untrusted::new(3); } }
        ";
        let source = Source::parse(text, Class::Code).unwrap();
        let names = |boundary| -> Vec<_> {
            input_sites(&source, boundary).into_iter().map(|site| site.function).collect()
        };
        assert_eq!(names(true), ["first", "first", "$load", "u32_at", "u32_at"]);
        assert_eq!(names(false), ["u32_at"]);
    }
}
