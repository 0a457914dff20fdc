// SPDX-License-Identifier: GPL-2.0-or-later
//! The TDX module: leaves of TDCALL, page states, measurements, #VE.
//!
//! Spec: Intel's TDX module ABI, version 1.5, as far as Linux 6.12 and Nacre use it.

pub mod acpi;
pub mod cpuid;
pub mod firmware;
pub mod handover;
pub mod log;
pub mod mmio;
pub mod msr;
pub mod pages;
pub mod report;
pub mod tdcall;
pub mod ve;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use handover::HandOver;
pub use tdcall::TdCall;

use serde_json::json;

use crate::config::{Config, Guest, Mode};
use crate::ffi::{self, Cpu};
use crate::host;
use pages::Pages;
use report::Measurements;

/// The bit of a guest-physical address that makes it shared (GPAW 48).
pub const SHARED: u64 = 1 << 47;

/// Where a BIOS has its tables: below 1 MiB, and this much at the end of memory.
const LOW_TABLES: std::ops::Range<u64> = 0x9_f000..0x10_0000;
const HIGH_TABLES: u64 = 1 << 18;

/// The module with its one TD.
pub struct Module {
    is_td: AtomicBool,
    /// Where the firmware's code is; 0 before the hand-over.
    area: AtomicU64,
    entry: Option<u64>,
    /// State of each page.
    pub pages: Pages,
    measurements: Mutex<Measurements>,
    ve: Vec<Mutex<Option<ve::Info>>>,
    /// TD_CTLS, as the guest last wrote it.
    pub td_ctls: AtomicU64,
    /// NOTIFY_ENABLES, the same.
    pub notify_enables: AtomicU64,
    /// ATTRIBUTES.
    pub attributes: u64,
    /// Frequency of the TSC.
    pub tsc_hz: u64,
    /// Number of vCPUs.
    pub cpus: usize,
}

impl Module {
    /// A module whose TD is not yet there.
    ///
    /// # Errors
    /// The kernel image cannot be read.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut measurements = Measurements::default();
        let mut entry = None;
        if let Some(path) = &config.kernel {
            let image =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            measurements.mrtd = report::sha384(&image);
            let is_td = config.mode == Mode::Tdx;
            entry = handover::pvh_entry(&image).filter(|_| is_td);
            if entry.is_none() && is_td && config.guest == Guest::Nacre {
                return Err(format!("{}: no ELF file with a PVH entry", path.display()));
            }
        }
        Ok(Self {
            is_td: AtomicBool::new(false),
            area: AtomicU64::new(0),
            entry,
            pages: Pages::default(),
            measurements: Mutex::new(measurements),
            ve: (0..config.cpus.max(1)).map(|_| Mutex::default()).collect(),
            td_ctls: AtomicU64::new(0),
            notify_enables: AtomicU64::new(0),
            attributes: config.attributes,
            tsc_hz: if config.tsc_hz == 0 { ffi::tsc_hz() } else { config.tsc_hz },
            cpus: config.cpus,
        })
    }

    /// Whether the guest is a TD by now.
    pub fn is_td(&self, _cpu: &Cpu) -> bool {
        self.is_td.load(Ordering::Relaxed)
    }

    /// The guest is a TD from here on.
    pub fn begin(&self) {
        if !self.is_td.swap(true, Ordering::Relaxed) {
            host().events.write(&json!({"event": "td"}));
            // Linux's firmware has accepted all memory, and keeps a little at both ends for its tables.
            let ram = host().config.ram;
            if ram > LOW_TABLES.end + HIGH_TABLES {
                self.pages.init(ram);
                self.pages.set(pages::PAGE..LOW_TABLES.start, pages::State::Accepted);
                self.pages.set(LOW_TABLES.end..ram - HIGH_TABLES, pages::State::Accepted);
            }
        }
    }

    /// Whether the code at `pc` is the simulated firmware's own, to which the rules of a TD do not apply.
    pub fn is_firmware(&self, pc: u64) -> bool {
        let area = self.area.load(Ordering::Relaxed);
        area != 0 && (area..area + firmware::MAILBOX).contains(&pc)
    }

    /// The firmware's code is here.
    pub fn set_area(&self, area: u64) {
        self.area.store(area, Ordering::Relaxed);
    }

    /// Where the hand-over takes place.
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }

    /// MRTD, RTMRs and their kind.
    pub fn measurements(&self) -> MutexGuard<'_, Measurements> {
        self.measurements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What TDG.VP.VEINFO.GET will tell this vCPU.
    pub fn ve_info(&self, cpu: &Cpu) -> MutexGuard<'_, Option<ve::Info>> {
        let index = cpu.index().min(self.ve.len() - 1);
        self.ve[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
