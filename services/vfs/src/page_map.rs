// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A sparse array from page index to page: a radix tree of 64-way nodes.
//!
//! Serves page caches: looking up is a few loads a level; only growing allocates.

use alloc::boxed::Box;

const BITS: u32 = 6;
const WIDTH: usize = 1 << BITS;

enum Node<T> {
    Empty,
    Inner(Box<Inner<T>>),
    Leaf(T),
}

struct Inner<T> {
    used: u32,
    slots: [Node<T>; WIDTH],
}

/// A sparse array indexed by page number.
pub struct PageMap<T> {
    root: Node<T>,
    /// Levels of inner nodes; 0 for an empty map or one entry at index 0.
    height: u32,
    len: u64,
    /// Inner nodes.
    nodes: u64,
}

impl<T> PageMap<T> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { root: Node::Empty, height: 0, len: 0, nodes: 0 }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// How many nodes of about 1 KiB hold them: for entries without gaps one for 64, for
    /// entries far from each other several for each.
    pub fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry at `index`.
    #[inline]
    pub fn get(&self, index: u64) -> Option<&T> {
        if beyond(index, self.height) {
            return None;
        }
        let mut node = &self.root;
        let mut level = self.height;
        loop {
            match node {
                Node::Empty => return None,
                Node::Leaf(value) => return Some(value),
                Node::Inner(inner) => {
                    level = level.checked_sub(1)?;
                    node = inner.slots.get(slot(index, level))?;
                }
            }
        }
    }

    /// Sets the entry at `index` and returns the old one.
    pub fn insert(&mut self, index: u64, value: T) -> Option<T> {
        while beyond(index, self.height) {
            let old = core::mem::replace(&mut self.root, Node::Empty);
            if !matches!(old, Node::Empty) {
                let mut inner = Inner::new();
                inner.used = 1;
                self.nodes += 1;
                if let Some(first) = inner.slots.first_mut() {
                    *first = old;
                }
                self.root = Node::Inner(inner);
            }
            self.height += 1;
        }
        let old = insert(&mut self.root, self.height, index, value, &mut self.nodes);
        self.len += u64::from(old.is_none());
        old
    }

    /// Removes the entry at `index`.
    pub fn remove(&mut self, index: u64) -> Option<T> {
        if beyond(index, self.height) {
            return None;
        }
        let old = remove(&mut self.root, self.height, index, &mut self.nodes);
        self.len -= u64::from(old.is_some());
        old
    }

    /// The index of the first entry at or after `from`.
    pub fn next_from(&self, from: u64) -> Option<u64> {
        if beyond(from, self.height) {
            return None;
        }
        next(&self.root, self.height, from)
    }

    /// The first index without an entry among the `most` from `from` on.
    pub fn gap_among(&self, from: u64, most: u64) -> Option<u64> {
        (from..from.saturating_add(most)).find(|&index| self.get(index).is_none())
    }
}

impl<T> Default for PageMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Inner<T> {
    fn new() -> Box<Self> {
        Box::new(Self { used: 0, slots: [const { Node::Empty }; WIDTH] })
    }
}

/// Bits of an index that the levels below `level` tell apart. It wraps nowhere: a map grows
/// while an index does not fit, so to 11 levels at most.
#[inline]
fn bits_below(level: u32) -> u32 {
    level.wrapping_mul(BITS)
}

/// Whether `index` does not fit below `height` levels.
#[inline]
fn beyond(index: u64, height: u32) -> bool {
    index.unbounded_shr(bits_below(height)) != 0
}

#[inline]
fn slot(index: u64, level: u32) -> usize {
    (index.unbounded_shr(bits_below(level)) as usize) & (WIDTH - 1)
}

fn insert<T>(node: &mut Node<T>, level: u32, index: u64, value: T, nodes: &mut u64) -> Option<T> {
    let Some(below) = level.checked_sub(1) else {
        return match core::mem::replace(node, Node::Leaf(value)) {
            Node::Leaf(old) => Some(old),
            Node::Empty | Node::Inner(_) => None,
        };
    };
    if !matches!(node, Node::Inner(_)) {
        *node = Node::Inner(Inner::new());
        *nodes += 1;
    }
    let Node::Inner(inner) = node else { return None };
    let Inner { used, slots } = &mut **inner;
    let place = slots.get_mut(slot(index, below))?;
    *used += u32::from(matches!(place, Node::Empty));
    insert(place, below, index, value, nodes)
}

fn remove<T>(node: &mut Node<T>, level: u32, index: u64, nodes: &mut u64) -> Option<T> {
    match node {
        Node::Empty => None,
        Node::Leaf(_) => match core::mem::replace(node, Node::Empty) {
            Node::Leaf(old) => Some(old),
            Node::Empty | Node::Inner(_) => None,
        },
        Node::Inner(inner) => {
            let below = level.checked_sub(1)?;
            let Inner { used, slots } = &mut **inner;
            let place = slots.get_mut(slot(index, below))?;
            let old = remove(place, below, index, nodes);
            if old.is_some() && matches!(place, Node::Empty) {
                *used -= 1;
                if *used == 0 {
                    *node = Node::Empty;
                    *nodes -= 1;
                }
            }
            old
        }
    }
}

/// The first index at or after `from` (relative to this node) with an entry.
fn next<T>(node: &Node<T>, level: u32, from: u64) -> Option<u64> {
    match node {
        Node::Empty => None,
        Node::Leaf(_) => Some(0),
        Node::Inner(inner) => {
            let below = level.checked_sub(1)?;
            let shift = below * BITS;
            let first = slot(from, below);
            let low = from & ((1 << shift) - 1);
            inner.slots.iter().enumerate().skip(first).find_map(|(at, child)| {
                let start = if at == first { low } else { 0 };
                next(child, below, start).map(|found| ((at as u64) << shift) | found)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn behaves_like_a_map() {
        let mut map = PageMap::new();
        let mut model = BTreeMap::new();
        let mut seed = 42_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = match (seed >> 60) & 3 {
                0 => (seed >> 33) & 0xff,
                1 => (seed >> 33) & 0xffff,
                _ => (seed >> 13) & 0xffff_ffff_ffff,
            };
            if seed & 3 == 0 {
                assert_eq!(map.remove(index), model.remove(&index));
            } else {
                assert_eq!(map.insert(index, seed), model.insert(index, seed));
            }
            assert_eq!(map.len(), model.len() as u64);
            let probe = seed >> 40;
            assert_eq!(map.next_from(probe), model.range(probe..).next().map(|(at, _)| *at));
            assert_eq!(map.get(probe), model.get(&probe));
        }
        while let Some(index) = map.next_from(0) {
            assert_eq!(map.remove(index), model.pop_first().map(|(_, value)| value));
        }
        assert!(model.is_empty() && map.is_empty() && map.get(0).is_none());
        assert_eq!(map.nodes(), 0);
    }

    #[test]
    fn nodes_are_few_without_gaps_and_several_with() {
        let (mut dense, mut sparse) = (PageMap::new(), PageMap::new());
        for index in 0..4096 {
            dense.insert(index, ());
        }
        assert_eq!(dense.nodes(), 64 + 1);
        for index in 1..=10 {
            sparse.insert(index << 12, ());
            sparse.insert(index << 12, ());
        }
        assert_eq!(sparse.nodes(), 2 * 10 + 1);
        sparse.remove(1 << 12);
        assert_eq!(sparse.nodes(), 2 * 9 + 1);
    }

    #[test]
    fn gaps_and_extremes() {
        let mut map = PageMap::new();
        for index in [0, 1, 2, 5, u64::MAX >> 12] {
            map.insert(index, index);
        }
        let gap = |from| map.gap_among(from, 3);
        assert_eq!((gap(0), gap(1), gap(5), gap(4)), (None, Some(3), Some(6), Some(4)));
        assert_eq!(map.next_from(6), Some(u64::MAX >> 12));
        assert_eq!(map.get(u64::MAX), None);
    }
}
