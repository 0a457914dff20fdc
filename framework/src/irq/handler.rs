// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What drivers and the machine say to each other about interrupts.

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
