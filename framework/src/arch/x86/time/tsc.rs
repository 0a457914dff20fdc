// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The time-stamp counter as clock, and the processor's random numbers.
//!
//! The frequency comes from CPUID 0x15 where the CPU gives it; a plain VM takes its
//! hypervisor's word, or measures it against the PIT.

use core::arch::asm;
use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::pit;
use crate::arch::x86::cpu::cpuid::cpuid;
use crate::arch::x86::cpu::{features, msr};
use crate::cvm;

/// The counter at the begin of time; before that, it is always 0.
static BASE: AtomicU64 = AtomicU64::new(1 << 63);
static KHZ: AtomicU64 = AtomicU64::new(1_000_000);
/// Nanoseconds = ticks * MULT >> 32.
static MULT: AtomicU64 = AtomicU64::new(1 << 32);

#[inline]
pub(crate) fn ticks() -> u64 {
    // SAFETY: RDTSC reads a counter.
    unsafe { _rdtsc() }
}

/// The latest ticks that anybody was told, in a CVM.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Ticks since the begin of time. In a CVM they never go back, whatever the counter
/// shows: a step back is no time, even past zero, where the counter seems huge.
#[inline]
fn elapsed() -> u64 {
    let since = ticks().wrapping_sub(BASE.load(Ordering::Relaxed)).cast_signed().max(0);
    if cvm::is_confidential() {
        LATEST.fetch_max(since, Ordering::Relaxed).max(since).cast_unsigned()
    } else {
        since.cast_unsigned()
    }
}

#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    ((u128::from(elapsed()) * u128::from(MULT.load(Ordering::Relaxed))) >> 32) as u64
}

pub(crate) fn tsc_khz() -> u64 {
    KHZ.load(Ordering::Relaxed)
}

/// Ticks of the APIC timer in a millisecond, by a TSC whose frequency is known. What
/// the host answers decides only how often the timer comes.
fn apic_khz(khz: u64, start: impl Fn(), apic: impl Fn() -> u64) -> u64 {
    /// Many more looks at the counter than fit in a millisecond.
    const LOOKS: u32 = 100_000_000;
    let begin = ticks();
    start();
    let is_late = |_: &u32| ticks().saturating_sub(begin) >= khz;
    if (0..LOOKS).find(is_late).is_none() {
        crate::fatal("the TSC stands still or goes back");
    }
    apic().clamp(10_000, 10_000_000)
}

/// Frequency of the TSC in kHz as the hypervisor of a plain machine tells it.
fn told_khz() -> Option<u64> {
    const HYPERVISOR: u32 = 0x4000_0000;
    const FREQUENCIES: u32 = 0x4000_0010;
    let has_hypervisor = cpuid(1, 0)[2] >> 31 != 0;
    let has_leaf = || (FREQUENCIES..HYPERVISOR + 0x100).contains(&cpuid(HYPERVISOR, 0)[0]);
    if cvm::is_confidential() || !has_hypervisor || !has_leaf() {
        return None;
    }
    Some(cpuid(FREQUENCIES, 0)[0].into()).filter(|khz| *khz != 0)
}

/// The base frequency by leaf 0x16, which is nearly that of the TSC.
fn base_khz() -> Option<u64> {
    let is_there = !cvm::is_confidential() && cpuid(0, 0)[0] >= 0x16;
    is_there.then(|| u64::from(cpuid(0x16, 0)[0] & 0xffff) * 1000).filter(|khz| *khz != 0)
}

/// The frequency: as the hardware says, as the hypervisor of a plain machine says, as
/// measured, or nearly.
fn choose(measured: Option<u64>) -> Option<u64> {
    let told = cvm::tsc_khz().or_else(told_khz);
    if let (Some(told), Some(measured)) = (told, measured)
        && told.abs_diff(measured) > told / 100
    {
        log::warn!("TSC: {told} kHz by CPUID, {measured} kHz by the PIT");
    }
    told.or(measured).or_else(base_khz)
}

/// Starts the clock. `start` and `apic` run and read the APIC timer, whose ticks
/// per millisecond are returned.
pub(crate) fn init(start: impl Fn(), apic: impl Fn() -> u64) -> u64 {
    BASE.store(ticks(), Ordering::Relaxed);
    let measured = if cvm::is_confidential() { None } else { pit::calibrate(ticks, &start, &apic) };
    let khz = choose(measured.map(|measured| measured.tsc_khz));
    let Some(khz) = khz.filter(|khz| (1_000..100_000_000).contains(khz)) else {
        crate::fatal(
            "no TSC frequency: neither CPUID 0x15 nor, in a plain machine, the PIT gives one",
        )
    };
    KHZ.store(khz, Ordering::Relaxed);
    MULT.store((1_000_000 << 32) / khz, Ordering::Relaxed);
    measured.map_or_else(|| apic_khz(khz, start, apic), |measured| measured.apic_khz)
}

/// 32 bytes from RDSEED or RDRAND; without either, from timing jitter alone.
pub(crate) fn hardware_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for chunk in seed.chunks_exact_mut(8) {
        let jitter = jitter();
        let word = cvm::health::word(hardware_word).unwrap_or(0) ^ jitter;
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    seed
}

fn jitter() -> u64 {
    let mut mix = 0u64;
    for _ in 0..16 {
        msr::complete_stores();
        mix = mix.rotate_left(7) ^ ticks();
    }
    mix.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A word of RDSEED, or of RDRAND if that has none for a while: all programs on all CPUs
/// draw from RDSEED's one source, and may exhaust it.
fn hardware_word() -> Option<u64> {
    /// Draws with a pause between; as many as the manual gives for a source in use.
    const SEED_TRIES: u32 = 100;
    const RANDOM_TRIES: u32 = 10;
    let seed = || tries(SEED_TRIES, rdseed);
    let random = || tries(RANDOM_TRIES, rdrand);
    features::has_rdseed()
        .then(seed)
        .flatten()
        .or_else(|| features::has_rdrand().then(random).flatten())
}

/// What one of so many draws gives.
fn tries(most: u32, draw: fn() -> Option<u64>) -> Option<u64> {
    (0..most).find_map(|_| {
        draw().or_else(|| {
            core::hint::spin_loop();
            None
        })
    })
}

/// Draws from RDSEED, which the CPU has.
fn rdseed() -> Option<u64> {
    let (value, ok): (u64, u8);
    // SAFETY: it writes a register and flags.
    unsafe {
        asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack))
    };
    (ok != 0).then_some(value)
}

/// Draws from RDRAND, which the CPU has.
fn rdrand() -> Option<u64> {
    let (value, ok): (u64, u8);
    // SAFETY: it writes a register and flags.
    unsafe {
        asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack))
    };
    (ok != 0).then_some(value)
}
