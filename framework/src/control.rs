// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One-line events for whoever started a plain machine (`cargo osdk`).
//!
//! The channel is QEMU's debug console. It carries no input, and nothing depends
//! on anybody listening.
//!
//! Locks: `CHANNEL` is a leaf (interrupts off).

use core::fmt::Write;

use crate::arch;
use crate::sync::IrqLock;

/// Keeps the lines of several CPUs apart.
static CHANNEL: IrqLock<()> = IrqLock::new(());

/// Says that the first program is about to start.
pub fn init_starts() {
    let _guard = CHANNEL.lock();
    let _ = writeln!(arch::Control, "init");
}

/// Sends a line of the system-call trace.
pub fn trace(line: &str) {
    let _guard = CHANNEL.lock();
    let _ = writeln!(arch::Control, "trace {line}");
}
