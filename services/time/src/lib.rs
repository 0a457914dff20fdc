// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clocks, sleeps and interval timers.
//!
//! Times are nanoseconds of the clock they belong to. Nothing here runs in an
//! interrupt: one kernel task ([`init`]) sleeps until the next timer is due and
//! sends the signals. The timers of a process are attached to it and go with it.
//!
//! The system-call layer calls this; it calls `task` for signals and CPU times.
//!
//! Locks: a process's timers > the queue of due times; both spin.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod clock;
mod cpu_limit;
mod event;
mod expiry;
mod interval;
mod posix;
mod proc;
mod process_timers;
mod queue;
mod server;
mod sleep;
mod which;

pub use clock::{ClockId, TICK_NS};
pub use cpu_limit::watch_cpu_limit;
pub use event::{Notify, SigEvent};
pub use interval::{Itimer, alarm, get_itimer, set_itimer};
pub use posix::{
    NewTimer, TimerMode, check_event, new_timer, timer_create, timer_delete, timer_getoverrun,
    timer_gettime, timer_settime,
};
pub use server::init;
pub use sleep::sleep_until;
pub use which::WhichTimer;
