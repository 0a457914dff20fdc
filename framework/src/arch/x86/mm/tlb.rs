// SPDX-License-Identifier: Apache-2.0 OR MIT
//! This CPU's translations: loading page tables, and forgetting what was in them.
//!
//! Spec: Intel SDM vol. 3, 5.10 "Caching translation information".

use core::arch::asm;
use core::ops::Range;

use crate::mm::{PAGE_SIZE, Pfn, USER_MAX};

/// Above so many pages, forgetting everything is cheaper.
const FULL: usize = 32;

/// Makes this CPU forget the pages of `range` (and perhaps more).
pub(crate) fn flush_local(range: Range<usize>) {
    if range.len() <= FULL * PAGE_SIZE {
        for page in range.step_by(PAGE_SIZE) {
            // SAFETY: forgetting a translation is always allowed.
            unsafe { asm!("invlpg [{}]", in(reg) page, options(nostack, preserves_flags)) };
        }
    } else if range.start < USER_MAX {
        // SAFETY: reloading the current tables only forgets translations.
        unsafe {
            asm!("mov {old}, cr3", "mov cr3, {old}", old = out(reg) _,
                options(nostack, preserves_flags));
        }
    } else {
        // SAFETY: switching global pages (bit 7) off and on again only
        // forgets translations, those of the kernel too.
        unsafe {
            asm!("mov {old}, cr4", "mov {new}, {old}", "xor {new}, 0x80",
                "mov cr4, {new}", "mov cr4, {old}",
                old = out(reg) _, new = out(reg) _, options(nostack));
        }
    }
}

/// Loads a top table.
///
/// # Safety
/// `root` has the kernel's half, and lives until another one is loaded.
pub(crate) unsafe fn load_tables(root: Pfn) {
    let root = crate::cvm::private(root.addr()).bits();
    // SAFETY: the kernel's half is in the tables (caller), so the kernel
    // runs on as before.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
}
