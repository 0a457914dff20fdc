// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Linux's text formats as pure functions of plain figures.
//!
//! Nothing here looks at the system: callers fill in a structure, so each format
//! is tested against text as Linux 6.12 prints it.

pub(crate) mod cpu_flags;
pub(crate) mod cpuinfo;
pub(crate) mod limits;
pub(crate) mod meminfo;
pub(crate) mod mounts;
pub(crate) mod stat;
pub(crate) mod status;
pub(crate) mod system;
