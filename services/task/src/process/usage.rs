// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How what threads and processes have used is counted.
//!
//! Spec: getrusage(2), times(2).

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
        let signals = self.signals.lock();
        let mut usage = self.usage.lock().ended;
        for thread in &signals.threads {
            usage.add(&thread.rusage());
        }
        drop(signals);
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
        let signals = self.signals.lock();
        let ended = self.usage.lock().ended;
        let running: u64 = signals.threads.iter().map(|t| t.cpu_time_ns()).sum();
        ended.user_ns + ended.system_ns + running
    }
}
