// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The memory map: sorted, bounded, free of overlaps and overflows.

/// The most regions of RAM that a map can have.
pub const MAX_REGIONS: usize = 128;

/// A range of physical memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
}

/// Why a memory map is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// A region ends behind 2^52, or wraps around.
    Overflow,
    /// Two regions share an address and differ in type.
    Overlap,
    /// More than [`MAX_REGIONS`].
    TooMany,
    /// No RAM at all.
    Empty,
}

impl MapError {
    /// The reason as text, for the stop message.
    pub fn why(self) -> &'static str {
        match self {
            Self::Overflow => "memory map: a region wraps around or ends behind 2^52",
            Self::Overlap => "memory map: RAM overlaps another region",
            Self::TooMany => "memory map: too many regions",
            Self::Empty => "memory map: no RAM",
        }
    }
}

/// Usable RAM, as checked regions in ascending order.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    regions: [Region; MAX_REGIONS],
    len: usize,
}

/// The highest physical address that any CPU has, plus one.
const PHYSICAL_END: u64 = 1 << 52;

impl MemoryMap {
    /// No region at all.
    pub(crate) const EMPTY: Self =
        Self { regions: [Region { start: 0, end: 0 }; MAX_REGIONS], len: 0 };

    /// Checks what a loader says: `(start, length, is RAM)`, in any order.
    ///
    /// # Errors
    /// [`MapError`]; empty regions are skipped.
    pub fn check(entries: impl Iterator<Item = (u64, u64, bool)>) -> Result<Self, MapError> {
        let mut all = [(Region::default(), false); MAX_REGIONS];
        let mut count = 0;
        for (start, len, is_ram) in entries {
            if len == 0 {
                continue;
            }
            let end = start.checked_add(len).ok_or(MapError::Overflow)?;
            if end > PHYSICAL_END {
                return Err(MapError::Overflow);
            }
            *all.get_mut(count).ok_or(MapError::TooMany)? = (Region { start, end }, is_ram);
            count += 1;
        }
        let all = all.get_mut(..count).ok_or(MapError::TooMany)?;
        all.sort_unstable_by_key(|(region, _)| region.start);
        let mut map = Self::EMPTY;
        let mut behind = 0;
        let mut last_was_ram = false;
        for (region, is_ram) in all.iter() {
            if region.start < behind && (*is_ram || last_was_ram) {
                return Err(MapError::Overlap);
            }
            if region.end >= behind {
                behind = region.end;
                last_was_ram = *is_ram;
            }
            if *is_ram {
                map.push(*region)?;
            }
        }
        if map.len == 0 { Err(MapError::Empty) } else { Ok(map) }
    }

    /// The regions of usable RAM, ascending.
    pub fn regions(&self) -> &[Region] {
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

    /// Takes `start..end` out of the usable RAM.
    ///
    /// # Errors
    /// [`MapError::TooMany`] when the split needs more than [`MAX_REGIONS`].
    pub fn reserve(&mut self, start: u64, end: u64) -> Result<(), MapError> {
        let old = self.clone();
        self.len = 0;
        for region in old.regions() {
            let (cut_start, cut_end) = (start.max(region.start), end.min(region.end));
            if cut_start >= cut_end {
                self.push(*region)?;
                continue;
            }
            self.push(Region { start: region.start, end: cut_start })?;
            self.push(Region { start: cut_end, end: region.end })?;
        }
        Ok(())
    }

    /// Takes all regions of `other` out.
    ///
    /// # Errors
    /// As of [`Self::reserve`].
    #[cfg_attr(not(target_os = "none"), allow(dead_code))]
    pub(crate) fn subtract(&mut self, other: &Self) -> Result<(), MapError> {
        other.regions().iter().try_for_each(|region| self.reserve(region.start, region.end))
    }

    fn push(&mut self, region: Region) -> Result<(), MapError> {
        if region.start < region.end {
            *self.regions.get_mut(self.len).ok_or(MapError::TooMany)? = region;
            self.len += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_keeps_ram() {
        let map = MemoryMap::check(
            [(0x10_0000, 0x1000, true), (0, 0x1000, true), (0x1000, 0x1000, false)].into_iter(),
        )
        .unwrap();
        let starts: Vec<_> = map.regions().iter().map(|r| r.start).collect();
        assert_eq!(starts, [0, 0x10_0000]);
        assert!(map.contains(0x10_0000, 0x10_1000));
        assert!(!map.contains(0x10_0000, 0x10_1001));
    }

    #[test]
    fn refuses_lies() {
        let check = |entries: &[(u64, u64, bool)]| MemoryMap::check(entries.iter().copied());
        assert_eq!(check(&[(u64::MAX, 2, true)]).unwrap_err(), MapError::Overflow);
        assert_eq!(check(&[(0, u64::MAX, false)]).unwrap_err(), MapError::Overflow);
        assert_eq!(check(&[(0, 10, true), (9, 1, false)]).unwrap_err(), MapError::Overlap);
        assert_eq!(check(&[(0, 10, false), (9, 9, true)]).unwrap_err(), MapError::Overlap);
        assert_eq!(check(&[(0, 10, false)]).unwrap_err(), MapError::Empty);
        let many: Vec<_> = (0..200).map(|n| (n * 10, 1, true)).collect();
        assert_eq!(check(&many).unwrap_err(), MapError::TooMany);
    }

    #[test]
    fn reserving_splits() {
        let mut map = MemoryMap::check([(0, 100, true)].into_iter()).unwrap();
        map.reserve(10, 20).unwrap();
        map.reserve(90, 200).unwrap();
        assert_eq!(map.regions(), [Region { start: 0, end: 10 }, Region { start: 20, end: 90 }]);
    }
}
