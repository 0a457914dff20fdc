// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Pool`]: the buffers of a device, in memory that the host sees; [`Buffer`]: one of them.
//!
//! A device reaches no other memory. Who asks it for something takes a buffer, fills
//! it, gives it to the device by value, and gets it back with the answer: nobody can
//! touch or reuse it in between. Dropping a buffer puts it back; nothing is allocated
//! after the pool was made. A pool that is used up is the device's back-pressure.
//!
//! Locks: `free` (interrupts off), the innermost.
//! Trust: the host may change what is in a buffer at any time: copy it out once.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use framework::host::{OutOfRange, SharedBuf};
use framework::mm::{Frame, NoMemory, Reader, UserFault, Writer};
use framework::sync::{IrqLock, WaitQueue};

/// What a taker of a buffer does while it has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// It copies to or from user memory, which may fault. The page that it then waits
    /// for may have to come by the same device, so a quarter of the buffers is kept from
    /// such holders: who brings the page is no such holder, and always gets on.
    MayFault,
    /// It waits for nothing but the device.
    NeverFaults,
}

/// A device's buffers, all of one size.
pub struct Pool {
    buffers: Vec<SharedBuf>,
    free: IrqLock<Vec<usize>>,
    is_closed: AtomicBool,
    changed: WaitQueue,
}

impl Pool {
    /// At most `count` buffers of `size` bytes: fewer if those are more than an eighth of
    /// the shared memory that is free, so that there is some for the devices that follow;
    /// but two at least, or one if only that is asked for.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none for these.
    pub fn new(count: usize, size: usize) -> Result<Arc<Self>, NoMemory> {
        let count = share(SharedBuf::free_bytes(), count, size);
        let (mut buffers, mut free) = (Vec::new(), Vec::new());
        buffers.try_reserve_exact(count).map_err(|_| NoMemory)?;
        free.try_reserve_exact(count).map_err(|_| NoMemory)?;
        while buffers.len() < count {
            match SharedBuf::new(size) {
                Ok(buffer) => buffers.push(buffer),
                Err(NoMemory) if buffers.len() < count.min(2) => return Err(NoMemory),
                Err(NoMemory) => break,
            }
        }
        free.extend((0..buffers.len()).rev());
        let (is_closed, changed) = (AtomicBool::new(false), WaitQueue::new());
        Ok(Arc::new(Self { buffers, free: IrqLock::new(free), is_closed, changed }))
    }

    /// Takes a buffer; `None` while there is none for this kind of holder.
    pub fn take(self: &Arc<Self>, holder: Holder) -> Option<Buffer> {
        let kept = match holder {
            Holder::MayFault => self.buffers.len().div_ceil(4),
            Holder::NeverFaults => 0,
        };
        let mut free = self.free.lock();
        if free.len() <= kept {
            return None;
        }
        let number = free.pop()?;
        drop(free);
        Some(Buffer { pool: self.clone(), number, len: 0 })
    }

    /// How many buffers it has.
    pub fn count(&self) -> usize {
        self.buffers.len()
    }

    /// How many bytes a buffer has.
    pub fn size(&self) -> usize {
        self.buffers.first().map_or(0, SharedBuf::len)
    }

    /// Woken when a buffer came back, and by [`Pool::wake`].
    pub fn changed(&self) -> &WaitQueue {
        &self.changed
    }

    /// For the driver: there is room for a request again.
    pub fn wake(&self) {
        self.changed.wake_all();
    }

    /// For the driver: the device was shut off; who waits is told.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the device was shut off.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// How many of `count` buffers of `size` bytes a pool has when `free` bytes are free.
fn share(free: usize, count: usize, size: usize) -> usize {
    /// A pool has at most one part of so many.
    const PARTS: usize = 8;
    /// With fewer buffers, who may fault would get none.
    const LEAST: usize = 2;
    let most = (free / PARTS).checked_div(size).unwrap_or(0);
    count.min(most.max(LEAST))
}

/// A buffer that somebody has taken.
pub struct Buffer {
    pool: Arc<Pool>,
    number: usize,
    len: usize,
}

impl Buffer {
    /// How many bytes it has room for.
    pub fn capacity(&self) -> usize {
        self.pool.size()
    }

    /// How many bytes of it count: to be written, or to be filled by the device.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none of it counts.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Says how many bytes count: `len`, or all if it has fewer.
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(self.capacity());
    }

    /// The memory, for the driver; `None` never is.
    pub fn memory(&self) -> Option<&SharedBuf> {
        self.pool.buffers.get(self.number)
    }

    /// Adds up to `len` bytes of `src`, as many as fit: how many. From user memory it may
    /// sleep, so take the buffer as [`Holder::MayFault`] and hold no lock.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied.
    pub fn fill(&mut self, src: &mut Reader<'_>, len: usize) -> Result<usize, UserFault> {
        let len = len.min(self.capacity() - self.len);
        let memory = self.memory().ok_or(UserFault)?;
        let count = src.read_shared(memory, self.len, len)?;
        self.len += count;
        Ok(count)
    }

    /// Adds `len` bytes of a page from `at` on.
    ///
    /// # Errors
    /// [`OutOfRange`] when they do not fit, or the page has fewer.
    pub fn fill_from_frame(
        &mut self,
        frame: &Frame,
        at: usize,
        len: usize,
    ) -> Result<(), OutOfRange> {
        self.memory().ok_or(OutOfRange)?.store_frame(self.len, frame, at, len)?;
        self.len += len;
        Ok(())
    }

    /// Copies up to `len` bytes from `at` on to `dst`: how many. To user memory it may
    /// sleep, as [`Buffer::fill`]; fewer bytes are copied where a page is taken away
    /// just then. The rest must not be read from this buffer again: ask the device anew.
    ///
    /// # Errors
    /// [`UserFault`] when the first byte cannot be written.
    pub fn copy_to(&self, at: usize, len: usize, dst: &mut Writer<'_>) -> Result<usize, UserFault> {
        let len = len.min(self.len.saturating_sub(at));
        dst.write_shared(self.memory().ok_or(UserFault)?, at, len)
    }

    /// Copies `len` bytes from `at` on into a page, there from `to` on; also in an
    /// interrupt.
    ///
    /// # Errors
    /// [`OutOfRange`] when so many do not count here, or do not fit there.
    pub fn copy_to_frame(
        &self,
        at: usize,
        frame: &Frame,
        to: usize,
        len: usize,
    ) -> Result<(), OutOfRange> {
        at.checked_add(len).filter(|end| *end <= self.len).ok_or(OutOfRange)?;
        self.memory().ok_or(OutOfRange)?.load_frame(at, frame, to, len)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.free.lock().push(self.number);
        self.pool.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pool_takes_more_than_its_share() {
        const KIB: usize = 1024;
        for (free_kib, buffers) in [(32 << 10, 16), (16 << 10, 16), (8 << 10, 8), (1920, 2), (0, 2)]
        {
            assert_eq!(share(free_kib * KIB, 16, 128 * KIB), buffers, "{free_kib} KiB are free");
        }
        assert_eq!((share(0, 1, 512), share(1 << 20, 9, 0), share(0, 0, 512)), (1, 2, 0));
    }

    #[test]
    fn many_pools_leave_memory_for_others() {
        // What the least arena has beside the buffer for evidence.
        let (mut free, size) = (2048 * 1024 - 128 * 1024, 4096);
        for _ in 0..8 {
            free -= share(free, usize::MAX, size) * size;
        }
        assert!(free > 512 * 1024, "{free}");
    }
}
