// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Pending`]: which RAM was not accepted yet, in units of 2 MiB.
//!
//! A bit per unit, in private memory. Taking a unit clears its bit for ever, before
//! anybody accepts it: so each is accepted once, whatever the host says.

use crate::mm::PhysRange;

/// Bytes of a unit.
pub(crate) const UNIT: u64 = 2 << 20;
const BITS: u64 = u64::BITS as u64;

/// The units that wait.
pub(crate) struct Pending<'a> {
    words: &'a mut [u64],
    left: usize,
    hint: usize,
}

impl<'a> Pending<'a> {
    /// None yet; `words` are zero, a bit for each unit of memory.
    pub(crate) fn new(words: &'a mut [u64]) -> Self {
        words.fill(0);
        Self { words, left: 0, hint: 0 }
    }

    /// Adds the whole units of `region`; what is left of it at both ends is for the
    /// caller.
    pub(crate) fn add(&mut self, region: PhysRange) -> [PhysRange; 2] {
        let all = self.words.len() as u64 * BITS * UNIT;
        let start = region.start.next_multiple_of(UNIT).min(region.end).min(all);
        let end = (region.end / UNIT * UNIT).min(all).max(start);
        for unit in start / UNIT..end / UNIT {
            if let Some(word) = self.words.get_mut((unit / BITS) as usize) {
                let bit = 1 << (unit % BITS);
                self.left += usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
        [PhysRange { start: region.start, end: start }, PhysRange { start: end, end: region.end }]
    }

    /// Takes the lowest unit out.
    pub(crate) fn take(&mut self) -> Option<PhysRange> {
        let (n, word) =
            self.words.iter_mut().enumerate().skip(self.hint).find(|(_, w)| **w != 0)?;
        let bit = u64::from(word.trailing_zeros());
        *word &= *word - 1;
        self.hint = n;
        self.left -= 1;
        let start = (n as u64 * BITS + bit) * UNIT;
        Some(PhysRange { start, end: start + UNIT })
    }

    /// How many wait.
    pub(crate) fn left(&self) -> usize {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_comes_out_once() {
        let mut words = [0; 4];
        let mut pending = Pending::new(&mut words);
        let ends = pending.add(PhysRange { start: UNIT + 4096, end: 100 * UNIT + 8192 });
        assert_eq!(ends[0], PhysRange { start: UNIT + 4096, end: 2 * UNIT });
        assert_eq!(ends[1], PhysRange { start: 100 * UNIT, end: 100 * UNIT + 8192 });
        assert_eq!(pending.left(), 98);
        let mut next = 2;
        while let Some(unit) = pending.take() {
            assert_eq!(unit, PhysRange { start: next * UNIT, end: (next + 1) * UNIT });
            next += 1;
        }
        assert_eq!((next, pending.left()), (100, 0));
    }

    #[test]
    fn small_and_far_regions_have_no_units() {
        let mut words = [0; 1];
        let mut pending = Pending::new(&mut words);
        let small = PhysRange { start: 4096, end: 8192 };
        assert_eq!(pending.add(small)[0], small);
        let far = PhysRange { start: 64 * UNIT, end: 66 * UNIT };
        assert_eq!(pending.add(far)[1], far);
        assert_eq!((pending.left(), pending.take()), (0, None));
    }
}
