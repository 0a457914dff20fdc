// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Registers of the 16550 and the meaning of their bits.
//!
//! Trust: every byte read is the host's. All 256 values of each register have a
//! meaning here, so nothing is refused; what a value may cause is bounded in
//! [`crate::port`].
//! Spec: National Semiconductor PC16550D, section 8.

use core::convert::Infallible;

use bitflags::bitflags;
use framework::host::Untrusted;

/// Bytes that the transmit FIFO takes once it is empty.
pub(crate) const FIFO_SIZE: usize = 16;

/// Frequency of the baud clock, divided by 16.
const BASE_BAUD: u32 = 115_200;

/// A register, by its offset from the base port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(crate) enum Register {
    /// Received byte (read), byte to send (write), divisor's low byte (DLAB).
    Data = 0,
    /// Interrupt enable; the divisor's high byte (DLAB).
    InterruptEnable = 1,
    /// FIFO control (write), interrupt identification (read).
    FifoControl = 2,
    /// Line control.
    LineControl = 3,
    /// Modem control.
    ModemControl = 4,
    /// Line status.
    LineStatus = 5,
    /// A byte without a function.
    Scratch = 7,
}

bitflags! {
    /// The line status register.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct LineStatus: u8 {
        /// A received byte waits.
        const DATA_READY = 1;
        /// Received bytes were lost.
        const OVERRUN = 2;
        /// The waiting byte is a break.
        const BREAK = 0x10;
        /// The transmit FIFO is empty.
        const THR_EMPTY = 0x20;
        const _ = !0;
    }
}

/// Interrupt enable: received data.
pub(crate) const IER_RECEIVE: u8 = 1;

/// FIFO control: on, interrupt at eight bytes; what is in a FIFO stays.
pub(crate) const FCR_SETUP: u8 = 0x81;

/// Interrupt identification: the FIFOs are on.
pub(crate) const IIR_FIFO_ON: u8 = 0xc0;

/// Line control: divisor latch.
pub(crate) const LCR_DLAB: u8 = 0x80;

/// Line control: eight bits, no parity, one stop bit.
pub(crate) const LCR_8N1: u8 = 3;

/// Modem control: DTR, RTS, and OUT2, which lets the interrupt through.
pub(crate) const MCR_SETUP: u8 = 0x0b;

/// The value of a register in which every byte is a valid answer.
pub(crate) fn accept(claim: Untrusted<u8>) -> u8 {
    let Ok(byte) = claim.check(|byte| Ok::<_, Infallible>(*byte));
    byte
}

impl LineStatus {
    /// The status as the chip claims it; every combination of bits can be.
    pub(crate) fn parse(claim: Untrusted<u8>) -> Self {
        Self::from_bits_retain(accept(claim))
    }
}

/// The divisor for a speed, low byte first; the slowest if there is none.
pub(crate) fn divisor(bits_per_second: u32) -> [u8; 2] {
    let divisor = BASE_BAUD.checked_div(bits_per_second).unwrap_or(u32::MAX);
    u16::try_from(divisor.max(1)).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors() {
        assert_eq!(divisor(115_200), [1, 0]);
        assert_eq!(divisor(9600), [12, 0]);
        assert_eq!(divisor(0), [0xff, 0xff]);
        assert_eq!(divisor(u32::MAX), [1, 0]);
    }
}
