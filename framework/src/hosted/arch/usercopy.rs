// SPDX-License-Identifier: Apache-2.0 OR MIT
//! No program's addresses are valid here: every direct access faults at once.

/// Copies nothing.
///
/// # Safety
/// None: nothing is accessed.
pub(crate) unsafe fn copy(_: *mut u8, _: *const u8, len: usize) -> usize {
    len
}

/// Writes nothing.
///
/// # Safety
/// None: nothing is accessed.
pub(crate) unsafe fn zero(_: *mut u8, len: usize) -> usize {
    len
}

/// Reads nothing.
///
/// # Safety
/// None: nothing is accessed.
pub(crate) unsafe fn load_u64(_: *const u64) -> Option<u64> {
    None
}

/// Writes nothing.
///
/// # Safety
/// None: nothing is accessed.
pub(crate) unsafe fn store_u64(_: *mut u64, _: u64) -> bool {
    false
}
