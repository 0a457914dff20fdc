// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one deliberate stop, and what a panic does.

/// Stops the machine: integrity is lost, or nothing sensible is left to do.
///
/// Tells whoever started the machine, with a backtrace.
#[track_caller]
#[cold]
pub fn fatal(reason: &str) -> ! {
    crate::arch::stop(format_args!("{reason}"), reason, core::panic::Location::caller())
}

#[cfg(target_os = "none")]
#[panic_handler]
fn on_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let place = info.location().unwrap_or(core::panic::Location::caller());
    let text = info.message().as_str().unwrap_or("panic");
    crate::arch::stop(format_args!("panic: {}", info.message()), text, place)
}
