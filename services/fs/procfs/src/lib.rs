// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc: processes and system figures.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
