// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Counting references without a lock.
//!
//! Written over a [`Counter`] so that loom can try all interleavings
//! (`RUSTFLAGS="--cfg loom" cargo test -p framework --lib loom`).

use core::sync::atomic::{AtomicU32, Ordering, fence};

/// At this count references saturate: the frame is never freed.
pub(super) const SATURATED: u32 = 1 << 31;

/// An atomic number, of the machine or of loom.
pub(super) trait Counter {
    /// Reads it.
    fn load(&self, order: Ordering) -> u32;
    /// Writes it.
    fn store(&self, value: u32, order: Ordering);
    /// Adds one; what it was.
    fn increment(&self, order: Ordering) -> u32;
    /// Takes one away; what it was.
    fn decrement(&self, order: Ordering) -> u32;
    /// A fence.
    fn fence(order: Ordering);
}

impl Counter for AtomicU32 {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }
    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
    #[inline]
    fn increment(&self, order: Ordering) -> u32 {
        self.fetch_add(1, order)
    }
    #[inline]
    fn decrement(&self, order: Ordering) -> u32 {
        self.fetch_sub(1, order)
    }
    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// One more reference, made from an existing one.
#[inline]
pub(super) fn acquire<C: Counter>(count: &C) {
    let before = count.increment(Ordering::Relaxed);
    if before >= SATURATED {
        // Far from both ends, whatever others add or take meanwhile.
        count.store(SATURATED + SATURATED / 2, Ordering::Relaxed);
    }
}

/// One reference less. True: that was the last, and all that was done through
/// other references has happened before.
#[inline]
pub(super) fn release<C: Counter>(count: &C) -> bool {
    if count.load(Ordering::Relaxed) >= SATURATED || count.decrement(Ordering::Release) != 1 {
        return false;
    }
    C::fence(Ordering::Acquire);
    true
}

/// References now. When it is 1 and the caller holds that one, it stays 1, and
/// all that was done through other references has happened before.
#[inline]
pub(super) fn count<C: Counter>(count: &C) -> u32 {
    count.load(Ordering::Acquire)
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicU32 as LoomU32, AtomicU64, fence};
    use loom::thread;

    impl Counter for LoomU32 {
        fn load(&self, order: Ordering) -> u32 {
            self.load(order)
        }
        fn store(&self, value: u32, order: Ordering) {
            self.store(value, order);
        }
        fn increment(&self, order: Ordering) -> u32 {
            self.fetch_add(1, order)
        }
        fn decrement(&self, order: Ordering) -> u32 {
            self.fetch_sub(1, order)
        }
        fn fence(order: Ordering) {
            fence(order);
        }
    }

    /// A frame: its count, and its content, which loom watches.
    struct Page {
        refs: LoomU32,
        content: UnsafeCell<u32>,
        freed: LoomU32,
    }

    fn page(refs: u32) -> Arc<Page> {
        Arc::new(Page {
            refs: LoomU32::new(refs),
            content: UnsafeCell::new(7),
            freed: LoomU32::new(0),
        })
    }

    /// Reads the page through a reference, then drops it.
    fn read_and_drop(page: &Page) {
        // SAFETY: loom reports it if a writer comes in between.
        page.content.with(|content| assert_eq!(unsafe { *content }, 7));
        if release(&page.refs) {
            page.freed.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the last reference is gone; loom reports any other access.
            page.content.with_mut(|content| unsafe { *content = 0 });
        }
    }

    #[test]
    fn loom_the_last_release_is_alone() {
        loom::model(|| {
            let page = page(2);
            let other = page.clone();
            let thread = thread::spawn(move || {
                acquire(&other.refs);
                read_and_drop(&other);
                // The content may be read as long as one reference is left.
                read_and_drop(&other);
            });
            read_and_drop(&page);
            thread.join().unwrap();
            assert_eq!(page.freed.load(Ordering::Relaxed), 1);
        });
    }

    /// `VmSpace::write_fault` writes the page in place when it sees one reference.
    #[test]
    fn loom_a_single_reference_may_write() {
        loom::model(|| {
            let page = page(2);
            let other = page.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom reports it if the writer comes in between.
                other.content.with(|content| assert_eq!(unsafe { *content }, 7));
                release(&other.refs)
            });
            if count(&page.refs) == 1 {
                // SAFETY: loom reports any other access.
                page.content.with_mut(|content| unsafe { *content = 9 });
            }
            assert!(!thread.join().unwrap());
        });
    }

    /// The order of a shootdown against a CPU that joins the space: either the
    /// joining CPU is seen (and asked to flush), or it sees the new entry.
    #[test]
    fn loom_a_joining_cpu_is_seen_or_sees() {
        loom::model(|| {
            let entry = Arc::new(AtomicU64::new(1));
            let cpus = Arc::new(AtomicU64::new(0));
            let saw_old = Arc::new(AtomicBool::new(false));
            let joining = {
                let (entry, cpus, saw_old) = (entry.clone(), cpus.clone(), saw_old.clone());
                thread::spawn(move || {
                    cpus.fetch_or(1, Ordering::SeqCst);
                    // Loading CR3 serialises.
                    fence(Ordering::SeqCst);
                    saw_old.store(entry.load(Ordering::Relaxed) == 1, Ordering::Relaxed);
                })
            };
            entry.swap(0, Ordering::AcqRel);
            fence(Ordering::SeqCst);
            let must_flush = cpus.load(Ordering::SeqCst) == 1;
            joining.join().unwrap();
            assert!(must_flush || !saw_old.load(Ordering::Relaxed));
        });
    }
}
