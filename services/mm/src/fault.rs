// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Page faults: from an address to a frame, or to the signal it deserves.
//!
//! A fault holds the address space's lock for reading. Private areas get frames
//! of their own on the first store, shared ones the object's frames; a read of
//! untouched anonymous memory maps one common zero frame copy-on-write.

use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use abi::Errno;
use abi::mman::Prot;
use framework::mm::{Access, Cow, FaultHandler, Frame, NoMemory, PAGE_SIZE, UserFault};
use framework::sync::Once;
use vfs::Pager;

use crate::area::{Area, Backing};
use crate::fault_error::FaultError;
use crate::flags::{AreaFlags, allows, perms_of};
use crate::layout::{TASK_SIZE, page_down};
use crate::space::{AddressSpace, Inner};

/// Pages of a file mapping that one fault may map, aligned as a block.
const AROUND_PAGES: usize = 16;

/// What the OOM hook decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomVerdict {
    /// Memory was or will be freed: try again.
    Retry,
    /// The fault must fail; the caller is to die or nothing can be done.
    GiveUp,
}

static OOM_HOOK: Once<fn(u32) -> OomVerdict> = Once::new();
static ZERO_FRAME: Once<Frame> = Once::new();

/// Installs what runs when a fault finds no memory, with the number of times that it has
/// found none before: `task`'s OOM killer.
pub fn set_oom_hook(hook: fn(u32) -> OomVerdict) {
    OOM_HOOK.call_once(|| hook);
}

/// Asks the OOM hook; without one there is nothing to retry for.
fn out_of_memory(tries: u32) -> OomVerdict {
    OOM_HOOK.get().map_or(OomVerdict::GiveUp, |hook| hook(tries))
}

/// The frame of zeros that reads of untouched memory share.
fn zero_frame() -> Result<Frame, NoMemory> {
    if let Some(frame) = ZERO_FRAME.get() {
        return Ok(frame.clone());
    }
    let frame = Frame::zeroed()?;
    Ok(ZERO_FRAME.call_once(|| frame).clone())
}

impl FaultHandler for AddressSpace {
    fn handle(&self, addr: usize, access: Access) -> Result<(), UserFault> {
        self.fault(addr, access).map_err(|_| UserFault)
    }
}

impl AddressSpace {
    /// Serves a fault at `addr`; on success the access can be tried again.
    ///
    /// # Errors
    /// A [`FaultError`], which names the signal it deserves.
    pub fn fault(&self, addr: usize, access: Access) -> Result<(), FaultError> {
        let mut tries = 0;
        loop {
            match self.try_fault(addr, access) {
                Err(FaultError::OutOfMemory) if out_of_memory(tries) == OomVerdict::Retry => {
                    tries = tries.saturating_add(1);
                }
                result => return result,
            }
        }
    }

    fn try_fault(&self, addr: usize, access: Access) -> Result<(), FaultError> {
        if addr >= TASK_SIZE {
            return Err(FaultError::NotMapped);
        }
        let inner = self.read();
        if let Some(area) = self.area_of_fault(&inner, addr) {
            return self.fault_in(area, page_down(addr), access);
        }
        drop(inner);
        self.grow_stack(addr)?;
        let inner = self.read();
        let area = inner.areas.find(addr).ok_or(FaultError::NotMapped)?;
        self.fault_in(area, page_down(addr), access)
    }

    /// The area that holds `addr`; tries the one of the last fault first.
    fn area_of_fault<'a>(&self, inner: &'a Inner, addr: usize) -> Option<&'a Area> {
        let last = self.last_fault.current();
        if let Some(area) = inner.areas.starting_at(last.load(Relaxed))
            && area.contains(addr)
        {
            return Some(area);
        }
        let area = inner.areas.find(addr)?;
        last.store(area.start, Relaxed);
        Some(area)
    }

    /// Serves a fault on `page` of `area`.
    pub(crate) fn fault_in(
        &self,
        area: &Area,
        page: usize,
        access: Access,
    ) -> Result<(), FaultError> {
        if !allows(area.prot, access) {
            return Err(FaultError::Forbidden);
        }
        match &area.backing {
            Backing::Anonymous => self.fault_anonymous(area, page, access),
            Backing::File { pager, .. } if area.is_private() => {
                self.fault_private(area, pager.as_ref(), page, access)
            }
            Backing::File { pager, .. } => self.fault_shared(area, pager.as_ref(), page),
            Backing::Shared { pages, .. } => self.fault_shared(area, pages.as_ref(), page),
        }
    }

    fn fault_anonymous(&self, area: &Area, page: usize, access: Access) -> Result<(), FaultError> {
        if access != Access::Write {
            self.vm.map(page, zero_frame()?, perms_of(area.prot), Cow::Yes)?;
            return Ok(());
        }
        area.note_private();
        self.vm.write_fault(page, perms_of(area.prot), || Ok::<_, FaultError>(Frame::zeroed()?))?;
        Ok(())
    }

    fn fault_private(
        &self,
        area: &Area,
        pager: &dyn Pager,
        page: usize,
        access: Access,
    ) -> Result<(), FaultError> {
        if access != Access::Write {
            return self.fault_around(area, pager, page, Cow::Yes);
        }
        area.note_private();
        self.vm.write_fault(page, perms_of(area.prot), || {
            let source = page_of(pager, area.page_index(page), Access::Read)?;
            Ok::<_, FaultError>(Frame::copy_of(&source)?)
        })?;
        Ok(())
    }

    fn fault_shared(&self, area: &Area, pager: &dyn Pager, page: usize) -> Result<(), FaultError> {
        if area.prot.contains(Prot::WRITE) {
            // Mapped writable at once: later stores do not fault, so the page counts as written.
            let frame = page_of(pager, area.page_index(page), Access::Write)?;
            if !self.vm.map(page, frame, perms_of(area.prot), Cow::No)? {
                self.vm.protect(page..page + PAGE_SIZE, perms_of(area.prot));
            }
            return Ok(());
        }
        self.fault_around(area, pager, page, Cow::No)
    }

    /// Maps `page` for reading, and those pages around it that are in memory anyway.
    fn fault_around(
        &self,
        area: &Area,
        pager: &dyn Pager,
        page: usize,
        cow: Cow,
    ) -> Result<(), FaultError> {
        let perms = perms_of(area.prot);
        let mut wanted = Some(page_of(pager, area.page_index(page), Access::Read)?);
        let block = around(area, page);
        let mut frames = [const { None }; AROUND_PAGES];
        let frames = frames.get_mut(..block.len() / PAGE_SIZE).unwrap_or_default();
        for (slot, near) in frames.iter_mut().zip(block.clone().step_by(PAGE_SIZE)) {
            *slot = match near == page {
                true => wanted.take(),
                false => pager.cached(area.page_index(near)),
            };
        }
        Ok(self.vm.map_run(block.start, frames, perms, cow)?)
    }

    /// Faults in all of `range` that may be accessed, as `MAP_POPULATE` and mlock do.
    pub(crate) fn populate(&self, range: Range<usize>) -> Result<(), FaultError> {
        let mut page = range.start;
        while page < range.end {
            let inner = self.read();
            let Some(area) = inner.areas.at_or_after(page).filter(|area| area.start < range.end)
            else {
                return Err(FaultError::NotMapped);
            };
            if area.start > page {
                return Err(FaultError::NotMapped);
            }
            let (end, prot) = (area.end.min(range.end), area.prot);
            drop(inner);
            let access = match prot {
                _ if prot.contains(Prot::WRITE) => Access::Write,
                _ if prot.is_empty() => return Err(FaultError::Forbidden),
                _ => Access::Read,
            };
            while page < end {
                if !self.is_filled(page, access) {
                    self.fault(page, access)?;
                }
                page += PAGE_SIZE;
            }
        }
        Ok(())
    }
}

impl AddressSpace {
    /// True when an access would not fault: also not for a copy of its own.
    fn is_filled(&self, page: usize, access: Access) -> bool {
        match access {
            Access::Write => self.vm.query(page).is_some_and(|mapping| !mapping.cow),
            Access::Read | Access::Exec => self.vm.is_mapped(page),
        }
    }
}

impl Area {
    /// It has pages of its own now. Written once: the records of areas share cache lines.
    fn note_private(&self) {
        if !self.has_private.load(Relaxed) {
            self.has_private.store(true, Relaxed);
        }
    }

    /// True when stores stay within the address space.
    pub(crate) fn is_private(&self) -> bool {
        !self.flags.contains(AreaFlags::MAY_SHARE)
    }
}

/// The aligned block around `page`, within its area.
fn around(area: &Area, page: usize) -> Range<usize> {
    const BLOCK: usize = AROUND_PAGES * PAGE_SIZE;
    let start = (page & !(BLOCK - 1)).max(area.start);
    let end = ((page & !(BLOCK - 1)) + BLOCK).min(area.end);
    start..end
}

/// A page of a pager, its errors as faults.
fn page_of(pager: &dyn Pager, index: u64, access: Access) -> Result<Frame, FaultError> {
    pager.page(index, access).map_err(|error| match error.errno() {
        Errno::ENOMEM => FaultError::OutOfMemory,
        _ => FaultError::PastEnd,
    })
}
