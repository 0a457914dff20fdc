// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Complaints`]: words of the command line that make no sense.

use super::Word;
use super::parameter::Parameter;

/// How many words that make no sense are told of.
pub(super) const MAX_COMPLAINTS: usize = 8;

/// A word that makes no sense to the parameter, or to any.
pub(super) type Complaint<'a> = (Word<'a>, Option<&'static Parameter>);

/// What the log is told when there is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Complaints<'a> {
    pub(super) list: [Option<Complaint<'a>>; MAX_COMPLAINTS],
    pub(crate) count: usize,
}

impl<'a> Complaints<'a> {
    pub(super) fn push(&mut self, word: Word<'a>, parameter: Option<&'static Parameter>) {
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = Some((word, parameter));
        }
        self.count += 1;
    }
}
