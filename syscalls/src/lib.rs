// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The Linux system-call ABI: table, argument decoding, struct layouts.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
