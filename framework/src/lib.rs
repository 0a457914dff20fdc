// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The only kernel crate with unsafe: hardware, memory and the host behind safe types.

#![no_std]


extern crate alloc;
