// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Controls of disks.
//!
//! Spec: linux/fs.h.

#![allow(missing_docs, reason = "the names are the documentation: linux/fs.h")]

use super::{ior, iow};

pub const BLKROGET: u32 = 0x125e;
pub const BLKRRPART: u32 = 0x125f;
pub const BLKGETSIZE: u32 = 0x1260;
pub const BLKFLSBUF: u32 = 0x1261;
pub const BLKRASET: u32 = 0x1262;
pub const BLKRAGET: u32 = 0x1263;
pub const BLKSSZGET: u32 = 0x1268;
pub const BLKDISCARD: u32 = 0x1277;
pub const BLKIOMIN: u32 = 0x1278;
pub const BLKIOOPT: u32 = 0x1279;
pub const BLKALIGNOFF: u32 = 0x127a;
pub const BLKPBSZGET: u32 = 0x127b;
pub const BLKDISCARDZEROES: u32 = 0x127c;
pub const BLKZEROOUT: u32 = 0x127f;
pub const BLKROTATIONAL: u32 = 0x127e;
pub const BLKBSZGET: u32 = ior::<u64>(0x12, 0x70);
pub const BLKBSZSET: u32 = iow::<u64>(0x12, 0x71);
pub const BLKGETSIZE64: u32 = ior::<u64>(0x12, 0x72);
