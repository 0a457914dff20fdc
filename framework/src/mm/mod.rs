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
mod active;
mod batch;
mod early;
mod error;
mod failing;
mod frame;
mod frames;
mod gather;
#[cfg(all(target_os = "none", feature = "ktest"))]
mod guest_tests;
mod heap;
mod io;
#[cfg(target_os = "none")]
mod kernel;
mod layout;
mod leaf;
mod local;
mod meta;
mod pending;
mod perms;
mod phys;
mod pod;
mod pool;
mod range;
mod refs;
mod root;
mod round;
mod slab;
mod space;
#[cfg(target_os = "none")]
mod stack;
mod table;
mod tlb;
mod untyped;
mod usage;

pub use self::access::CStrError;
pub(crate) use self::access::UserSpan;
pub use self::error::{NoMemory, UserFault};
pub use self::failing::start_failing;
pub use self::frame::Frame;
pub use self::frames::{MemStats, admit, is_short, stats};
pub use self::io::{Reader, Writer};
pub use self::layout::{PAGE_SIZE, USER_MAX, USER_MIN};
pub use self::perms::{Access, Perms};
pub(crate) use self::phys::{Pfn, ptr as phys_to_virt};
pub use self::pod::Pod;
pub use self::range::{MAX_REGIONS, MemoryMap, PhysRange, TooMany};
pub use self::space::{Cow, FaultHandler, Mapping, Sharing, VmSpace, WriteOutcome};
#[cfg(target_os = "none")]
pub use self::stack::give_back_stacks;
pub(crate) use self::untyped::Untyped;
pub use self::usage::{KernelUsage, kernel_usage};
#[cfg(not(target_os = "none"))]
pub use crate::hosted::memory::give_back_stacks;
pub use crate::pod_struct;

#[cfg(target_os = "none")]
pub(crate) use self::{
    active::activate_kernel,
    kernel::{
        init, is_kernel_stack, low_page, map_arena, map_device, map_private, release_low_page,
        seal_low_page,
    },
    stack::{KernelStack, SIZE as KERNEL_STACK_SIZE, is_guard},
    tlb::serve_flush_of_stacks,
};
pub(crate) use self::{frames::release_boot_range, root::kernel_root};
#[cfg(not(target_os = "none"))]
pub(crate) use self::{
    local::Initial,
    meta::Meta,
    pool::{CHUNK, Chunk},
};
#[cfg(not(target_os = "none"))]
pub(crate) use crate::hosted::memory::{map_device, map_private};

#[cfg(test)]
mod tests;
