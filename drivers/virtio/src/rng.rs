// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`HostEntropy`]: a virtio entropy device. The host knows what it gives.
//!
//! Locks: `turn` (sleeping, held for a request), then `queue` (interrupts off), which is
//! never held while waiting.
//!
//! Spec: OASIS virtio 1.2, section 5.4.

use alloc::sync::Arc;

use abi::{Result, err, error};
use class::Entropy;
use framework::host::{DeviceError, SharedBuf};
use framework::irq::IrqHandler;
use framework::mm::NoMemory;
use framework::sync::{IrqLock, Mutex, Once, Wait, WaitQueue};
use framework::time;

use crate::Transport;
use crate::queue::{Direction, Segment, SplitQueue, Used};

/// Bytes in a request.
const SIZE: usize = 64;
/// How long a request may take.
const TIMEOUT_NS: u64 = 5_000_000_000;
/// How often a lost interrupt is looked for.
const LOOK_NS: u64 = 100_000_000;

/// A virtio entropy device.
pub struct HostEntropy {
    transport: Transport,
    buffer: SharedBuf,
    queue: IrqLock<SplitQueue>,
    changed: WaitQueue,
    /// Held for a request.
    turn: Mutex<()>,
}

/// The interrupt of a device that may not be there yet.
#[derive(Default)]
pub struct Interrupt(pub Once<Arc<HostEntropy>>);

impl IrqHandler for Interrupt {
    fn handle(&self) {
        if let Some(device) = self.0.get() {
            device.changed.wake_all();
        }
    }
}

impl HostEntropy {
    /// A source on a negotiated device, which runs from now on.
    ///
    /// # Errors
    /// A queue that cannot be, or no memory.
    pub fn new(
        transport: Transport,
        vector: Option<u16>,
    ) -> core::result::Result<Arc<Self>, DeviceError> {
        let queue = transport.queue(0, 2, vector)?;
        let buffer = SharedBuf::new(SIZE).map_err(|NoMemory| transport.no_memory())?;
        transport.start();
        let (queue, changed, turn) = (IrqLock::new(queue), WaitQueue::new(), Mutex::new(()));
        Ok(Arc::new(Self { transport, buffer, queue, changed, turn }))
    }

    fn wait(&self) -> Result<Used> {
        let until = time::monotonic_ns() + TIMEOUT_NS;
        while !self.transport.is_fenced() {
            let look = until.min(time::monotonic_ns() + LOOK_NS);
            let how = Wait::uninterruptible().deadline_ns(look);
            match self.changed.wait(how, || self.queue.lock().pop().transpose()) {
                Ok(Ok(used)) => return Ok(used),
                Ok(Err(lie)) => self.transport.fence(lie),
                Err(_) if time::monotonic_ns() >= until => {
                    self.transport.fence("a request that does not end");
                }
                Err(_) => {}
            }
        }
        err!(EIO, "the entropy device was shut off")
    }
}

impl Entropy for HostEntropy {
    fn read(&self, out: &mut [u8]) -> Result<usize> {
        let _turn = self.turn.lock();
        if self.transport.is_fenced() {
            return err!(EIO, "the entropy device was shut off");
        }
        let len = out.len().min(SIZE);
        let addr = self.buffer.device_addr();
        let segment = Segment { addr, len: len as u32, direction: Direction::FromDevice };
        if len == 0 {
            return Ok(0);
        }
        self.queue.lock().submit(&[segment]).ok_or(error!(EIO, "the queue is full"))?;
        self.transport.notify(0);
        let count = self.wait()?.written as usize;
        if count == 0 {
            self.transport.fence("an answer without bytes");
            return err!(EIO, "the entropy device was shut off");
        }
        let part = out.get_mut(..count).ok_or(error!(EIO))?;
        self.buffer.read_into(0, part).map_err(|_| error!(EIO))?;
        Ok(count)
    }
}
