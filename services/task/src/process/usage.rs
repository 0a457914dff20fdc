// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How what threads and processes have used is counted.
//!
//! Spec: getrusage(2), times(2).

use core::ops::ControlFlow;

use framework::mm::PAGE_SIZE;
use mm::AddressSpace;

use super::{
    rusage::Rusage,
    types::{Process, Thread},
};

impl Thread {
    /// What this thread has used.
    pub fn rusage(&self) -> Rusage {
        let (minor_faults, major_faults) = self.faults();
        let mut usage = Rusage { minor_faults, major_faults, ..Rusage::default() };
        if let Some(task) = self.task() {
            let total = task.run_time_ns();
            usage.user_ns = task.user_time_ns().min(total);
            usage.system_ns = total - usage.user_ns;
            (usage.voluntary_switches, usage.involuntary_switches) = task.sched().switches();
        }
        usage
    }

    /// The CPU time of this thread.
    pub fn cpu_time_ns(&self) -> u64 {
        self.task().map_or(0, |task| task.run_time_ns())
    }
}

/// How often a sum over threads is tried while some end.
const SUMS: usize = 5;

/// The kernel's memory for a thread, in pages: its stack and its records.
const THREAD_PAGES: usize = 9;

impl Process {
    /// What its end would give back, in pages: resident memory and page tables, as Linux
    /// counts, and the kernel's memory for its areas, threads, open files and pipes.
    pub fn memory_pages(&self) -> usize {
        let mm = self.mm().map_or(0, |mm| mm.vm().rss_pages() + mm.kernel_pages());
        let files = self.leader().map_or(0, |leader| leader.files().kernel_bytes() / PAGE_SIZE);
        mm + files + self.thread_count() * THREAD_PAGES + self.account.pages()
    }

    /// What all threads have used so far (RUSAGE_SELF).
    pub fn rusage(&self) -> Rusage {
        let mut usage = self.sum_of_threads(Rusage::add, Thread::rusage);
        if let Some(mm) = self.mm() {
            usage.max_rss_kib = usage.max_rss_kib.max(mm.usage().peak_resident as u64 / 1024);
        }
        usage
    }

    /// Notes how much of `mm`, which it leaves, was in memory at most.
    pub(crate) fn note_peak_rss(&self, mm: &AddressSpace) {
        let peak = mm.usage().peak_resident as u64 / 1024;
        let mut usage = self.usage.lock();
        usage.ended.max_rss_kib = usage.ended.max_rss_kib.max(peak);
    }

    /// What children that were waited for have used (RUSAGE_CHILDREN).
    pub fn children_rusage(&self) -> Rusage {
        self.usage.lock().children
    }

    /// The CPU time of all threads.
    pub fn cpu_time_ns(&self) -> u64 {
        let add = |sum: &mut Rusage, ns: &u64| sum.user_ns += *ns;
        let usage = self.sum_of_threads(add, Thread::cpu_time_ns);
        usage.user_ns + usage.system_ns
    }

    /// What threads that have ended have used, and `of` each of the others added to it.
    fn sum_of_threads<T>(&self, add: fn(&mut Rusage, &T), of: fn(&Thread) -> T) -> Rusage {
        let mut sum = Rusage::default();
        // One that ends behind the look at those that have ended would be left out.
        for attempt in 1..=SUMS {
            let mut ended = None;
            let mut is_whole = true;
            sum = self.usage.lock().ended;
            self.for_threads(|group, thread| {
                if ended.is_none() {
                    sum = self.usage.lock().ended;
                }
                is_whole = *ended.get_or_insert(group.ended) == group.ended || attempt == SUMS;
                add(&mut sum, &of(thread));
                if is_whole { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if is_whole {
                break;
            }
        }
        sum
    }
}
