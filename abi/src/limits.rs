// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Limits that programs may count on.
//!
//! Spec: linux/limits.h, linux/binfmts.h; path_resolution(7), pipe(7), execve(2).

/// The longest name of one directory entry, in bytes.
pub const NAME_MAX: usize = 255;
/// The longest path including its terminating NUL, in bytes.
pub const PATH_MAX: usize = 4096;
/// A write of as many bytes into a pipe is not mixed with others.
pub const PIPE_BUF: usize = 4096;
/// The most supplementary groups that setgroups(2) takes.
pub const NGROUPS_MAX: usize = 65536;

/// Bytes that arguments and environment may take however small the stack limit is.
pub const ARG_MAX: usize = 128 * 1024;
/// The longest single argument, with its NUL.
pub const MAX_ARG_STRLEN: usize = 128 * 1024;
/// How much of a program is read to tell its format, and so the longest `#!` line.
pub const BINPRM_BUF_SIZE: usize = 256;
