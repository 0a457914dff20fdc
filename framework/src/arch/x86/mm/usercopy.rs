// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Accesses to the current space's user memory, and what happens on a fault.
//!
//! An instruction that may fault on a user address has an entry in the section
//! `__ex_table`: its place and where to go on, both relative to the entry's
//! own words, and whether what it reads may be refused (#GP). The #PF and #GP handlers ask
//! [`fixup`]: a fault at an address of the kernel has none. SMAP is open (AC set)
//! between `stac` and `clac` only.

use core::arch::asm;

use crate::user::is_user_address;

/// One entry of the exception table.
#[repr(C)]
struct Entry {
    fault: i32,
    fixup: i32,
    may_refuse: i32,
}

unsafe extern "C" {
    static __ex_table_start: [Entry; 0];
    static __ex_table_end: [Entry; 0];
}

/// What an instruction could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Reach this address (#PF).
    Address(u64),
    /// Take what was there (#GP).
    Refusal,
}

/// The instructions that may fail.
#[cfg(feature = "ktest")]
pub(crate) fn sites() -> impl Iterator<Item = u64> {
    table().iter().map(|entry| target(&entry.fault))
}

/// Where to go on after a failure of the instruction at `rip`, if it is one to expect.
pub(crate) fn fixup(rip: u64, failure: Failure) -> Option<u64> {
    let is_expected = |entry: &&Entry| match failure {
        Failure::Address(addr) => is_user_address(addr),
        Failure::Refusal => entry.may_refuse != 0,
    };
    let known = table().iter().find(|entry| target(&entry.fault) == rip);
    known.filter(is_expected).map(|entry| target(&entry.fixup))
}

fn table() -> &'static [Entry] {
    let start = (&raw const __ex_table_start).cast::<Entry>();
    let end = (&raw const __ex_table_end).cast::<Entry>();
    let count = (end.addr() - start.addr()) / size_of::<Entry>();
    // SAFETY: the linker script puts both symbols around the entries, which are
    // constants made by the assembly below.
    unsafe { core::slice::from_raw_parts(start, count) }
}

/// The address that a word of an entry gives, from its own place.
fn target(word: &i32) -> u64 {
    let place = core::ptr::from_ref(word).addr() as u64;
    place.wrapping_add_signed(i64::from(*word))
}

/// Copies `len` bytes; returns how many it did not copy because of a fault.
///
/// # Safety
/// One side is a range of user addresses, the other is kernel memory valid for
/// `len` bytes (of reads, or of writes by this CPU alone or to a frame).
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> usize {
    let left;
    // SAFETY: the kernel's side is valid (caller); the user's side may fault,
    // and then goes on byte by byte (5) or ends (4) with the rest in RCX. The
    // user's side cannot hold kernel data, as user addresses map untyped frames
    // only. DF is clear as the ABI demands.
    unsafe {
        asm!(
            "stac",
            "2: rep movsq",
            "mov ecx, {tail:e}",
            "3: rep movsb",
            "4: clac",
            ".pushsection .text.fixup, \"ax\"",
            "5: lea rcx, [rcx * 8 + {tail}]",
            "jmp 3b",
            ".popsection",
            ".pushsection __ex_table, \"a\"",
            ".long 2b - ., 5b - ., 0",
            ".long 3b - ., 4b - ., 0",
            ".popsection",
            tail = in(reg) len % 8,
            inout("rcx") len / 8 => left,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack),
        );
    }
    left
}

/// Writes `len` zeros; returns how many it did not write because of a fault.
///
/// # Safety
/// `to` is a range of user addresses.
#[inline]
pub(crate) unsafe fn zero(to: *mut u8, len: usize) -> usize {
    let left;
    // SAFETY: as for `copy`.
    unsafe {
        asm!(
            "stac",
            "2: rep stosq",
            "mov ecx, {tail:e}",
            "3: rep stosb",
            "4: clac",
            ".pushsection .text.fixup, \"ax\"",
            "5: lea rcx, [rcx * 8 + {tail}]",
            "jmp 3b",
            ".popsection",
            ".pushsection __ex_table, \"a\"",
            ".long 2b - ., 5b - ., 0",
            ".long 3b - ., 4b - ., 0",
            ".popsection",
            tail = in(reg) len % 8,
            in("rax") 0u64,
            inout("rcx") len / 8 => left,
            inout("rdi") to => _,
            options(nostack),
        );
    }
    left
}

/// Reads a word in one access; `None` on a fault.
///
/// # Safety
/// `from` is a user address.
#[inline]
pub(crate) unsafe fn load_u64(from: *const u64) -> Option<u64> {
    let (value, failed): (u64, u32);
    // SAFETY: a fault goes on at 4 with the flag still set.
    unsafe {
        asm!(
            "stac",
            "2: mov {value}, [{from}]",
            "xor {failed:e}, {failed:e}",
            "4: clac",
            ".pushsection __ex_table, \"a\"",
            ".long 2b - ., 4b - ., 0",
            ".popsection",
            from = in(reg) from,
            value = inout(reg) 0u64 => value,
            failed = inout(reg) 1u32 => failed,
            options(nostack),
        );
    }
    (failed == 0).then_some(value)
}

/// Writes a word in one access; whether that worked.
///
/// # Safety
/// `to` is a user address.
#[inline]
pub(crate) unsafe fn store_u64(to: *mut u64, value: u64) -> bool {
    let failed: u32;
    // SAFETY: a fault goes on at 4 with the flag still set.
    unsafe {
        asm!(
            "stac",
            "2: mov [{to}], {value}",
            "xor {failed:e}, {failed:e}",
            "4: clac",
            ".pushsection __ex_table, \"a\"",
            ".long 2b - ., 4b - ., 0",
            ".popsection",
            to = in(reg) to,
            value = in(reg) value,
            failed = inout(reg) 1u32 => failed,
            options(nostack),
        );
    }
    failed == 0
}
