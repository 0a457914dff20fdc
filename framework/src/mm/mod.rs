// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory: frames, address spaces, user memory and the kernel's own heap.
//!
//! Hands out untyped pages ([`Frame`]), address spaces to map them in
//! ([`VmSpace`]) and ways to move bytes between user and kernel memory
//! ([`Reader`], [`Writer`]). Typed frames (page tables, stacks, the heap) never
//! leave the crate. Policy, that is areas, files and what to evict, is not here.
//!
//! The hosted backend runs the same code on an arena of simulated memory.
//!
//! Locks: a space's tables, then the frame pool.

mod access;
#[cfg(target_os = "none")]
mod early;
mod frame;
mod frames;
mod gather;
#[cfg(all(target_os = "none", feature = "ktest"))]
mod guest_tests;
#[cfg(any(target_os = "none", test))]
mod heap;
#[cfg(not(target_os = "none"))]
mod hosted;
mod io;
#[cfg(target_os = "none")]
mod kernel;
mod local;
mod meta;
#[cfg(target_os = "none")]
mod pending;
mod phys;
mod pod;
mod pool;
mod range;
mod refs;
#[cfg(any(target_os = "none", test))]
mod slab;
mod space;
#[cfg(target_os = "none")]
mod stack;
mod table;
mod tlb;
mod usage;

pub use self::access::CStrError;
#[cfg(target_os = "none")]
pub(crate) use self::access::UserSpan;
pub use self::frame::Frame;
pub use self::frames::{MemStats, admit, stats};
pub use self::io::{Reader, Writer};
pub(crate) use self::phys::Pfn;
pub use self::pod::Pod;
pub use self::range::{MAX_REGIONS, MemoryMap, PhysRange, TooMany};
pub use self::space::{Access, Cow, FaultHandler, Mapping, Perms, Sharing, VmSpace, WriteOutcome};
pub use self::usage::{KernelUsage, kernel_usage};
pub use crate::pod_struct;

#[cfg(target_os = "none")]
pub(crate) use self::{
    kernel::{
        init, is_kernel_stack, kernel_root, low_page, map_arena, map_device, map_private,
        phys_to_virt, release_boot_range, release_low_page,
    },
    stack::{KernelStack, is_guard},
    tlb::activate_kernel,
};

#[cfg(not(target_os = "none"))]
pub(crate) use self::hosted::map_private;

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: usize = 4096;
/// The lowest address that can be mapped: null pointers fault.
pub const USER_MIN: usize = 0x1000;
/// The end of user addresses. The page below the canonical hole stays empty, so
/// that no instruction ends at a non-canonical address.
pub const USER_MAX: usize = 0x7fff_ffff_f000;

/// There is no memory left for this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// The program has no such right at that address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserFault;

#[cfg(test)]
mod tests;
