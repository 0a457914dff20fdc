// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pipes and FIFOs.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
