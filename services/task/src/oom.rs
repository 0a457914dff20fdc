// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The out-of-memory killer: when a fault finds no memory, somebody has to go.
//!
//! The victim is the process that holds most memory, the kernel's for it included
//! ([`Process::memory_pages`]), weighted by its oom_score_adj, and of several that
//! hold about as much the youngest; the first process and those at -1000 are
//! spared. While a victim is on its way out nobody else is chosen, and nobody is if the
//! stacks of threads that ended, which are given back first, are enough.
//!
//! Locks: `VICTIM` is a leaf (preemption off).

use alloc::sync::{Arc, Weak};
use core::sync::atomic::Ordering::Relaxed;

use framework::{mm::PAGE_SIZE, sync::SpinLock, task, time::monotonic_ns};
use mm::OomVerdict;

use crate::{
    ids::Pid,
    process::{PidNamespace, Process},
    run,
    signal::send,
};

/// Who was chosen last, and until when that is enough.
struct Victim {
    process: Weak<Process>,
    patience_ns: u64,
}

static VICTIM: SpinLock<Victim> = SpinLock::new(Victim { process: Weak::new(), patience_ns: 0 });

/// How long a victim may take to get out before another one is chosen.
const PATIENCE_NS: u64 = 2_000_000_000;

/// Called by `mm` when a fault finds no memory; may sleep.
pub(crate) fn out_of_memory() -> OomVerdict {
    let dying = run::with_current(|thread| thread.is_dying()).unwrap_or(false);
    if dying {
        // The caller is the victim: it must get out of the kernel.
        return OomVerdict::GiveUp;
    }
    if is_victim_alive() {
        wait_a_little();
        return OomVerdict::Retry;
    }
    framework::mm::give_back_stacks();
    if !framework::mm::is_short() {
        // Some was given back since.
        return OomVerdict::Retry;
    }
    if !kill_largest() {
        return OomVerdict::GiveUp;
    }
    if run::with_current(|thread| thread.is_dying()).unwrap_or(false) {
        return OomVerdict::GiveUp;
    }
    wait_a_little();
    OomVerdict::Retry
}

/// Called when a call failed for want of memory: if the kernel itself is short of it,
/// somebody has to go, so that the next call goes well. Does not wait for that.
#[cold]
pub fn relieve() {
    if framework::mm::admit().is_ok() || is_victim_alive() {
        return;
    }
    framework::mm::give_back_stacks();
    if framework::mm::admit().is_err() {
        kill_largest();
    }
}

/// Kills who holds most; whether there was anybody.
fn kill_largest() -> bool {
    let Some(victim) = choose() else { return false };
    let kib = victim.memory_pages() * PAGE_SIZE / 1024;
    log::warn!("out of memory: killed process {} ({kib} KiB)", victim.pid());
    *VICTIM.lock() =
        Victim { process: Arc::downgrade(&victim), patience_ns: monotonic_ns() + PATIENCE_NS };
    victim.is_oom_victim.store(true, Relaxed);
    send::kill_from_kernel(&victim);
    true
}

/// Whether a victim still holds memory that it is about to give back.
fn is_victim_alive() -> bool {
    let (victim, patience_ns) = {
        let victim = VICTIM.lock();
        (victim.process.upgrade(), victim.patience_ns)
    };
    // Its memory is given back after it has left it, and before it is a zombie.
    victim.is_some_and(|p| !p.is_zombie()) && monotonic_ns() < patience_ns
}

fn wait_a_little() {
    const PAUSE_NS: u64 = 1_000_000;
    task::park(Some(monotonic_ns() + PAUSE_NS));
}

/// How bad it would be to keep a process; None: it is spared.
fn badness(pages: usize, adjustment: i16, total_pages: usize) -> Option<i64> {
    if i64::from(adjustment) == abi::oom::OOM_SCORE_ADJ_MIN {
        return None;
    }
    let weight = i64::from(adjustment) * total_pages as i64 / 1000;
    Some((pages as i64 + weight).max(1))
}

/// The badness of a process. One that has left its memory, but not given it back, comes
/// first: to wait for it kills nobody.
fn score(process: &Process, total_pages: usize) -> Option<i64> {
    if process.is_ending() && process.mm().is_none() {
        return Some(i64::MAX / 2);
    }
    badness(process.memory_pages(), process.oom_score_adj(), total_pages)
}

fn choose() -> Option<Arc<Process>> {
    let total = framework::mm::stats().total_pages;
    // Looked at twice, as there is no memory for a list.
    let scored = || {
        let all = PidNamespace::initial().processes();
        // One that ends for another reason is chosen like any other: to wait for it is
        // enough. One that was chosen before and has still not gone makes room for others.
        let candidates = all.filter(|p| p.pid() != Pid::INIT && !p.is_zombie());
        let candidates = candidates.filter(|p| !p.is_oom_victim.load(Relaxed));
        candidates.filter_map(move |p| Some((score(&p, total)?, p)))
    };
    let most = scored().map(|(score, _)| score).max()?;
    let large = scored().filter(|(score, _)| *score >= most - most / 8);
    large.max_by_key(|(_, process)| process.start_ns()).map(|(_, process)| process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_goes_unless_spared() {
        assert_eq!(badness(100, 0, 1000), Some(100));
        assert_eq!(badness(100, -1000, 1000), None);
        assert_eq!(badness(100, 500, 1000), Some(600));
        assert_eq!(badness(100, -500, 1000), Some(1));
    }
}
