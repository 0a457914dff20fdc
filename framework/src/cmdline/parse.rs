// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the text to a [`CommandLine`].
//!
//! What no parameter is goes to the first program, as on Linux: `name=value` as
//! environment, a bare word as argument, and all words behind `--` as arguments. A
//! name with a dot belongs to a module, and there are none.

use super::complaints::MAX_COMPLAINTS;
use super::words::Words;
use super::{CommandLine, IGNORED, PARAMETERS, Parameter, Word};

impl<'a> CommandLine<'a> {
    /// Parses a command line. Of several words for one parameter the last counts; one
    /// that makes no sense is as if it were not there.
    pub fn parse(text: &'a str) -> Self {
        let mut line = Self { text, ..Self::default() };
        let mut words = Words { rest: text };
        for word in words.by_ref() {
            if word.name == "--" && word.value.is_none() {
                break;
            }
            line.take(word);
        }
        words.for_each(|word| line.init_args.push(word));
        line
    }

    fn take(&mut self, word: Word<'a>) {
        if let Some(parameter) = PARAMETERS.iter().find(|parameter| word.is(parameter.name)) {
            return self.take_parameter(word, parameter);
        }
        if IGNORED.iter().any(|(name, _)| word.is(name)) || word.name.is_empty() {
            return;
        }
        if word.name.starts_with("nacre.") {
            self.complaints.push(word, None);
        } else if word.name.contains('.') {
            // For a module.
        } else if word.value.is_some() {
            self.init_env.replace(word);
        } else {
            self.init_args.push(word);
        }
    }

    fn take_parameter(&mut self, word: Word<'a>, parameter: &'static Parameter) {
        let value = parameter.kind.read(word.value);
        let taken = value.and_then(|value| self.set(parameter, value));
        if taken.is_none() || !parameter.kind.knows(word.value) {
            self.complaints.push(word, Some(parameter));
        }
        if matches!(parameter.name, "init" | "rdinit") {
            self.init_args.clear();
        }
    }

    /// Tells the log what made no sense.
    pub(crate) fn complain(&self) {
        for (word, parameter) in self.complaints.list.iter().flatten() {
            let word = Quoted(word);
            match parameter {
                Some(parameter) => {
                    log::warn!("{word} makes no sense: {} is {}", parameter.name, parameter.kind);
                }
                None => log::warn!("{word} is no parameter"),
            }
        }
        let more = self.complaints.count.saturating_sub(MAX_COMPLAINTS);
        let dropped = self.init_args.dropped + self.init_env.dropped;
        for (count, what) in [(more, "more make no sense"), (dropped, "too many for init")] {
            if count > 0 {
                log::warn!("{count} words: {what}");
            }
        }
    }
}

/// A word as the log shows it: on one line.
struct Quoted<'a>(&'a Word<'a>);

impl core::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}", self.0.name.escape_debug())?;
        if let Some(value) = self.0.value {
            write!(f, "={}", value.escape_debug())?;
        }
        f.write_str("\"")
    }
}
