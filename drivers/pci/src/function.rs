// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A function: its capabilities, its register windows, its interrupts.
//!
//! Locks: `windows` (preemption off), then the bus's next address, then the framework's
//! list of claimed windows.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use framework::host::{DeviceError, HostFault, Mmio, MmioError, Untrusted};
use framework::irq::{self, IrqHandler};
use framework::sync::SpinLock;

use crate::bus::Bus;
use crate::wire::{
    self, BARS, Bar, CAPABILITIES, COMMAND, COMMAND_ON, Id, MOST_CAPABILITIES, MSIX, MSIX_ENTRY,
    MSIX_ON, Msix, NAME, lie,
};

const NO_ADDRESSES: DeviceError =
    DeviceError::Exhausted { device: NAME, what: "addresses for registers" };
const NO_VECTORS: DeviceError = DeviceError::Exhausted { device: NAME, what: "interrupt vectors" };

/// A capability: what it is and where its words are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capability {
    /// Its kind.
    pub id: u8,
    /// Its offset in configuration space.
    at: u64,
    /// The upper half of its first word.
    pub control: u16,
}

/// A function of the root bus.
pub struct Function {
    bus: Arc<Bus>,
    base: u64,
    id: Id,
    windows: SpinLock<[Option<Arc<Mmio>>; 6]>,
}

impl Function {
    pub(crate) fn new(bus: Arc<Bus>, base: u64, id: Id) -> Self {
        Self { bus, base, id, windows: SpinLock::new([const { None }; 6]) }
    }

    /// Who made it, and which kind it is.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Its capabilities, in the order of the list.
    ///
    /// # Errors
    /// A list that does not end.
    pub fn capabilities(&self) -> Result<Vec<Capability>, HostFault> {
        let mut found = Vec::new();
        let mut next = self.read_u32(CAPABILITIES).map(|word| word as u8);
        for _ in 0..MOST_CAPABILITIES {
            let Some(at) = wire::next_capability(next)? else { return Ok(found) };
            let head = self.read_u32(at);
            next = head.map(|word| (word >> 8) as u8);
            let parsed = head.check(|word| {
                let [id, _, control @ ..] = word.to_le_bytes();
                Ok::<_, HostFault>(Capability { id, at, control: u16::from_le_bytes(control) })
            });
            found.push(parsed?);
        }
        Err(lie("the list of capabilities does not end"))
    }

    /// Word `index` of a capability.
    pub fn capability_word(&self, capability: &Capability, index: u64) -> Untrusted<u32> {
        self.read_u32(capability.at + index * 4)
    }

    /// Puts the window of BAR `index` at an address of ours; returns its registers.
    ///
    /// # Errors
    /// A BAR that is none, or does not stay where it was put; no addresses or no memory
    /// for it.
    pub fn window(&self, index: u8) -> Result<Arc<Mmio>, DeviceError> {
        let mut windows = self.windows.lock();
        let slot = windows.get_mut(usize::from(index)).ok_or(lie("there is no such BAR"))?;
        if let Some(window) = slot {
            return Ok(window.clone());
        }
        self.write_u16(COMMAND, 0);
        let (low, high) = (BARS + u64::from(index) * 4, BARS + u64::from(index) * 4 + 4);
        self.write_u32(low, !0);
        let answer = self.read_u32(low);
        let is_64_bit = answer.map(|word| word & 7 == 4).check(|yes| yes.then_some(()).ok_or(()));
        let above = if is_64_bit.is_ok() && index < 5 {
            self.write_u32(high, !0);
            self.read_u32(high)
        } else {
            Untrusted::new(!0)
        };
        let bar = Bar::parse(index, answer, above)?;
        let start = self.bus.place(bar.size).ok_or(NO_ADDRESSES)?;
        let (start_low, start_high) = (start as u32, (start >> 32) as u32);
        self.write_u32(low, start_low);
        let mut place = self.read_u32(low).map(|word| u64::from(word & !0xf));
        if bar.is_64_bit {
            self.write_u32(high, start_high);
            let above = self.read_u32(high);
            place = place.zip(above).map(|(low, high)| u64::from(high) << 32 | low);
        }
        place.check(|at| {
            if *at == start { Ok(()) } else { Err(lie("a BAR is not where it was put")) }
        })?;
        // The place is this kernel's choice: what is wrong with it is no lie.
        let window = self.bus.windows.claim(start, bar.size).map_err(|error| match error {
            MmioError::NoMemory => DeviceError::NoMemory(NAME),
            MmioError::Overflow | MmioError::NotDevice | MmioError::Owned => NO_ADDRESSES,
        })?;
        let window = Arc::new(window);
        *slot = Some(window.clone());
        Ok(window)
    }

    /// Lets the function answer in its windows and write to memory.
    pub fn enable(&self) {
        self.write_u16(COMMAND, COMMAND_ON);
    }

    /// Takes the function off the bus.
    pub fn disable(&self) {
        self.write_u16(COMMAND, 0);
    }

    /// Gives each handler a vector: MSI-X entry n belongs to `handlers[n]`.
    ///
    /// # Errors
    /// No MSI-X capability, or a table that is not where it says; or no vector left.
    pub fn enable_msix(
        &self,
        capabilities: &[Capability],
        handlers: &[Arc<dyn IrqHandler>],
    ) -> Result<(), DeviceError> {
        let found = capabilities.iter().find(|capability| capability.id == MSIX);
        let capability = found.ok_or(lie("no MSI-X capability"))?;
        let table = self.capability_word(capability, 1);
        let msix = Msix::parse(Untrusted::new(capability.control), table)?;
        let window = self.window(msix.bar)?;
        msix.check(window.len(), handlers.len())?;
        self.enable();
        for (entry, handler) in (0u64..).zip(handlers) {
            let vector = irq::msi(handler.clone()).map_err(|_| NO_VECTORS)?;
            let at = u64::from(msix.offset) + entry * MSIX_ENTRY;
            window.write_u32(at, vector.address as u32);
            window.write_u32(at + 4, (vector.address >> 32) as u32);
            window.write_u32(at + 8, vector.data);
            window.write_u32(at + 12, 0);
        }
        self.write_u16(capability.at + 2, MSIX_ON);
        Ok(())
    }

    fn read_u32(&self, offset: u64) -> Untrusted<u32> {
        self.bus.ecam.read_u32(self.base + offset)
    }

    fn write_u32(&self, offset: u64, value: u32) {
        self.bus.ecam.write_u32(self.base + offset, value);
    }

    fn write_u16(&self, offset: u64, value: u16) {
        self.bus.ecam.write_u16(self.base + offset, value);
    }
}

/// Shows it as `00:02.0`.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00:{:02x}.{}", self.base >> 15 & 0x1f, self.base >> 12 & 7)
    }
}
