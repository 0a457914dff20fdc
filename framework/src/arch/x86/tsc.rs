// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The time-stamp counter as clock, and the processor's random numbers.
//!
//! The frequency comes from CPUID 0x15 where the CPU gives it; a plain VM may
//! measure it against the PIT.

use core::arch::asm;
use core::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};
use core::sync::atomic::{AtomicU64, Ordering};

use super::{cpuid, port};

static BASE: AtomicU64 = AtomicU64::new(0);
static KHZ: AtomicU64 = AtomicU64::new(1_000_000);
/// Nanoseconds = ticks * MULT >> 32.
static MULT: AtomicU64 = AtomicU64::new(1 << 32);

#[inline]
pub(super) fn ticks() -> u64 {
    // SAFETY: RDTSC reads a counter.
    unsafe { _rdtsc() }
}

#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    let ticks = ticks().saturating_sub(BASE.load(Ordering::Relaxed));
    (u128::from(ticks) * u128::from(MULT.load(Ordering::Relaxed)) >> 32) as u64
}

pub(crate) fn tsc_khz() -> u64 {
    KHZ.load(Ordering::Relaxed)
}

/// Frequency in kHz by CPUID 0x15, where the CPU gives it.
fn khz_by_cpuid() -> Option<u64> {
    let [denominator, numerator, crystal_hz, _] = cpuid::leaf(0x15, 0);
    if denominator == 0 || numerator == 0 || crystal_hz == 0 {
        return None;
    }
    Some(u64::from(crystal_hz) * u64::from(numerator) / u64::from(denominator) / 1000)
}

/// Runs `wait` around a PIT interval; returns (TSC ticks, what `sample` counted).
fn against_pit(start: impl Fn(), sample: impl Fn() -> u64) -> Option<(u64, u64)> {
    const PIT_HZ: u64 = 1_193_182;
    const INTERVAL_MS: u64 = 5;
    let count = (PIT_HZ * INTERVAL_MS / 1000) as u16;
    // Channel 2, gated by port 0x61, mode 0 (interrupt on terminal count).
    // SAFETY: the PIT and the speaker port do not touch memory.
    let gate = unsafe { port::in8(0x61) };
    // SAFETY: as above.
    unsafe { port::out8(0x61, gate & !2 | 1) };
    // SAFETY: as above.
    unsafe { port::out8(0x43, 0xb0) };
    // SAFETY: as above.
    unsafe { port::out8(0x42, count as u8) };
    // SAFETY: as above.
    unsafe { port::out8(0x42, (count >> 8) as u8) };
    start();
    let before = ticks();
    for _ in 0..10_000_000u32 {
        // SAFETY: as above.
        if unsafe { port::in8(0x61) } & 0x20 != 0 {
            let (after, sampled) = (ticks(), sample());
            // SAFETY: as above.
            unsafe { port::out8(0x61, gate) };
            return Some(((after - before) / INTERVAL_MS, sampled / INTERVAL_MS));
        }
    }
    None
}

/// Starts the clock. `start` and `sample` run and read the APIC timer, whose
/// ticks per millisecond are returned.
pub(super) fn init(start: impl Fn(), sample: impl Fn() -> u64) -> u64 {
    BASE.store(ticks(), Ordering::Relaxed);
    let measured = against_pit(start, sample);
    let khz = khz_by_cpuid().or(measured.map(|(tsc, _)| tsc));
    let Some(khz) = khz.filter(|khz| (1_000..100_000_000).contains(khz)) else {
        crate::fatal("no TSC frequency: neither CPUID 0x15 nor the PIT gives one")
    };
    KHZ.store(khz, Ordering::Relaxed);
    MULT.store((1_000_000 << 32) / khz, Ordering::Relaxed);
    measured.map_or(0, |(_, apic)| apic)
}

/// A number that identifies this CPU to user mode (RDTSCP, RDPID).
pub(super) fn cpu_and_tsc() -> (u32, u64) {
    let mut aux = 0;
    // SAFETY: RDTSCP reads a counter and an MSR into registers.
    let tsc = unsafe { __rdtscp(&mut aux) };
    (aux, tsc)
}

/// 32 bytes from RDSEED or RDRAND; without either, from timing jitter alone.
pub(crate) fn hardware_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for chunk in seed.chunks_exact_mut(8) {
        let jitter = jitter();
        let word = hardware_word().unwrap_or(0) ^ jitter;
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
        if cpuid::has_rdseed() {
            // SAFETY: the CPU has RDSEED; it writes a register and flags.
            unsafe { asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        } else if cpuid::has_rdrand() {
            // SAFETY: the CPU has RDRAND; it writes a register and flags.
            unsafe { asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        } else {
            return None;
        }
        // Health test: a broken generator repeats all zeros or all ones.
        (ok != 0 && value != 0 && value != u64::MAX).then_some(value)
    })
}
