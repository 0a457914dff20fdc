// SPDX-License-Identifier: GPL-2.0-or-later
//! A host that does not run a vCPU for a while.
//!
//! The vCPU's thread sleeps where it is, in the plugin and with no lock of it or of QEMU held; all other vCPUs run on. So
//! that every time-out of the guest passes in a few milliseconds of ours, the guest's clock is set forward when the
//! stall begins: to the guest that is the same as a long stall.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hostile_format::Stall;

use crate::ffi::Cpu;
use crate::host;

/// How often a stalled vCPU looks whether its stall is over.
const LOOK: Duration = Duration::from_micros(50);

/// Stalls, and how far the guest's clock was set forward by them.
#[derive(Default)]
pub struct Stalls {
    /// TSC ticks.
    ahead: AtomicU64,
    begun: AtomicU64,
    over: AtomicU64,
    /// Host calls by vCPU.
    calls: Vec<AtomicU64>,
    /// Marks that the workload has reached.
    marks: Mutex<HashSet<String>>,
}

impl Stalls {
    /// For this many vCPUs.
    pub fn new(cpus: usize) -> Self {
        Self { calls: (0..cpus).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// A vCPU calls the host.
    pub fn count_call(&self, cpu: &Cpu) {
        if let Some(calls) = self.calls.get(cpu.index()) {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The workload has reached a mark.
    pub fn on_mark(&self, mark: &str) {
        self.marks().insert(mark.to_owned());
    }

    fn marks(&self) -> MutexGuard<'_, HashSet<String>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// TSC ticks by which the guest's clock is ahead.
    pub fn ahead(&self) -> u64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Does not run `cpu` as long as `stall` says.
    pub fn stall(&self, cpu: &Cpu, stall: &Stall) {
        let ticks = host().module.tsc_hz / 1000 * stall.guest_ms;
        self.ahead.fetch_add(ticks, Ordering::Relaxed);
        let mine = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let over = self.over.load(Ordering::Relaxed);
        let calls = self.calls_of_others(cpu);
        let end = Instant::now() + Duration::from_millis(stall.ms);
        while Instant::now() < end {
            let has_called =
                stall.calls.is_some_and(|most| self.calls_of_others(cpu) - calls >= most);
            let later = self.begun.load(Ordering::Relaxed) - mine;
            let is_behind = stall.behind > 0
                && later >= stall.behind
                && self.over.load(Ordering::Relaxed) - over >= stall.behind;
            let is_reached = stall.until.as_ref().is_some_and(|mark| self.marks().contains(mark));
            if has_called || is_behind || is_reached {
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.over.fetch_add(1, Ordering::Relaxed);
    }

    fn calls_of_others(&self, cpu: &Cpu) -> u64 {
        let others = self.calls.iter().enumerate().filter(|(number, _)| *number != cpu.index());
        others.map(|(_, calls)| calls.load(Ordering::Relaxed)).sum()
    }
}
