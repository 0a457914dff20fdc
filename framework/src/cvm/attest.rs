// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking for what the hardware vouches for: reports, registers, signed evidence.
//!
//! There is one exchange with the host at a time: while it has not given the memory back,
//! there is no other evidence. That memory is set aside at boot, so that no device can
//! take it.
//!
//! Locks: [`BUFFER`], held while waiting; who waits for it gives up as who holds it does.

use alloc::vec::Vec;

use super::dispatch;
use super::evidence::{CvmError, Evidence, Exchange, Provider, Register};
use crate::host::SharedBuf;
use crate::mm::NoMemory;
use crate::sync::{Mutex, Wait, WaitError, WaitQueue};
use crate::time::monotonic_ns;

static BUFFER: Mutex<Option<SharedBuf>> = Mutex::new(None);
static NEVER: WaitQueue = WaitQueue::new();

/// Sets the memory aside by which this machine's evidence comes, if it needs any.
///
/// Once, on the boot CPU, before any device is looked for.
pub(crate) fn set_aside() {
    let len = dispatch::exchange_len();
    if len == 0 {
        return;
    }
    match SharedBuf::new(len) {
        Ok(buffer) => *BUFFER.lock() = Some(buffer),
        Err(NoMemory) => log::error!("No memory to share for evidence: there will be none"),
    }
}

/// Who makes evidence on this machine; nobody on a plain one.
pub fn provider() -> Option<Provider> {
    dispatch::provider()
}

/// A report on this machine with 64 bytes of the caller's in it.
///
/// # Errors
/// See [`CvmError`].
pub fn report(data: &[u8; 64]) -> Result<Vec<u8>, CvmError> {
    dispatch::report(data)
}

/// The measurement registers that a report holds.
pub fn registers() -> &'static [Register] {
    dispatch::registers()
}

/// Extends a register of which [`registers`] says that programs may.
///
/// # Errors
/// See [`CvmError`].
pub fn extend(index: usize, digest: &[u8]) -> Result<(), CvmError> {
    if !registers().iter().any(|register| register.extend == Some(index)) {
        return Err(CvmError::Invalid);
    }
    dispatch::extend(index, digest)
}

/// Evidence on this machine with 64 bytes of the caller's in it, each part of it at most
/// `max_len` bytes long. Waits for the host until `deadline_ns` of the monotonic clock.
///
/// # Errors
/// See [`CvmError`].
pub fn evidence(data: &[u8; 64], max_len: usize, deadline_ns: u64) -> Result<Evidence, CvmError> {
    if provider().is_none() {
        return Err(CvmError::Unsupported);
    }
    with_host(deadline_ns, |exchange| dispatch::evidence(data, max_len, exchange))
}

/// Calls `f` when nobody else talks with the host, and lets it wait until `deadline_ns`.
fn with_host<R>(
    deadline_ns: u64,
    f: impl FnOnce(&mut Exchange<'_>) -> Result<R, CvmError>,
) -> Result<R, CvmError> {
    let within = Wait::interruptible().deadline_ns(deadline_ns);
    let buffer = BUFFER.lock_unless(within).map_err(|why| match why {
        WaitError::Interrupted => CvmError::Interrupted,
        WaitError::TimedOut => CvmError::Timeout,
    })?;
    let mut nap = |ns| {
        let now = monotonic_ns();
        if now >= deadline_ns {
            return Err(CvmError::Timeout);
        }
        let wait = Wait::interruptible().deadline_ns(deadline_ns.min(now + ns));
        match NEVER.wait(wait, || None::<()>) {
            Err(WaitError::Interrupted) => Err(CvmError::Interrupted),
            _ => Ok(()),
        }
    };
    f(&mut Exchange { buffer: buffer.as_ref(), nap: &mut nap })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_anothers_exchange_gives_up_in_time() {
        let other = BUFFER.lock();
        std::thread::scope(|scope| {
            let late = scope.spawn(|| with_host(monotonic_ns() + 5_000_000, |_| Ok(())));
            assert_eq!(late.join().unwrap(), Err(CvmError::Timeout));
        });
        drop(other);
        let nap_beyond_the_end = |exchange: &mut Exchange<'_>| {
            (exchange.nap)(1_000_000_000)?;
            (exchange.nap)(1)
        };
        let result = with_host(monotonic_ns() + 1_000_000, nap_beyond_the_end);
        assert_eq!(result, Err(CvmError::Timeout));
    }
}
