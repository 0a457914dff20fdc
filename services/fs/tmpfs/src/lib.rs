// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The in-memory file system that is the root.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
