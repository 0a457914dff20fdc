// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sockets.
//!
//! Spec: socket(2), linux/net.h.

/// The bits of socket(2)'s type that are the type.
pub const SOCK_TYPE_MASK: u32 = 0xf;
/// One more than the largest type.
pub const SOCK_MAX: u32 = 11;
/// The descriptor does not survive execve(2).
pub const SOCK_CLOEXEC: u32 = 0o2_000_000;
/// Operations do not wait.
pub const SOCK_NONBLOCK: u32 = 0o4000;
