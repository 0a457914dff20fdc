// SPDX-License-Identifier: Apache-2.0 OR MIT
//! COM1 for early and dying messages, and the control channel to `cargo osdk`.
//!
//! Trust: the line status comes from the host; waits on it are bounded.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use super::port;

const COM1: u16 = 0x3f8;
const COM2: u16 = 0x2f8;
/// QEMU's `isa-debugcon`: one line for each event.
const CONTROL: u16 = 0xe9;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps the log off COM1.
pub(super) fn set_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(crate) fn early_console_write(bytes: &[u8]) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    for chunk in bytes.chunks(16) {
        for _ in 0..100_000 {
            // SAFETY: a UART touches no memory.
            if unsafe { port::in8(COM1 + 5) } & 0x20 != 0 {
                break;
            }
        }
        for byte in chunk {
            // SAFETY: a UART touches no memory.
            unsafe { port::out8(COM1, *byte) };
        }
    }
}

/// Turns COM1's FIFO on.
pub(super) fn init() {
    for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 0xc7), (4, 0x0b)] {
        // SAFETY: a UART touches no memory.
        unsafe { port::out8(COM1 + register, value) };
    }
}

/// Waits, bounded, until what was written to the serial ports has left them: the
/// virtual machine may end at once.
pub(super) fn drain() {
    const EMPTY: u8 = 0x40;
    for base in [COM1, COM2] {
        for _ in 0..1_000_000 {
            // SAFETY: a UART touches no memory.
            if unsafe { port::in8(base + 5) } & EMPTY != 0 {
                break;
            }
        }
    }
}

/// Writer of control lines.
pub(crate) struct Control;

impl fmt::Write for Control {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for byte in s.bytes() {
            // SAFETY: the debug console touches no memory.
            unsafe { port::out8(CONTROL, byte) };
        }
        Ok(())
    }
}
