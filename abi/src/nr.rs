// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The numbers of the system calls that the kernel itself names, to restart them.
//!
//! All others are in the table of `syscalls`.

/// poll(2).
pub const POLL: u64 = 7;
/// nanosleep(2).
pub const NANOSLEEP: u64 = 35;
/// futex(2).
pub const FUTEX: u64 = 202;
/// restart_syscall(2).
pub const RESTART_SYSCALL: u64 = 219;
/// clock_nanosleep(2).
pub const CLOCK_NANOSLEEP: u64 = 230;
