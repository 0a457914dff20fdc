// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`InitWords`]: what the first program gets, of what the kernel does not know.

use core::ops::Deref;

use super::Word;

/// How many arguments, and how many environment strings, init gets at most, as on Linux.
const MAX_INIT_WORDS: usize = 32;

/// The arguments or the environment of the first program.
#[derive(Clone, Copy, Debug, Default)]
pub struct InitWords<'a> {
    words: [Word<'a>; MAX_INIT_WORDS],
    len: usize,
    /// How many more there were.
    pub(super) dropped: usize,
}

impl<'a> InitWords<'a> {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn push(&mut self, word: Word<'a>) {
        match self.words.get_mut(self.len) {
            Some(slot) => {
                *slot = word;
                self.len += 1;
            }
            None => self.dropped += 1,
        }
    }

    /// A later value of the same name takes the place of the earlier one.
    pub(super) fn replace(&mut self, word: Word<'a>) {
        let words = self.words.get_mut(..self.len).unwrap_or_default();
        match words.iter_mut().find(|earlier| earlier.name == word.name) {
            Some(earlier) => *earlier = word,
            None => self.push(word),
        }
    }
}

impl<'a> Deref for InitWords<'a> {
    type Target = [Word<'a>];

    fn deref(&self) -> &[Word<'a>] {
        self.words.get(..self.len).unwrap_or_default()
    }
}
