// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The size of a page, and where a program's addresses end.

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: usize = 4096;
/// The lowest address that can be mapped: null pointers fault.
pub const USER_MIN: usize = 0x1000;
/// The end of user addresses. The page below the canonical hole stays empty, so
/// that no instruction ends at a non-canonical address.
pub const USER_MAX: usize = 0x7fff_ffff_f000;
