// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CPUs: how many there are, which one this is, sets of them, what they are.

mod info;
mod offer;
mod query;
mod set;

pub use info::{CpuInfo, CpuTimes};
pub(crate) use offer::Offer;
pub use query::{info, resched, times};
pub(crate) use set::set_count;
pub use set::{CpuId, CpuSet, MAX_CPUS, all, count, current};
