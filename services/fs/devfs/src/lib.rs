// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Device nodes: null, zero, full, random, urandom, tty, console, kmsg.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
