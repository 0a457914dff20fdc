// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Processes, threads, signals, exec and wait.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
