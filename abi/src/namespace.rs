// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Inode numbers of namespaces, as the links in /proc/PID/ns show them.
//!
//! Those of the first namespaces are fixed, but for mount and network, which get theirs
//! like all later ones: from [`FIRST_OF_OTHERS`] on.
//!
//! Spec: namespaces(7).

/// The first ipc namespace.
pub const INITIAL_IPC: u32 = 0xefff_ffff;
/// The first uts namespace.
pub const INITIAL_UTS: u32 = 0xefff_fffe;
/// The first user namespace.
pub const INITIAL_USER: u32 = 0xefff_fffd;
/// The first pid namespace.
pub const INITIAL_PID: u32 = 0xefff_fffc;
/// The first cgroup namespace.
pub const INITIAL_CGROUP: u32 = 0xefff_fffb;
/// The first time namespace.
pub const INITIAL_TIME: u32 = 0xefff_fffa;
/// The lowest number of any other namespace.
pub const FIRST_OF_OTHERS: u32 = 0xf000_0000;
