// SPDX-License-Identifier: GPL-2.0-or-later
//! Loads and stores to shared addresses behind which there is no memory: EPT violations, so #VE.

use super::{SHARED, ve};
use crate::Flow;
use crate::ffi::{Access, Cpu};
use crate::insn::{Site, true_pc};

/// After an access to no memory; a load has not yet changed its register.
pub fn accessed(cpu: &Cpu, site: &'static Site, access: &Access, gpa: u64) -> Flow {
    if gpa & SHARED == 0 {
        return Flow::Continue;
    }
    let info = ve::Info {
        reason: ve::EPT_VIOLATION,
        qualification: if access.is_store { 2 } else { 1 },
        gla: access.virt,
        gpa,
        len: 0,
    };
    ve::raise(cpu, true_pc(cpu, site), info)
}
