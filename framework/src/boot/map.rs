// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loader's memory map, checked: bounded, free of overlaps and overflows.
//!
//! Trust: the host writes it.

use crate::mm::{MAX_REGIONS, MemoryMap, PhysRange, TooMany};

/// The highest physical address that any CPU has, plus one.
const PHYSICAL_END: u64 = 1 << 52;

/// Why a memory map is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapError {
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
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Overflow => "memory map: a region wraps around or ends behind 2^52",
            Self::Overlap => "memory map: RAM overlaps another region",
            Self::TooMany => TooMany::WHY,
            Self::Empty => "memory map: no RAM",
        }
    }
}

/// Checks what a loader says: `(start, length, is RAM)`, in any order.
///
/// # Errors
/// [`MapError`]; empty regions are skipped.
pub(crate) fn check(
    entries: impl Iterator<Item = (u64, u64, bool)>,
) -> Result<MemoryMap, MapError> {
    let mut all = [(PhysRange::default(), false); MAX_REGIONS];
    let mut count = 0;
    for (start, len, is_ram) in entries {
        if len == 0 {
            continue;
        }
        let end = start.checked_add(len).ok_or(MapError::Overflow)?;
        if end > PHYSICAL_END {
            return Err(MapError::Overflow);
        }
        *all.get_mut(count).ok_or(MapError::TooMany)? = (PhysRange { start, end }, is_ram);
        count += 1;
    }
    let all = all.get_mut(..count).ok_or(MapError::TooMany)?;
    all.sort_unstable_by_key(|(region, _)| region.start);
    let mut map = MemoryMap::EMPTY;
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
            map.push(*region).map_err(|TooMany| MapError::TooMany)?;
        }
    }
    if map.regions().is_empty() { Err(MapError::Empty) } else { Ok(map) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_keeps_ram() {
        let map = check(
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
        let check = |entries: &[(u64, u64, bool)]| super::check(entries.iter().copied());
        assert_eq!(check(&[(u64::MAX, 2, true)]).unwrap_err(), MapError::Overflow);
        assert_eq!(check(&[(0, u64::MAX, false)]).unwrap_err(), MapError::Overflow);
        assert_eq!(check(&[(0, 10, true), (9, 1, false)]).unwrap_err(), MapError::Overlap);
        assert_eq!(check(&[(0, 10, false), (9, 9, true)]).unwrap_err(), MapError::Overlap);
        assert_eq!(check(&[(0, 10, false)]).unwrap_err(), MapError::Empty);
        let many: Vec<_> = (0..200).map(|n| (n * 10, 1, true)).collect();
        assert_eq!(check(&many).unwrap_err(), MapError::TooMany);
    }
}
