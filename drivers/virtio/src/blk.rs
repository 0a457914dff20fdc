// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Disk`]: a virtio block device.
//!
//! Requests go through slots, each with a bounce buffer in shared memory; up to
//! [`SLOTS`] are under way at once. The interrupt marks slots as done, the task that
//! waits copies the data out. A request that takes longer than the time-out shuts
//! the device off.
//!
//! Locks: `state` (interrupts off), never held while data is copied.
//! Trust: what is read from the disk is the host's; a request counts as done only
//! with a status and, when it read, the full length.
//! Spec: OASIS virtio 1.2, section 5.2.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use abi::{Error, Result, err, error};
use class::{BlockDevice, Sector};
use framework::host::{DeviceError, HostFault, SharedBuf};
use framework::irq::IrqHandler;
use framework::mm::NoMemory;
use framework::sync::{IrqLock, Once, Wait, WaitQueue};
use framework::time;

use crate::Transport;
use crate::queue::{Direction, Segment, SplitQueue};
use crate::wire::any;

/// Feature bits.
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;
/// The features that are used where offered.
pub const FEATURES: u64 = READ_ONLY | BLOCK_SIZE | FLUSH | DISCARD;

/// Requests under way at once.
const SLOTS: usize = 16;
/// Data in one request, in bytes.
const DATA: usize = 64 * 1024;
/// Header (16 bytes) and status (1 byte) of a slot.
const HEADER: usize = 64;
const STATUS: usize = 16;
/// What the status is before the device wrote it.
const NO_STATUS: u8 = 0xff;
/// How often a lost interrupt is looked for.
const LOOK_NS: u64 = 500_000_000;
/// How long a request may take, unless the command line says otherwise (0: for ever).
pub const TIMEOUT_NS: u64 = 30_000_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Read = 0,
    Write = 1,
    Flush = 4,
    Discard = 11,
}

/// What is going on in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Free,
    /// Belongs to a task that fills it in.
    Taken,
    /// The device has it, as the request with this number.
    Submitted(u16),
    /// The device wrote this many bytes.
    Done(u32),
}

struct State {
    queue: SplitQueue,
    slots: [Slot; SLOTS],
}

/// What the device said of itself, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// The smallest unit of reading and writing, in bytes.
    pub block_size: u32,
    /// Whether writes are refused.
    pub is_read_only: bool,
    /// Sectors that one discard may name; 0: it cannot discard.
    pub most_discarded: u32,
    has_flush: bool,
}

impl Geometry {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Values that cannot be.
    pub fn read(transport: &Transport, features: u64) -> core::result::Result<Self, HostFault> {
        let [low, high, size, discard] = transport.config([0, 4, 20, 36])?;
        let lie = |lie| transport.lie(lie);
        let sectors = low.zip(high).check(|(low, high)| {
            let sectors = u64::from(*high) << 32 | u64::from(*low);
            if sectors < 1 << 54 { Ok(sectors) } else { Err(lie("a disk larger than any")) }
        })?;
        let block_size = size.check(|size| match *size {
            _ if features & BLOCK_SIZE == 0 => Ok(512),
            512 | 1024 | 2048 | 4096 => Ok(*size),
            _ => Err(lie("an absurd block size")),
        })?;
        Ok(Self {
            sectors,
            block_size,
            is_read_only: features & READ_ONLY != 0,
            most_discarded: if features & DISCARD == 0 { 0 } else { any(discard) },
            has_flush: features & FLUSH != 0,
        })
    }
}

/// A virtio disk.
pub struct Disk {
    transport: Transport,
    geometry: Geometry,
    headers: SharedBuf,
    data: Vec<SharedBuf>,
    state: IrqLock<State>,
    changed: WaitQueue,
    timeout_ns: u64,
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
    /// A disk on a negotiated device, which runs from now on.
    ///
    /// # Errors
    /// A configuration that cannot be, or no memory.
    pub fn new(
        transport: Transport,
        features: u64,
        vector: Option<u16>,
        timeout_ns: u64,
    ) -> core::result::Result<Arc<Self>, DeviceError> {
        let no_memory = |NoMemory| transport.no_memory();
        let geometry = Geometry::read(&transport, features)?;
        let queue = transport.queue(0, 4 * SLOTS as u16, vector)?;
        let headers = SharedBuf::new(SLOTS * HEADER).map_err(no_memory)?;
        let most = SLOTS.min(usize::from(queue.size()) / 3);
        let mut data = Vec::new();
        while data.len() < most {
            match SharedBuf::new(DATA) {
                Ok(buffer) => data.push(buffer),
                Err(error) if data.is_empty() => return Err(no_memory(error)),
                Err(_) => break,
            }
        }
        if data.is_empty() {
            return Err(transport.lie("a queue too short for a request").into());
        }
        transport.start();
        let state = IrqLock::new(State { queue, slots: [Slot::Free; SLOTS] });
        let changed = WaitQueue::new();
        Ok(Arc::new(Self { transport, geometry, headers, data, state, changed, timeout_ns }))
    }

    /// What the device said of itself.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Takes what the device has finished: the interrupt's work.
    pub fn service(&self) {
        let mut state = self.state.lock();
        let mut lie = None;
        // As many as can be outstanding.
        for _ in 0..SLOTS {
            if self.transport.is_fenced() {
                break;
            }
            match state.queue.pop() {
                Ok(Some(used)) => {
                    let submitted = Slot::Submitted(used.head);
                    if let Some(slot) = state.slots.iter_mut().find(|slot| **slot == submitted) {
                        *slot = Slot::Done(used.written);
                    }
                }
                Ok(None) => break,
                Err(what) => {
                    lie = Some(what);
                    break;
                }
            }
        }
        drop(state);
        if let Some(lie) = lie {
            self.transport.fence(lie);
        }
        self.changed.wake_all();
    }

    /// Takes a free slot, if there is one.
    fn take(&self) -> Option<usize> {
        let mut state = self.state.lock();
        let mut slots = state.slots.iter_mut().take(self.data.len()).enumerate();
        let (number, slot) = slots.find(|(_, slot)| **slot == Slot::Free)?;
        *slot = Slot::Taken;
        Some(number)
    }

    fn release(&self, number: usize) {
        if let Some(slot) = self.state.lock().slots.get_mut(number) {
            *slot = Slot::Free;
        }
        self.changed.wake_all();
    }

    /// Waits until `ready` gives something. A device that needs too long is shut off.
    fn wait<R>(&self, mut ready: impl FnMut() -> Option<R>) -> Result<R> {
        // Counted in looks: a machine that stood still for hours accuses nobody.
        let look_ns = LOOK_NS.min(self.timeout_ns.max(1));
        let mut looks = self.timeout_ns / look_ns;
        loop {
            let look = time::monotonic_ns() + look_ns;
            let found = self.changed.wait(Wait::uninterruptible().deadline_ns(look), || {
                if self.transport.is_fenced() { Some(None) } else { ready().map(Some) }
            });
            match found {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => return err!(EIO, "the disk was shut off"),
                Err(_) if looks == 0 => self.transport.fence("a request that does not end"),
                Err(_) => {
                    // An interrupt may have got lost.
                    self.service();
                    looks -= 1;
                }
            }
        }
    }

    /// Fills slot `number` in and gives it to the device.
    fn submit(&self, number: usize, kind: Kind, sector: u64, data: Data<'_>) -> Result<()> {
        let broken = || error!(EIO, "no such slot");
        let buffer = self.data.get(number).ok_or_else(broken)?;
        let header = number * HEADER;
        let mut words = [0u8; 16];
        let (low, high) = words.split_at_mut(8);
        low.copy_from_slice(&u64::from(kind as u32).to_le_bytes());
        high.copy_from_slice(&sector.to_le_bytes());
        self.headers.write(header, &words).map_err(|_| broken())?;
        self.headers.store_u8(header + STATUS, NO_STATUS).map_err(|_| broken())?;
        let (len, direction) = match data {
            Data::Out(bytes) => {
                buffer.write(0, bytes).map_err(|_| broken())?;
                (bytes.len(), Direction::ToDevice)
            }
            Data::In(len) => (len, Direction::FromDevice),
        };
        let address = self.headers.device_addr() + header as u64;
        let segments = [
            Segment { addr: address, len: 16, direction: Direction::ToDevice },
            Segment { addr: buffer.device_addr(), len: len as u32, direction },
            Segment { addr: address + STATUS as u64, len: 1, direction: Direction::FromDevice },
        ];
        let mut state = self.state.lock();
        let head = if len > 0 {
            state.queue.submit(&segments)
        } else {
            let [first, _, last] = segments;
            state.queue.submit(&[first, last])
        };
        let head = head.ok_or(error!(EIO, "the queue is full"))?;
        if let Some(slot) = state.slots.get_mut(number) {
            *slot = Slot::Submitted(head);
        }
        Ok(())
    }

    /// Waits for slot `number`, which had to read `len` bytes; gives the slot free
    /// after `take` got the data.
    fn finish(
        &self,
        number: usize,
        len: usize,
        take: impl FnOnce(&SharedBuf) -> Result<()>,
    ) -> Result<()> {
        let done = self.wait(|| match self.state.lock().slots.get(number) {
            Some(Slot::Done(written)) => Some(*written),
            _ => None,
        });
        let result = done.and_then(|written| {
            let status = any(self.headers.load_u8(number * HEADER + STATUS));
            match status {
                0 if written as usize == len + 1 => {
                    take(self.data.get(number).ok_or(error!(EIO, "no such slot"))?)
                }
                0 => Err(self.caught("a used length that is not the request's")),
                1 => err!(EIO, "the disk failed"),
                2 => err!(EOPNOTSUPP, "the disk cannot do that"),
                NO_STATUS => Err(self.caught("a request done without a status")),
                _ => Err(self.caught("a status that is none")),
            }
        });
        self.release(number);
        result
    }

    fn caught(&self, lie: &'static str) -> Error {
        self.transport.fence(lie);
        self.changed.wake_all();
        error!(EIO, "the disk was shut off")
    }

    /// Moves `len` bytes from `start` on in several requests at once. `fill` makes a
    /// request's data, `take` gets it.
    fn transfer<'a>(
        &self,
        kind: Kind,
        start: Sector,
        len: usize,
        fill: impl Fn(Range<usize>) -> Data<'a>,
        mut take: impl FnMut(Range<usize>, &SharedBuf) -> Result<()>,
    ) -> Result<()> {
        self.check(start, len)?;
        let mut under_way = VecDeque::new();
        let (mut at, mut is_news, mut result) = (0, false, Ok(()));
        loop {
            let slot = if at < len && result.is_ok() { self.take() } else { None };
            if let Some(slot) = slot {
                let range = at..len.min(at + DATA);
                let sector = start.0 + (at / Sector::SIZE) as u64;
                at = range.end;
                match self.submit(slot, kind, sector, fill(range.clone())) {
                    Ok(()) => under_way.push_back((slot, range)),
                    Err(error) => {
                        self.release(slot);
                        result = Err(error);
                    }
                }
                is_news = true;
                continue;
            }
            if core::mem::take(&mut is_news) {
                self.transport.notify(0);
            }
            if let Some((slot, range)) = under_way.pop_front() {
                let expected = if kind == Kind::Read { range.len() } else { 0 };
                let finished = self.finish(slot, expected, |data| take(range, data));
                result = result.and(finished);
            } else if at >= len || result.is_err() {
                return result;
            } else {
                // All slots are others'.
                let is_free = || self.state.lock().slots.contains(&Slot::Free).then_some(());
                result = self.wait(is_free);
            }
        }
    }

    /// One request without bulk data.
    fn command(&self, kind: Kind, data: &[u8]) -> Result<()> {
        let slot = self.wait(|| self.take())?;
        if let Err(error) = self.submit(slot, kind, 0, Data::Out(data)) {
            self.release(slot);
            return Err(error);
        }
        self.transport.notify(0);
        self.finish(slot, 0, |_| Ok(()))
    }

    fn check(&self, start: Sector, len: usize) -> Result<()> {
        if self.transport.is_fenced() {
            return err!(EIO, "the disk was shut off");
        }
        let sectors = (len / Sector::SIZE) as u64;
        let end = start.0.checked_add(sectors).filter(|end| *end <= self.geometry.sectors);
        if end.is_none() || !len.is_multiple_of(Sector::SIZE) {
            return err!(EIO, "beyond the end of the disk");
        }
        Ok(())
    }
}

/// The data of a request.
enum Data<'a> {
    Out(&'a [u8]),
    In(usize),
}

impl BlockDevice for Disk {
    fn sectors(&self) -> u64 {
        self.geometry.sectors
    }

    fn block_size(&self) -> u32 {
        self.geometry.block_size
    }

    fn is_read_only(&self) -> bool {
        self.geometry.is_read_only
    }

    fn read(&self, start: Sector, buffer: &mut [u8]) -> Result<()> {
        self.transfer(
            Kind::Read,
            start,
            buffer.len(),
            |range| Data::In(range.len()),
            |range, data| {
                let part = buffer.get_mut(range).ok_or(error!(EIO))?;
                data.read_into(0, part).map_err(|_| error!(EIO))
            },
        )
    }

    fn write(&self, start: Sector, data: &[u8]) -> Result<()> {
        if self.geometry.is_read_only {
            return err!(EROFS, "the disk is read-only");
        }
        let part = |range: Range<usize>| Data::Out(data.get(range).unwrap_or_default());
        self.transfer(Kind::Write, start, data.len(), part, |_, _| Ok(()))
    }

    fn flush(&self) -> Result<()> {
        self.check(Sector(0), 0)?;
        if self.geometry.has_flush { self.command(Kind::Flush, &[]) } else { Ok(()) }
    }

    fn discard(&self, start: Sector, sectors: u64) -> Result<()> {
        let most = u64::from(self.geometry.most_discarded);
        if most == 0 {
            return err!(EOPNOTSUPP, "the disk cannot discard");
        }
        let end = start.0.checked_add(sectors).filter(|end| *end <= self.geometry.sectors);
        let end = end.ok_or(error!(EINVAL, "beyond the end of the disk"))?;
        let mut at = start.0;
        while at < end {
            let count = most.min(end - at);
            let mut segment = [0u8; 16];
            let (sector, rest) = segment.split_at_mut(8);
            sector.copy_from_slice(&at.to_le_bytes());
            rest.copy_from_slice(&count.to_le_bytes());
            self.command(Kind::Discard, &segment)?;
            at += count;
        }
        Ok(())
    }
}
