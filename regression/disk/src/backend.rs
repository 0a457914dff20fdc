// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The disk: a vhost-user block device with one queue that lies from a certain request on.
//!
//! It writes the used ring by itself, as no honest library would let it lie there. It remembers each page that it was
//! pointed to, and looks there for a secret of the guest's.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;

use clap::ValueEnum;
use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost_user_backend::{VhostUserBackendMut, VringRwLock, VringT};
use virtio_queue::QueueT;
use vm_memory::{Bytes, GuestAddress, GuestAddressSpace, GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;

use crate::content::{self, SECTOR, SECTORS, TRIGGER};

/// ACCESS_PLATFORM, VERSION_1, the protocol's own feature, FLUSH.
const FEATURES: u64 = 3 << 32 | 1 << 30 | 1 << 9;
const PAGE: u64 = 4096;
/// What each word of the secret has, by `witness victim secret`.
const MARK: [u8; 6] = [0xe7, 0xc7, 0x5e, 0xe7, 0xc7, 0x5e];

/// What the disk lies about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// Gives content as it was before it was written.
    Replay,
    /// Gives another sector's content.
    Swap,
    /// Gives blocks of which only half was ever written.
    Tear,
    /// Says that it wrote more than there was room for.
    OverReport,
    /// Says that it wrote less than was asked for.
    UnderReport,
    /// Completes each request twice.
    Twice,
    /// Completes a request that does not exist.
    WrongId,
    /// Completes a descriptor number beyond 16 bits.
    HighId,
    /// Announces more completions than it made.
    Ahead,
    /// Ends requests with a status that is none.
    BadStatus,
    /// Ends requests without writing a status.
    NoStatus,
    /// Ends no request.
    Never,
}

/// The disk.
pub(crate) struct EvilDisk {
    lie: Lie,
    is_lying: bool,
    content: Vec<u8>,
    original: Vec<u8>,
    memory: Option<GuestMemoryAtomic<GuestMemoryMmap>>,
    /// Pages that the guest has shown.
    pages: BTreeSet<u64>,
    seen: u16,
    used: u16,
}

fn broken(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl EvilDisk {
    pub(crate) fn new(lie: Lie) -> Self {
        let (content, original) = (content::original(), content::original());
        let (memory, pages) = (None, BTreeSet::new());
        Self { lie, is_lying: false, content, original, memory, pages, seen: 0, used: 0 }
    }

    /// Whether it was ever asked for anything while it lied.
    pub(crate) fn has_lied(&self) -> bool {
        self.is_lying
    }

    /// Where the guest's secret is, if it is in a page that the guest has shown.
    pub(crate) fn find_secret(&self) -> Option<u64> {
        let memory = self.memory.as_ref()?.memory();
        find(&memory, &self.pages)
    }

    fn show(&mut self, at: u64, len: usize) {
        let end = at.saturating_add(len as u64);
        self.pages.extend((at & !(PAGE - 1)..end).step_by(PAGE as usize));
    }

    /// Serves a request from `request` with `room` bytes for data; gives data and status.
    fn serve(&mut self, request: &[u8], room: usize, lie: Lie) -> (Vec<u8>, u8) {
        let number = |at: usize| {
            let bytes = request.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(u64::MAX, u64::from_le_bytes)
        };
        let (kind, sector) = (number(0) as u32, number(8));
        let asked = sector..sector.saturating_add((room / SECTOR) as u64);
        self.is_lying |= kind == 0 && asked.contains(&TRIGGER);
        let sector = if lie == Lie::Swap && kind == 0 { (sector + 1) % SECTORS } else { sector };
        let start = (sector as usize).saturating_mul(SECTOR);
        let written = request.get(16..).unwrap_or_default();
        match kind {
            0 => {
                let source = match lie {
                    Lie::Replay => Cow::from(&self.original),
                    Lie::Tear => Cow::from(content::torn(&self.original, &self.content)),
                    _ => Cow::from(&self.content),
                };
                match source.get(start..start.saturating_add(room)) {
                    Some(part) => (part.to_vec(), 0),
                    None => (vec![0; room], 1),
                }
            }
            1 => match self.content.get_mut(start..start.saturating_add(written.len())) {
                Some(part) => {
                    part.copy_from_slice(written);
                    (Vec::new(), 0)
                }
                None => (Vec::new(), 1),
            },
            4 => (Vec::new(), 0),
            _ => (Vec::new(), 2),
        }
    }

    /// Serves the chain at `head`; returns how many bytes it wrote.
    fn chain(
        &mut self,
        memory: &GuestMemoryMmap,
        table: u64,
        head: u16,
        lie: Lie,
    ) -> io::Result<u32> {
        let (mut request, mut room) = (Vec::new(), Vec::new());
        let mut next = Some(head);
        for _ in 0..256 {
            let Some(number) = next else { break };
            let mut bytes = [0; 16];
            let at = GuestAddress(table + 16 * u64::from(number));
            memory.read_slice(&mut bytes, at).map_err(broken)?;
            let bits = u128::from_le_bytes(bytes);
            let (addr, len) = (GuestAddress(bits as u64), (bits >> 64) as u32 as usize);
            let flags = (bits >> 96) as u16;
            self.show(addr.0, len);
            if flags & 2 == 0 {
                let mut data = vec![0; len.min(1 << 20)];
                memory.read_slice(&mut data, addr).map_err(broken)?;
                request.extend(data);
            } else {
                room.push((addr, len));
            }
            next = (flags & 1 != 0).then_some((bits >> 112) as u16);
        }
        let Some((place, _)) = room.pop() else { return Ok(0) };
        let len = room.iter().map(|(_, len)| len).sum();
        let (data, status) = self.serve(&request, len, lie);
        let mut rest = data.as_slice();
        for (addr, len) in room {
            let (now, later) = rest.split_at(len.min(rest.len()));
            memory.write_slice(now, addr).map_err(broken)?;
            rest = later;
        }
        match lie {
            Lie::NoStatus => {}
            Lie::BadStatus => memory.write_slice(&[77], place).map_err(broken)?,
            _ => memory.write_slice(&[status], place).map_err(broken)?,
        }
        Ok(data.len() as u32 + 1)
    }

    fn serve_queue(&mut self, vring: &VringRwLock) -> io::Result<()> {
        let Some(memory) = self.memory.clone() else { return Ok(()) };
        let memory = memory.memory();
        let (table, avail, used, size) = {
            let state = vring.get_ref();
            let queue = state.get_queue();
            (queue.desc_table(), queue.avail_ring(), queue.used_ring(), queue.size().max(1))
        };
        for ring in [table, avail, used] {
            self.show(ring, usize::from(size) * 8);
        }
        loop {
            let announced: u16 = memory.read_obj(GuestAddress(avail + 2)).map_err(broken)?;
            if announced == self.seen {
                return Ok(());
            }
            let slot = avail + 4 + 2 * u64::from(self.seen % size);
            let head: u16 = memory.read_obj(GuestAddress(slot)).map_err(broken)?;
            self.seen = self.seen.wrapping_add(1);
            let lie = if self.is_lying { self.lie } else { Lie::None };
            let written = self.chain(&memory, table, head, lie)?;
            if lie == Lie::Never {
                continue;
            }
            let id = match lie {
                Lie::WrongId => u32::from(head) ^ 1,
                Lie::HighId => u32::from(head) | 1 << 16,
                _ => u32::from(head),
            };
            let len = match lie {
                Lie::OverReport => written + 1000,
                Lie::UnderReport => written / 2,
                _ => written,
            };
            for _ in 0..if lie == Lie::Twice { 2 } else { 1 } {
                let entry = used + 4 + 8 * u64::from(self.used % size);
                let bits = u64::from(id) | u64::from(len) << 32;
                memory.write_obj(bits, GuestAddress(entry)).map_err(broken)?;
                self.used = self.used.wrapping_add(1);
            }
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            let ahead = if lie == Lie::Ahead { 100 } else { 0 };
            let index = self.used.wrapping_add(ahead);
            memory.write_obj(index, GuestAddress(used + 2)).map_err(broken)?;
            vring.signal_used_queue()?;
        }
    }
}

impl VhostUserBackendMut for EvilDisk {
    type Bitmap = ();
    type Vring = VringRwLock;

    fn num_queues(&self) -> usize {
        1
    }

    fn max_queue_size(&self) -> usize {
        256
    }

    fn features(&self) -> u64 {
        FEATURES
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        // QEMU wants the other two of a device with ACCESS_PLATFORM, and uses neither without an IOMMU.
        VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::BACKEND_REQ
    }

    fn set_event_idx(&mut self, _enabled: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let mut config = SECTORS.to_le_bytes().to_vec();
        config.resize(20, 0);
        config.extend(512u32.to_le_bytes());
        config.resize(offset as usize + size as usize, 0);
        config.split_off(offset as usize)
    }

    fn update_memory(&mut self, memory: GuestMemoryAtomic<GuestMemoryMmap>) -> io::Result<()> {
        self.memory = Some(memory);
        Ok(())
    }

    fn handle_event(
        &mut self,
        event: u16,
        _set: EventSet,
        vrings: &[VringRwLock],
        _thread: usize,
    ) -> io::Result<()> {
        match vrings.get(usize::from(event)) {
            Some(vring) => self.serve_queue(vring),
            None => Ok(()),
        }
    }
}

/// Looks for the secret in these pages.
fn find(memory: &GuestMemoryMmap, pages: &BTreeSet<u64>) -> Option<u64> {
    let mut bytes = [0; PAGE as usize];
    pages.iter().find_map(|page| {
        memory.read_slice(&mut bytes, GuestAddress(*page)).ok()?;
        let at = bytes.windows(MARK.len()).position(|window| window == MARK)?;
        Some(page + at as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_page_that_was_shown_is_found() {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 4 << 12)]).unwrap();
        let word = 0x5ec7_e75e_c7e7u64 << 16 | 5;
        memory.write_obj(word, GuestAddress(0x2010)).unwrap();
        assert_eq!(find(&memory, &BTreeSet::from([0x1000, 0x3000])), None);
        assert_eq!(find(&memory, &BTreeSet::from([0x1000, 0x2000])), Some(0x2012));
    }
}
