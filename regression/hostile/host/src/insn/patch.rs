// SPDX-License-Identifier: GPL-2.0-or-later
//! TDCALL in memory becomes a short jump to its own third byte, where a block starts and flags are exact.
//!
//! The new bytes stay. Code that is copied with them, as Linux's decompressor copies itself, is recognised again. Only
//! TDCALLs that do not start a block are patched, before they have run for the first time.

/// TDCALL.
pub const TDCALL: [u8; 4] = [0x66, 0x0f, 0x01, 0xcc];
/// `jmp +0` and a no-op that no compiler writes.
pub const PATCHED: [u8; 4] = [0xeb, 0x00, 0x26, 0x90];
/// The second half of [`PATCHED`].
pub const SECOND: [u8; 2] = [0x26, 0x90];
