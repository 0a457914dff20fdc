// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Links`]: what connects process groups to the rest of their sessions.
//!
//! A link is a process that has not begun to end and whose parent is not the first
//! process. Links with the same parent and group are alike, so they are counted together:
//! they connect the group if the parent is in its session but in another group. Those in
//! the parent's own group, nearly all, are a number in its node instead. A group
//! without a link that connects is orphaned (POSIX): nobody could continue it.

use alloc::collections::BTreeMap;

use crate::ids::{Pgid, Pid};

/// Links of one parent into one group that is not its own.
#[derive(Clone, Copy)]
struct Bundle {
    count: usize,
    connects: bool,
}

pub(super) struct Links {
    bundles: BTreeMap<(Pid, Pgid), Bundle>,
    /// Links that connect, by group; no zeros.
    connections: BTreeMap<Pgid, usize>,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { bundles: BTreeMap::new(), connections: BTreeMap::new() }
    }

    /// Whether any link connects `group`.
    pub(super) fn are_in(&self, group: Pgid) -> bool {
        self.connections.contains_key(&group)
    }

    /// Counts a link of `parent` into `group`.
    pub(super) fn add(&mut self, parent: Pid, group: Pgid, connects: bool) {
        let none = Bundle { count: 0, connects };
        let bundle = self.bundles.entry((parent, group)).or_insert(none);
        bundle.count += 1;
        if bundle.connects {
            *self.connections.entry(group).or_insert(0) += 1;
        }
    }

    /// Counts one less; whether it was the last that connected the group.
    pub(super) fn remove(&mut self, parent: Pid, group: Pgid) -> bool {
        let Some(bundle) = self.bundles.get_mut(&(parent, group)) else { return false };
        let connects = bundle.connects;
        bundle.count -= 1;
        if bundle.count == 0 {
            self.bundles.remove(&(parent, group));
        }
        connects && self.lose(group, 1)
    }

    /// `count` links of `parent` into `group` connect it now: it has moved out of the group.
    pub(super) fn put(&mut self, parent: Pid, group: Pgid, count: usize) {
        if count > 0 {
            self.bundles.insert((parent, group), Bundle { count, connects: true });
            *self.connections.entry(group).or_insert(0) += count;
        }
    }

    /// Forgets the links of `parent` into `group`, and tells how many there were: it is about to
    /// move into the group.
    pub(super) fn take(&mut self, parent: Pid, group: Pgid) -> usize {
        let Some(bundle) = self.bundles.remove(&(parent, group)) else { return 0 };
        if bundle.connects {
            self.lose(group, bundle.count);
        }
        bundle.count
    }

    /// The links of `parent` into `most` groups, from `first` on, connect no more: it has
    /// left the session. Where to go on, if there are more.
    pub(super) fn disconnect_from(
        &mut self,
        parent: Pid,
        first: Pgid,
        most: usize,
    ) -> Option<Pgid> {
        let Self { bundles, connections } = self;
        let all = (parent, first)..=(parent, Pgid::from_raw(i32::MAX));
        let mut rest = bundles.range_mut(all);
        for ((_, group), bundle) in rest.by_ref().take(most).filter(|(_, bundle)| bundle.connects) {
            bundle.connects = false;
            lose(connections, *group, bundle.count);
        }
        rest.next().map(|((_, group), _)| *group)
    }

    fn lose(&mut self, group: Pgid, count: usize) -> bool {
        lose(&mut self.connections, group, count)
    }
}

/// Counts `count` connections of a group less; whether none is left.
fn lose(connections: &mut BTreeMap<Pgid, usize>, group: Pgid, count: usize) -> bool {
    let Some(left) = connections.get_mut(&group) else { return false };
    *left = left.saturating_sub(count);
    let is_none = *left == 0;
    if is_none {
        connections.remove(&group);
    }
    is_none
}
