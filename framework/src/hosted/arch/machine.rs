// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One CPU that takes no interrupts, and the clock of the build machine.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use alloc::sync::Arc;

use crate::cpu::{CpuId, CpuInfo, CpuSet, CpuTimes};
use crate::irq::{IrqError, IrqHandler, MsiVector};
use crate::mm::PhysRange;

/// Interrupts do not exist here, so their state is nothing.
pub(crate) type IrqState = ();

pub(crate) fn irq_save() -> IrqState {}
pub(crate) fn irq_restore(_: IrqState) {}

thread_local! {
    /// Spin locks that the thread holds.
    static HELD: Cell<u32> = const { Cell::new(0) };
}

pub(crate) fn preempt_disable() {
    HELD.set(HELD.get() + 1);
}

pub(crate) fn preempt_enable() {
    HELD.set(HELD.get() - 1);
}

pub(crate) fn is_preemptible() -> bool {
    HELD.get() == 0
}

/// As the machine's: a task that waits, switches or runs a program holds no spin lock.
pub(super) fn must_be_free() {
    if !is_preemptible() {
        crate::fatal("a task waits, switches or runs a program with a spin lock held");
    }
}

pub(crate) fn spin_hint() {
    std::thread::yield_now();
}

pub(crate) fn nap() {
    std::thread::yield_now();
}

pub(crate) fn cpu_id() -> u32 {
    0
}

pub(crate) fn cpu_info() -> &'static CpuInfo {
    static INFO: OnceLock<CpuInfo> = OnceLock::new();
    INFO.get_or_init(|| CpuInfo { vendor: *b"HostedNacre0", ..CpuInfo::UNKNOWN })
}

pub(crate) fn cpu_times(_: CpuId) -> CpuTimes {
    CpuTimes::default()
}

pub(crate) fn resched(_: CpuId) {}

pub(crate) fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

pub(crate) fn tsc_khz() -> u64 {
    1_000_000
}

pub(crate) fn hardware_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos()).to_le_bytes();
    let (low, high) = seed.split_at_mut(16);
    low.copy_from_slice(&nanos);
    high.copy_from_slice(&(u128::from(std::process::id())).to_le_bytes());
    seed
}

pub(crate) fn irq_register(_: u8, _: Arc<dyn IrqHandler>) -> Result<(), IrqError> {
    Err(IrqError::NoSuchLine)
}

/// RAM, as far as devices must keep out of it.
pub(crate) const UNKNOWN_RAM: &[PhysRange] = &[PhysRange { start: 0, end: 3 << 30 }];

/// There is no device, as on a bus where nobody answers.
pub(crate) fn port_in(_: u16) -> u8 {
    0xff
}

pub(crate) fn port_out(_: u16, _: u8, _: u32) {}

pub(crate) fn x2apic_read(_: u32) -> u64 {
    0
}

pub(crate) fn x2apic_write(_: u32, _: u64) {}

pub(crate) fn cpuid(_: u32, _: u32) -> [u32; 4] {
    [0; 4]
}

pub(crate) fn wait_for_interrupt() {}

pub(crate) fn msi_register(_: Arc<dyn IrqHandler>) -> Result<MsiVector, IrqError> {
    Ok(MsiVector { address: 0xfee0_0000, data: 0x40 })
}

pub(crate) fn take_interrupts() {}

pub(crate) fn halt() -> ! {
    std::process::abort()
}

pub(crate) fn unexpected_interrupts() -> u64 {
    0
}

pub(crate) fn early_console_write(bytes: &[u8]) {
    if std::env::var_os("NACRE_LOG").is_some() {
        eprint!("{}", String::from_utf8_lossy(bytes));
    }
}

/// Nobody listens to a hosted kernel.
pub(crate) struct Control;

impl core::fmt::Write for Control {
    fn write_str(&mut self, _: &str) -> core::fmt::Result {
        Ok(())
    }
}

pub(crate) fn power_off(status: u8) -> ! {
    std::process::exit(status.into())
}

pub(crate) fn restart() -> ! {
    std::process::exit(0)
}

/// There are no TLBs: nothing is to be forgotten.
pub(crate) fn flush_local(_: core::ops::Range<usize>) {}

pub(crate) fn flush_tlb_others(_: CpuSet, _: core::ops::Range<usize>) {}

/// There are no other CPUs to call.
pub(crate) fn call_to_flush(_: CpuSet) {}
