// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminals: line discipline, job control, the console.
//!
//! Owns what a terminal is to programs: [`ldisc`] edits lines as Linux's N_TTY
//! does, [`Tty`] lets programs sleep on it, `job` says whose terminal it is.
//! The bytes come from and go to a [`class::Console`].
//!
//! Trust: typed bytes are the host's; programs choose settings and sizes.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod control;
mod device;
mod input;
mod io;
mod ioctl;
mod job;
pub mod ldisc;
pub mod termios;
mod tty;

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, error};
use class::Console;

pub use device::{by_dev, console};
pub use tty::Tty;

/// Makes `consoles` the terminals ttyS0, ttyS1, … and hvc0. The system console is
/// the one that `preferred` names, else the first. Called once, before devfs is made.
///
/// # Errors
/// `ENOMEM` without memory for the terminals or their tasks.
pub fn init(consoles: &[Arc<dyn Console>], preferred: Option<&str>) -> Result<()> {
    let mut terminals = Vec::new();
    terminals.try_reserve_exact(consoles.len()).map_err(|_| error!(ENOMEM))?;
    for console in consoles {
        if let Some(dev) = device::dev_of(console.name()) {
            terminals.push(Tty::start(dev, console.clone())?);
        }
    }
    terminals.sort_by_key(|tty| Some(tty.console.name()) != preferred);
    device::register(terminals);
    Ok(())
}
