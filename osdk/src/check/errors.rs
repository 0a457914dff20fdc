// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A public function that returns a result says in `# Errors` which errors there are.

use anyhow::Result;
use proc_macro2::Delimiter;

use crate::census::source_files;
use crate::metadata::Graph;
use crate::source::{Class, Kind, Source, Token};
use crate::workspace::Workspace;

/// A function without the section: its name and line.
type Missing = (String, usize);

/// Public functions of the kernel's crates without an `# Errors` section.
pub(super) fn told(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    for package in graph.linked_into_kernel(workspace)?.into_iter().filter(|p| p.is_member) {
        for file in source_files(package)? {
            let shown = super::rules::shown(workspace, &file.path);
            for (name, line) in missing(&file.source()?) {
                problems.push(format!("{shown}:{line}: {name} has no `# Errors` section"));
            }
        }
    }
    Ok(problems)
}

fn missing(source: &Source) -> Vec<Missing> {
    let mut out = Vec::new();
    scan(source, &source.tokens, false, &mut out);
    out
}

/// Looks at the items of a file, or of a block of items; in a trait all are public.
fn scan(source: &Source, mut rest: &[Token], in_trait: bool, out: &mut Vec<Missing>) {
    while !rest.is_empty() {
        let (item, after) = rest.split_at(item_len(rest));
        look(source, item, in_trait, out);
        rest = after;
    }
}

fn look(source: &Source, item: &[Token], in_trait: bool, out: &mut Vec<Missing>) {
    let Some((keyword, is_public)) = keyword(item) else { return };
    let tail = item.get(keyword + 1..).unwrap_or_default();
    let Some(Kind::Ident(word)) = item.get(keyword).map(|token| &token.kind) else { return };
    match word.as_str() {
        "fn" if is_public || in_trait => {
            let line = item.get(keyword).map_or(0, |token| token.line);
            let is_product = item.get(keyword).is_some_and(|token| token.class == Class::Code);
            if is_product && returns_result(tail) && !has_section(source, item, line) {
                out.push((name(tail), line));
            }
        }
        "trait" if is_public => scan(source, body(tail), true, out),
        "mod" => scan(source, body(tail), false, out),
        "impl" if !is_of_trait(tail) => scan(source, body(tail), false, out),
        _ => {}
    }
}

/// Number of tokens of the first item: up to its semicolon or the end of its braces.
fn item_len(tokens: &[Token]) -> usize {
    let mut depth = 0_u32;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(delimiter) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && delimiter == Delimiter::Brace {
                    return index + 1;
                }
            }
            Kind::Punct(';') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Where the word stands that says what the item is, and whether the item is `pub` without bounds.
fn keyword(item: &[Token]) -> Option<(usize, bool)> {
    let (mut index, mut is_public) = (0, false);
    while let Some(token) = item.get(index) {
        match &token.kind {
            Kind::Open(_) => index += group_len(item.get(index..)?),
            Kind::Ident(word) if word == "pub" => {
                let next = item.get(index + 1).map(|token| &token.kind);
                is_public = next != Some(&Kind::Open(Delimiter::Parenthesis));
                index += 1;
            }
            Kind::Ident(word)
                if ["unsafe", "async", "extern", "const"].contains(&word.as_str()) =>
            {
                index += 1;
            }
            Kind::Ident(_) => return Some((index, is_public)),
            _ => index += 1,
        }
    }
    None
}

/// Number of tokens of the group that begins here.
fn group_len(tokens: &[Token]) -> usize {
    let mut depth = 0_u32;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// What the item has between its braces.
fn body(tail: &[Token]) -> &[Token] {
    let is_brace = |token: &Token| token.kind == Kind::Open(Delimiter::Brace);
    let begin = tail.iter().position(is_brace).map_or(tail.len(), |index| index + 1);
    tail.get(begin..tail.len().saturating_sub(1)).unwrap_or_default()
}

/// Whether what follows `impl` names a trait: there is a `for` that begins no list of lifetimes.
fn is_of_trait(tail: &[Token]) -> bool {
    let head = tail.split(|token| token.kind == Kind::Open(Delimiter::Brace)).next();
    head.unwrap_or_default()
        .windows(2)
        .any(|pair| matches!(pair, [word, next] if word.is_ident("for") && !next.is_punct('<')))
}

fn name(tail: &[Token]) -> String {
    match tail.first().map(|token| &token.kind) {
        Some(Kind::Ident(name)) => name.clone(),
        _ => String::new(),
    }
}

/// Whether the outermost type behind the parameters is a `Result` or ends so.
fn returns_result(tail: &[Token]) -> bool {
    let mut angles = 0_i32;
    let mut index = 0;
    while let Some(token) = tail.get(index) {
        let is_arrow = index > 0 && tail.get(index - 1).is_some_and(|token| token.is_punct('-'));
        match token.kind {
            Kind::Open(Delimiter::Parenthesis) if angles == 0 => break,
            Kind::Open(_) => index += group_len(tail.get(index..).unwrap_or_default()) - 1,
            Kind::Punct('<') => angles += 1,
            Kind::Punct('>') if !is_arrow => angles -= 1,
            _ => {}
        }
        index += 1;
    }
    let behind = tail.get(index..).unwrap_or_default();
    let behind = behind.get(group_len(behind)..).unwrap_or_default();
    let [dash, arrow, result @ ..] = behind else { return false };
    let last = result
        .iter()
        .take_while(|token| matches!(token.kind, Kind::Ident(_) | Kind::Punct(':')))
        .take_while(|token| !token.is_ident("where"))
        .last();
    let is_result =
        |token: &Token| matches!(&token.kind, Kind::Ident(word) if word.ends_with("Result"));
    dash.is_punct('-') && arrow.is_punct('>') && last.is_some_and(is_result)
}

/// Whether the documentation above `line` has the section, with text in it.
fn has_section(source: &Source, item: &[Token], line: usize) -> bool {
    let begin = item.first().map_or(line, |token| token.line).saturating_sub(1);
    let above = source.lines.get(..begin).unwrap_or_default().iter().rev();
    let mut docs: Vec<_> =
        above.map(|line| line.trim()).take_while(|line| line.starts_with("//")).collect();
    docs.reverse();
    docs.extend(source.lines.get(begin..line).unwrap_or_default().iter().map(|line| line.trim()));
    let section = docs.iter().skip_while(|line| **line != "/// # Errors").skip(1);
    section.filter_map(|line| line.strip_prefix("///")).any(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let source = Source::parse(text, Class::Code).unwrap();
        missing(&source).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn public_functions_without_the_section_are_named() {
        assert_eq!(names("/// Does.\npub fn a() -> Result<(), E> {}\n"), ["a"]);
        assert_eq!(
            names(
                "#[must_use]\npub const unsafe fn b<F: Fn() -> u8>(f: F) -> io::Result<u8> where F: X {}"
            ),
            ["b"]
        );
        assert_eq!(
            names(
                "impl<T> S<T> { pub fn c(&self) -> SyscallResult { x } fn d() -> Result<()> {} }"
            ),
            ["c"]
        );
        assert_eq!(names("pub trait T { fn e(&self) -> Result<(), E>; fn f(&self) {} }"), ["e"]);
        assert_eq!(names("use a::{b};\npub mod m { pub fn g() -> Result<()> { h() } }"), ["g"]);
    }

    #[test]
    fn others_need_none() {
        assert!(names("/// Does.\n///\n/// # Errors\n///\n/// `X` if y.\n#[inline]\npub fn a() -> Result<(), E> {}").is_empty());
        assert!(
            names("pub(crate) fn a() -> Result<(), E> {}\nfn b() -> Result<(), E> {}").is_empty()
        );
        assert!(names("impl T for S { fn e(&self) -> Result<(), E> {} }").is_empty());
        assert!(names("trait T { fn e(&self) -> Result<(), E>; }").is_empty());
        assert!(
            names("pub fn a() -> Option<Result<u8, E>> {}\npub fn b(f: fn() -> Result<()>) {}")
                .is_empty()
        );
        assert!(names("#[cfg(test)]\npub fn a() -> Result<(), E> {}").is_empty());
    }

    #[test]
    fn an_empty_section_is_none() {
        assert_eq!(
            names("/// Does.\n///\n/// # Errors\n///\npub fn a() -> Result<(), E> {}"),
            ["a"]
        );
    }
}
