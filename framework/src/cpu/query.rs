// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Questions about CPUs that the machine answers.

use super::{CpuId, CpuInfo, CpuTimes};
use crate::arch;

/// What the CPUs say of themselves (read once, at boot).
pub fn info() -> &'static CpuInfo {
    arch::cpu_info()
}

/// Makes a CPU choose its task again, as soon as it may.
pub fn resched(cpu: CpuId) {
    arch::resched(cpu);
}

/// How a CPU has spent its time.
pub fn times(cpu: CpuId) -> CpuTimes {
    arch::cpu_times(cpu)
}
