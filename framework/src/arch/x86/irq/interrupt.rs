// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Interrupts by vector: timer, inter-processor, devices; all else is dropped.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use super::apic;
use crate::arch::x86::boot::stop;
use crate::arch::x86::cpu::preempt;
use crate::arch::x86::mm::request;
use crate::arch::x86::task::percpu::{self, local};
use crate::arch::x86::time::deadline;
use crate::cpu::CpuId;
use crate::irq::{IrqError, IrqHandler, MsiVector};
use crate::sync::Once;
use crate::task::Task;

/// ISA lines.
const LINES: usize = 16;
/// Vectors for messages, behind those of the lines.
const MESSAGES: usize = 48;

static HANDLERS: [Once<Arc<dyn IrqHandler>>; LINES + MESSAGES] =
    [const { Once::new() }; LINES + MESSAGES];
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);
static NMIS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn irq_register(line: u8, handler: Arc<dyn IrqHandler>) -> Result<(), IrqError> {
    let slot = HANDLERS.get(usize::from(line)).filter(|_| usize::from(line) < LINES);
    let slot = slot.ok_or(IrqError::NoSuchLine)?;
    slot.set(handler).map_err(|_| IrqError::Taken)?;
    let boot = apic::id_of(CpuId::BOOT);
    apic::route(line, apic::FIRST_DEVICE + line, boot);
    Ok(())
}

pub(crate) fn msi_register(handler: Arc<dyn IrqHandler>) -> Result<MsiVector, IrqError> {
    let boot = apic::id_of(CpuId::BOOT);
    let address = 0xfee0_0000 | u64::from(boot & 0xff) << 12;
    let mut slots = (apic::FIRST_DEVICE..).zip(&HANDLERS).skip(LINES);
    let free = slots.find(|(_, slot)| slot.set(handler.clone()).is_ok());
    let (vector, _) = free.ok_or(IrqError::Taken)?;
    Ok(MsiVector { address, data: vector.into() })
}

pub(crate) fn unexpected_interrupts() -> u64 {
    UNEXPECTED.load(Ordering::Relaxed)
}

#[cfg(feature = "ktest")]
pub(crate) fn nmis() -> u64 {
    NMIS.load(Ordering::Relaxed)
}

/// Handles an interrupt on the CPU that took it, with interrupts off.
pub(crate) fn handle(vector: u8, from_user: bool) {
    preempt::enter_interrupt();
    local().add(percpu::INTERRUPTS, 1);
    match vector {
        apic::TIMER => {
            apic::eoi();
            deadline::on_timer(from_user, Task::unpark);
            // Its call may have been lost, and is not made twice.
            crate::mm::serve_flush_of_stacks();
        }
        apic::RESCHEDULE => {
            apic::eoi();
            preempt::set_need_resched();
        }
        apic::TLB_FLUSH => {
            apic::eoi();
            request::serve();
            crate::mm::serve_flush_of_stacks();
        }
        // The host may raise this vector too: only a stop that began counts.
        apic::STOP if stop::has_begun() => crate::cvm::halt(),
        vector => on_device(vector),
    }
    preempt::leave_interrupt();
}

fn on_device(vector: u8) {
    // Who injects a vector that the APIC did not deliver gets no EOI.
    let delivered = apic::in_service(vector);
    let line = usize::from(vector.wrapping_sub(apic::FIRST_DEVICE));
    match HANDLERS.get(line).and_then(Once::get) {
        Some(handler) if delivered => handler.handle(),
        _ => {
            UNEXPECTED.fetch_add(1, Ordering::Relaxed);
        }
    }
    if delivered {
        apic::eoi();
    }
}

/// An NMI means nothing here: it is counted.
pub(crate) fn on_nmi() {
    NMIS.fetch_add(1, Ordering::Relaxed);
}
