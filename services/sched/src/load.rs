// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The load average of `/proc/loadavg`.
//!
//! Linux's figures: an exponential average of the runnable tasks over 1, 5 and 15
//! minutes, sampled every 5 s in 11-bit fixed point. Nothing samples while every
//! CPU is idle; the samples missed then count as no load.
//!
//! Locks: `state` is a leaf (interrupts off), taken under no queue's lock.

use core::fmt;

use framework::sync::IrqLock;

const SHIFT: u32 = 11;
const ONE: u64 = 1 << SHIFT;
const PERIOD_NS: u64 = 5_000_000_000;
/// What remains of an average after one period: e^(-5/60), e^(-5/300), e^(-5/900).
const DECAY: [u64; 3] = [1884, 2014, 2037];
/// After as many periods without load every average is nothing.
const MAX_IDLE_PERIODS: u64 = 2000;

/// A load average in 11-bit fixed point; displays as `0.12`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadAverage(u64);

impl LoadAverage {
    /// The fixed-point value with `bits` fraction bits, as sysinfo(2) wants 16.
    pub const fn fixed_point(self, bits: u32) -> u64 {
        if bits >= SHIFT { self.0 << (bits - SHIFT) } else { self.0 >> (SHIFT - bits) }
    }
}

impl fmt::Display for LoadAverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to hundredths, as Linux does.
        let rounded = self.0 + ONE / 200;
        write!(f, "{}.{:02}", rounded >> SHIFT, ((rounded & (ONE - 1)) * 100) >> SHIFT)
    }
}

struct State {
    next_ns: u64,
    averages: [LoadAverage; 3],
}

/// Keeps the averages.
pub(crate) struct LoadTracker {
    state: IrqLock<State>,
    next_ns: core::sync::atomic::AtomicU64,
}

impl LoadTracker {
    pub(crate) const fn new() -> Self {
        let state = State { next_ns: PERIOD_NS, averages: [LoadAverage(0); 3] };
        Self { state: IrqLock::new(state), next_ns: core::sync::atomic::AtomicU64::new(PERIOD_NS) }
    }

    /// Takes the samples that are due; cheap when none is.
    #[inline]
    pub(crate) fn sample(&self, now: u64, runnable: impl FnOnce() -> usize) {
        if now >= self.next_ns.load(core::sync::atomic::Ordering::Relaxed) {
            self.take_samples(now, runnable() as u64);
        }
    }

    #[cold]
    fn take_samples(&self, now: u64, runnable: u64) {
        let mut state = self.state.lock();
        let Some(late) = now.checked_sub(state.next_ns) else { return };
        let missed = late / PERIOD_NS;
        for _ in 0..missed.min(MAX_IDLE_PERIODS) {
            state.step(0);
        }
        state.step(runnable);
        state.next_ns += (missed + 1) * PERIOD_NS;
        self.next_ns.store(state.next_ns, core::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn averages(&self) -> [LoadAverage; 3] {
        self.state.lock().averages
    }
}

impl State {
    fn step(&mut self, runnable: u64) {
        let active = runnable * ONE;
        for (average, decay) in self.averages.iter_mut().zip(DECAY) {
            let mut sum = average.0 * decay + active * (ONE - decay);
            if active >= average.0 {
                sum += ONE - 1;
            }
            average.0 = sum / ONE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn averages_rise_and_fall() {
        let tracker = LoadTracker::new();
        for second in 1..=60 {
            tracker.sample(second * 1_000_000_000, || 1);
        }
        let [one, five, fifteen] =
            tracker.averages().map(|a| a.to_string().parse::<f64>().unwrap());
        assert!((0.62..0.65).contains(&one), "{one}");
        assert!((0.17..0.20).contains(&five), "{five}");
        assert!((0.05..0.08).contains(&fifteen), "{fifteen}");
        tracker.sample(3_600_000_000_000, || 0);
        let [one, ..] = tracker.averages();
        assert_eq!(one.to_string(), "0.00");
    }

    #[test]
    fn display_rounds_like_linux() {
        assert_eq!(LoadAverage(ONE).to_string(), "1.00");
        assert_eq!(LoadAverage(ONE / 2).to_string(), "0.50");
        assert_eq!(LoadAverage(ONE).fixed_point(16), 65536);
    }
}
