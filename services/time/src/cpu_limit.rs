// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard.
//!
//! Looked at once a second, and only while some process has such a limit.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::resource::{RLIM_INFINITY, Resource};
use abi::signal::{SigInfo, Signal};
use abi::time::NS_PER_SEC;
use task::{PidNamespace, Process, signal::send_to_process};

/// When to look next; 0: no process has a limit.
static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);

/// To be called when a process has got a limit on its CPU time.
pub fn watch_cpu_limit() {
    if NEXT_LOOK.load(Relaxed) == 0 {
        NEXT_LOOK.store(framework::time::monotonic_ns() + NS_PER_SEC, Relaxed);
        crate::queue::nudge();
    }
}

pub(crate) fn next_look_ns() -> Option<u64> {
    Some(NEXT_LOOK.load(Relaxed)).filter(|at| *at != 0)
}

/// Looks at all processes if it is time to.
pub(crate) fn look(now_ns: u64) {
    if next_look_ns().is_none_or(|at| at > now_ns) {
        return;
    }
    let limited = PidNamespace::initial().processes().filter(|p| enforce(p)).count();
    NEXT_LOOK.store(if limited > 0 { now_ns + NS_PER_SEC } else { 0 }, Relaxed);
}

/// Whether the process is still limited.
fn enforce(process: &Process) -> bool {
    let limit = process.rlimit(Resource::Cpu);
    if limit.cur == RLIM_INFINITY || process.is_zombie() {
        return false;
    }
    if let Some(signal) = verdict(process.cpu_time_ns() / NS_PER_SEC, limit.cur, limit.max) {
        let _ = send_to_process(process, SigInfo::kernel(signal));
    }
    true
}

fn verdict(seconds: u64, soft: u64, hard: u64) -> Option<Signal> {
    match () {
        () if seconds >= hard => Some(Signal::KILL),
        () if seconds >= soft => Some(Signal::XCPU),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_then_hard() {
        assert_eq!(verdict(1, 2, 4), None);
        assert_eq!(verdict(2, 2, 4), Some(Signal::XCPU));
        assert_eq!(verdict(4, 2, 4), Some(Signal::KILL));
        assert_eq!(verdict(4, 2, RLIM_INFINITY), Some(Signal::XCPU));
    }
}
