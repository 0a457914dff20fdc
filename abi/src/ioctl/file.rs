// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Controls of descriptors, files, pipes and the random devices.
//!
//! Spec: ioctl(2), random(4).

use super::ior;

/// Block size of a file.
pub const FIGETBSZ: u32 = 2;
/// Size in bytes of what is stored.
pub const FIOQSIZE: u32 = 0x5460;
/// Bytes that can be read.
pub const FIONREAD: u32 = 0x541b;
/// Set or clear `O_NONBLOCK`.
pub const FIONBIO: u32 = 0x5421;
/// Clear close-on-exec.
pub const FIONCLEX: u32 = 0x5450;
/// Set close-on-exec.
pub const FIOCLEX: u32 = 0x5451;
/// Set or clear `O_ASYNC`.
pub const FIOASYNC: u32 = 0x5452;
/// Bits of entropy in the pool.
pub const RNDGETENTCNT: u32 = ior::<i32>(b'R', 0);
/// Share the blocks of another file.
pub const FICLONE: u32 = 0x4004_9409;
