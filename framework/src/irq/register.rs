// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking for the interrupts of a device.

use alloc::sync::Arc;

use super::{IrqError, IrqHandler, MsiVector};
use crate::arch;

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
