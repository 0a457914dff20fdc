// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Batch`]: some requests that one task waits for.
//!
//! Who waits, looks: an interrupt that got lost costs a while, and a device that does
//! not answer is found out.
//!
//! Locks: `finished` (interrupts off), nothing within it.

use alloc::sync::Arc;

use framework::sync::{IrqLock, Wait, WaitQueue, Waiter};
use framework::time;

use super::{BlockDevice, Completion, Finished};

/// The most requests of one call.
pub(super) const BATCH: usize = 4;

/// The requests of one call.
pub(super) struct Batch {
    finished: IrqLock<[Option<Finished>; BATCH]>,
    waiter: Waiter,
}

impl Batch {
    pub(super) fn new() -> Arc<Self> {
        let finished = IrqLock::new([const { None }; BATCH]);
        Arc::new(Self { finished, waiter: Waiter::of_current() })
    }

    /// Waits for a request.
    pub(super) fn wait<D: BlockDevice + ?Sized>(&self, device: &D, token: usize) -> Finished {
        loop {
            if let Some(finished) = self.finished.lock().get_mut(token).and_then(Option::take) {
                return finished;
            }
            if self.waiter.wait(until_look(device)).is_err() {
                device.look();
            }
        }
    }
}

impl Completion for Batch {
    fn complete(&self, finished: Finished) {
        if let Some(place) = self.finished.lock().get_mut(finished.token) {
            *place = Some(finished);
        }
        self.waiter.notify();
    }
}

fn until_look<D: BlockDevice + ?Sized>(device: &D) -> Wait {
    let look = time::monotonic_ns().saturating_add(device.limits().look_ns);
    Wait::uninterruptible().deadline_ns(look)
}

/// Waits in `queue` until `ready` gives something, and looks at the device meanwhile.
pub(super) fn wait_for<D: BlockDevice + ?Sized, R>(
    device: &D,
    queue: &WaitQueue,
    mut ready: impl FnMut() -> Option<R>,
) -> R {
    loop {
        match queue.wait(until_look(device), &mut ready) {
            Ok(found) => return found,
            Err(_) => device.look(),
        }
    }
}
