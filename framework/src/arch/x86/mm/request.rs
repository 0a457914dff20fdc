// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The request to forget translations, as each CPU that it concerns serves it: in an
//! interrupt, or while it spins.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::tlb;
use crate::arch::x86::cpu::local;
use crate::arch::x86::irq::flags;

struct Request {
    start: AtomicUsize,
    end: AtomicUsize,
    /// CPUs that have not flushed yet. Private memory: the host cannot say it.
    pending: AtomicU64,
}

static REQUEST: Request =
    Request { start: AtomicUsize::new(0), end: AtomicUsize::new(0), pending: AtomicU64::new(0) };

/// Asks the CPUs in the mask `cpus` to forget `range`. One request at a time: the
/// last one is through.
pub(super) fn post(cpus: u64, range: Range<usize>) {
    REQUEST.start.store(range.start, Ordering::Relaxed);
    REQUEST.end.store(range.end, Ordering::Relaxed);
    REQUEST.pending.store(cpus, Ordering::Release);
}

/// Whether each CPU that was asked has done it.
pub(super) fn is_served() -> bool {
    REQUEST.pending.load(Ordering::Acquire) == 0
}

/// Does what another CPU asks for, if anything.
#[inline]
pub(crate) fn serve() {
    let pending = REQUEST.pending.load(Ordering::Acquire);
    if pending != 0 {
        serve_slowly(pending);
    }
}

#[cold]
fn serve_slowly(pending: u64) {
    let irq = flags::irq_save();
    let me = 1 << local::cpu_id();
    if pending & me != 0 && REQUEST.pending.load(Ordering::Acquire) & me != 0 {
        let range = REQUEST.start.load(Ordering::Relaxed)..REQUEST.end.load(Ordering::Relaxed);
        tlb::flush_local(range);
        REQUEST.pending.fetch_and(!me, Ordering::AcqRel);
    }
    flags::irq_restore(irq);
}

/// A turn of a loop that waits for another CPU: which may wait for this one to serve.
#[inline]
pub(crate) fn spin_hint() {
    serve();
    core::hint::spin_loop();
}
