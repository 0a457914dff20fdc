// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may read the kernel's log (`kernel.dmesg_restrict`).
//!
//! Spec: syslog(2).

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use abi::capability::Caps;
use abi::{Result, err};

use crate::Cred;

/// As Debian builds its kernels.
static RESTRICTED: AtomicBool = AtomicBool::new(true);

/// `kernel.dmesg_restrict`: whether reading the log needs a capability.
pub fn dmesg_restrict() -> bool {
    RESTRICTED.load(Relaxed)
}

/// Sets `kernel.dmesg_restrict`.
pub fn set_dmesg_restrict(is_restricted: bool) {
    RESTRICTED.store(is_restricted, Relaxed);
}

/// What somebody wants with the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogUse {
    /// To look, which changes nothing.
    Look,
    /// To take what was read away, or to change how it is shown.
    Change,
}

impl Cred {
    /// Whether these may use the log so.
    ///
    /// # Errors
    /// `EPERM` without CAP_SYSLOG or CAP_SYS_ADMIN, but for looking at a log that is not
    /// restricted.
    pub fn check_log(&self, use_: LogUse) -> Result<()> {
        let is_free = use_ == LogUse::Look && !dmesg_restrict();
        if is_free || self.capable(Caps::SYSLOG) || self.capable(Caps::SYS_ADMIN) {
            return Ok(());
        }
        err!(EPERM, "the log needs CAP_SYSLOG")
    }
}
