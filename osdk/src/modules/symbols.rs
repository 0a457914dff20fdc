// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Symbols of the linker: the file that defines one, in its assembly or by `no_mangle`, and the files that use it.
//!
//! A file's assembly is what it includes as text. What the linker script defines belongs to no file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::Delimiter;

use super::Edge;
use super::reader::name;
use crate::source::{Class, Kind, Source, Token};

/// The symbols of a crate.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    defined: BTreeMap<String, usize>,
    /// Name, file, line.
    used: BTreeSet<(String, usize, usize)>,
}

impl Symbols {
    /// Reads the file at `path`, the `file`th of its crate, and what assembly it includes.
    pub(super) fn read(&mut self, file: usize, path: &Path, source: &Source) -> Result<()> {
        let tokens: Vec<&Token> =
            source.tokens.iter().filter(|token| token.class != Class::Test).collect();
        for (at, token) in tokens.iter().enumerate() {
            if token.is_ident("no_mangle") {
                let mut rest = tokens
                    .iter()
                    .skip(at)
                    .skip_while(|token| !token.is_ident("fn") && !token.is_ident("static"));
                self.defined.extend(
                    rest.nth(1).and_then(|token| name(token)).map(|name| (name.to_owned(), file)),
                );
            }
            let is_block = token.is_ident("extern")
                && tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Literal)
                && tokens
                    .get(at + 2)
                    .is_some_and(|token| token.kind == Kind::Open(Delimiter::Brace));
            if is_block {
                self.declared(file, tokens.get(at + 3..).unwrap_or_default());
            }
        }
        for (at, line) in source.lines.iter().enumerate() {
            if let Some((_, rest)) = line.split_once("include_str!(\"")
                && let Some((included, _)) = rest.split_once(".S\"")
            {
                let included = path.with_file_name(format!("{included}.S"));
                let text = fs::read_to_string(&included)
                    .with_context(|| included.display().to_string())?;
                self.assembly(file, at + 1, &text);
            }
        }
        Ok(())
    }

    /// What a block of foreign items declares.
    fn declared(&mut self, file: usize, block: &[&Token]) {
        let end = Kind::Close(Delimiter::Brace);
        let block: Vec<_> = block.iter().take_while(|token| token.kind != end).collect();
        for pair in block.windows(2) {
            if let [what, symbol] = pair
                && (what.is_ident("fn") || what.is_ident("static"))
                && let Some(symbol) = name(symbol)
            {
                self.used.insert((symbol.to_owned(), file, what.line));
            }
        }
    }

    /// Every word of assembly may be a symbol; those that are global are defined by it.
    fn assembly(&mut self, file: usize, line: usize, text: &str) {
        for code in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let words: Vec<&str> =
                code.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [".global" | ".globl", names @ ..] => {
                    self.defined.extend(names.iter().map(|&name| (name.to_owned(), file)));
                }
                words => self.used.extend(words.iter().map(|&word| (word.to_owned(), file, line))),
            }
        }
    }

    /// From each user of a symbol to the file that defines it.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let edge = |(name, from, line): &(String, usize, usize)| {
            Some(Edge { from: *from, to: *self.defined.get(name)?, line: *line })
        };
        self.used.iter().filter_map(edge).collect()
    }
}
