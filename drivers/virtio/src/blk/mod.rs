// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Disk`]: a virtio block device.
//!
//! Up to [`SLOTS`] requests are under way at once; each has a slot with header and
//! status in shared memory, and its data in a buffer of the [`Pool`]. The interrupt
//! takes what is done and tells each request's completion. A request that takes longer
//! than the time-out shuts the device off: counted in looks, so that a machine that
//! stood still for hours accuses nobody. What a device that was shut off still has, is
//! never used again.
//!
//! Locks: `state` (interrupts off), nothing within it; completions run outside.
//! Trust: what is read from the disk is the host's; a request counts as done only
//! with a status and, when it read, the full length.
//! Spec: OASIS virtio 1.2, section 5.2.

mod geometry;
mod request;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use class::block::{BlockError, Finished, Limits, Operation, Refused, Request};
use class::{BlockDevice, Buffer, Pool};
use framework::host::{DeviceError, SharedBuf};
use framework::irq::IrqHandler;
use framework::mm::NoMemory;
use framework::sync::{IrqLock, Once};
use framework::time;

use self::geometry::{DATA, SLOTS};
pub use self::geometry::{FEATURES, TIMEOUT_NS};
use self::request::{HEADERS, Judgement};
use crate::Transport;
use crate::queue::SplitQueue;

/// A request that the device has.
struct Running {
    request: Request,
    /// Its number in the queue.
    head: u16,
    /// How often somebody looked whether it is done.
    looks: u64,
}

struct State {
    queue: SplitQueue,
    running: [Option<Running>; SLOTS],
    /// Buffers that the device had when it was shut off.
    lost: [Option<Buffer>; SLOTS],
    /// When looks were counted last.
    looked_ns: u64,
}

/// A virtio disk.
pub struct Disk {
    transport: Transport,
    limits: Limits,
    /// Looks that a request may take.
    most_looks: u64,
    headers: SharedBuf,
    pool: Arc<Pool>,
    state: IrqLock<State>,
    /// Whether requests were queued since the device was told.
    is_news: AtomicBool,
}

/// The interrupt of a disk that may not be there yet.
#[derive(Default)]
pub struct Interrupt(pub Once<Arc<Disk>>);

impl IrqHandler for Interrupt {
    fn handle(&self) {
        if let Some(disk) = self.0.get() {
            disk.service();
        }
    }
}

impl Disk {
    /// A disk on a negotiated device, which runs from now on. A request may take
    /// `timeout_ns` nanoseconds.
    ///
    /// # Errors
    /// A configuration that cannot be, or no memory.
    pub fn new(
        transport: Transport,
        features: u64,
        vector: Option<u16>,
        timeout_ns: u64,
    ) -> Result<Arc<Self>, DeviceError> {
        let no_memory = |NoMemory| transport.no_memory();
        let limits = geometry::read(&transport, features, timeout_ns)?;
        let queue = transport.queue(0, 4 * SLOTS as u16, vector)?;
        if usize::from(queue.size()) < request::MOST_SEGMENTS {
            return Err(transport.lie("a queue too short for a request").into());
        }
        let headers = SharedBuf::new(HEADERS).map_err(no_memory)?;
        let pool = Pool::new(SLOTS, DATA).map_err(no_memory)?;
        transport.start();
        let most_looks = timeout_ns / limits.look_ns;
        let (running, lost) = ([const { None }; SLOTS], [const { None }; SLOTS]);
        let state = IrqLock::new(State { queue, running, lost, looked_ns: 0 });
        let is_news = AtomicBool::new(false);
        Ok(Arc::new(Self { transport, limits, most_looks, headers, pool, state, is_news }))
    }

    /// Takes what the device has finished: the interrupt's work.
    pub fn service(&self) {
        // As many as can be outstanding.
        for _ in 0..SLOTS {
            match self.next() {
                Ok(Some((request, result))) => complete(request, result),
                Ok(None) => break,
                Err(lie) => self.shut_off(lie),
            }
        }
        self.pool.wake();
    }

    /// A request that the device has finished, and how.
    fn next(&self) -> Result<Option<Outcome>, &'static str> {
        let mut state = self.state.lock();
        if self.transport.is_fenced() {
            return Ok(None);
        }
        let Some(used) = state.queue.pop()? else { return Ok(None) };
        let mut slots = state.running.iter_mut().enumerate();
        let found = slots.find_map(|(number, slot)| {
            slot.take_if(|running| running.head == used.head).map(|running| (number, slot, running))
        });
        // Whatever the queue has, has a slot.
        let Some((number, slot, running)) = found else { return Ok(None) };
        // The slot's memory is read before another request can have it.
        match request::judge(&self.headers, number, &running.request.operation, used.written) {
            Judgement::Done(result) => Ok(Some((running.request, result))),
            Judgement::Lie(lie) => {
                // To be told with all the others that it came to nothing.
                *slot = Some(running);
                Err(lie)
            }
        }
    }

    /// Shuts the device off for a lie, and gives up what it has.
    fn shut_off(&self, lie: &'static str) {
        self.transport.fence(lie);
        for number in 0..SLOTS {
            let mut state = self.state.lock();
            let running = state.running.get_mut(number).and_then(Option::take);
            let Some(Running { request, .. }) = running else { continue };
            let Request { operation, done, token } = request;
            // Who knows what such a device still writes where.
            if let (Some(place), Some(buffer)) = (state.lost.get_mut(number), of(operation)) {
                *place = Some(buffer);
            }
            drop(state);
            done.complete(Finished { token, result: Err(BlockError::ShutOff), buffer: None });
        }
        self.pool.close();
    }
}

/// A request, and what became of it.
type Outcome = (Request, Result<(), BlockError>);

/// The buffer of an operation.
fn of(operation: Operation) -> Option<Buffer> {
    match operation {
        Operation::Read { buffer, .. } | Operation::Write { buffer, .. } => Some(buffer),
        Operation::Flush | Operation::Discard { .. } => None,
    }
}

fn complete(request: Request, result: Result<(), BlockError>) {
    let Request { operation, done, token } = request;
    done.complete(Finished { token, result, buffer: of(operation) });
}

impl BlockDevice for Disk {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn submit(&self, request: Request) -> Result<(), Refused> {
        request::check(&self.limits, &request.operation).map_err(Refused::Invalid)?;
        let mut state = self.state.lock();
        if self.transport.is_fenced() {
            return Err(Refused::Invalid(BlockError::ShutOff));
        }
        let Some(number) = state.running.iter().position(Option::is_none) else {
            return Err(Refused::Full(request));
        };
        let (segments, count) = request::fill_in(&self.headers, number, &request.operation);
        let head = state.queue.submit(segments.get(..count).unwrap_or_default());
        match (state.running.get_mut(number), head) {
            (Some(slot), Some(head)) => *slot = Some(Running { request, head, looks: 0 }),
            _ => return Err(Refused::Full(request)),
        }
        drop(state);
        self.is_news.store(true, Ordering::Release);
        Ok(())
    }

    fn kick(&self) {
        if self.is_news.swap(false, Ordering::AcqRel) {
            self.transport.notify(0);
        }
    }

    fn look(&self) {
        self.service();
        let now = time::monotonic_ns();
        let mut state = self.state.lock();
        // Of many that wait, each looks.
        if now.saturating_sub(state.looked_ns) < self.limits.look_ns {
            return;
        }
        state.looked_ns = now;
        let mut is_late = false;
        for running in state.running.iter_mut().flatten() {
            running.looks += 1;
            is_late |= running.looks > self.most_looks;
        }
        drop(state);
        if is_late {
            self.shut_off("a request that does not end");
        }
    }
}
