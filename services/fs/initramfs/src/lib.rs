// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Unpacks cpio archives (newc, plain or gzip) into the root.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
