// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel command line, read by Linux's rules.
//!
//! Words are split at white space outside double quotes; quotes around a word
//! or a value are dropped. What the kernel does not know goes to the first
//! program: `key=value` as environment, a bare word as argument, everything
//! after `--` as argument. A name with a dot belongs to a module and is dropped.
//!
//! Trust: the host chose this text (in a CVM it is measured); every input
//! gives an [`Options`], none a stop.

use alloc::string::String;
use alloc::vec::Vec;

/// How many arguments and environment strings init gets at most, as on Linux.
const MAX_INIT_STRINGS: usize = 32;

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `init=`: the first program on a real root.
    pub init: Option<String>,
    /// `rdinit=`: the first program in the initramfs.
    pub rdinit: Option<String>,
    /// `console=`, the last one.
    pub console: Option<String>,
    /// `quiet`: nothing of the kernel log on the console.
    pub quiet: bool,
    /// `loglevel=`.
    pub log_level: Option<u8>,
    /// `nacre.exec=`: the command that `/bin/sh -c` runs as the first program.
    pub exec: Option<Vec<u8>>,
    /// `nacre.trace=1`: print every system call.
    pub trace: bool,
    /// `nacre.test_stop=`: how to stop, for the tests of stops.
    pub test_stop: Option<String>,
    /// Arguments for init.
    pub args: Vec<String>,
    /// Environment for init: `key=value`.
    pub env: Vec<String>,
}

impl Options {
    /// Reads a command line.
    pub fn parse(line: &str) -> Self {
        let mut options = Self::default();
        let mut words = Words { rest: line };
        for word in words.by_ref() {
            if word.value.is_none() && word.name == "--" {
                break;
            }
            options.take(&word);
        }
        for word in words {
            push_bounded(&mut options.args, word.join());
        }
        options
    }

    fn take(&mut self, word: &Word<'_>) {
        let value = word.value.unwrap_or_default();
        match canonical(word.name).as_str() {
            "init" => {
                self.init = Some(value.into());
                self.args.clear();
            }
            "rdinit" => {
                self.rdinit = Some(value.into());
                self.args.clear();
            }
            "console" => self.console = Some(value.into()),
            "quiet" => self.quiet = true,
            "loglevel" => self.log_level = value.parse().ok(),
            "nacre.exec" => self.exec = Some(percent_decode(value)),
            "nacre.trace" => self.trace = matches!(value, "1" | "y" | "on"),
            "nacre.test_stop" => self.test_stop = Some(value.into()),
            "debug" | "ro" | "rw" | "root" | "panic" | "nokaslr" | "earlyprintk" => {}
            name if name.contains('.') => {}
            _ if word.value.is_some() => self.push_env(word),
            _ if word.name.is_empty() => {}
            _ => push_bounded(&mut self.args, word.join()),
        }
    }

    /// A later value of the same name replaces the earlier one.
    fn push_env(&mut self, word: &Word<'_>) {
        let same = |entry: &&mut String| {
            entry.strip_prefix(word.name).is_some_and(|rest| rest.starts_with('='))
        };
        match self.env.iter_mut().find(same) {
            Some(entry) => *entry = word.join(),
            None => push_bounded(&mut self.env, word.join()),
        }
    }
}

fn push_bounded(list: &mut Vec<String>, word: String) {
    if list.len() < MAX_INIT_STRINGS {
        list.push(word);
    }
}

/// Dashes and underscores are the same in a parameter's name.
fn canonical(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c }).collect()
}

/// `%xx` becomes a byte; a percent sign without two hex digits stands for itself.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.first_chunk::<2>().filter(|_| byte == b'%');
        let value = digits
            .and_then(|digits| core::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                decoded.push(value);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    decoded
}

/// `name` or `name=value`, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl Word<'_> {
    fn join(&self) -> String {
        let mut joined = String::from(self.name);
        if let Some(value) = self.value {
            joined.push('=');
            joined.push_str(value);
        }
        joined
    }
}

/// The words of a command line.
struct Words<'a> {
    rest: &'a str,
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
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Some(Word { name: word, value: None });
        };
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    #[test]
    fn own_parameters() {
        let options = Options::parse(
            "console=ttyS0 quiet loglevel=3 rdinit=/bin/x nacre.trace=1 nacre.exec=echo%20a%3Db%0a",
        );
        assert_eq!(options.console.as_deref(), Some("ttyS0"));
        assert!(options.quiet && options.trace);
        assert_eq!(options.log_level, Some(3));
        assert_eq!(options.rdinit.as_deref(), Some("/bin/x"));
        assert_eq!(options.exec.as_deref(), Some(&b"echo a=b\n"[..]));
        assert!(options.args.is_empty() && options.env.is_empty());
    }

    #[test]
    fn unknown_goes_to_init() {
        let options =
            Options::parse("single FOO=bar mod.param=3 FOO=\"b z\" -- -c \"echo hi\" A=1 --");
        assert_eq!(options.args, ["single", "-c", "echo hi", "A=1", "--"]);
        assert_eq!(options.env, ["FOO=b z"]);
    }

    #[test]
    fn init_resets_the_arguments_before_it() {
        assert_eq!(Options::parse("one init=/sbin/i two").args, ["two"]);
        assert_eq!(Options::parse("one rdinit=/i -- x").args, ["x"]);
    }

    #[test]
    fn quotes_as_linux_reads_them() {
        let words = |line| Words { rest: line }.map(|word| word.join()).collect::<Vec<_>>();
        assert_eq!(words("a  b\tc"), ["a", "b", "c"]);
        assert_eq!(words("\"a b\" c"), ["a b", "c"]);
        assert_eq!(words("k=\"a b\" c"), ["k=a b", "c"]);
        assert_eq!(words("\"k=a b\" c"), ["k=a b", "c"]);
        assert_eq!(words("k=\"open ended"), ["k=open ended"]);
        assert_eq!(words("=x"), ["=x"]);
        assert_eq!(words("\""), [""]);
        assert_eq!(words("a\"b c\"d"), ["a\"b c\"d"]);
    }

    #[test]
    fn dashes_are_underscores_in_names() {
        assert_eq!(Options::parse("nacre.test-stop=panic").test_stop.as_deref(), Some("panic"));
    }

    #[test]
    fn percent_signs() {
        assert_eq!(percent_decode("%41%4"), b"A%4");
        assert_eq!(percent_decode("100%"), b"100%");
        assert_eq!(percent_decode("%+1%zz"), b"%+1%zz");
        assert_eq!(percent_decode("%ff"), vec![0xff]);
    }

    #[test]
    fn long_lines_are_bounded() {
        let line = "word ".repeat(250_000);
        assert_eq!(Options::parse(&line).args.len(), MAX_INIT_STRINGS);
    }
}
