// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User address spaces: VM areas, page faults, mmap and its family.
//!
//! An [`AddressSpace`] is what Linux calls an mm: a sorted map of [`Area`]s over
//! one page table ([`framework::mm::VmSpace`]). Areas say what may be there,
//! faults put frames there. This crate owns every rule about both, and the
//! figures `/proc` shows of them; it never looks at who is running.
//!
//! The syscall crate and `task` (fork, exec, exit) call it; it calls the
//! framework for frames and tables, and `vfs` pagers for pages of files.
//!
//! Locks: the address space's lock (sleeping; written by calls that change
//! areas, read by faults) > a pager's locks > the page table's locks.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod advise;
mod area;
mod area_limit;
mod area_map;
mod brk;
mod commit;
mod evict;
mod fault;
mod fault_error;
mod flags;
mod fork;
mod layout;
mod lock;
mod mmap;
mod mremap;
mod proc;
mod protect;
mod report;
mod shared;
mod space;
mod stack;

#[cfg(test)]
mod tests;

pub use advise::Advice;
pub use area::{Area, Backing};
pub use area_limit::max_areas;
pub(crate) use area_limit::set_max_areas;
pub use fault::{OomVerdict, set_oom_hook};
pub use fault_error::FaultError;
pub use flags::AreaFlags;
pub use layout::{Aslr, Layout, MMAP_MIN_ADDR, TASK_SIZE};
pub use lock::LockMode;
pub use mmap::MapRequest;
pub use proc::{init, set_resident_hook};
pub use report::{AreaInfo, Usage};
pub use shared::SharedPages;
pub use space::{AddressSpace, Limits, ProgramInfo};

/// The result of a call: errors carry Linux's number.
pub use abi::Result;

/// Pages kept free below a growing stack, Linux's `stack_guard_gap`.
pub const STACK_GUARD_PAGES: usize = 256;
