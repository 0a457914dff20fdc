// SPDX-License-Identifier: Apache-2.0 OR MIT
//! COM1 for early and dying messages, and the control channel to `cargo osdk`.
//!
//! Trust: the line status comes from the host; waits on it are bounded.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::cvm;

const COM1: u16 = 0x3f8;
const COM2: u16 = 0x2f8;
/// QEMU's `isa-debugcon`: one line for each event.
const CONTROL: u16 = 0xe9;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps the log off COM1.
pub(crate) fn set_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether a UART's line status, so says the host, has `bit`.
fn status_has(base: u16, bit: u8) -> bool {
    cvm::port_read(base + 5)
        .check(|status| if status & bit != 0 { Ok(()) } else { Err(()) })
        .is_ok()
}

pub(crate) fn early_console_write(bytes: &[u8]) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    for chunk in bytes.chunks(16) {
        for _ in 0..100_000 {
            if status_has(COM1, 0x20) {
                break;
            }
        }
        for byte in chunk {
            cvm::port_write(COM1, 1, (*byte).into());
        }
    }
}

/// Turns COM1's FIFO on.
pub(crate) fn init() {
    for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 0xc7), (4, 0x0b)] {
        cvm::port_write(COM1 + register, 1, value);
    }
}

/// Waits, bounded, until what was written to the serial ports has left them: the
/// virtual machine may end at once.
pub(crate) fn drain() {
    const EMPTY: u8 = 0x40;
    for base in [COM1, COM2] {
        for _ in 0..1_000_000 {
            if status_has(base, EMPTY) {
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
            cvm::port_write(CONTROL, 1, byte.into());
        }
        Ok(())
    }
}
