// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Yama: how far processes of one user may take one another over
//! (`kernel.yama.ptrace_scope`).
//!
//! Spec: Documentation/admin-guide/LSM/Yama.rst of Linux 6.12.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use abi::capability::Caps;
use abi::{Result, err};
use cred::Cred;

use crate::process::Process;

/// As far as the other rules allow.
const SCOPE_DISABLED: u8 = 0;
/// Only descendants.
const SCOPE_RELATIONAL: u8 = 1;
/// Only with CAP_SYS_PTRACE.
const SCOPE_CAPABILITY: u8 = 2;
/// Nobody, until the next boot.
pub(crate) const SCOPE_NO_ATTACH: u8 = 3;

static SCOPE: AtomicU8 = AtomicU8::new(SCOPE_DISABLED);

/// `kernel.yama.ptrace_scope`.
pub(crate) fn scope() -> u8 {
    SCOPE.load(Relaxed)
}

/// Sets the scope, 0 to 3.
///
/// # Errors
/// `EINVAL` for less than 3 once it is 3.
pub(crate) fn set_scope(value: u8) -> Result<()> {
    let allowed = |now| (now != SCOPE_NO_ATTACH || value == SCOPE_NO_ATTACH).then_some(value);
    match SCOPE.fetch_update(Relaxed, Relaxed, allowed) {
        Ok(_) => Ok(()),
        Err(_) => err!(EINVAL, "the scope stays at 3"),
    }
}

/// Whether the calling process may take `target` over, beyond the other rules.
///
/// # Errors
/// `EPERM` if not.
pub(crate) fn check(target: &Process, caller: &Cred) -> Result<()> {
    let is_chief = caller.capable(Caps::SYS_PTRACE);
    let is_allowed = match scope() {
        SCOPE_DISABLED => true,
        SCOPE_RELATIONAL => is_chief || is_descendant(target),
        SCOPE_CAPABILITY => is_chief,
        _ => false,
    };
    if is_allowed { Ok(()) } else { err!(EPERM, "kernel.yama.ptrace_scope") }
}

/// Whether `target` descends from the calling process.
fn is_descendant(target: &Process) -> bool {
    let Some(me) = crate::current() else { return true };
    let mut at = target.parent_pid();
    while at != me.pid() {
        // Parents are older, up to the first process.
        let Some(parent) = target.pid_namespace().process(at) else { return false };
        at = parent.parent_pid();
    }
    true
}
