// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The operations of futex, and the word of a robust futex.
//!
//! Spec: futex(2), get_robust_list(2).

#![allow(missing_docs, reason = "the names are the documentation: futex(2)")]

pub const FUTEX_WAIT: u32 = 0;
pub const FUTEX_WAKE: u32 = 1;
pub const FUTEX_REQUEUE: u32 = 3;
pub const FUTEX_CMP_REQUEUE: u32 = 4;
/// Change a second word, then wake at both.
pub const FUTEX_WAKE_OP: u32 = 5;
pub const FUTEX_WAIT_BITSET: u32 = 9;
pub const FUTEX_WAKE_BITSET: u32 = 10;
pub const FUTEX_CLOCK_REALTIME: u32 = 0x100;

pub const FUTEX_PRIVATE_FLAG: u32 = 0x80;
/// What of the operation's number is the command: all but the two flags.
pub const FUTEX_CMD_MASK: u32 = !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
/// Of the operations on futexes with priority inheritance, those with a time-out.
pub const FUTEX_LOCK_PI: u32 = 6;
pub const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
pub const FUTEX_LOCK_PI2: u32 = 13;

/// The bits that FUTEX_WAIT and FUTEX_WAKE use.
pub const FUTEX_BITSET_MATCH_ANY: u32 = u32::MAX;

/// In the word: somebody waits.
pub const FUTEX_WAITERS: u32 = 0x8000_0000;
/// In the word: its owner ended while holding it.
pub const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
/// In the word: the owner.
pub const FUTEX_TID_MASK: u32 = 0x3fff_ffff;

/// As many entries of a robust list as are looked at, so that a loop in it ends.
pub const ROBUST_LIST_LIMIT: usize = 2048;

framework::pod_struct! {
    /// `struct robust_list_head` (`man 2 get_robust_list`).
    #[derive(Debug, Default)]
    pub struct RobustListHead {
        /// Address of the first entry; the head's own at the end of the list.
        pub next: u64,
        /// From an entry to its futex word, in bytes.
        pub futex_offset: i64,
        /// The entry that is being locked or unlocked.
        pub pending: u64,
    }
}

const _: () = assert!(size_of::<RobustListHead>() == 24);
