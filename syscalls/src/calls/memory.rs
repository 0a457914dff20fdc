// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The address space: mmap and its family.

use crate::arg::{Addr, Fd, Kept};
use crate::cx::Context;
use abi::capability::Caps;
use abi::mman::{LockAll, MLOCK_ONFAULT, MapFlags, Prot, RemapFlags, SyncFlags};
use abi::{Result, err, error};
use framework::mm::PAGE_SIZE;
use mm::{Advice, LockMode, MapRequest};
use vfs::May;

/// mmap(2).
pub(crate) fn sys_mmap(
    cx: &mut Context,
    addr: Addr,
    len: usize,
    prot: Prot,
    flags: MapFlags,
    fd: Fd,
    offset: u64,
) -> Result<usize> {
    if !offset.is_multiple_of(PAGE_SIZE as u64) {
        return err!(EINVAL, "offset not page-aligned");
    }
    let file = if flags.contains(MapFlags::ANONYMOUS) { None } else { Some(cx.open_file(fd)?) };
    if flags.contains(MapFlags::HUGETLB) {
        return huge(flags, len);
    }
    if flags.contains(MapFlags::LOCKED) {
        locking_mm(cx);
    }
    let may_map_low = cx.cred().capable(Caps::SYS_RAWIO);
    cx.mm().mmap(&MapRequest { addr: addr.0, len, prot, flags, file, offset, may_map_low })
}

/// `MAP_HUGETLB`: there are no huge pages of their own to be had, nor a file system of them.
fn huge(flags: MapFlags, len: usize) -> Result<usize> {
    let size = match flags.bits() >> MapFlags::HUGE_SHIFT {
        0 => MapFlags::HUGE_2MB,
        size => size,
    };
    let is_known = matches!(size, MapFlags::HUGE_2MB | MapFlags::HUGE_1GB);
    if !flags.contains(MapFlags::ANONYMOUS) || !is_known {
        return err!(EINVAL, "no such huge pages");
    }
    let is_empty = len == 0 || len.checked_next_multiple_of(1 << size).is_none();
    if is_empty { err!(EINVAL, "empty mapping") } else { err!(ENOMEM, "no huge pages") }
}

/// munmap(2).
pub(crate) fn sys_munmap(cx: &mut Context, addr: Addr, len: usize) -> Result<()> {
    cx.mm().munmap(addr.0, len)
}

/// mprotect(2).
pub(crate) fn sys_mprotect(
    cx: &mut Context,
    addr: Addr,
    len: usize,
    prot: Kept<Prot>,
) -> Result<()> {
    cx.mm().mprotect(addr.0, len, prot.0)
}

/// brk(2): returns the present end whatever happens.
pub(crate) fn sys_brk(cx: &mut Context, end: Addr) -> usize {
    cx.mm().brk(end.0)
}

/// mremap(2).
pub(crate) fn sys_mremap(
    cx: &mut Context,
    addr: Addr,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new_addr: Addr,
) -> Result<usize> {
    cx.mm().mremap(addr.0, old_len, new_len, flags, new_addr.0)
}

/// msync(2).
pub(crate) fn sys_msync(cx: &mut Context, addr: Addr, len: usize, flags: SyncFlags) -> Result<()> {
    cx.mm().msync(addr.0, len, flags)
}

/// mincore(2): one byte a page.
pub(crate) fn sys_mincore(cx: &mut Context, addr: Addr, len: usize, out: Addr) -> Result<()> {
    let mut at = out.0;
    let pages = len.div_ceil(PAGE_SIZE);
    let is_range = addr.0.checked_add(len).is_some_and(|end| end <= mm::TASK_SIZE);
    if is_range && addr.0.is_multiple_of(PAGE_SIZE) && out.0.saturating_add(pages) > mm::TASK_SIZE {
        return err!(EFAULT, "no room for an answer");
    }
    let cred = cx.cred();
    let may_know = |file: &vfs::File| {
        let inode = file.inode();
        vfs::perm::is_owner(inode, &cred) || vfs::perm::check(inode, &cred, May::WRITE).is_ok()
    };
    cx.mm().mincore(addr.0, len, may_know, |bytes| {
        cx.vm().write(at, bytes)?;
        at = at.checked_add(bytes.len()).ok_or(error!(EFAULT))?;
        Ok(())
    })
}

/// madvise(2).
pub(crate) fn sys_madvise(cx: &mut Context, addr: Addr, len: usize, advice: i32) -> Result<()> {
    cx.mm().madvise(addr.0, len, Advice::from_raw(advice).ok_or(error!(EINVAL, "advice"))?)
}

/// The address space, told whether the caller may lock more than the limit.
fn locking_mm(cx: &Context) -> &mm::AddressSpace {
    cx.mm().set_lock_exempt(cx.cred().capable(Caps::IPC_LOCK));
    cx.mm()
}

/// mlock(2).
pub(crate) fn sys_mlock(cx: &mut Context, addr: Addr, len: usize) -> Result<()> {
    locking_mm(cx).mlock(addr.0, len, LockMode::Now)
}

/// mlock2(2).
pub(crate) fn sys_mlock2(cx: &mut Context, addr: Addr, len: usize, flags: u32) -> Result<()> {
    match flags {
        0 => locking_mm(cx).mlock(addr.0, len, LockMode::Now),
        MLOCK_ONFAULT => locking_mm(cx).mlock(addr.0, len, LockMode::OnFault),
        _ => err!(EINVAL, "flags"),
    }
}

/// munlock(2).
pub(crate) fn sys_munlock(cx: &mut Context, addr: Addr, len: usize) -> Result<()> {
    cx.mm().munlock(addr.0, len)
}

/// mlockall(2).
pub(crate) fn sys_mlockall(cx: &mut Context, flags: u32) -> Result<()> {
    let flags = LockAll::from_bits(flags).ok_or(error!(EINVAL, "flags"))?;
    locking_mm(cx).mlockall(flags)
}

/// munlockall(2).
pub(crate) fn sys_munlockall(cx: &mut Context) -> Result<()> {
    cx.mm().munlockall()
}
