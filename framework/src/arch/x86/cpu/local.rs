// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Local`]: the head of the per-CPU block that GS points to.
//!
//! What is here is reached by single instructions or by the assembly, which knows
//! the offsets. What else a CPU keeps stands behind it: `task::percpu`.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

#[cfg(debug_assertions)]
use crate::sync::Held;

/// Each field is touched only by its own CPU, with interrupts off or by single
/// instructions.
#[repr(C)]
pub(crate) struct Local {
    /// Its own address, for `mov reg, gs:[0]`.
    myself: AtomicPtr<Self>,
    preempt: UnsafeCell<u32>,
    id: u32,
    /// The task that runs; its type belongs to higher modules.
    current: AtomicPtr<()>,
    /// Its address space, likewise.
    space: AtomicPtr<()>,
    kernel_rsp: u64,
    frame_top: u64,
    scratch: u64,
    tss: AtomicU64,
    /// The locks that the current task holds.
    #[cfg(debug_assertions)]
    held: AtomicPtr<Held>,
}

/// Set in `preempt` while nobody wants a switch, so that zero means "may and should
/// switch".
pub(super) const NOT_WANTED: u32 = 1 << 31;

pub(crate) const KERNEL_RSP: usize = offset_of!(Local, kernel_rsp);
pub(crate) const FRAME_TOP: usize = offset_of!(Local, frame_top);
pub(crate) const SCRATCH: usize = offset_of!(Local, scratch);
pub(crate) const TSS: usize = offset_of!(Local, tss);
pub(super) const PREEMPT: usize = offset_of!(Local, preempt);
const ID: usize = offset_of!(Local, id);
const CURRENT: usize = offset_of!(Local, current);
const SPACE: usize = offset_of!(Local, space);

/// Whether the boot CPU has its block.
static INSTALLED: AtomicBool = AtomicBool::new(false);

// SAFETY: the atomics are what they are; the cell is touched only by the CPU that
// owns the block.
unsafe impl Sync for Local {}

impl Local {
    /// The head for CPU `id`, without a task.
    pub(crate) const fn new(id: u32) -> Self {
        Self {
            myself: AtomicPtr::new(core::ptr::null_mut()),
            preempt: UnsafeCell::new(NOT_WANTED),
            id,
            current: AtomicPtr::new(core::ptr::null_mut()),
            space: AtomicPtr::new(core::ptr::null_mut()),
            kernel_rsp: 0,
            frame_top: 0,
            scratch: 0,
            tss: AtomicU64::new(0),
            #[cfg(debug_assertions)]
            held: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// The number of its CPU.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Tells entry code where the CPU's TSS is.
    pub(crate) fn set_tss(&self, tss: u64) {
        self.tss.store(tss, Ordering::Relaxed);
    }

    /// The current task.
    pub(crate) fn current(&self) -> *const () {
        self.current.load(Ordering::Relaxed)
    }

    /// Changes the current task.
    pub(crate) fn set_current(&self, task: *const ()) {
        self.current.store(task.cast_mut(), Ordering::Relaxed);
    }

    /// Changes the address space of the current task.
    pub(crate) fn set_space(&self, space: *const ()) {
        self.space.store(space.cast_mut(), Ordering::Relaxed);
    }

    /// Changes the record of the locks that the current task holds.
    #[cfg(debug_assertions)]
    pub(crate) fn set_held(&self, held: *mut Held) {
        self.held.store(held, Ordering::Relaxed);
    }
}

/// Points GS of this CPU to its block.
///
/// # Safety
/// Once for each CPU, before anything that asks for the current CPU. A [`Local`]
/// begins at `block`, and stays for ever.
pub(crate) unsafe fn install(block: *const Local) {
    // SAFETY: a `Local` begins there (caller).
    let local = unsafe { &*block };
    local.myself.store(block.cast_mut(), Ordering::Relaxed);
    // SAFETY: the kernel is compiled without thread-local storage: GS is ours.
    unsafe {
        asm!("wrgsbase {}", in(reg) block.expose_provenance(), options(nomem, nostack, preserves_flags))
    };
    INSTALLED.store(true, Ordering::Relaxed);
}

/// Whether this CPU may ask for its block: it is not just being booted.
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// The block of this CPU. The caller keeps interrupts (or preemption) off as long
/// as it means "this CPU".
#[inline]
pub(crate) fn here() -> *const Local {
    let block: *const Local;
    // SAFETY: GS points to this CPU's block, whose first word is its address.
    unsafe {
        asm!("mov {}, gs:[0]", out(reg) block, options(nostack, preserves_flags, pure, readonly))
    };
    block
}

/// The 32-bit field at offset `AT`, of the CPU that executes this one instruction.
#[inline]
pub(super) fn half<const AT: usize>() -> u32 {
    const { assert!(AT + 4 <= size_of::<Local>()) };
    let half: u32;
    // SAFETY: GS points to this CPU's block, in which the field lies.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) half, const AT, options(nostack, preserves_flags, readonly))
    };
    half
}

/// The pointer at offset `AT`, likewise.
#[inline]
fn pointer<const AT: usize>() -> *const () {
    const { assert!(AT + 8 <= size_of::<Local>()) };
    let pointer: *const ();
    // SAFETY: GS points to this CPU's block, in which the field lies.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) pointer, const AT, options(nostack, preserves_flags, readonly))
    };
    pointer
}

#[inline]
pub(crate) fn cpu_id() -> u32 {
    half::<ID>()
}

/// The current task; null until there is one.
#[inline]
pub(crate) fn current() -> *const () {
    pointer::<CURRENT>()
}

/// Whether user addresses are those of the address space at `space`: the current task
/// runs in it.
#[inline]
pub(crate) fn is_active_space(space: *const ()) -> bool {
    core::ptr::eq(pointer::<SPACE>(), space)
}

/// Calls `f` with the record of locks held by the current task, if there is one yet.
#[cfg(debug_assertions)]
pub(crate) fn with_held<R>(f: impl FnOnce(&mut Held) -> R) -> Option<R> {
    use crate::arch::x86::irq::flags;
    if !is_installed() {
        return None;
    }
    let state = flags::irq_save();
    // SAFETY: the block of this CPU, which stays for ever.
    let held = unsafe { &*here() }.held.load(Ordering::Relaxed);
    // SAFETY: only the running task reaches its own record, and interrupts are off.
    let result = unsafe { held.as_mut() }.map(f);
    flags::irq_restore(state);
    result
}
