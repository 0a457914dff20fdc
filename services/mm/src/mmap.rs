// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mmap(2) and munmap(2): checks in Linux's order, placement, the new area.

use alloc::sync::Arc;
use core::ops::Range;

use abi::err;
use abi::mman::{MapFlags, Prot};
use abi::mount::MountFlags;
use framework::mm::PAGE_SIZE;
use vfs::{File, FileKind, MapSource};

use crate::area::{Area, Backing};
use crate::area_map;
use crate::flags::AreaFlags;
use crate::layout::{LOW_32BIT_END, MMAP_MIN_ADDR, TASK_SIZE, is_aligned, page_down, page_up};
use crate::shared::SharedPages;
use crate::space::{AddressSpace, Inner};
use crate::{Result, max_areas};

/// The lowest page that can be mapped at all; page zero never is.
pub(crate) const LOWEST: usize = PAGE_SIZE;

/// A decoded mmap call.
#[derive(Clone)]
pub struct MapRequest {
    /// The wished or, with `MAP_FIXED`, required address.
    pub addr: usize,
    /// Bytes, rounded up to pages.
    pub len: usize,
    /// The protection.
    pub prot: Prot,
    /// The flags.
    pub flags: MapFlags,
    /// The file, unless anonymous.
    pub file: Option<Arc<File>>,
    /// Byte offset into the file.
    pub offset: u64,
    /// The caller has `CAP_SYS_RAWIO`: may map below [`MMAP_MIN_ADDR`].
    pub may_map_low: bool,
}

impl MapRequest {
    /// A private anonymous mapping, placed by the kernel.
    pub fn anonymous(len: usize, prot: Prot) -> Self {
        Self {
            addr: 0,
            len,
            prot,
            flags: MapFlags::PRIVATE | MapFlags::ANONYMOUS,
            file: None,
            offset: 0,
            may_map_low: false,
        }
    }

    /// The same at exactly `addr`, replacing what is there.
    pub fn fixed(mut self, addr: usize) -> Self {
        self.addr = addr;
        self.flags |= MapFlags::FIXED;
        self
    }

    /// A private mapping of `file` from `offset`.
    pub fn file(file: Arc<File>, offset: u64, len: usize, prot: Prot) -> Self {
        Self { flags: MapFlags::PRIVATE, file: Some(file), offset, ..Self::anonymous(len, prot) }
    }

    fn is_fixed(&self) -> bool {
        self.flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE)
    }
}

/// What the new area will be, after the checks.
struct Plan {
    prot: Prot,
    max_prot: Prot,
    flags: AreaFlags,
    backing: Backing,
}

impl AddressSpace {
    /// mmap(2): returns the start of the new mapping.
    ///
    /// # Errors
    /// - `EINVAL` for an empty mapping, an offset or fixed address inside of a page, an
    ///   unknown type, or a stack that is shared or in a file;
    /// - `ENOMEM` if there is no gap, or beyond a limit on size, data or number of areas;
    /// - `EEXIST` if the range is used and FIXED_NOREPLACE forbids that, `EPERM` below the
    ///   lowest address, for locking without a limit, or a program from a mount without
    ///   programs;
    /// - `EAGAIN` beyond the limit on locked memory;
    /// - `EBADF` without a file, `EACCES` if it is not open for reading, or for writing
    ///   where that is asked for; `EOVERFLOW` beyond the largest offset, `EOPNOTSUPP` for
    ///   flags that MAP_SHARED_VALIDATE does not know; what [`File::mmap`] says.
    pub fn mmap(&self, request: &MapRequest) -> Result<usize> {
        if !request.offset.is_multiple_of(PAGE_SIZE as u64) {
            return err!(EINVAL, "offset not page-aligned");
        }
        if request.len == 0 {
            return err!(EINVAL, "empty mapping");
        }
        let Some(len) = page_up(request.len) else { return err!(ENOMEM, "length") };
        let (range, is_locked_now) = {
            let mut inner = self.write();
            if inner.areas.len() > max_areas() {
                return err!(ENOMEM, "too many areas");
            }
            let start = inner.place(request, len)?;
            let range = start..start + len;
            if request.flags.contains(MapFlags::LOCKED) && inner.lock_limit() == 0 {
                return err!(EPERM, "locking not allowed");
            }
            let is_locked = request.flags.contains(MapFlags::LOCKED) || inner.lock_future;
            let lock = if is_locked { AreaFlags::LOCKED } else { AreaFlags::empty() };
            inner.may_lock_future(len, lock)?;
            let mut plan = plan_area(request, len as u64)?;
            if start < LOWEST {
                return err!(EPERM, "page zero is never mapped");
            }
            plan.flags |= lock;
            plan.flags |= accounted(plan.prot, plan.flags);
            let comes_later = inner.lock_future && inner.lock_on_fault;
            let is_locked_now = plan.flags.contains(AreaFlags::LOCKED) && !comes_later;
            self.map_planned(&mut inner, range.clone(), plan, request.is_fixed())?;
            (range, is_locked_now)
        };
        let populate = request.flags.contains(MapFlags::POPULATE)
            && !request.flags.contains(MapFlags::NONBLOCK);
        if populate || is_locked_now {
            // As on Linux, the mapping stands even if not all of it could be filled.
            let _ = self.populate(range.clone());
        }
        Ok(range.start)
    }

    fn map_planned(
        &self,
        inner: &mut Inner,
        range: Range<usize>,
        plan: Plan,
        is_fixed: bool,
    ) -> Result<()> {
        let len = range.len();
        let replaced = if is_fixed { inner.areas.covered_bytes(range.clone()) } else { 0 };
        inner.may_expand(len - replaced, plan.prot, plan.flags)?;
        Inner::may_commit(len, plan.prot, plan.flags)?;
        area_map::admit()?;
        if replaced > 0 {
            self.unmap_range(inner, range.clone())?;
        }
        inner.may_add_area()?;
        let area = Area::new(range, plan.prot, plan.max_prot, plan.flags, plan.backing);
        inner.areas.insert_admitted(area);
        inner.note_peak();
        Ok(())
    }

    /// munmap(2).
    ///
    /// # Errors
    /// `EINVAL` for an empty range, one beyond user addresses or an address inside of a
    /// page; `ENOMEM` if there would be too many areas.
    pub fn munmap(&self, addr: usize, len: usize) -> Result<()> {
        if !is_aligned(addr) || addr > TASK_SIZE || len > TASK_SIZE - addr {
            return err!(EINVAL, "bad range");
        }
        let Some(end) = page_up(len).and_then(|len| addr.checked_add(len)) else {
            return err!(EINVAL, "bad range");
        };
        if end == addr {
            return err!(EINVAL, "empty range");
        }
        self.unmap_shared(addr..end)
    }

    /// Unmaps everything: the end of the process, or of its old program.
    pub fn clear(&self) {
        let mut inner = self.write();
        // Cutting nothing, this cannot fail.
        let _ = self.unmap_range(&mut inner, 0..TASK_SIZE);
        inner.heap = crate::space::Heap::default();
    }
}

impl Inner {
    /// Chooses or checks the start of a mapping of `len` bytes.
    fn place(&mut self, request: &MapRequest, len: usize) -> Result<usize> {
        if len > TASK_SIZE {
            return err!(ENOMEM, "longer than the address space");
        }
        if request.is_fixed() {
            if request.addr > TASK_SIZE - len {
                return err!(ENOMEM, "past the end of the address space");
            }
            if !is_aligned(request.addr) {
                return err!(EINVAL, "address not page-aligned");
            }
            if request.addr < MMAP_MIN_ADDR && !request.may_map_low {
                return err!(EPERM, "address too low");
            }
            let range = request.addr..request.addr + len;
            if request.flags.contains(MapFlags::FIXED_NOREPLACE) && !self.areas.is_free(range) {
                return err!(EEXIST, "range in use");
            }
            return Ok(request.addr);
        }
        self.place_anywhere(request.addr, len, request.flags.contains(MapFlags::LOW_32BIT))
    }

    /// The wished address if it is free, else the highest gap below the base, else any gap.
    pub(crate) fn place_anywhere(&mut self, wish: usize, len: usize, low: bool) -> Result<usize> {
        let wish = if page_down(wish) == 0 { 0 } else { page_down(wish).max(MMAP_MIN_ADDR) };
        if wish != 0 && wish <= TASK_SIZE - len.min(TASK_SIZE) && self.is_roomy(wish..wish + len) {
            return Ok(wish);
        }
        let gap = if low {
            self.areas.find_gap(len, MMAP_MIN_ADDR..LOW_32BIT_END)
        } else {
            let base = self.layout.mmap_base;
            self.areas
                .find_gap_hinted(len, MMAP_MIN_ADDR..base)
                .or_else(|| self.areas.find_gap(len, base..TASK_SIZE))
        };
        match gap {
            Some(start) => Ok(start),
            None => err!(ENOMEM, "no gap"),
        }
    }

    /// True when `range` is free and keeps clear of a stack's guard gap.
    fn is_roomy(&self, range: Range<usize>) -> bool {
        self.areas.at_or_after(range.start).is_none_or(|next| range.end <= next.guarded_start())
    }
}

fn plan_area(request: &MapRequest, len: u64) -> Result<Plan> {
    if request.flags.contains(MapFlags::ANONYMOUS) {
        return plan_anonymous(request, len);
    }
    let Some(file) = &request.file else { return err!(EBADF) };
    let end = request.offset.checked_add(len);
    let is_stored = matches!(file.kind(), FileKind::Regular | FileKind::BlockDevice);
    if end.is_none_or(|end| is_stored && end > i64::MAX as u64) {
        return err!(EOVERFLOW, "offset and length");
    }
    plan_file(request, file, len)
}

fn stored_flags(request: &MapRequest) -> AreaFlags {
    if request.flags.contains(MapFlags::NORESERVE) {
        AreaFlags::NORESERVE
    } else {
        AreaFlags::empty()
    }
}

/// `ACCOUNT` for private writable memory that is not `MAP_NORESERVE`.
pub(crate) fn accounted(prot: Prot, flags: AreaFlags) -> AreaFlags {
    let is_free = flags.intersects(AreaFlags::SHARED | AreaFlags::NORESERVE);
    if prot.contains(Prot::WRITE) && !is_free { AreaFlags::ACCOUNT } else { AreaFlags::empty() }
}

fn plan_anonymous(request: &MapRequest, len: u64) -> Result<Plan> {
    if request.flags.contains(MapFlags::HUGETLB) {
        return err!(ENOMEM, "no huge pages");
    }
    let mut flags = stored_flags(request);
    let grows = request.flags.contains(MapFlags::GROWSDOWN);
    let backing = match request.flags.bits() & MapFlags::TYPE {
        MapFlags::TYPE_SHARED if grows => return err!(EINVAL, "a shared stack"),
        MapFlags::TYPE_SHARED => {
            flags |= AreaFlags::SHARED | AreaFlags::MAY_SHARE;
            Backing::Shared { pages: SharedPages::new(len), offset: 0 }
        }
        MapFlags::TYPE_PRIVATE => {
            if grows {
                flags |= AreaFlags::GROWSDOWN;
            }
            Backing::Anonymous
        }
        _ => return err!(EINVAL, "mapping type"),
    };
    Ok(Plan { prot: request.prot.access(), max_prot: Prot::ALL, flags, backing })
}

fn plan_file(request: &MapRequest, file: &Arc<File>, len: u64) -> Result<Plan> {
    if request.flags.contains(MapFlags::HUGETLB) {
        return err!(EINVAL, "not a hugetlbfs file");
    }
    let mut flags = stored_flags(request);
    let mut max_prot = Prot::ALL;
    let kind = request.flags.bits() & MapFlags::TYPE;
    match kind {
        MapFlags::TYPE_SHARED | MapFlags::TYPE_SHARED_VALIDATE => {
            let is_validated = kind == MapFlags::TYPE_SHARED_VALIDATE;
            if is_validated && !MapFlags::LEGACY.contains(request.flags) {
                return err!(EOPNOTSUPP, "flags");
            }
            if request.prot.contains(Prot::WRITE) && !file.can_write() {
                return err!(EACCES, "file not open for writing");
            }
            flags |= AreaFlags::MAY_SHARE;
            if file.can_write() {
                flags |= AreaFlags::SHARED;
            } else {
                max_prot -= Prot::WRITE;
            }
        }
        MapFlags::TYPE_PRIVATE => {}
        _ => return err!(EINVAL, "mapping type"),
    }
    if !file.can_read() {
        return err!(EACCES, "file not open for reading");
    }
    if file.path().mount().flags().contains(MountFlags::NOEXEC) {
        if request.prot.contains(Prot::EXEC) {
            return err!(EPERM, "mounted noexec");
        }
        max_prot -= Prot::EXEC;
    }
    let source = file.mmap()?;
    if request.flags.contains(MapFlags::GROWSDOWN) {
        return err!(EINVAL, "a stack in a file");
    }
    let offset = request.offset;
    let backing = match source {
        MapSource::Pages(pager) => Backing::File { file: file.clone(), pager, offset },
        MapSource::Anonymous if kind == 2 => Backing::Anonymous,
        MapSource::Anonymous => Backing::Shared { pages: SharedPages::new(offset + len), offset },
    };
    Ok(Plan { prot: request.prot.access(), max_prot, flags, backing })
}
