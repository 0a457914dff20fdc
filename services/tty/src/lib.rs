// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminals: line discipline, job control, the console.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod ldisc;
pub mod termios;
