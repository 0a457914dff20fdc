// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads Rust source as tokens, each marked as product code, test code or hosted backend.
//!
//! Tokens rather than a syntax tree, so that macro bodies and arguments are seen too.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// What a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The product.
    Code,
    /// The backend that lets kernel crates run on the build machine.
    Hosted,
    /// Tests.
    Test,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword.
    Ident(String),
    /// A quote mark that begins a lifetime.
    Lifetime,
    /// Any other mark.
    Punct(char),
    /// A literal.
    Literal,
    /// The begin of a group.
    Open(Delimiter),
    /// The end of a group.
    Close(Delimiter),
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First line, from 1.
    pub line: usize,
    /// Last line.
    pub end_line: usize,
    /// What it belongs to.
    pub class: Class,
}

impl Token {
    /// Whether it is this name or keyword.
    pub fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(ident) if ident == name)
    }

    /// Whether it is this mark.
    pub fn is_punct(&self, mark: char) -> bool {
        self.kind == Kind::Punct(mark)
    }
}

/// A source file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its lines.
    pub lines: Vec<String>,
    /// Its tokens; comments and documentation are none.
    pub tokens: Vec<Token>,
    /// Names of modules in other files that belong to another class.
    pub outer_modules: Vec<(String, Class)>,
}

impl Source {
    /// Reads a file; `class` is what its tokens are unless an attribute says otherwise.
    pub fn read(path: &Path, class: Class) -> Result<Self> {
        Self::parse(&fs::read_to_string(path)?, class)
            .map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    /// Reads source text.
    pub fn parse(text: &str, class: Class) -> Result<Self> {
        let stream = TokenStream::from_str(text).map_err(|error| anyhow!("{error}"))?;
        let mut source = Self {
            lines: text.lines().map(str::to_owned).collect(),
            tokens: Vec::new(),
            outer_modules: Vec::new(),
        };
        source.stream(stream, class);
        Ok(source)
    }

    /// Number of lines with tokens of `class` on them.
    pub fn code_lines(&self, class: Class) -> usize {
        let mut lines: Vec<_> = self
            .tokens
            .iter()
            .filter(|token| token.class == class)
            .flat_map(|token| token.line..=token.end_line)
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines.len()
    }

    fn stream(&mut self, stream: TokenStream, outer: Class) {
        let trees: Vec<_> = stream.into_iter().collect();
        let mut class = outer;
        let mut until = Until::Nothing;
        let mut index = 0;
        while let Some(tree) = trees.get(index) {
            if let Some((group, inner, used)) = attribute(&trees, index) {
                index += used;
                if self.is_doc(group) {
                    continue;
                }
                let told = told_class(group);
                if let Some(told) = told {
                    class = class.max(told);
                    until = if inner { Until::End } else { end_of_item(&trees, index) };
                    if !inner {
                        self.note_module(&trees, index, told);
                    }
                }
                let attribute = trees.get(index - used..index).unwrap_or_default();
                attribute.iter().for_each(|tree| self.tree(tree, class));
                continue;
            }
            let is_test_macro = matches!(tree, TokenTree::Ident(name) if name == "kernel_test")
                && matches!(trees.get(index + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
            if is_test_macro {
                class = class.max(Class::Test);
                until = Until::Item;
            }
            self.tree(tree, class);
            if until.ends_with(tree) {
                class = outer;
                until = Until::Nothing;
            }
            index += 1;
        }
    }

    fn tree(&mut self, tree: &TokenTree, class: Class) {
        let span = tree.span();
        let (line, end_line) = (span.start().line, span.end().line);
        let kind = match tree {
            TokenTree::Ident(ident) => Kind::Ident(ident.to_string()),
            TokenTree::Punct(mark)
                if mark.as_char() == '\'' && mark.spacing() == Spacing::Joint =>
            {
                Kind::Lifetime
            }
            TokenTree::Punct(mark) => Kind::Punct(mark.as_char()),
            TokenTree::Literal(_) => Kind::Literal,
            TokenTree::Group(group) => {
                let open = group.span_open().start().line;
                let close = group.span_close().end().line;
                let kind = Kind::Open(group.delimiter());
                self.tokens.push(Token { kind, line: open, end_line: open, class });
                self.stream(group.stream(), class);
                let kind = Kind::Close(group.delimiter());
                self.tokens.push(Token { kind, line: close, end_line: close, class });
                return;
            }
        };
        self.tokens.push(Token { kind, line, end_line, class });
    }

    /// Whether an attribute was written as a documentation comment.
    fn is_doc(&self, group: &Group) -> bool {
        let start = group.span().start();
        let line = start.line.checked_sub(1).and_then(|index| self.lines.get(index));
        let rest: String =
            line.into_iter().flat_map(|line| line.chars().skip(start.column)).collect();
        rest.starts_with('/')
    }

    fn note_module(&mut self, trees: &[TokenTree], mut index: usize, class: Class) {
        while let Some((_, _, used)) = attribute(trees, index) {
            index += used;
        }
        let words: Vec<_> = trees.iter().skip(index).take(6).map(ToString::to_string).collect();
        let at = words.iter().position(|word| word == "mod");
        if let Some(at) = at
            && let (Some(name), Some(";")) =
                (words.get(at + 1), words.get(at + 2).map(String::as_str))
        {
            self.outer_modules.push((name.clone(), class));
        }
    }
}

enum Until {
    Nothing,
    /// To a `;` or a group in braces.
    Item,
    /// To a comma, for a field.
    Field,
    /// To the end of the group.
    End,
}

impl Until {
    fn ends_with(&self, tree: &TokenTree) -> bool {
        let mark = match tree {
            TokenTree::Punct(mark) => Some(mark.as_char()),
            _ => None,
        };
        let braces =
            matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        match self {
            Self::Nothing | Self::End => false,
            Self::Item => braces || mark == Some(';'),
            Self::Field => mark == Some(','),
        }
    }
}

/// Group of the attribute at `index`, whether it is an inner one, and the number of its tokens.
fn attribute(trees: &[TokenTree], index: usize) -> Option<(&Group, bool, usize)> {
    let punct =
        |at: usize, mark| matches!(trees.get(at), Some(TokenTree::Punct(p)) if p.as_char() == mark);
    if !punct(index, '#') {
        return None;
    }
    let inner = punct(index + 1, '!');
    let at = index + 1 + usize::from(inner);
    match trees.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group, inner, at + 1 - index))
        }
        _ => None,
    }
}

/// What `#[test]` or `#[cfg(…)]` says of the item that follows.
fn told_class(group: &Group) -> Option<Class> {
    let text: String = group.stream().to_string().split_whitespace().collect();
    if text == "test" {
        return Some(Class::Test);
    }
    let condition = text.strip_prefix("cfg(")?;
    // In the kernel, and in tests of it too.
    if condition.starts_with("any(target_os=\"none\"") {
        return None;
    }
    let positive = condition.replace("not(test)", "").replace("not(feature=\"ktest\")", "");
    let has_word = |word: &str| {
        positive.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
    };
    let is_aside = ["test", "ktest", "fuzz"].into_iter().any(has_word);
    if is_aside || has_word("loom") && !positive.contains("not(loom)") {
        return Some(Class::Test);
    }
    condition.contains("not(target_os=\"none\")").then_some(Class::Hosted)
}

fn end_of_item(trees: &[TokenTree], mut index: usize) -> Until {
    while let Some((_, _, used)) = attribute(trees, index) {
        index += used;
    }
    let mut rest = trees.iter().skip(index).skip_while(|tree| {
        matches!(tree, TokenTree::Ident(name) if name == "pub")
            || matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
    });
    let first = rest.next();
    let second = rest.next();
    let is_colon = matches!(second, Some(TokenTree::Punct(mark)) if mark.as_char() == ':' && mark.spacing() == Spacing::Alone);
    if matches!(first, Some(TokenTree::Ident(_))) && is_colon { Until::Field } else { Until::Item }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, class: Class) -> usize {
        Source::parse(text, Class::Code).unwrap().code_lines(class)
    }

    #[test]
    fn comments_and_docs_are_no_code() {
        let text =
            "//! Head.\n\n/// Doc.\n#[inline]\nfn f() {\n    // why\n    g(\"a\nb\"); /* x */\n}\n";
        assert_eq!(lines(text, Class::Code), 5);
    }

    #[test]
    fn tests_are_apart() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b<A, B>() {}\n}\nfn c() {}\n";
        assert_eq!((lines(text, Class::Code), lines(text, Class::Test)), (2, 4));
        let text = "struct S {\n    #[cfg(test)]\n    n: u32,\n    m: u32,\n}\n";
        assert_eq!((lines(text, Class::Code), lines(text, Class::Test)), (3, 2));
        assert_eq!(lines("#[cfg(not(test))]\nfn a() {}\n", Class::Code), 2);
        let text = "#[cfg(any(target_os = \"none\", test))]\nfn a() {}\n";
        assert_eq!(lines(text, Class::Code), 2);
        assert_eq!(lines("kernel_test! {\n fn a() {}\n}\nfn c() {}\n", Class::Code), 1);
    }

    #[test]
    fn hosted_is_apart_and_outer_modules_are_noted() {
        let text = "#[cfg(not(target_os = \"none\"))]\nmod hosted;\n#[cfg(test)]\npub(crate) mod fake;\nmod x;\n";
        let source = Source::parse(text, Class::Code).unwrap();
        assert_eq!(source.code_lines(Class::Hosted), 2);
        let noted = [("hosted".to_owned(), Class::Hosted), ("fake".to_owned(), Class::Test)];
        assert_eq!(source.outer_modules, noted);
    }
}
