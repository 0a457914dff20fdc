// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where things go in an address space, and how much of that is chance.
//!
//! As on Linux x86-64: the stack at the top below a gap, mappings growing down
//! from under the stack, position-independent programs at two thirds, the heap
//! after the program. Each start is moved by its own random offset.

use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use framework::mm::PAGE_SIZE;

use crate::STACK_GUARD_PAGES;

/// The end of user addresses: 47 bits less one page.
pub const TASK_SIZE: usize = 0x7fff_ffff_f000;

/// The lowest address given to a program that may not map low memory.
pub const MMAP_MIN_ADDR: usize = 0x1_0000;

/// The end of what `MAP_32BIT` may use.
pub(crate) const LOW_32BIT_END: usize = 0x8000_0000;

/// Bits of pages by which mappings and position-independent programs move.
const MMAP_RANDOM_BITS: u32 = 28;

/// Pages by which the stack moves: 16 GiB.
const STACK_RANDOM_PAGES: u64 = 1 << 22;

/// Bytes by which the heap moves: 1 GiB.
const BRK_RANDOM: u64 = 1 << 30;

/// The gap between stack top and mappings is at least this.
const MIN_STACK_GAP: usize = 128 << 20;

/// Whether addresses are moved by chance (`ADDR_NO_RANDOMIZE` of personality(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aslr {
    /// Every start has its random offset.
    On,
    /// Every run gets the same addresses.
    Off,
}

static RANDOMIZATION: AtomicI32 = AtomicI32::new(2);

/// `kernel.randomize_va_space`: 0 for fixed addresses; 2 moves the heap too.
pub(crate) fn randomization() -> i32 {
    RANDOMIZATION.load(Relaxed)
}

/// Sets `kernel.randomize_va_space`.
pub(crate) fn set_randomization(value: i32) {
    RANDOMIZATION.store(value, Relaxed);
}

impl Aslr {
    /// As root has it for the machine, where the program does not ask for fixed addresses.
    pub fn of_machine() -> Self {
        if randomization() == 0 { Self::Off } else { Self::On }
    }

    fn pages(self, pages: u64) -> usize {
        match self {
            Self::On => (framework::random::u64() % pages) as usize * PAGE_SIZE,
            Self::Off => 0,
        }
    }
}

/// The starts chosen for one program.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Mappings without a wish are placed below this.
    pub mmap_base: usize,
    /// The first address above the stack.
    pub stack_top: usize,
    /// Where a position-independent program with an interpreter, or a static one, starts.
    pub pie_base: usize,
    /// Added to the end of the program's data to get the start of the heap.
    pub brk_offset: usize,
}

impl Layout {
    /// Draws a layout for a stack of at most `stack_limit` bytes.
    pub fn new(stack_limit: u64, aslr: Aslr) -> Self {
        let stack_random_max = match aslr {
            Aslr::On => STACK_RANDOM_PAGES as usize * PAGE_SIZE,
            Aslr::Off => 0,
        };
        let guard = STACK_GUARD_PAGES * PAGE_SIZE;
        let max_gap = TASK_SIZE / 6 * 5;
        let wanted = usize::try_from(stack_limit).unwrap_or(max_gap);
        let gap = wanted.saturating_add(guard + stack_random_max).clamp(MIN_STACK_GAP, max_gap);
        let base = (TASK_SIZE - gap) & !(PAGE_SIZE - 1);
        Self {
            mmap_base: base - aslr.pages(1 << MMAP_RANDOM_BITS),
            stack_top: TASK_SIZE - aslr.pages(STACK_RANDOM_PAGES),
            pie_base: page_down(TASK_SIZE / 3 * 2) + aslr.pages(1 << MMAP_RANDOM_BITS),
            brk_offset: match randomization() {
                1 => 0,
                _ => aslr.pages(BRK_RANDOM / PAGE_SIZE as u64),
            },
        }
    }
}

/// The start of the page that holds `addr`.
pub(crate) const fn page_down(addr: usize) -> usize {
    addr & !(PAGE_SIZE - 1)
}

/// The first page start at or after `addr`; `None` past the end of memory.
pub(crate) fn page_up(addr: usize) -> Option<usize> {
    addr.checked_add(PAGE_SIZE - 1).map(page_down)
}

/// As [`page_up`] where Linux lets it wrap: the last page's worth of lengths becomes zero.
pub(crate) const fn page_up_wrapping(len: usize) -> usize {
    page_down(len.wrapping_add(PAGE_SIZE - 1))
}

/// True when `addr` starts a page.
pub(crate) const fn is_aligned(addr: usize) -> bool {
    addr & (PAGE_SIZE - 1) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_ordered_and_aligned() {
        for limit in [0, 8 << 20, 1 << 40, u64::MAX] {
            for _ in 0..100 {
                let l = Layout::new(limit, Aslr::On);
                assert!(l.mmap_base < l.stack_top && l.stack_top <= TASK_SIZE);
                assert!(l.mmap_base > MMAP_MIN_ADDR);
                assert!(l.pie_base < TASK_SIZE);
                for start in [l.mmap_base, l.stack_top, l.pie_base, l.brk_offset] {
                    assert!(is_aligned(start));
                }
            }
        }
        let a = Layout::new(8 << 20, Aslr::Off);
        assert_eq!(a.stack_top, TASK_SIZE);
        assert_eq!(a.mmap_base, 0x7fff_f7ff_f000);
        assert_eq!(a.pie_base, 0x5555_5555_4000);
    }
}
