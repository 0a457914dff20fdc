// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The words of a command line, split as Linux does.
//!
//! White space outside of double quotes splits; quotes around a word or a value
//! are dropped.

use core::fmt;

/// `name` or `name=value`, without its quotes; as text it is written so, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word<'a> {
    /// What stands before the first equals sign.
    pub name: &'a str,
    /// What stands behind it.
    pub value: Option<&'a str>,
}

impl Word<'_> {
    /// Whether this is `name`: dashes and underscores are the same.
    pub(super) fn is(&self, name: &str) -> bool {
        let canonical = |byte| if byte == b'-' { b'_' } else { byte };
        self.name.bytes().map(canonical).eq(name.bytes().map(canonical))
    }
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.value.map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

/// The words of a command line.
pub(super) struct Words<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let text = self.rest.trim_start_matches(is_space);
        if text.is_empty() {
            return None;
        }
        let (text, quoted) = match text.strip_prefix('"') {
            Some(inner) => (inner, true),
            None => (text, false),
        };
        let mut in_quote = quoted;
        let end = text
            .find(|c| {
                in_quote ^= c == '"';
                !in_quote && is_space(c)
            })
            .unwrap_or(text.len());
        let (mut word, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        if quoted {
            word = word.strip_suffix('"').unwrap_or(word);
        }
        // An equals sign at the begin belongs to the name.
        let equals = word.char_indices().find(|(at, c)| *at > 0 && *c == '=');
        let Some((name, value)) = equals.and_then(|(at, _)| word.split_at_checked(at)) else {
            return Some(Word { name: word, value: None });
        };
        let value = value.strip_prefix('=').unwrap_or(value);
        let value = match value.strip_prefix('"') {
            Some(inner) => inner.strip_suffix('"').unwrap_or(inner),
            None => value,
        };
        Some(Word { name, value: Some(value) })
    }
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b' || c == '\0'
}
