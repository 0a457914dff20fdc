// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`News`]: which children have stopped or ended, in the order of their places: all that
//! wait can find.

use alloc::collections::BTreeMap;

use crate::ids::Pid;

/// Children by parent, by whether they have ended, and by place: who waits for ends only
/// may have many stopped ones.
pub(super) struct News(BTreeMap<(Pid, bool, u64), Pid>);

impl News {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn insert(&mut self, parent: Pid, has_ended: bool, place: u64, child: Pid) {
        self.0.insert((parent, has_ended, place), child);
    }

    pub(super) fn remove(&mut self, parent: Pid, has_ended: bool, place: u64) {
        self.0.remove(&(parent, has_ended, place));
    }

    /// The first child of `parent` behind a place, and its place.
    pub(super) fn next(&self, parent: Pid, behind: u64) -> Option<(u64, Pid)> {
        let stopped = self.next_of(parent, false, behind);
        let ended = self.next_of(parent, true, behind);
        match (stopped, ended) {
            (Some(stopped), Some(ended)) => Some(stopped.min(ended)),
            (one, other) => one.or(other),
        }
    }

    /// The same of those that have ended.
    pub(super) fn next_ended(&self, parent: Pid, behind: u64) -> Option<(u64, Pid)> {
        self.next_of(parent, true, behind)
    }

    fn next_of(&self, parent: Pid, has_ended: bool, behind: u64) -> Option<(u64, Pid)> {
        let rest = (parent, has_ended, behind.saturating_add(1))..=(parent, has_ended, u64::MAX);
        self.0.range(rest).next().map(|((.., place), child)| (*place, *child))
    }
}
