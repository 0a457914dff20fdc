// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The time-stamp counter as clock, and the processor's random numbers.
//!
//! The frequency comes from CPUID 0x15 where the CPU gives it; a plain VM may
//! measure it against the PIT.

use core::arch::asm;
use core::arch::x86_64::{_mm_lfence, _rdtsc};
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::arch::x86::cpu::features;
use crate::arch::x86::io::port;
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

const PIT_HZ: u64 = 1_193_182;

/// What TSC, PIT and APIC timer showed at (nearly) one moment.
#[derive(Clone, Copy)]
struct Moment {
    tsc: u64,
    pit: u16,
    apic: u64,
    /// How far apart the readings may be, in TSC ticks.
    blur: u64,
}

fn pit_count() -> u16 {
    port::port_out(0x43, 1, 0x80);
    let low = port::port_in(0x42);
    u16::from_le_bytes([low, port::port_in(0x42)])
}

/// The sharpest of a few readings: one that the host did not interrupt.
fn moment(apic: &impl Fn() -> u64) -> Moment {
    let read = |_| {
        let before = ticks();
        let (pit, apic) = (pit_count(), apic());
        let after = ticks();
        Moment { tsc: before / 2 + after / 2, pit, apic, blur: after.saturating_sub(before) }
    };
    let first = read(0);
    (0..7).map(read).fold(first, |best, next| if next.blur < best.blur { next } else { best })
}

/// TSC ticks and APIC timer ticks per millisecond, measured against the PIT.
fn against_pit(start: &impl Fn(), apic: &impl Fn() -> u64) -> Option<(u64, u64)> {
    const INTERVAL: u16 = (PIT_HZ * 5 / 1000) as u16;
    // Channel 2, gated by port 0x61, mode 0, from its highest count.
    let gate = port::port_in(0x61);
    for (to, value) in [(0x61, gate & !2 | 1), (0x43, 0xb0), (0x42, 0xff), (0x42, 0xff)] {
        port::port_out(to, 1, value.into());
    }
    start();
    let first = moment(apic);
    let mut last = first;
    for _ in 0..1_000_000u32 {
        if first.pit.wrapping_sub(pit_count()) >= INTERVAL {
            last = moment(apic);
            break;
        }
    }
    port::port_out(0x61, 1, gate.into());
    let pit = u64::from(first.pit.wrapping_sub(last.pit));
    if pit < u64::from(INTERVAL) {
        return None;
    }
    let per_ms =
        |ticks: u64| (u128::from(ticks) * u128::from(PIT_HZ) / u128::from(pit) / 1000) as u64;
    Some((per_ms(last.tsc.saturating_sub(first.tsc)), per_ms(last.apic.saturating_sub(first.apic))))
}

/// Starts the clock. `start` and `apic` run and read the APIC timer, whose ticks
/// per millisecond are returned.
pub(crate) fn init(start: impl Fn(), apic: impl Fn() -> u64) -> u64 {
    BASE.store(ticks(), Ordering::Relaxed);
    let measured = if cvm::is_confidential() { None } else { against_pit(&start, &apic) };
    let khz = cvm::tsc_khz().or(measured.map(|(tsc, _)| tsc));
    let Some(khz) = khz.filter(|khz| (1_000..100_000_000).contains(khz)) else {
        crate::fatal(
            "no TSC frequency: neither CPUID 0x15 nor, in a plain machine, the PIT gives one",
        )
    };
    KHZ.store(khz, Ordering::Relaxed);
    MULT.store((1_000_000 << 32) / khz, Ordering::Relaxed);
    measured.map_or_else(|| apic_khz(khz, start, apic), |(_, apic)| apic)
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
        // SAFETY: LFENCE only orders instructions.
        unsafe { _mm_lfence() };
        mix = mix.rotate_left(7) ^ ticks();
    }
    mix.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn hardware_word() -> Option<u64> {
    (0..64).find_map(|_| {
        let (value, ok): (u64, u8);
        if features::has_rdseed() {
            // SAFETY: the CPU has RDSEED; it writes a register and flags.
            unsafe { asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        } else if features::has_rdrand() {
            // SAFETY: the CPU has RDRAND; it writes a register and flags.
            unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        } else {
            return None;
        }
        (ok != 0).then_some(value)
    })
}
