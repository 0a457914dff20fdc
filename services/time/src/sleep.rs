// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sleeping until a clock shows a time.
//!
//! Spec: nanosleep(2), clock_nanosleep(2).

use abi::{Result, err};
use framework::{
    sync::{Wait, WaitError, WaitQueue},
    time::monotonic_ns,
};
use task::Thread;

use crate::clock::{ClockId, REALTIME_SET};

/// Where sleepers on other clocks wait; nobody wakes them.
static QUIET: WaitQueue = WaitQueue::new();

/// Sleeps until `clock` shows `until_ns`.
///
/// # Errors
/// `EINTR` if a signal comes first; what remains is then `until_ns` less `clock.now()`.
/// `EINVAL` for the thread's own CPU clock or one of somebody who is gone, `EOPNOTSUPP` for
/// raw and coarse clocks.
pub fn sleep_until(thread: &Thread, clock: ClockId, until_ns: u64) -> Result<()> {
    clock.check_sleepable()?;
    clock.check_sleeper(thread)?;
    loop {
        let now = clock.now(thread)?;
        if now >= until_ns {
            return Ok(());
        }
        let deadline = monotonic_ns().saturating_add(until_ns - now);
        let how = Wait::interruptible().deadline_ns(deadline);
        let woken = if clock.is_realtime() {
            // Over once the time is reached or was set to another one.
            let expected = now.wrapping_sub(monotonic_ns());
            REALTIME_SET.wait(how, || was_moved(expected).then_some(()))
        } else {
            QUIET.wait(how, || None::<()>)
        };
        if woken == Err(WaitError::Interrupted) {
            return err!(EINTR);
        }
    }
}

/// Whether the real time has moved against the monotonic one by over 1 ms.
fn was_moved(expected: u64) -> bool {
    let difference = framework::time::realtime_ns().wrapping_sub(monotonic_ns());
    (difference.wrapping_sub(expected) as i64).unsigned_abs() > 1_000_000
}
