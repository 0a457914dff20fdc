// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ends: power-off, restart.

use crate::arch;

/// Powers the machine off; `status` (a program's exit status, 128+signal when
/// a signal ended it) is told to whoever started the virtual machine.
pub fn off(status: u8) -> ! {
    arch::power_off(status)
}

/// Restarts the machine.
pub fn restart() -> ! {
    arch::restart()
}
