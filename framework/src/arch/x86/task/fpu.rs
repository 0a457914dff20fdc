// SPDX-License-Identifier: Apache-2.0 OR MIT
//! FPU, SSE and AVX state, and the segment bases of a program.
//!
//! The kernel itself uses neither, so a program's state stays in the CPU while
//! the kernel works for it; it is saved when the CPU switches to another task.
//!
//! Spec: Intel SDM vol. 1, chapter 13 (XSAVE).

use alloc::vec::Vec;
use core::arch::asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::arch::x86::cpu::{features, local};
use crate::arch::x86::irq::flags;
use crate::mm::{Access, NoMemory, UserFault, UserSpan, VmSpace};
use crate::user::BadFpu;
use crate::user::x86::{FPU_SOFTWARE_BYTES, FXSAVE_BYTES};

/// x87, SSE, AVX, and AVX-512's three parts.
const WANTED: u64 = 0b1110_0111;
const HEADER_BYTES: usize = 64;
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;
/// What a mask of zero means (SDM vol. 1, 11.6.6).
const DEFAULT_MXCSR_MASK: u32 = 0xffbf;

static FEATURES: AtomicU64 = AtomicU64::new(3);
/// The bits of MXCSR that no CPU refuses.
static MXCSR_BITS: AtomicU32 = AtomicU32::new(u32::MAX);
static SIZE: AtomicUsize = AtomicUsize::new(FXSAVE_BYTES + HEADER_BYTES);

pub(crate) fn fpu_size() -> usize {
    SIZE.load(Ordering::Relaxed)
}

pub(crate) fn fpu_features() -> u64 {
    FEATURES.load(Ordering::Relaxed)
}

/// Turns the FPU on, on this CPU.
pub(crate) fn enable() {
    let [low, _, _, high] = features::leaf(0xd, 0);
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
    let [_, size, ..] = features::leaf(0xd, 0);
    FEATURES.store(features, Ordering::Relaxed);
    SIZE.store((size as usize).clamp(FXSAVE_BYTES + HEADER_BYTES, 64 * 1024), Ordering::Relaxed);
    MXCSR_BITS.fetch_and(mxcsr_bits(), Ordering::Relaxed);
}

/// The bits of MXCSR that this CPU takes, by its own word.
fn mxcsr_bits() -> u32 {
    let mut image = [Block([0; BLOCK]); FXSAVE_BYTES / BLOCK];
    // SAFETY: 512 bytes of our own, 64-byte aligned; CR4.OSFXSR is set.
    unsafe { asm!("fxsave64 [{}]", in(reg) image.as_mut_ptr(), options(nostack, preserves_flags)) };
    match word(&image, MXCSR_MASK) {
        0 => DEFAULT_MXCSR_MASK,
        mask => mask,
    }
}

/// The word at `at`, in the first block.
fn word(blocks: &[Block], at: usize) -> u32 {
    let word = blocks.first().and_then(|block| block.0.get(at..at + 4));
    word.and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// As much of an XSAVE area as its alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Block([u8; BLOCK]);

const BLOCK: usize = 64;

/// An area with nothing but initial components: FCW 0x37f, MXCSR 0x1f80.
static INITIAL: [Block; (FXSAVE_BYTES + HEADER_BYTES) / BLOCK] = {
    let mut area = [Block([0; BLOCK]); (FXSAVE_BYTES + HEADER_BYTES) / BLOCK];
    (area[0].0[0], area[0].0[1]) = (0x7f, 0x03);
    (area[0].0[MXCSR], area[0].0[MXCSR + 1]) = (0x80, 0x1f);
    area
};

/// An XSAVE area: 64-byte aligned, at least [`fpu_size`] bytes.
struct Area(Vec<Block>);

impl Area {
    /// Memory for an area, without content.
    fn empty() -> Result<Self, NoMemory> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(fpu_size().div_ceil(BLOCK)).map_err(|_| NoMemory)?;
        Ok(Self(blocks))
    }

    /// Overwrites the area from block `first` on.
    fn put(&mut self, first: usize, bytes: &[u8]) {
        for (block, bytes) in self.0.iter_mut().skip(first).zip(bytes.chunks(BLOCK)) {
            if let Some(room) = block.0.get_mut(..bytes.len()) {
                room.copy_from_slice(bytes);
            }
        }
    }

    /// FCW 0x37f, MXCSR 0x1f80, all components in their initial state.
    fn initialise(&mut self) {
        let mut control = [0; BLOCK];
        control[..2].copy_from_slice(&0x37f_u16.to_le_bytes());
        control[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80_u32.to_le_bytes());
        self.0.clear();
        self.0.resize(fpu_size().div_ceil(BLOCK), Block([0; BLOCK]));
        self.put(0, &control);
        self.mark_legacy();
    }

    /// Says in the header that the legacy part alone is state.
    fn mark_legacy(&mut self) {
        self.put(FXSAVE_BYTES / BLOCK, &3_u64.to_le_bytes());
    }
}

/// The user half of a thread, apart from its general registers.
///
/// # Invariants
/// While `is_live`, the CPU that runs the owning task holds the state, and the
/// area and bases are stale; only that task, on that CPU, reaches the cell.
pub(crate) struct UserState {
    is_live: AtomicBool,
    /// The task that ran it first, and alone may run it; null before.
    owner: AtomicPtr<()>,
    /// Whether a switch from that task takes the state out of the CPU.
    is_adopted: AtomicBool,
    saved: UnsafeCell<Saved>,
}

struct Saved {
    area: Area,
    fs_base: u64,
    gs_base: u64,
}

// SAFETY: `saved` is reached only by the owner (`check_owner`, `set_owner`), or by whoever
// has the state before it has an owner: through a `UserContext`, which is not `Sync`.
unsafe impl Sync for UserState {}

impl UserState {
    pub(crate) fn new() -> Result<Self, NoMemory> {
        let mut area = Area::empty()?;
        area.initialise();
        Ok(Self::of(Saved { area, fs_base: 0, gs_base: 0 }))
    }

    fn of(saved: Saved) -> Self {
        Self {
            is_live: AtomicBool::new(false),
            owner: AtomicPtr::new(core::ptr::null_mut()),
            is_adopted: AtomicBool::new(false),
            saved: UnsafeCell::new(saved),
        }
    }

    pub(crate) fn fork(&self) -> Result<Self, NoMemory> {
        let mut area = Area::empty()?;
        self.with(|saved| {
            area.0.extend_from_slice(&saved.area.0);
            Ok(Self::of(Saved { area, fs_base: saved.fs_base, gs_base: saved.gs_base }))
        })
    }

    /// Makes the current task the owner, for good; stops the machine if another task is.
    /// All that puts the state into the CPU comes after this.
    pub(super) fn set_owner(&self) {
        let me = local::current().cast_mut();
        let _ = self.owner.compare_exchange(
            core::ptr::null_mut(),
            me,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        self.check_owner();
    }

    /// Stops the machine unless the current task may touch the state.
    fn check_owner(&self) {
        let owner = self.owner.load(Ordering::Relaxed).cast_const();
        if !owner.is_null() && owner != local::current() {
            crate::fatal("a user context is used by a task that does not own it");
        }
    }

    /// Calls `f` with the saved state, after taking it out of the CPU.
    fn with<R>(&self, f: impl FnOnce(&mut Saved) -> R) -> R {
        self.check_owner();
        let irq = flags::irq_save();
        self.park();
        // SAFETY: the owner (or the only holder before a first run) is here, with
        // interrupts off, and the state is not live.
        let result = f(unsafe { &mut *self.saved.get() });
        flags::irq_restore(irq);
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
            asm!("xsave64 [{}]", in(reg) saved.area.0.as_mut_ptr(), in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack))
        };
        // SAFETY: FSGSBASE is on; with interrupts off the two SWAPGS are invisible
        // (handlers that come in between find GS from their stack).
        unsafe {
            asm!("rdfsbase {}", "swapgs", "rdgsbase {}", "swapgs", out(reg) saved.fs_base, out(reg) saved.gs_base, options(nostack))
        };
        self.is_live.store(false, Ordering::Relaxed);
    }

    /// Puts the state into the CPU for the current task, its owner. Interrupts are off.
    #[inline]
    pub(crate) fn unpark(&self) {
        if !self.is_live.load(Ordering::Relaxed) {
            self.load();
        }
    }

    #[cold]
    fn load(&self) {
        // SAFETY: not live, and the owner is here with interrupts off.
        let saved = unsafe { &*self.saved.get() };
        let features = fpu_features();
        // SAFETY: the area was written by XSAVE, or checked by `load_fpu`.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) saved.area.0.as_ptr(), in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack, readonly))
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
            let len = out.len().min(fpu_size());
            for (to, from) in out.chunks_mut(BLOCK).zip(&saved.area.0) {
                if let Some(from) = from.0.get(..to.len()) {
                    to.copy_from_slice(from);
                }
            }
            len
        })
    }

    pub(crate) fn load_fpu(&self, legacy: &[u8; FXSAVE_BYTES]) -> Result<(), BadFpu> {
        let mxcsr = legacy.get(MXCSR..MXCSR + 4).and_then(|word| word.try_into().ok());
        self.with(|saved| {
            let allowed = MXCSR_BITS.load(Ordering::Relaxed);
            if mxcsr.map_or(u32::MAX, u32::from_le_bytes) & !allowed != 0 {
                return Err(BadFpu);
            }
            // The other components go to their initial state.
            saved.area.put(0, legacy);
            saved.area.mark_legacy();
            Ok(())
        })
    }

    /// Writes the state to `addr` of `space`, straight from the CPU.
    pub(crate) fn save_fpu_to(
        &self,
        space: &VmSpace,
        addr: usize,
        software: &[u8; FPU_SOFTWARE_BYTES],
    ) -> Result<(), UserFault> {
        if !addr.is_multiple_of(BLOCK) {
            return Err(UserFault);
        }
        // XSAVE writes neither these nor what is reserved of the header.
        let mut rest = [0; FPU_SOFTWARE_BYTES + HEADER_BYTES];
        rest[..FPU_SOFTWARE_BYTES].copy_from_slice(software);
        space.write(addr.wrapping_add(FXSAVE_BYTES - FPU_SOFTWARE_BYTES), &rest)?;
        space.attempt(addr..addr.saturating_add(fpu_size()), Access::Write, |range| {
            self.exchange(range, Access::Write)
        })
    }

    /// Takes the state from `addr` of `space`, straight into the CPU; what it
    /// refuses or cannot read leaves the initial state.
    pub(crate) fn load_fpu_from(&self, space: &VmSpace, addr: usize) -> Result<(), BadFpu> {
        let range = addr..addr.saturating_add(fpu_size());
        let loaded = space.attempt(range, Access::Read, |range| self.exchange(range, Access::Read));
        loaded.map_err(|_| {
            // Part of it may be in the registers.
            self.with(|saved| saved.area.initialise());
            BadFpu
        })
    }

    /// A task makes this its user state, or has it no more; its switches take it out
    /// of the CPU meanwhile.
    pub(super) fn set_adopted(&self, is_adopted: bool) {
        self.is_adopted.store(is_adopted, Ordering::Relaxed);
    }

    /// Moves the state between the CPU and user memory of the current space;
    /// whether that worked. [`Access::Write`] writes memory.
    fn exchange(&self, at: UserSpan, access: Access) -> bool {
        self.check_owner();
        let irq = flags::irq_save();
        let mut failed = 1_u32;
        if self.is_adopted.load(Ordering::Relaxed) {
            self.unpark();
            let (at, features) = (at.start(), fpu_features());
            let (low, high) = (features as u32, (features >> 32) as u32);
            if access == Access::Write {
                // SAFETY: the type says that these are user addresses, which map
                // untyped frames only, as many as XCR0 needs (`fpu_size`); a
                // fault, by a bad alignment too, goes on at 4 with the flag set.
                unsafe {
                    asm!(
                        "stac", "2: xsave64 [{at}]", "xor {failed:e}, {failed:e}", "4: clac",
                        ".pushsection __ex_table, \"a\"", ".long 2b - ., 4b - ., 1", ".popsection",
                        at = in(reg) at, failed = inout(reg) failed,
                        in("eax") low, in("edx") high, options(nostack),
                    )
                };
            } else {
                // SAFETY: as above. Any bytes may be there: what the CPU refuses
                // is a fault, and what it takes changes this program's registers.
                unsafe {
                    asm!(
                        "stac", "2: xrstor64 [{at}]", "xor {failed:e}, {failed:e}", "4: clac",
                        ".pushsection __ex_table, \"a\"", ".long 2b - ., 4b - ., 1", ".popsection",
                        at = in(reg) at, failed = inout(reg) failed,
                        in("eax") low, in("edx") high, options(nostack),
                    )
                };
            }
        }
        flags::irq_restore(irq);
        failed == 0
    }

    /// Puts the registers into their initial state; FS and GS stay.
    pub(crate) fn clear(&self) {
        self.check_owner();
        let irq = flags::irq_save();
        if self.is_live.load(Ordering::Relaxed) {
            let features = fpu_features();
            // SAFETY: the area is 64-byte aligned and has the legacy part and a header that
            // says that every component is initial, which is all that is read then.
            unsafe {
                asm!("xrstor64 [{}]", in(reg) &raw const INITIAL, in("eax") features as u32, in("edx") (features >> 32) as u32, options(nostack, readonly))
            };
            flags::irq_restore(irq);
        } else {
            flags::irq_restore(irq);
            self.with(|saved| saved.area.initialise());
        }
    }

    pub(crate) fn reset(&self) {
        self.with(|saved| {
            saved.area.initialise();
            saved.fs_base = 0;
            saved.gs_base = 0;
        });
    }
}
