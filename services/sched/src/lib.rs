// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Scheduling policy: fair class, per-CPU queues, balancing.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
