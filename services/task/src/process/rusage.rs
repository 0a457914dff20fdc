// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The figures of what processes have used: CPU time, page faults, memory.
//!
//! Spec: getrusage(2), times(2).

use abi::time::{NS_PER_SEC, USER_HZ};

/// Nanoseconds in a clock tick as programs see it.
pub const NS_PER_TICK: u64 = NS_PER_SEC / USER_HZ;

/// What a thread, a process or its ended children have used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rusage {
    /// CPU time in user mode.
    pub user_ns: u64,
    /// CPU time in the kernel.
    pub system_ns: u64,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
    /// Page faults without input or output.
    pub minor_faults: u64,
    /// Page faults with.
    pub major_faults: u64,
    /// Times it gave up the CPU.
    pub voluntary_switches: u64,
    /// Times it was taken off the CPU.
    pub involuntary_switches: u64,
}

impl Rusage {
    /// Adds what `other` used; the resident size is the larger of both. No sum wraps: 2^64
    /// nanoseconds of all CPUs are years.
    pub fn add(&mut self, other: &Self) {
        self.user_ns = self.user_ns.wrapping_add(other.user_ns);
        self.system_ns = self.system_ns.wrapping_add(other.system_ns);
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
        self.minor_faults = self.minor_faults.wrapping_add(other.minor_faults);
        self.major_faults = self.major_faults.wrapping_add(other.major_faults);
        self.voluntary_switches = self.voluntary_switches.wrapping_add(other.voluntary_switches);
        self.involuntary_switches =
            self.involuntary_switches.wrapping_add(other.involuntary_switches);
    }
}

/// What a process keeps beyond its threads.
#[derive(Default)]
pub(crate) struct Usage {
    /// Its threads that have ended.
    pub(crate) ended: Rusage,
    /// Children that were waited for, with theirs.
    pub(crate) children: Rusage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_takes_the_larger_rss() {
        let mut a = Rusage { user_ns: 1, max_rss_kib: 10, ..Default::default() };
        a.add(&Rusage { user_ns: 2, max_rss_kib: 4, minor_faults: 3, ..Default::default() });
        assert_eq!((a.user_ns, a.max_rss_kib, a.minor_faults), (3, 10, 3));
    }
}
