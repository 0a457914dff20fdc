// SPDX-License-Identifier: Apache-2.0 OR MIT
//! 16550 serial port driver.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
