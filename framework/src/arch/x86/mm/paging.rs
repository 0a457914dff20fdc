// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The format of x86-64 page-table entries, four levels of 4 KiB tables.
//!
//! A [`Pte`] is plain data: nothing here touches memory, so the hosted backend
//! uses the same format on simulated memory.
//!
//! Spec: Intel SDM volume 3, 5.5 "4-level paging"; bits 9 to 11 and 52 are ours.

use crate::cvm::{TableAddr, private};
use crate::mm::{PAGE_SIZE, Perms, Pfn};

/// Entries in a table of any level.
pub(crate) const ENTRIES: usize = 512;
/// Entries of the top table that user addresses use.
pub(crate) const USER_ENTRIES: usize = 256;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const UNCACHED: u64 = 1 << 3 | 1 << 4;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const HUGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
/// The frame may be shared copy-on-write: never set `WRITABLE` beside it.
const COW: u64 = 1 << 9;
/// A copy-on-write page that the program may write (after the copy).
const COW_WRITE: u64 = 1 << 10;
/// A page without any permission: not `PRESENT`, but it holds a frame.
const NO_ACCESS: u64 = 1 << 11;
/// A copy that not all CPUs see yet: `COW` is set too, and nobody may write it.
const FRESH: u64 = 1 << 52;
const NO_EXEC: u64 = 1 << 63;
/// The bits of an entry that number a frame: a [`Pfn`] has 32. Above them may be the mark
/// of private or shared memory.
const FRAME: u64 = 0x0000_0fff_ffff_f000;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Index of `addr` in a table of `level` (1 is the leaf, 4 the top).
#[inline]
pub(crate) const fn index(addr: usize, level: usize) -> usize {
    (addr >> (12 + 9 * (level - 1))) & (ENTRIES - 1)
}

/// Bytes that one entry of a table of `level` covers.
#[inline]
pub(crate) const fn span(level: usize) -> usize {
    PAGE_SIZE << (9 * (level - 1))
}

/// A page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Pte(pub(crate) u64);

impl Pte {
    /// Nothing mapped.
    pub(crate) const EMPTY: Self = Self(0);

    /// A pointer to a lower table, open to user mode: the leaves decide.
    pub(crate) fn user_table(table: Pfn) -> Self {
        Self(private(table.addr()).bits() | PRESENT | WRITABLE | USER | ACCESSED)
    }

    /// A pointer to a lower table of the kernel's half.
    pub(crate) fn kernel_table(table: Pfn) -> Self {
        Self(private(table.addr()).bits() | PRESENT | WRITABLE | ACCESSED)
    }

    /// A kernel page at a physical address.
    pub(crate) fn kernel_page(addr: TableAddr, perms: Perms, kind: KernelPage) -> Self {
        let mut bits = (addr.bits() & ADDRESS) | PRESENT | ACCESSED | DIRTY | GLOBAL;
        if perms.contains(Perms::WRITE) {
            bits |= WRITABLE;
        }
        if !perms.contains(Perms::EXEC) {
            bits |= NO_EXEC;
        }
        bits |= match kind {
            KernelPage::Small => 0,
            KernelPage::Huge => HUGE,
            KernelPage::Device => UNCACHED,
        };
        Self(bits)
    }

    /// A user page of `frame`, copy-on-write or not.
    #[inline]
    pub(crate) fn user_page(frame: Pfn, perms: Perms, cow: bool) -> Self {
        let base = private(frame.addr()).bits() | USER | if cow { COW } else { 0 };
        Self(base).with_perms(perms)
    }

    /// The same entry, not present; its frame is still known.
    pub(crate) fn absent(self) -> Self {
        Self(self.0 & !PRESENT)
    }

    /// The table or frame this entry points to.
    #[inline]
    pub(crate) fn pfn(self) -> Option<Pfn> {
        Pfn::new((self.0 >> 12) as u32)
    }

    /// Is this entry a pointer to a lower table?
    #[inline]
    pub(crate) fn is_table(self) -> bool {
        self.0 & (PRESENT | HUGE) == PRESENT
    }

    /// Does this leaf entry hold a frame (perhaps without permissions)?
    #[inline]
    pub(crate) fn is_page(self) -> bool {
        self.0 & (PRESENT | NO_ACCESS) != 0
    }

    /// Does the hardware allow user mode this read or fetch?
    #[inline]
    pub(crate) fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Does the hardware allow writes now?
    #[inline]
    pub(crate) fn is_writable(self) -> bool {
        self.0 & (PRESENT | WRITABLE) == PRESENT | WRITABLE
    }

    /// Has the page been written through this entry?
    #[inline]
    pub(crate) fn is_dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    /// Is the page open to user mode?
    #[cfg(feature = "ktest")]
    pub(crate) fn is_user(self) -> bool {
        self.0 & USER != 0
    }

    /// Must a write copy the page first?
    #[inline]
    pub(crate) fn is_cow(self) -> bool {
        self.0 & COW != 0
    }

    /// What the program may do, after a copy where one is due.
    pub(crate) fn perms(self) -> Perms {
        let mut perms = Perms::empty();
        if self.0 & PRESENT != 0 {
            perms |= Perms::READ;
            if self.0 & NO_EXEC == 0 {
                perms |= Perms::EXEC;
            }
        }
        if self.0 & (WRITABLE | COW_WRITE) != 0 {
            perms |= Perms::WRITE;
        }
        perms
    }

    /// The same page with other permissions; copy-on-write pages stay so.
    #[inline]
    pub(crate) fn with_perms(self, perms: Perms) -> Self {
        let mut bits = self.0 & !(PRESENT | WRITABLE | COW_WRITE | NO_ACCESS | NO_EXEC | GLOBAL);
        bits |= if perms.is_empty() { NO_ACCESS } else { PRESENT };
        if perms.contains(Perms::WRITE) {
            bits |= if bits & COW != 0 { COW_WRITE } else { WRITABLE };
        }
        if !perms.contains(Perms::EXEC) {
            bits |= NO_EXEC;
        }
        Self(bits)
    }

    /// The same page, to be copied before it is written.
    #[inline]
    pub(crate) fn into_cow(self) -> Self {
        let write = if self.0 & WRITABLE != 0 { COW_WRITE } else { 0 };
        Self(self.0 & !WRITABLE | COW | write)
    }

    /// The same entry for another frame.
    #[inline]
    pub(crate) fn with_frame(self, frame: Pfn) -> Self {
        Self(self.0 & !FRAME | frame.addr())
    }

    /// The entry of a copy-on-write page with a copy, `frame`, that CPUs may not see yet.
    #[inline]
    pub(crate) fn into_fresh(self, frame: Pfn) -> Self {
        Self(self.with_frame(frame).0 | FRESH)
    }

    /// Is it a copy that not all CPUs see yet?
    #[inline]
    pub(crate) fn is_fresh(self) -> bool {
        self.0 & FRESH != 0
    }

    /// The same copy-on-write page as one that may be copied, by who is not waited for.
    #[inline]
    pub(crate) fn into_settled(self) -> Self {
        Self(self.0 & !FRESH)
    }

    /// The entry after the copy: `frame` is the program's own.
    #[inline]
    pub(crate) fn into_private(self, frame: Pfn) -> Self {
        let write = if self.0 & COW_WRITE != 0 { WRITABLE } else { 0 };
        Self(self.with_frame(frame).0 & !(COW | COW_WRITE | FRESH) | write)
    }

    /// Marks the page as used, and as written if `written`.
    #[inline]
    pub(crate) fn touched_bits(written: bool) -> u64 {
        if written { ACCESSED | DIRTY } else { ACCESSED }
    }
}

/// Kinds of pages of the kernel's half.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KernelPage {
    /// 4 KiB of memory.
    Small,
    /// 2 MiB of memory.
    Huge,
    /// 4 KiB of device registers, not cached.
    Device,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u32) -> Pfn {
        Pfn::new(n).unwrap()
    }

    #[test]
    fn permissions_survive_cow() {
        let pte = Pte::user_page(frame(7), Perms::READ | Perms::WRITE, false);
        assert!(pte.is_writable());
        let cow = pte.into_cow();
        assert!(!cow.is_writable() && cow.is_cow());
        assert_eq!(cow.perms(), Perms::READ | Perms::WRITE);
        let own = cow.into_private(frame(9));
        assert!(own.is_writable() && !own.is_cow());
        assert_eq!(own.pfn(), Some(frame(9)));
    }

    #[test]
    fn cow_page_never_becomes_writable_by_protect() {
        let pte = Pte::user_page(frame(7), Perms::READ, true);
        let wider = pte.with_perms(Perms::READ | Perms::WRITE);
        assert!(!wider.is_writable());
        assert_eq!(wider.perms(), Perms::READ | Perms::WRITE);
    }

    #[test]
    fn no_access_keeps_the_frame() {
        let pte = Pte::user_page(frame(7), Perms::READ, false).with_perms(Perms::empty());
        assert!(pte.is_page() && !pte.is_present() && !pte.is_table());
        assert_eq!(pte.pfn(), Some(frame(7)));
        assert_eq!(pte.perms(), Perms::empty());
        let back = pte.with_perms(Perms::READ | Perms::EXEC);
        assert!(back.is_present());
        assert_eq!(back.perms(), Perms::READ | Perms::EXEC);
    }

    #[test]
    fn indices_split_the_address() {
        let addr = (3 << 39) | (5 << 30) | (7 << 21) | (9 << 12) | 11;
        assert_eq!([4, 3, 2, 1].map(|level| index(addr, level)), [3, 5, 7, 9]);
        assert_eq!(span(1), PAGE_SIZE);
        assert_eq!(span(2), 2 << 20);
    }
}
