// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Inodes, dentries, mounts, open files and path lookup.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
