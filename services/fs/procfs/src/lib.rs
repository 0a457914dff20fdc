// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc: processes and system figures, in Linux's text.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod format;
mod text;
