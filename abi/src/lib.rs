// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Linux's numbers and layouts, as programs on x86-64 see them.
//!
//! The lowest safe crate: error numbers and the [`Error`] that every driver class
//! and service returns, numbers, flag values, and the structs that programs and
//! kernel exchange, byte for byte. It decides nothing: checks and conversions are
//! the services'. Padding is spelled out, so no kernel byte leaks through it.
//!
//! Spec: the UAPI headers of Linux, x86-64, and the manual pages each item cites.

#![no_std]
#![forbid(unsafe_code)]

pub mod auxv;
pub mod capability;
pub mod clone;
pub mod device;
pub mod elf;
mod errno;
mod error;
pub mod fcntl;
pub mod fs;
pub mod futex;
pub mod ioctl;
pub mod limits;
pub mod magic;
pub mod mman;
pub mod mount;
pub mod namespace;
pub mod nr;
pub mod oom;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod resource;
pub mod sched;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod system;
pub mod termios;
pub mod time;

pub use errno::Errno;
pub use error::{Error, Result};
