// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The sorted map of areas: lookup, cutting, merging, free gaps, totals.
//!
//! [`AreaMap`] keeps its areas disjoint and merged and its totals true through
//! every change; the page table is its caller's business.

use alloc::collections::BTreeMap;
use core::ops::Range;

use abi::err;
use abi::mman::Prot;

use crate::area::Area;
use crate::flags::AreaFlags;
use crate::{Result, max_areas};

/// Bytes by kind, as `/proc/pid/status` and the limits count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) all: usize,
    pub(crate) data: usize,
    pub(crate) stack: usize,
    pub(crate) exec: usize,
    pub(crate) locked: usize,
}

impl Totals {
    fn add(&mut self, area: &Area) {
        self.each(area, usize::saturating_add);
    }

    fn remove(&mut self, area: &Area) {
        self.each(area, usize::saturating_sub);
    }

    fn each(&mut self, area: &Area, op: fn(usize, usize) -> usize) {
        let len = area.len();
        self.all = op(self.all, len);
        if area.flags.contains(AreaFlags::LOCKED) {
            self.locked = op(self.locked, len);
        }
        if area.flags.contains(AreaFlags::GROWSDOWN) {
            self.stack = op(self.stack, len);
        } else if is_data(area.prot, area.flags) {
            self.data = op(self.data, len);
        } else if area.prot.contains(Prot::EXEC) && !area.prot.contains(Prot::WRITE) {
            self.exec = op(self.exec, len);
        }
    }
}

/// True for memory that `RLIMIT_DATA` counts: private and writable, not a stack.
pub(crate) fn is_data(prot: Prot, flags: AreaFlags) -> bool {
    prot.contains(Prot::WRITE) && !flags.intersects(AreaFlags::SHARED | AreaFlags::GROWSDOWN)
}

/// No gap of `len` bytes or more lies between `below` and the top.
#[derive(Clone, Copy)]
struct GapHint {
    below: usize,
    len: usize,
}

/// Whether there is memory for the records of a few more areas. Asked for each, as one
/// call can add tens of thousands (fork).
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn admit() -> Result<()> {
    Ok(framework::mm::admit()?)
}

/// Disjoint areas by start address.
#[derive(Default)]
pub(crate) struct AreaMap {
    tree: BTreeMap<usize, Area>,
    totals: Totals,
    hint: Option<GapHint>,
}

impl AreaMap {
    pub(crate) fn len(&self) -> usize {
        self.tree.len()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// The area that starts at `start`.
    pub(crate) fn starting_at(&self, start: usize) -> Option<&Area> {
        self.tree.get(&start)
    }

    /// The area that holds `addr`.
    pub(crate) fn find(&self, addr: usize) -> Option<&Area> {
        self.before(addr).filter(|area| addr < area.end)
    }

    /// The last area that starts at or before `addr`.
    pub(crate) fn before(&self, addr: usize) -> Option<&Area> {
        self.tree.range(..=addr).next_back().map(|(_, area)| area)
    }

    /// The first area that ends after `addr`.
    pub(crate) fn at_or_after(&self, addr: usize) -> Option<&Area> {
        self.find(addr).or_else(|| self.tree.range(addr..).next().map(|(_, area)| area))
    }

    /// The areas that touch `range`, in order.
    pub(crate) fn overlapping(&self, range: Range<usize>) -> impl Iterator<Item = &Area> {
        let first = self.find(range.start).map_or(range.start, |area| area.start);
        let last = range.end.max(first);
        self.tree.range(first..last).map(|(_, area)| area)
    }

    /// All areas, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Area> {
        self.tree.values()
    }

    /// True when `range` touches no area.
    pub(crate) fn is_free(&self, range: Range<usize>) -> bool {
        self.overlapping(range).next().is_none()
    }

    /// True when areas cover all of `range`.
    pub(crate) fn covers(&self, range: Range<usize>) -> bool {
        let mut at = range.start;
        for area in self.overlapping(range.clone()) {
            if area.start > at {
                return false;
            }
            at = area.end;
        }
        at >= range.end
    }

    /// How far areas cover `range` from its start without a gap.
    pub(crate) fn covered_from(&self, range: Range<usize>) -> usize {
        let mut at = range.start;
        for area in self.overlapping(range.clone()) {
            if area.start > at {
                break;
            }
            at = area.end.min(range.end);
        }
        at
    }

    /// Bytes of `range` that areas cover.
    pub(crate) fn covered_bytes(&self, range: Range<usize>) -> usize {
        self.overlapping(range.clone())
            .map(|area| area.end.min(range.end) - area.start.max(range.start))
            .sum()
    }

    /// Adds `area`, whose range must be free, merging it with its neighbours.
    /// Returns the start of the area that now holds it.
    ///
    /// # Errors
    /// `ENOMEM` without memory for its record.
    pub(crate) fn insert(&mut self, area: Area) -> Result<usize> {
        admit()?;
        Ok(self.insert_admitted(area))
    }

    /// Like [`AreaMap::insert`], after [`admit`].
    pub(crate) fn insert_admitted(&mut self, area: Area) -> usize {
        self.totals.add(&area);
        let mut area = area;
        if let Some(next) = self.tree.get(&area.end)
            && area.can_merge(next)
            && let Some(next) = self.tree.remove(&area.end)
        {
            area.absorb(&next);
        }
        if let Some((_, previous)) = self.tree.range_mut(..area.start).next_back()
            && previous.can_merge(&area)
        {
            previous.absorb(&area);
            return previous.start;
        }
        let start = area.start;
        self.tree.insert(start, area);
        start
    }

    /// Adds `area`, whose range must be free, as it is.
    ///
    /// # Errors
    /// `ENOMEM` without memory for its record.
    pub(crate) fn insert_unmerged(&mut self, area: Area) -> Result<()> {
        admit()?;
        self.totals.add(&area);
        self.tree.insert(area.start, area);
        Ok(())
    }

    /// How many areas the ends of `range` cut.
    fn cuts(&self, range: &Range<usize>) -> usize {
        let is_cut = |at: usize| self.find(at).is_some_and(|area| area.start != at);
        usize::from(is_cut(range.start)) + usize::from(is_cut(range.end))
    }

    /// True when cutting at the ends of `range` would exceed the number of areas allowed.
    fn cuts_too_many(&self, range: &Range<usize>) -> bool {
        let cuts = self.cuts(range);
        cuts > 0 && self.tree.len() + cuts > max_areas()
    }

    /// Cuts so that areas begin or end at both ends of `range`. Changes nothing on error.
    fn cut(&mut self, range: &Range<usize>) -> Result<()> {
        if self.tree.len() + 2 > max_areas() && self.cuts_too_many(range) {
            return err!(ENOMEM, "too many areas");
        }
        match admit() {
            // Without memory, whole areas can still be changed or go.
            Err(error) if self.cuts(range) > 0 => return Err(error),
            _ => self.cut_admitted(range),
        }
        Ok(())
    }

    fn cut_admitted(&mut self, range: &Range<usize>) {
        for at in [range.start, range.end] {
            if let Some((_, area)) = self.tree.range_mut(..at).next_back()
                && at < area.end
            {
                let back = area.split_off(at);
                self.tree.insert(at, back);
            }
        }
    }

    /// Removes everything in `range`, handing each piece to `gone`. Changes nothing on error.
    pub(crate) fn remove(&mut self, range: Range<usize>, gone: impl FnMut(Area)) -> Result<()> {
        self.cut(&range)?;
        self.take_out(range, gone);
        Ok(())
    }

    /// Like [`AreaMap::remove`], after [`admit`], with room for two more areas.
    pub(crate) fn remove_admitted(&mut self, range: Range<usize>, gone: impl FnMut(Area)) {
        self.cut_admitted(&range);
        self.take_out(range, gone);
    }

    /// Takes out the areas in `range`, none of which reaches beyond it.
    fn take_out(&mut self, range: Range<usize>, mut gone: impl FnMut(Area)) {
        let mut any = false;
        while let Some((&start, _)) = self.tree.range(range.clone()).next() {
            if let Some(area) = self.tree.remove(&start) {
                self.totals.remove(&area);
                gone(area);
                any = true;
            }
        }
        if any {
            self.note_free(range.end);
        }
    }

    /// Changes every area in `range` (cut to it) and merges what became equal.
    /// Changes nothing on error.
    pub(crate) fn update(
        &mut self,
        range: Range<usize>,
        mut change: impl FnMut(&mut Area),
    ) -> Result<()> {
        self.cut(&range)?;
        let totals = &mut self.totals;
        for (_, area) in self.tree.range_mut(range.clone()) {
            totals.remove(area);
            change(area);
            totals.add(area);
        }
        self.merge_around(range);
        Ok(())
    }

    /// Moves the end of the area at `start` up to `end`; the space must be free.
    pub(crate) fn extend_up(&mut self, start: usize, end: usize) {
        if let Some(area) = self.tree.get_mut(&start) {
            self.totals.remove(area);
            area.end = end;
            self.totals.add(area);
        }
        self.merge_around(end..end);
    }

    /// Moves the start of the area at `start` down to `new_start`; the space must be free.
    ///
    /// # Errors
    /// `ENOMEM` without memory for its record.
    pub(crate) fn extend_down(&mut self, start: usize, new_start: usize) -> Result<()> {
        admit()?;
        if let Some(mut area) = self.tree.remove(&start) {
            self.totals.remove(&area);
            area.start = new_start;
            self.totals.add(&area);
            self.tree.insert(new_start, area);
        }
        Ok(())
    }

    fn merge_around(&mut self, range: Range<usize>) {
        let mut at = self.before(range.start.saturating_sub(1)).map_or(range.start, |a| a.start);
        while at <= range.end {
            let Some((&start, area)) = self.tree.range(at..).next() else { return };
            let mergeable =
                self.tree.get(&area.end).filter(|next| area.can_merge(next)).map(|n| n.start);
            let Some(next) = mergeable else {
                at = area.end;
                continue;
            };
            let next = self.tree.remove(&next);
            if let (Some(next), Some(area)) = (next, self.tree.get_mut(&start)) {
                area.absorb(&next);
            }
            at = start;
        }
    }

    /// Space up to `end` became free: the hint may no longer hold.
    fn note_free(&mut self, end: usize) {
        if let Some(hint) = self.hint
            && end > hint.below
        {
            let gap_end = self.tree.range(end..).next().map(|(&start, _)| start);
            self.hint = gap_end.map(|below| GapHint { below, len: hint.len });
        }
    }

    /// The highest free `len` bytes in `window`.
    pub(crate) fn find_gap(&self, len: usize, window: Range<usize>) -> Option<usize> {
        self.gap_below(len, window.start, window.end).map(|(at, _)| at)
    }

    /// Like [`AreaMap::find_gap`] below the fixed base of mappings, remembering full stretches.
    pub(crate) fn find_gap_hinted(&mut self, len: usize, window: Range<usize>) -> Option<usize> {
        let hint = self.hint.filter(|h| h.len <= len && window.contains(&h.below));
        let top = hint.map_or(window.end, |h| h.below);
        let (at, high) = self.gap_below(len, window.start, top)?;
        let len = match hint {
            Some(hint) if high == top => hint.len,
            _ => len,
        };
        self.hint = Some(GapHint { below: at, len });
        Some(at)
    }

    /// The highest free `len` bytes in `low..top`, and the end of the gap they are in.
    fn gap_below(&self, len: usize, low: usize, top: usize) -> Option<(usize, usize)> {
        let mut high = top;
        for (_, area) in self.tree.range(..=top).rev() {
            let bottom = area.end.max(low);
            if high >= bottom && high - bottom >= len {
                break;
            }
            high = high.min(area.guarded_start());
            if high < low {
                return None;
            }
        }
        let at = high.checked_sub(len)?;
        (at >= low).then_some((at, high))
    }
}
