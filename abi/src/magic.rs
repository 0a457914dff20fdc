// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The magic numbers of file systems, which statfs shows as `f_type`.
//!
//! Spec: statfs(2), linux/magic.h.

#![allow(missing_docs, reason = "the names are the documentation: statfs(2)")]

pub const CONFIGFS_MAGIC: u64 = 0x6265_6570;
pub const PIPEFS_MAGIC: u64 = 0x5049_5045;
pub const PROC_SUPER_MAGIC: u64 = 0x9fa0;
pub const SYSFS_MAGIC: u64 = 0x6265_6572;
pub const TMPFS_MAGIC: u64 = 0x0102_1994;
