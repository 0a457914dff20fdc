// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The out-of-memory killer: when a fault finds no memory, somebody has to go.
//!
//! The victim is the process that holds most memory, the kernel's for it included
//! ([`Process::memory_pages`]), weighted by its oom_score_adj, and of several that
//! hold about as much the youngest; the first process and those at -1000 are
//! spared. While a victim is on its way out nobody else is chosen, and nobody is if the
//! stacks of threads that ended, which are given back first, are enough.
//!
//! One task at a time looks and kills, and all who wait look again at what is free: so that
//! one want of memory is not the end of several. Nobody waits without end: whoever could not
//! be helped fails, for its locks may be what a victim needs to get out.
//!
//! Locks: `LATEST` is a leaf (preemption off).

use alloc::sync::{Arc, Weak};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicU64};

use framework::{mm::PAGE_SIZE, sync::SpinLock, task, time::monotonic_ns};
use mm::OomVerdict;

use crate::{
    ids::Pid,
    process::{PidNamespace, Process},
    run,
    signal::send,
};

/// Until when (time since boot) somebody looks for a victim and others do not; 0 if nobody
/// does. Who looks can be preempted, and others have no use for the CPU.
static LOOKING_UNTIL: AtomicU64 = AtomicU64::new(0);

/// The latest victim, which is looked at before all others are.
static LATEST: SpinLock<Weak<Process>> = SpinLock::new(Weak::new());
/// Whether the log has that nobody is left.
static IS_SAID: AtomicBool = AtomicBool::new(false);

/// How long a victim may take to get out before another one is chosen.
const PATIENCE_NS: u64 = 2_000_000_000;

/// Times that a fault looks for memory, at least 1 ms after each other, before it fails; and
/// if all that is left are processes that are spared.
const TRIES: u32 = 60_000;
const TRIES_ALONE: u32 = 3_000;

/// Called by `mm` when a fault finds no memory, as it did `tries` times before; may sleep.
pub(crate) fn out_of_memory(tries: u32) -> OomVerdict {
    framework::mm::give_back_stacks();
    let is_short = framework::mm::is_short();
    let can_come = is_dying() || !is_short || kill_one();
    if is_short || tries > 0 {
        wait_a_little();
    }
    // Who is a victim gets out of the kernel.
    let most = if can_come { TRIES } else { TRIES_ALONE };
    if is_dying() || tries >= most { OomVerdict::GiveUp } else { OomVerdict::Retry }
}

/// Called when a call failed for want of memory: if the kernel itself is short of it,
/// somebody has to go, so that the next call goes well. Does not wait for that.
#[cold]
pub fn relieve() {
    if framework::mm::admit().is_ok() {
        return;
    }
    framework::mm::give_back_stacks();
    if framework::mm::admit().is_err() {
        kill_one();
    }
}

fn is_dying() -> bool {
    run::with_current(|thread| thread.is_dying()).unwrap_or(false)
}

/// Kills who holds most, unless somebody is about to go, or another task looks; false if
/// there was nobody to kill.
fn kill_one() -> bool {
    let now = monotonic_ns();
    let before = LOOKING_UNTIL.load(Relaxed);
    let mine = now.saturating_add(PATIENCE_NS);
    if before > now || LOOKING_UNTIL.compare_exchange(before, mine, AcqRel, Relaxed).is_err() {
        return true;
    }
    // Who looked before may have killed.
    let can_come = !framework::mm::is_short() || is_victim_alive() || kill_largest();
    let _ = LOOKING_UNTIL.compare_exchange(mine, 0, AcqRel, Relaxed);
    can_come
}

/// False if there was nobody to kill.
fn kill_largest() -> bool {
    let victim = match choose() {
        Choice::One(victim) => victim,
        Choice::Gone => return true,
        Choice::Nobody => {
            if !IS_SAID.swap(true, Relaxed) {
                log::error!("out of memory, and all that is left are processes that are spared");
            }
            return false;
        }
    };
    let kib = victim.memory_pages() * PAGE_SIZE / 1024;
    victim.oom_patience_ns.store(monotonic_ns() + PATIENCE_NS, Relaxed);
    *LATEST.lock() = Arc::downgrade(&victim);
    send::kill_from_kernel(&victim);
    log::warn!("out of memory: killed process {} ({kib} KiB)", victim.pid());
    true
}

/// Whether a victim still holds memory that it is about to give back.
fn is_victim_alive() -> bool {
    let now = monotonic_ns();
    // Its memory is given back after it has left it, and before it is a zombie.
    let is_about_to = |p: &Process| p.oom_patience_ns.load(Relaxed) > now && !p.is_zombie();
    let latest = LATEST.lock().upgrade();
    latest.is_some_and(|p| is_about_to(&p))
        || PidNamespace::initial().processes().any(|p| is_about_to(&p))
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

/// Who goes.
enum Choice {
    One(Arc<Process>),
    /// The largest went by itself meanwhile.
    Gone,
    Nobody,
}

fn choose() -> Choice {
    let total = framework::mm::stats().total_pages;
    // Looked at twice, as there is no memory for a list.
    let scored = || {
        let all = PidNamespace::initial().processes();
        // One that ends for another reason is chosen like any other: to wait for it is
        // enough. One that was chosen before and has still not gone makes room for others.
        let candidates = all.filter(|p| p.pid() != Pid::INIT && !p.is_zombie());
        let candidates = candidates.filter(|p| p.oom_patience_ns.load(Relaxed) == 0);
        candidates.filter_map(move |p| Some((score(&p, total)?, p)))
    };
    let Some(most) = scored().map(|(score, _)| score).max() else { return Choice::Nobody };
    let large = scored().filter(|(score, _)| *score >= most - most / 8);
    let youngest = large.max_by_key(|(_, process)| process.start_ns());
    youngest.map_or(Choice::Gone, |(_, process)| Choice::One(process))
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
