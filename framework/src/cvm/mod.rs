// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The confidential VM: what the hardware vouches for, and what goes to the host.
//!
//! One `Backend` is chosen at boot and matched at each call. No other module knows
//! vendors, and here only their folders do. Safe crates get reports, registers and
//! evidence; they never see a call of the hardware's.
//!
//! Trust: what the hardware answers is its own; all else that comes back is the host's,
//! and [`crate::host::Untrusted`].

pub(crate) mod accept;
mod attest;
mod backend;
mod dispatch;
mod encoding;
pub(crate) mod event_log;
mod evidence;
pub(crate) mod health;
mod log_table;
pub(crate) mod measure;
mod plain;
mod ports;
mod tdx;

pub(crate) use self::attest::set_aside;
pub use self::attest::{evidence, extend, provider, registers, report};
pub use self::dispatch::{Kind, is_confidential, kind};
pub use self::evidence::{CvmError, Evidence, Provider, Register};
pub use self::measure::{FirmwareLog, firmware_log};

use self::backend::{Backend, BootRegister, MapFn, Refusal, crystal_khz};
pub(crate) use self::dispatch::{
    accept, detect, enforce, fault_address, prepare_cpus, serve_user, set_up_cpu, start_cpu,
};
use self::evidence::Exchange;
#[cfg(all(not(target_os = "none"), feature = "fuzz"))]
pub(crate) use self::tdx::fuzz;
pub(crate) use self::{
    backend::CpuStart,
    dispatch::{cpu_flags, cpuid, fatal, halt, idle, mmio_read, mmio_write, msr_read, msr_write},
    dispatch::{port_read, port_write, share, tsc_khz},
    encoding::{Encoding, TableAddr, private, shared},
    log_table::LogTable,
};
