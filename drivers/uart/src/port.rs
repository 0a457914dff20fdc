// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One UART: set-up, polled sending, reception by interrupt.
//!
//! Generic over [`Ports`], so that the logic runs against a simulated chip.
//! Every loop that the device steers has a budget: a device that never empties
//! its FIFO costs the bytes written to it, one that never stops receiving gets
//! [`RECEIVE_BUDGET`] bytes per interrupt.
//!
//! Locks: `line` (interrupts off), held for one FIFO's worth; the receiver's own.
//! Trust: all register contents are the host's.

use alloc::sync::Arc;

use class::Receiver;
use framework::host::Untrusted;
use framework::sync::{IrqLock, Once};
use framework::time;

use crate::wire::{
    FCR_SETUP, FIFO_SIZE, IER_RECEIVE, IIR_FIFO_ON, LCR_8N1, LCR_DLAB, LineStatus, MCR_SETUP,
    Register, accept, divisor,
};

/// Time until a full FIFO counts as stuck, in nanoseconds: the host's side may
/// be slow on a busy machine, and what is sent must not get lost for that.
const PATIENCE_NS: u64 = 2_000_000_000;

/// Status reads for a line that was stuck before.
const STUCK_BUDGET: usize = 16;

/// Bytes taken in one interrupt.
const RECEIVE_BUDGET: usize = 256;

/// Access to the chip's registers.
pub(crate) trait Ports: Send + Sync {
    /// Reads a register.
    fn read(&self, register: Register) -> Untrusted<u8>;
    /// Writes a register.
    fn write(&self, register: Register, value: u8);
}

/// What the lock protects besides the registers.
struct Line {
    /// Bytes to send for each empty FIFO.
    burst: usize,
    /// The last burst found no empty FIFO in time.
    is_stuck: bool,
    /// A byte that had come before the set-up, which would have dropped it.
    early: Option<u8>,
}

/// A UART.
pub(crate) struct Uart<P> {
    ports: P,
    line: IrqLock<Line>,
    receiver: Once<Arc<dyn Receiver>>,
}

impl<P: Ports> Uart<P> {
    /// Looks for the chip and sets it up: 115200 8n1, FIFOs on, interrupts off.
    /// `None` if what answers does not behave like a UART.
    pub(crate) fn probe(ports: P) -> Option<Self> {
        ports.write(Register::InterruptEnable, 0);
        for pattern in [0x5a, 0xa5] {
            ports.write(Register::Scratch, pattern);
            if accept(ports.read(Register::Scratch)) != pattern {
                return None;
            }
        }
        let [low, high] = divisor(115_200);
        ports.write(Register::LineControl, LCR_DLAB);
        ports.write(Register::Data, low);
        ports.write(Register::InterruptEnable, high);
        ports.write(Register::LineControl, LCR_8N1);
        let status = LineStatus::parse(ports.read(Register::LineStatus));
        let is_waiting = status.contains(LineStatus::DATA_READY);
        let early = is_waiting.then(|| accept(ports.read(Register::Data)));
        ports.write(Register::FifoControl, FCR_SETUP);
        ports.write(Register::ModemControl, MCR_SETUP);
        let has_fifo = accept(ports.read(Register::FifoControl)) & IIR_FIFO_ON == IIR_FIFO_ON;
        let burst = if has_fifo { FIFO_SIZE } else { 1 };
        let line = IrqLock::new(Line { burst, is_stuck: false, early });
        Some(Self { ports, line, receiver: Once::new() })
    }

    /// Names the taker of received bytes and enables reception.
    pub(crate) fn set_receiver(&self, receiver: Arc<dyn Receiver>) {
        let taker = receiver.clone();
        if self.receiver.set(receiver).is_ok() {
            if let Some(byte) = self.line.lock().early.take() {
                taker.receive(&[byte]);
            }
            self.resume();
        }
    }

    /// Enables the receive interrupt; it comes at once if a byte waits.
    pub(crate) fn resume(&self) {
        let _line = self.line.lock();
        self.ports.write(Register::InterruptEnable, 0);
        self.ports.write(Register::InterruptEnable, IER_RECEIVE);
    }

    /// Sends bytes; what a stuck line does not take in time is dropped.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut rest = bytes;
        let mut waits_until_ns = None;
        while !rest.is_empty() {
            let mut line = self.line.lock();
            let budget = if line.is_stuck { STUCK_BUDGET } else { 1 };
            if self.wait_until_empty(budget) {
                let (burst, later) = rest.split_at_checked(line.burst).unwrap_or((rest, &[]));
                burst.iter().for_each(|byte| self.ports.write(Register::Data, *byte));
                rest = later;
                line.is_stuck = false;
                waits_until_ns = None;
                continue;
            }
            let now_ns = time::monotonic_ns();
            line.is_stuck |= now_ns >= *waits_until_ns.get_or_insert(now_ns + PATIENCE_NS);
            if line.is_stuck {
                return;
            }
        }
    }

    /// Takes what was received: the interrupt's work.
    pub(crate) fn receive(&self) {
        let Some(receiver) = self.receiver.get() else {
            self.ports.write(Register::InterruptEnable, 0);
            return;
        };
        let mut bytes = [0; FIFO_SIZE];
        let mut budget = RECEIVE_BUDGET;
        loop {
            let room = receiver.room().min(budget).min(bytes.len());
            let mut count = 0;
            for place in bytes.iter_mut().take(room) {
                if !self.status().contains(LineStatus::DATA_READY) {
                    break;
                }
                *place = accept(self.ports.read(Register::Data));
                count += 1;
            }
            receiver.receive(bytes.get(..count).unwrap_or_default());
            budget -= count;
            if count < bytes.len() {
                if count == room {
                    self.hold_back(budget);
                }
                return;
            }
        }
    }

    /// Stopped short of the last byte: by the budget (then the interrupt comes
    /// again) or for lack of room (then `resume` brings it).
    fn hold_back(&self, budget: usize) {
        let _line = self.line.lock();
        self.ports.write(Register::InterruptEnable, 0);
        // Asked again with reception off: room made before this does not get
        // lost, room made after it comes with a `resume`.
        if budget == 0 || self.receiver.get().is_some_and(|receiver| receiver.room() > 0) {
            self.ports.write(Register::InterruptEnable, IER_RECEIVE);
        }
    }

    fn wait_until_empty(&self, budget: usize) -> bool {
        (0..budget).any(|_| self.status().contains(LineStatus::THR_EMPTY))
    }

    fn status(&self) -> LineStatus {
        LineStatus::parse(self.ports.read(Register::LineStatus))
    }
}

#[cfg(test)]
mod tests;
