// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one deliberate stop, and what a panic does.
//!
//! Every module may stop the machine, so this one uses none of them: the machine says
//! at boot how it is stopped.

use core::fmt::Arguments;
use core::panic::Location;

use crate::sync::Once;

/// Why the machine stops.
pub(crate) struct Stop<'a> {
    /// For whoever reads the console.
    pub(crate) reason: Arguments<'a>,
    /// For the host of a CVM: a static string, of which 64 bytes count.
    pub(crate) text: &'static str,
    /// A number of its own, or [`STOPPED`].
    pub(crate) code: u64,
    /// The line that asked for it.
    pub(crate) place: &'a Location<'a>,
}

/// The code of a stop without a number of its own.
pub(crate) const STOPPED: u64 = 0x11;

/// How the machine is stopped.
static HOW: Once<fn(&Stop<'_>) -> !> = Once::new();

/// Says how the machine is stopped. The first thing at boot.
pub(crate) fn on_stop(how: fn(&Stop<'_>) -> !) {
    let _ = HOW.set(how);
}

/// Stops the machine: integrity is lost, or nothing sensible is left to do.
///
/// Tells whoever started the machine, with a backtrace.
#[track_caller]
#[cold]
pub fn fatal(reason: &'static str) -> ! {
    stop(format_args!("{reason}"), reason)
}

/// Stops with a `reason` for the console and a static `text` for a CVM's host.
#[track_caller]
#[cold]
pub(crate) fn stop(reason: Arguments<'_>, text: &'static str) -> ! {
    stop_for(&Stop { reason, text, code: STOPPED, place: Location::caller() })
}

/// Stops for a reason that has a number of its own.
#[track_caller]
#[cold]
pub(crate) fn stop_with(code: u64, text: &'static str) -> ! {
    stop_for(&Stop { reason: format_args!("{text}"), text, code, place: Location::caller() })
}

pub(crate) fn stop_for(stop: &Stop<'_>) -> ! {
    match HOW.get() {
        Some(how) => how(stop),
        None => end(stop),
    }
}

/// A stop is a panic where a test can see it.
#[cfg(not(target_os = "none"))]
#[expect(clippy::panic, reason = "a stop is a panic where a test can see it")]
fn end(stop: &Stop<'_>) -> ! {
    panic!("kernel stop: {} at {}", stop.reason, stop.place)
}

/// Before boot has said how, nothing can be said at all.
#[cfg(target_os = "none")]
fn end(_: &Stop<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let place = info.location().unwrap_or(Location::caller());
    let text = info.message().as_str().unwrap_or("panic");
    let reason = format_args!("panic: {}", info.message());
    stop_for(&Stop { reason, text, code: STOPPED, place })
}
