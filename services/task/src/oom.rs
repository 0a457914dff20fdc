// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The out-of-memory killer: when a fault finds no memory, somebody has to go.
//!
//! The victim is the process that holds most memory, weighted by its
//! oom_score_adj, and of several that hold about as much the youngest; the first
//! process and those at -1000 are spared. While a victim is on its way out
//! nobody else is chosen.
//!
//! Locks: `VICTIM` is a leaf (preemption off).

use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};

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
    let Some(victim) = choose() else { return OomVerdict::GiveUp };
    let rss = resident_pages(&victim);
    log::warn!("out of memory: killed process {} ({} KiB)", victim.pid(), rss * PAGE_SIZE / 1024);
    *VICTIM.lock() =
        Victim { process: Arc::downgrade(&victim), patience_ns: monotonic_ns() + PATIENCE_NS };
    send::kill_from_kernel(&victim);
    if run::with_current(|thread| thread.is_dying()).unwrap_or(false) {
        return OomVerdict::GiveUp;
    }
    wait_a_little();
    OomVerdict::Retry
}

/// Whether a victim still holds memory that it is about to give back.
fn is_victim_alive() -> bool {
    let (victim, patience_ns) = {
        let victim = VICTIM.lock();
        (victim.process.upgrade(), victim.patience_ns)
    };
    victim.is_some_and(|p| p.mm().is_some() && !p.is_zombie()) && monotonic_ns() < patience_ns
}

fn wait_a_little() {
    const PAUSE_NS: u64 = 1_000_000;
    task::park(Some(monotonic_ns() + PAUSE_NS));
}

fn resident_pages(process: &Process) -> usize {
    process.mm().map_or(0, |mm| mm.vm().rss_pages())
}

/// How bad it would be to keep a process; None: it is spared.
fn badness(rss_pages: usize, adjustment: i16, total_pages: usize) -> Option<i64> {
    if i64::from(adjustment) == abi::oom::OOM_SCORE_ADJ_MIN {
        return None;
    }
    let weight = i64::from(adjustment) * total_pages as i64 / 1000;
    Some((rss_pages as i64 + weight).max(1))
}

fn choose() -> Option<Arc<Process>> {
    let total = framework::mm::stats().total_pages;
    let all = PidNamespace::initial().processes();
    let candidates = all.filter(|p| p.pid() != Pid::INIT && !p.is_zombie());
    let scored = candidates.filter_map(|p| {
        // Chosen before and still not gone: somebody else's turn.
        if p.is_ending() {
            return None;
        }
        let rss = resident_pages(&p);
        let score = badness(rss, p.oom_score_adj(), total)?;
        Some((score, p))
    });
    let scored: Vec<_> = scored.collect();
    let most = scored.iter().map(|(score, _)| *score).max()?;
    let large = scored.into_iter().filter(|(score, _)| *score >= most - most / 8);
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
