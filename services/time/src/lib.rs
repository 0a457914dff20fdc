// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clocks, sleeps and POSIX interval timers.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
