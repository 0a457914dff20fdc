// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User, group and capability sets of a task.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
