// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of /proc about scheduling.

use framework::task::Task;
use procfs::{Entry, numbers};
use pseudofs::{Text, put};

static FILES: &[Entry] =
    &[numbers!("sys/kernel/sched_rr_timeslice_ms", [100], -0x8000_0000..=i32::MAX)];

/// Registers the files.
pub(crate) fn init() {
    procfs::register(FILES);
}

/// /proc/PID/schedstat: time on a CPU, waiting for one, and turns; zeros for a zombie.
pub fn show_schedstat(task: Option<&Task>, out: &mut Text) {
    let (run, turns) = task.map_or((0, 0), |task| {
        let (voluntary, forced) = task.sched().switches();
        (task.run_time_ns(), voluntary + forced)
    });
    put!(out, "{run} 0 {turns}\n");
}
