// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Calls that programs tried and nobody serves.

use crate::row::NUMBERS;
use core::sync::atomic::{AtomicU32, Ordering};

/// How often each number that is not served has been called.
static UNSERVED: [AtomicU32; NUMBERS] = [const { AtomicU32::new(0) }; NUMBERS];

/// Counts a call that is not served, and logs the first of each number.
#[cold]
pub(crate) fn note_unserved(number: u32, name: &str) {
    // Numbers beyond all rows share the last count: a program cannot fill the log with them.
    let slot = (number as usize).min(NUMBERS - 1);
    let count = UNSERVED.get(slot).map_or(1, |count| count.fetch_add(1, Ordering::Relaxed));
    if count == 0 {
        log::info!("system call {number} ({name}) is not served");
    }
}

/// How often calls that are not served were tried: number and count.
pub fn unserved() -> impl Iterator<Item = (usize, u32)> {
    UNSERVED
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .enumerate()
        .filter(|(_, count)| *count > 0)
}
