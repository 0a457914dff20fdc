// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Interrupts of devices: lines of the plain machine, messages anywhere.

use alloc::sync::Arc;

use crate::arch;

/// What a device does about its interrupt: bounded work, no sleeping.
pub trait IrqHandler: Send + Sync {
    /// Runs on the CPU that took the interrupt, with interrupts off.
    fn handle(&self);
}

/// Why a line could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrqError {
    /// No such line on this machine.
    NoSuchLine,
    /// Another driver has it, or no vector is left.
    Taken,
}

/// What a device writes where to interrupt the boot CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsiVector {
    /// The address of the message.
    pub address: u64,
    /// The message.
    pub data: u32,
}

/// Gives `handler` a vector of its own for message-signalled interrupts, for ever.
///
/// The host may send the message at any time: handlers do bounded work and ask the
/// device what there is.
///
/// # Errors
/// [`IrqError::Taken`] when no vector is left.
pub fn msi(handler: Arc<dyn IrqHandler>) -> Result<MsiVector, IrqError> {
    arch::msi_register(handler)
}

/// Routes ISA interrupt `line` (0 to 15) to the boot CPU and `handler`.
///
/// # Errors
/// [`IrqError`] when there is no such line or it is taken.
pub fn register(line: u8, handler: Arc<dyn IrqHandler>) -> Result<(), IrqError> {
    arch::irq_register(line, handler)
}

/// Interrupts that nobody had asked for, by vector, since boot.
pub fn unexpected() -> u64 {
    arch::unexpected_interrupts()
}
