// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ends: power-off, restart.
//!
//! Locks: `HOOKS` is a leaf (preemption off); hooks run outside of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::arch;
use crate::sync::SpinLock;

type Hook = Box<dyn FnOnce() + Send>;

static HOOKS: SpinLock<Vec<Hook>> = SpinLock::new(Vec::new());

/// Has `hook` called before the machine ends in an orderly way; it does not sleep.
pub fn before_end(hook: impl FnOnce() + Send + 'static) {
    HOOKS.lock().push(Box::new(hook));
}

/// Powers the machine off; `status` (a program's exit status, 128+signal when
/// a signal ended it) is told to whoever started the virtual machine.
pub fn off(status: u8) -> ! {
    run_hooks();
    arch::power_off(status)
}

/// Restarts the machine.
pub fn restart() -> ! {
    run_hooks();
    arch::restart()
}

fn run_hooks() {
    let hooks = core::mem::take(&mut *HOOKS.lock());
    for hook in hooks {
        hook();
    }
}
