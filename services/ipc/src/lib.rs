// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pipes and FIFOs.
//!
//! [`pipe()`] makes the two ends of an anonymous pipe; [`init`] teaches the vfs to open
//! FIFO nodes. Both share one `Pipe`: a ring of page frames between readers
//! and writers.
//!
//! Spec: pipe(7), fifo(7).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod account;
mod anonymous;
mod end;
mod fifo;
mod pipe;
mod proc;
mod ring;
#[cfg(test)]
mod tests;

pub use anonymous::pipe;
pub use end::{await_room, is_pipe, pipe_size, put_pages, set_pipe_size};

/// Installs the opening of FIFOs.
pub fn init() {
    anonymous::init();
    proc::init();
    vfs::hooks::set_fifo_open(fifo::open);
}
