// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bytes in a pipe: a ring of page frames, filled at first use.
//!
//! Packets (O_DIRECT) are lengths kept beside the bytes; a pipe that never saw one pays
//! a test for emptiness.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::limits::PIPE_BUF;
use abi::{Error, Result, err, error};
use framework::mm::{Frame, PAGE_SIZE, Reader, Writer};
use vfs::Account;

/// One write in packet mode, or the bytes between two of them.
#[derive(Clone, Copy)]
struct Packet {
    len: usize,
    /// A read takes at most this one and drops what it had no room for.
    is_whole: bool,
}

/// # Invariants
/// `len` is at most the capacity, which `head` is below; what is moved is at most what was
/// asked for, so that no sum of these wraps.
pub(crate) struct Ring {
    frames: Vec<Option<Frame>>,
    head: usize,
    len: usize,
    packets: VecDeque<Packet>,
    /// Who is charged for the frames, and for how many.
    account: Arc<Account>,
    charged: usize,
}

impl Ring {
    /// An empty ring of `pages` pages, which are charged to `account` as they come.
    pub(crate) fn new(pages: usize, account: Arc<Account>) -> Result<Self> {
        let mut frames = Vec::new();
        frames.try_reserve_exact(pages).map_err(|_| error!(ENOMEM, "no pipe ring"))?;
        frames.resize_with(pages, || None);
        Ok(Self { frames, head: 0, len: 0, packets: VecDeque::new(), account, charged: 0 })
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.frames.len().wrapping_mul(PAGE_SIZE)
    }

    /// Bytes that can be written; none where the packets fill all slots.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        if self.packets.len() >= self.frames.len()
            && self.packets.back().is_some_and(|last| last.is_whole)
        {
            return 0;
        }
        self.capacity().wrapping_sub(self.len)
    }

    /// Moves bytes to a reader.
    pub(crate) fn take(&mut self, dst: &mut Writer<'_>) -> Result<usize> {
        let Some(packet) = self.packets.front().copied() else {
            return self.take_bytes(dst, self.len);
        };
        let done = self.take_bytes(dst, packet.len)?;
        if packet.is_whole || done == packet.len {
            self.consume(packet.len - done);
            self.packets.pop_front();
        } else if let Some(front) = self.packets.front_mut() {
            front.len -= done;
        }
        Ok(done)
    }

    fn take_bytes(&mut self, dst: &mut Writer<'_>, max: usize) -> Result<usize> {
        let wanted = max.min(dst.remaining());
        let mut done = 0;
        while done < wanted {
            let inside = self.head % PAGE_SIZE;
            let part = (PAGE_SIZE - inside).min(wanted.wrapping_sub(done));
            let Some(Some(frame)) = self.frames.get(self.head / PAGE_SIZE) else { break };
            match dst.write_frame(frame, inside, part) {
                Ok(count) => {
                    self.consume(count);
                    done = done.wrapping_add(count);
                    if count < part {
                        break;
                    }
                }
                Err(fault) if done == 0 => return Err(fault.into()),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// A place behind the end of the ring, which goes on at its start.
    #[inline]
    fn wrapped(&self, place: usize) -> usize {
        place.checked_sub(self.capacity()).unwrap_or(place)
    }

    /// Drops bytes at the head. An empty ring starts over at its first page, so that a
    /// pipe that is drained after each write uses one page.
    #[inline]
    fn consume(&mut self, count: usize) {
        self.len = self.len.wrapping_sub(count);
        self.head = self.wrapped(self.head.wrapping_add(count));
        if self.len == 0 {
            self.head = 0;
        }
    }

    /// Moves up to `max` bytes from a writer, as far as there is room.
    pub(crate) fn put(&mut self, src: &mut Reader<'_>, max: usize) -> Result<usize> {
        let done = self.put_bytes(src, max)?;
        if !self.packets.is_empty() && done > 0 {
            match self.packets.back_mut() {
                Some(last) if !last.is_whole => last.len += done,
                _ => self.packets.push_back(Packet { len: done, is_whole: false }),
            }
        }
        Ok(done)
    }

    /// Moves one packet of up to PIPE_BUF bytes from a writer.
    pub(crate) fn put_packet(&mut self, src: &mut Reader<'_>, max: usize) -> Result<usize> {
        self.packets.try_reserve(2).map_err(|_| error!(ENOMEM, "no packet"))?;
        if self.packets.is_empty() && self.len > 0 {
            self.packets.push_back(Packet { len: self.len, is_whole: false });
        }
        let done = self.put_bytes(src, max.min(PIPE_BUF))?;
        if done > 0 {
            self.packets.push_back(Packet { len: done, is_whole: true });
        }
        Ok(done)
    }

    fn put_bytes(&mut self, src: &mut Reader<'_>, max: usize) -> Result<usize> {
        let wanted = max.min(self.room()).min(src.remaining());
        let mut done = 0;
        let mut failure: Option<Error> = None;
        while done < wanted {
            let tail = self.wrapped(self.head.wrapping_add(self.len));
            let inside = tail % PAGE_SIZE;
            let part = (PAGE_SIZE - inside).min(wanted.wrapping_sub(done));
            let frame = match self.frame(tail / PAGE_SIZE) {
                Ok(frame) => frame,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            match src.read_frame(frame, inside, part) {
                // As on Linux a piece that cannot be read whole is not sent at all.
                Ok(count) if count < part => {
                    failure = Some(error!(EFAULT, "part of the bytes cannot be read"));
                    break;
                }
                Ok(count) => {
                    self.len = self.len.wrapping_add(count);
                    done = done.wrapping_add(count);
                }
                Err(fault) => {
                    failure = Some(fault.into());
                    break;
                }
            }
        }
        match failure {
            Some(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }

    #[inline]
    fn frame(&mut self, index: usize) -> Result<&Frame> {
        match self.frames.get_mut(index) {
            Some(Some(frame)) => Ok(frame),
            Some(empty) => {
                let frame = empty.insert(Frame::zeroed()?);
                self.account.add(PAGE_SIZE);
                self.charged += 1;
                Ok(frame)
            }
            None => err!(EIO, "ring index"),
        }
    }

    /// Changes the capacity; `EBUSY` if the content would not fit.
    pub(crate) fn resize(&mut self, pages: usize) -> Result<()> {
        if self.len > pages * PAGE_SIZE || self.packets.len() > pages + 1 {
            return err!(EBUSY, "the pipe holds more than that");
        }
        let mut new = Self::new(pages, self.account.clone())?;
        let packets = core::mem::take(&mut self.packets);
        let mut buffer = [0; 256];
        let mut result = Ok(());
        let (head, len) = (self.head, self.len);
        while self.len > 0 {
            let moved = self.take_bytes(&mut Writer::kernel(&mut buffer), self.len)?;
            let part = buffer.get(..moved).unwrap_or_default();
            if let Err(error) = new.put_bytes(&mut Reader::kernel(part), moved) {
                result = Err(error);
                break;
            }
        }
        if result.is_err() {
            // The bytes are still in the old frames.
            (self.head, self.len, self.packets) = (head, len, packets);
            return result;
        }
        new.packets = packets;
        *self = new;
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.account.sub(self.charged * PAGE_SIZE);
    }
}
