// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ends of the machine: power-off, restart, and the stop with a backtrace.
//!
//! Nothing here allocates or takes locks: it must work when all else is broken.

use core::arch::asm;
use core::fmt::{self, Write};
use core::ops::Range;
use core::panic::Location;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::arch::x86::cpu::local;
use crate::arch::x86::io::serial::{self, Control};
use crate::arch::x86::irq::{apic, flags};
use crate::cvm;
use crate::panic::{STOPPED, Stop};

/// QEMU's `isa-debug-exit`.
const DEBUG_EXIT: u16 = 0xf4;
const ORDERLY: u64 = 0x10;

/// The CPU that stops the machine, plus one.
static STOPPING: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
}

/// Whether a CPU is stopping the machine.
pub(crate) fn has_begun() -> bool {
    STOPPING.load(Ordering::Acquire) != 0
}

pub(crate) fn power_off(status: u8) -> ! {
    let _ = writeln!(Control, "exit {status}");
    end(ORDERLY, "powered off")
}

pub(crate) fn restart() -> ! {
    let _ = writeln!(Control, "restart");
    cvm::port_write(0xcf9, 1, 0x06);
    end(ORDERLY, "restart")
}

/// Ends the machine, by whatever its host understands.
fn end(code: u64, text: &'static str) -> ! {
    serial::drain();
    // Ends the virtual machine, where the device is present; else ACPI's S5.
    cvm::port_write(DEBUG_EXIT, 4, code.min(STOPPED) as u32);
    cvm::port_write(0x604, 2, 0x2000);
    cvm::fatal(code, text)
}

/// A line on COM1 as well as on the control channel.
struct Both;

impl Write for Both {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        serial::early_console_write(s.as_bytes());
        Control.write_str(s)
    }
}

/// A message kept to one line.
struct OneLine;

impl Write for OneLine {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            Both.write_char(if c.is_control() { ' ' } else { c })?;
        }
        Ok(())
    }
}

/// What [`crate::panic`] comes to.
pub(crate) fn stop(what: &Stop<'_>) -> ! {
    stop_at(what.reason, (what.code, what.text), Some(what.place), frame_pointer(), None)
}

/// Stops with the backtrace of an exception's frame.
pub(crate) fn stop_at(
    reason: fmt::Arguments<'_>,
    (code, text): (u64, &'static str),
    place: Option<&Location<'_>>,
    frame: u64,
    ip: Option<u64>,
) -> ! {
    flags::irq_off();
    let me = if local::is_installed() { local::cpu_id() } else { 0 };
    match STOPPING.compare_exchange(0, me + 1, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {}
        Err(cpu) if cpu == me + 1 => {
            // The stop itself failed: say no more than that.
            let _ = writeln!(Control, "\nend");
            end(code, text)
        }
        Err(_) => cvm::halt(),
    }
    stop_others();
    let _ = write!(Both, "stop ");
    let _ = write!(OneLine, "{reason}");
    if let Some(place) = place {
        let _ = write!(OneLine, " at {place}");
    }
    let _ = writeln!(Both, "\r");
    if let Some(ip) = ip {
        let _ = writeln!(Both, "frame {ip:#x} 0x0\r");
    }
    backtrace(frame);
    let _ = writeln!(Both, "end\r");
    end(code, text)
}

fn frame_pointer() -> u64 {
    let frame: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// Where kernel code is.
fn text_range() -> Range<u64> {
    (&raw const __text_start).addr() as u64..(&raw const __text_end).addr() as u64
}

/// Follows the chain of frame pointers, as far as it looks like one.
fn backtrace(mut frame: u64) {
    let text = text_range();
    for _ in 0..32 {
        if !frame.is_multiple_of(8) || !crate::mm::is_kernel_stack(frame as usize, 16) {
            return;
        }
        let at = core::ptr::with_exposed_provenance::<[u64; 2]>(frame as usize);
        // SAFETY: `is_kernel_stack` says that 16 bytes here are a mapped stack; a
        // frame that is not one gives wrong numbers, nothing worse.
        let [next, return_address] = unsafe { at.read_volatile() };
        if !text.contains(&return_address) {
            return;
        }
        let _ = writeln!(Both, "frame {:#x} 0x0\r", return_address - 1);
        if next <= frame {
            return;
        }
        frame = next;
    }
}

/// Halts the other CPUs; the machine is ending.
fn stop_others() {
    if !local::is_installed() {
        return;
    }
    let me = local::cpu_id();
    for cpu in crate::cpu::all().filter(|cpu| cpu.0 != me) {
        apic::send_ipi(cpu, apic::STOP);
    }
}
