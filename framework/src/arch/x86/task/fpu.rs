// SPDX-License-Identifier: Apache-2.0 OR MIT
//! FPU, SSE and AVX state, and the segment bases of a program.
//!
//! The kernel itself uses neither, so a program's state stays in the CPU while
//! the kernel works for it; it is saved when the CPU switches to another task.
//!
//! Spec: Intel SDM vol. 1, chapter 13 (XSAVE).

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::arch::x86::cpu::cpuid;
use crate::mm::NoMemory;
use crate::user::BadFpu;

/// x87, SSE, AVX, and AVX-512's three parts.
const WANTED: u64 = 0b1110_0111;
/// The part of an area that FXSAVE writes.
const LEGACY_BYTES: usize = 512;
const HEADER_BYTES: usize = 64;
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;
const XSTATE_BV: usize = 512;

static FEATURES: AtomicU64 = AtomicU64::new(3);
static SIZE: AtomicUsize = AtomicUsize::new(LEGACY_BYTES + HEADER_BYTES);

pub(crate) fn fpu_size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

pub(crate) fn fpu_features() -> u64 {
    FEATURES.load(Ordering::Relaxed)
}

/// Turns the FPU on, on this CPU.
pub(crate) fn enable() {
    let [low, _, _, high] = cpuid::leaf(0xd, 0);
    let offered = u64::from(low) | u64::from(high) << 32;
    let mut features = offered & WANTED;
    if features & 0b1110_0000 != 0b1110_0000 {
        features &= 0b111;
    }
    // SAFETY: only components that CPUID offers, x87 and SSE among them; CR4.OSXSAVE
    // is set.
    unsafe {
        asm!("xsetbv", in("ecx") 0, in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack))
    };
    let [_, size, ..] = cpuid::leaf(0xd, 0);
    FEATURES.store(features, Ordering::Relaxed);
    SIZE.store((size as usize).clamp(LEGACY_BYTES + HEADER_BYTES, 64 * 1024), Ordering::Relaxed);
}

/// An XSAVE area: 64-byte aligned, [`fpu_size`] bytes.
struct Area {
    start: *mut u8,
    size: usize,
}

impl Area {
    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 64).unwrap_or(Layout::new::<[u64; 128]>())
    }

    /// An area of zeros with the initial control words.
    fn new() -> Result<Self, NoMemory> {
        let size = fpu_size();
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(Self::layout(size)) };
        if start.is_null() {
            return Err(NoMemory);
        }
        let mut area = Self { start, size };
        area.initialise();
        Ok(area)
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: allocated with this size and zeroed; `&self` keeps writers away.
        unsafe { core::slice::from_raw_parts(self.start, self.size) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: allocated with this size and zeroed; `&mut self` is exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.size) }
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(slot) = self.bytes_mut().get_mut(at..at + value.len()) {
            slot.copy_from_slice(value);
        }
    }

    /// FCW 0x37f, MXCSR 0x1f80, all components in their initial state.
    fn initialise(&mut self) {
        self.bytes_mut().fill(0);
        self.put(0, &0x37f_u16.to_le_bytes());
        self.put(MXCSR, &0x1f80_u32.to_le_bytes());
        // The control words above count as state.
        self.put(XSTATE_BV, &3_u64.to_le_bytes());
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start, Self::layout(self.size)) };
    }
}

/// The user half of a thread, apart from its general registers.
///
/// # Invariants
/// While `is_live`, the CPU that runs the owning task holds the state, and the
/// area and bases are stale; only that task, on that CPU, reaches the cell.
pub(crate) struct UserState {
    is_live: AtomicBool,
    /// The id of the task that runs it; 0 before the first run.
    owner: AtomicU64,
    saved: UnsafeCell<Saved>,
}

struct Saved {
    area: Area,
    fs_base: u64,
    gs_base: u64,
}

// SAFETY: `saved` is reached only by the owner (`check_owner`), or by whoever has
// the state before it has an owner, through `&mut UserContext`.
unsafe impl Sync for UserState {}
// SAFETY: the area is plain memory.
unsafe impl Send for UserState {}

impl UserState {
    pub(crate) fn new() -> Result<Self, NoMemory> {
        Ok(Self::of(Saved { area: Area::new()?, fs_base: 0, gs_base: 0 }))
    }

    fn of(saved: Saved) -> Self {
        Self {
            is_live: AtomicBool::new(false),
            owner: AtomicU64::new(0),
            saved: UnsafeCell::new(saved),
        }
    }

    pub(crate) fn fork(&self) -> Result<Self, NoMemory> {
        let mut area = Area::new()?;
        self.with(|saved| {
            area.bytes_mut().copy_from_slice(saved.area.bytes());
            Ok(Self::of(Saved { area, fs_base: saved.fs_base, gs_base: saved.gs_base }))
        })
    }

    /// Stops the machine unless the current task may touch the state.
    fn check_owner(&self) {
        let owner = self.owner.load(Ordering::Relaxed);
        let me = crate::arch::with_current(|task| task.id()).unwrap_or(0);
        if owner != 0 && owner != me {
            crate::fatal("a user context is used by a task that does not own it");
        }
    }

    /// Calls `f` with the saved state, after taking it out of the CPU.
    fn with<R>(&self, f: impl FnOnce(&mut Saved) -> R) -> R {
        self.check_owner();
        let irq = crate::arch::irq_save();
        self.park();
        // SAFETY: the owner (or the only holder before a first run) is here, with
        // interrupts off, and the state is not live.
        let result = f(unsafe { &mut *self.saved.get() });
        crate::arch::irq_restore(irq);
        result
    }

    /// Takes the state out of the CPU. Interrupts are off; called on the CPU that
    /// holds it.
    pub(crate) fn park(&self) {
        if !self.is_live.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: live, so only this CPU touches it.
        let saved = unsafe { &mut *self.saved.get() };
        let features = fpu_features();
        // SAFETY: the area is 64-byte aligned and as large as XCR0 needs.
        unsafe {
            asm!("xsave64 [{}]", in(reg) saved.area.start, in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack))
        };
        // SAFETY: FSGSBASE is on; with interrupts off the two SWAPGS are invisible
        // (handlers that come in between find GS from their stack).
        unsafe {
            asm!("rdfsbase {}", "swapgs", "rdgsbase {}", "swapgs", out(reg) saved.fs_base, out(reg) saved.gs_base, options(nostack))
        };
        self.is_live.store(false, Ordering::Relaxed);
    }

    /// Puts the state into the CPU for the current task. Interrupts are off.
    #[inline]
    pub(crate) fn unpark(&self) {
        if !self.is_live.load(Ordering::Relaxed) {
            self.load();
        }
    }

    #[cold]
    fn load(&self) {
        self.check_owner();
        let me = crate::arch::with_current(|task| task.id()).unwrap_or(0);
        self.owner.store(me, Ordering::Relaxed);
        // SAFETY: not live, and the owner is here with interrupts off.
        let saved = unsafe { &*self.saved.get() };
        let features = fpu_features();
        // SAFETY: the area was written by XSAVE, or checked by `load_fpu`.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) saved.area.start, in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack, readonly))
        };
        // SAFETY: the bases are user addresses (checked where they are set, or read
        // from the CPU, which refuses others); GS as in `park`.
        unsafe {
            asm!("wrfsbase {}", "swapgs", "wrgsbase {}", "swapgs", in(reg) saved.fs_base, in(reg) saved.gs_base, options(nostack))
        };
        self.is_live.store(true, Ordering::Relaxed);
    }

    pub(crate) fn fs_base(&self) -> u64 {
        self.with(|saved| saved.fs_base)
    }

    pub(crate) fn gs_base(&self) -> u64 {
        self.with(|saved| saved.gs_base)
    }

    pub(crate) fn set_fs_base(&self, base: u64) {
        self.with(|saved| saved.fs_base = base);
    }

    pub(crate) fn set_gs_base(&self, base: u64) {
        self.with(|saved| saved.gs_base = base);
    }

    pub(crate) fn save_fpu(&self, out: &mut [u8]) -> usize {
        self.with(|saved| {
            let len = out.len().min(saved.area.size);
            if let (Some(to), Some(from)) = (out.get_mut(..len), saved.area.bytes().get(..len)) {
                to.copy_from_slice(from);
            }
            len
        })
    }

    pub(crate) fn load_fpu(&self, image: &[u8]) -> Result<(), BadFpu> {
        let legacy = image.get(..LEGACY_BYTES).ok_or(BadFpu)?;
        let word = |at: usize| {
            let bytes = legacy.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        let full = image.get(..fpu_size());
        if let Some(header) =
            full.and_then(|full| full.get(LEGACY_BYTES..LEGACY_BYTES + HEADER_BYTES))
        {
            let (bv, reserved) = header.split_first_chunk().ok_or(BadFpu)?;
            // The standard form: XCOMP_BV and all reserved bytes are zero.
            let is_standard = *reserved == [0; HEADER_BYTES - 8];
            if u64::from_le_bytes(*bv) & !fpu_features() != 0 || !is_standard {
                return Err(BadFpu);
            }
        }
        self.with(|saved| {
            let area = saved.area.bytes_mut();
            let mask = area.get(MXCSR_MASK..MXCSR_MASK + 4).and_then(|mask| mask.try_into().ok());
            // A zero mask means the default (SDM vol. 1, 11.6.6).
            let mask = mask.map(u32::from_le_bytes).filter(|mask| *mask != 0).unwrap_or(0xffbf);
            if word(MXCSR) & !mask != 0 {
                return Err(BadFpu);
            }
            match full {
                Some(full) => area.copy_from_slice(full),
                // The other components go to their initial state.
                None => {
                    saved.area.put(0, legacy);
                    saved.area.put(XSTATE_BV, &3_u64.to_le_bytes());
                }
            }
            Ok(())
        })
    }

    pub(crate) fn reset(&self) {
        self.with(|saved| {
            saved.area.initialise();
            saved.fs_base = 0;
            saved.gs_base = 0;
        });
    }
}
