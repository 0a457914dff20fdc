// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Mmio`]: a window of device registers with one owner.
//!
//! A window is never RAM nor an interrupt controller, and no two overlap. A plain
//! VM reads and writes it through an uncached mapping; a confidential VM never
//! maps it but calls the host.
//!
//! Trust: every value read is the host's.
//!
//! Locks: `CLAIMED` (preemption off), then the kernel's page tables.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::Untrusted;
use crate::mm::{self, MemoryMap, PhysRange};
use crate::sync::{Once, SpinLock};
use crate::{arch, cvm};

/// What firmware and interrupt controllers use below 4 GiB.
const CONTROLLERS: u64 = 0xfec0_0000;
const LOW: PhysRange = PhysRange { start: 0, end: 1 << 20 };
const HIGH: PhysRange = PhysRange { start: CONTROLLERS, end: 1 << 32 };
/// Addresses that every CPU and host has.
const END: u64 = 1 << 46;

static CLAIMED: SpinLock<Vec<PhysRange>> = SpinLock::new(Vec::new());

/// Why a window could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MmioError {
    /// It wraps around, or ends beyond what can be addressed.
    Overflow,
    /// It overlaps RAM or an interrupt controller.
    NotDevice,
    /// It overlaps a window that has an owner.
    Owned,
    /// No memory to map it.
    NoMemory,
}

/// A window of device registers; dropping it gives it back.
///
/// # Invariants
/// `registers` reaches `region`, which overlaps no RAM and no other window.
pub struct Mmio {
    region: PhysRange,
    registers: Registers,
}

enum Registers {
    /// Mapped, for ever.
    Mapped(AtomicPtr<u8>),
    /// By a call to the host.
    Called,
    /// A model in a test.
    #[cfg(not(target_os = "none"))]
    Model(alloc::sync::Arc<dyn crate::hosted::DeviceModel>),
}

impl Mmio {
    /// Claims `len` bytes of registers at physical address `start`.
    ///
    /// # Errors
    /// See [`MmioError`].
    pub fn claim(start: u64, len: u64) -> Result<Self, MmioError> {
        let end = start.checked_add(len).filter(|end| *end <= END && len > 0);
        let region = PhysRange { start, end: end.ok_or(MmioError::Overflow)? };
        let overlaps = |other: &PhysRange| region.start < other.end && other.start < region.end;
        if [LOW, HIGH].iter().chain(ram()).any(overlaps) {
            return Err(MmioError::NotDevice);
        }
        let mut claimed = CLAIMED.lock();
        if claimed.iter().any(overlaps) {
            return Err(MmioError::Owned);
        }
        let registers = registers(region)?;
        claimed.try_reserve(1).map_err(|_| MmioError::NoMemory)?;
        claimed.push(region);
        Ok(Self { region, registers })
    }

    /// A window of `len` bytes onto a model of a device, for tests.
    #[cfg(not(target_os = "none"))]
    pub fn model(len: u64, model: alloc::sync::Arc<dyn crate::hosted::DeviceModel>) -> Self {
        Self { region: PhysRange { start: 0, end: len }, registers: Registers::Model(model) }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a window is never empty")]
    pub fn len(&self) -> u64 {
        self.region.end - self.region.start
    }

    /// The address of a register, if it lies in the window, aligned.
    #[inline]
    fn place(&self, offset: u64, size: u64) -> Option<u64> {
        let fits =
            offset.is_multiple_of(size) && offset < self.len() && self.len() - offset >= size;
        fits.then(|| self.region.start + offset)
    }
}

macro_rules! registers {
    ($($word:ty, $read:ident, $write:ident;)*) => {
        impl Mmio {$(
            /// Reads a register; all ones beyond the end or where it is not aligned.
            pub fn $read(&self, offset: u64) -> Untrusted<$word> {
                const SIZE: usize = size_of::<$word>();
                let Some(place) = self.place(offset, SIZE as u64) else {
                    return Untrusted::new(<$word>::MAX);
                };
                match &self.registers {
                    Registers::Mapped(base) => {
                        let base = base.load(Ordering::Relaxed);
                        let at = base.wrapping_add(offset as usize).cast::<$word>();
                        // SAFETY: in the mapped window, aligned: `place` checked it.
                        Untrusted::new(unsafe { at.read_volatile() })
                    }
                    Registers::Called => {
                        cvm::mmio_read(place, SIZE as u8).map(|value| value as $word)
                    }
                    #[cfg(not(target_os = "none"))]
                    Registers::Model(model) => Untrusted::new(model.read(offset, SIZE) as $word),
                }
            }

            /// Writes a register; nothing beyond the end or where it is not aligned.
            pub fn $write(&self, offset: u64, value: $word) {
                const SIZE: usize = size_of::<$word>();
                let Some(place) = self.place(offset, SIZE as u64) else { return };
                match &self.registers {
                    Registers::Mapped(base) => {
                        let base = base.load(Ordering::Relaxed);
                        let at = base.wrapping_add(offset as usize).cast::<$word>();
                        // SAFETY: in the mapped window, aligned: `place` checked it.
                        // What it makes a device do to memory, the host can do anyway.
                        unsafe { at.write_volatile(value) };
                    }
                    Registers::Called => cvm::mmio_write(place, SIZE as u8, value.into()),
                    #[cfg(not(target_os = "none"))]
                    Registers::Model(model) => model.write(offset, SIZE, value.into()),
                }
            }
        )*}
    };
}

registers! {
    u8, read_u8, write_u8;
    u16, read_u16, write_u16;
    u32, read_u32, write_u32;
}

impl Drop for Mmio {
    fn drop(&mut self) {
        CLAIMED.lock().retain(|region| *region != self.region);
    }
}

static RAM: Once<MemoryMap> = Once::new();
static ECAM: Once<PhysRange> = Once::new();

/// Tells what is RAM, and where PCI configuration space is.
pub(crate) fn set_machine(map: &MemoryMap, ecam: Option<PhysRange>) {
    let _ = RAM.set(map.clone());
    if let Some(ecam) = ecam {
        let _ = ECAM.set(ecam);
    }
}

/// PCI's configuration space, bus 0 first: 1 MiB for each bus.
pub fn ecam() -> Option<Mmio> {
    let ecam = ECAM.get()?;
    // No bus behind a bridge is looked at.
    let window = Mmio::claim(ecam.start, (ecam.end - ecam.start).min(1 << 20));
    let why = |error: &_| log::error!("MCFG: configuration space is no window: {error:?}; no PCI");
    window.inspect_err(why).ok()
}

/// Addresses below 4 GiB that are neither RAM nor anything else known: there
/// devices may be put.
pub fn device_hole() -> PhysRange {
    let below = ram().iter().map(|r| r.end).filter(|end| *end <= CONTROLLERS).max();
    let ecam = ECAM.get().map(|ecam| ecam.end).filter(|end| *end < CONTROLLERS);
    let start = below.unwrap_or(0).max(ecam.unwrap_or(0)).max(1 << 31);
    PhysRange { start, end: CONTROLLERS }
}

fn ram() -> &'static [PhysRange] {
    RAM.get().map_or(arch::UNKNOWN_RAM, MemoryMap::regions)
}

fn registers(region: PhysRange) -> Result<Registers, MmioError> {
    if cvm::is_confidential() {
        return Ok(Registers::Called);
    }
    let len = (region.end - region.start) as usize;
    let base = mm::map_device(region.start, len).map_err(|_| MmioError::NoMemory)?;
    Ok(Registers::Mapped(AtomicPtr::new(base)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::sync::Arc;

    #[test]
    fn ram_and_controllers_are_no_devices() {
        let claim = |start, len| Mmio::claim(start, len).err();
        for (start, len) in
            [(0, 1), (0x7fff_f000, 0x2000), (0xfee0_0000, 0x1000), (1 << 31, 1 << 31)]
        {
            assert_eq!(claim(start, len), Some(MmioError::NotDevice), "{start:#x}");
        }
        for (start, len) in [(u64::MAX, 2), (1 << 46, 1), (3 << 30, 0)] {
            assert_eq!(claim(start, len), Some(MmioError::Overflow), "{start:#x}");
        }
        assert_eq!(claim(3 << 30, 0x1000), Some(MmioError::NoMemory));
    }

    #[test]
    fn accesses_beyond_the_window_reach_nothing() {
        struct Nothing;
        impl crate::hosted::DeviceModel for Nothing {
            fn read(&self, offset: u64, size: usize) -> u64 {
                assert!(offset + size as u64 <= 6);
                7
            }
            fn write(&self, offset: u64, size: usize, _: u64) {
                assert!(offset + size as u64 <= 6);
            }
        }
        let window = Mmio::model(6, Arc::new(Nothing));
        let word = |offset| window.read_u32(offset).check(|word| Ok::<_, ()>(*word));
        assert_eq!((word(0), word(2), word(4), word(u64::MAX)), (Ok(7), Ok(!0), Ok(!0), Ok(!0)));
        window.write_u16(5, 1);
        window.write_u16(6, 1);
        window.write_u16(u64::MAX - 1, 1);
        assert_eq!(window.read_u16(4).check(|word| Ok::<_, ()>(*word)), Ok(7));
    }
}
