// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`PhysRange`], and [`MemoryMap`]: ranges of physical memory in ascending order.
//!
//! `boot` makes the map of usable RAM from what the loader says.

/// The most ranges that a map can have.
pub const MAX_REGIONS: usize = 128;

/// A range of physical memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhysRange {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
}

/// A map cannot hold more than [`MAX_REGIONS`] ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl TooMany {
    /// As text, for the stop message.
    pub const WHY: &'static str = "memory map: too many regions";
}

/// Ranges of RAM, ascending; none is empty, and no two share an address.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    regions: [PhysRange; MAX_REGIONS],
    len: usize,
}

impl MemoryMap {
    /// No region at all.
    pub(crate) const EMPTY: Self =
        Self { regions: [PhysRange { start: 0, end: 0 }; MAX_REGIONS], len: 0 };

    /// The ranges, ascending.
    pub fn regions(&self) -> &[PhysRange] {
        self.regions.get(..self.len).unwrap_or(&[])
    }

    /// Whether `start..end` is RAM from end to end.
    pub fn contains(&self, start: u64, end: u64) -> bool {
        start <= end && self.regions().iter().any(|r| r.start <= start && end <= r.end)
    }

    /// Whether any of `start..end` is RAM.
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        self.regions().iter().any(|r| r.start < end && start < r.end)
    }

    /// Takes `start..end` out.
    ///
    /// # Errors
    /// [`TooMany`] when the split needs more than [`MAX_REGIONS`].
    pub fn reserve(&mut self, start: u64, end: u64) -> Result<(), TooMany> {
        let old = self.clone();
        self.len = 0;
        for region in old.regions() {
            let (cut_start, cut_end) = (start.max(region.start), end.min(region.end));
            if cut_start >= cut_end {
                self.push(*region)?;
                continue;
            }
            self.push(PhysRange { start: region.start, end: cut_start })?;
            self.push(PhysRange { start: cut_end, end: region.end })?;
        }
        Ok(())
    }

    /// Takes all ranges of `other` out.
    ///
    /// # Errors
    /// As of [`Self::reserve`].
    pub(crate) fn subtract(&mut self, other: &Self) -> Result<(), TooMany> {
        other.regions().iter().try_for_each(|region| self.reserve(region.start, region.end))
    }

    /// Appends a range, unless it is empty: behind all others, which the caller sees to.
    pub(crate) fn push(&mut self, region: PhysRange) -> Result<(), TooMany> {
        if region.start < region.end {
            *self.regions.get_mut(self.len).ok_or(TooMany)? = region;
            self.len += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserving_splits() {
        let mut map = MemoryMap::EMPTY;
        map.push(PhysRange { start: 0, end: 100 }).unwrap();
        map.reserve(10, 20).unwrap();
        map.reserve(90, 200).unwrap();
        assert_eq!(
            map.regions(),
            [PhysRange { start: 0, end: 10 }, PhysRange { start: 20, end: 90 }]
        );
    }

    #[test]
    fn is_bounded() {
        let mut map = MemoryMap::EMPTY;
        map.push(PhysRange { start: 0, end: 1000 }).unwrap();
        let cuts: Vec<_> =
            (0..MAX_REGIONS as u64).map(|n| map.reserve(n * 5 + 1, n * 5 + 2)).collect();
        assert_eq!(cuts.iter().filter(|cut| cut.is_ok()).count(), MAX_REGIONS - 1);
        assert_eq!(cuts.last(), Some(&Err(TooMany)));
    }
}
