// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The traits that devices implement and services use.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
