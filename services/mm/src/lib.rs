// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User address spaces: VM areas, faults, brk and mmap.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
