// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's accesses to user memory, of the current or any other space.
//!
//! Addresses are the program's choice. They are checked against [`USER_MAX`]
//! and used as they are in the current space, where the CPU checks them (and a
//! fault is fixed up), or looked up page by page in any other space.
//!
//! Trust: the bytes are the program's, and may change while they are copied.

use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use super::pod::{Pod, with_buffer};
use super::space::{VmSpace, page_down};
use super::{Access, PAGE_SIZE, Perms, USER_MAX, UserFault};
use crate::arch::paging::Pte;
use crate::arch::{self, bytes, usercopy};

/// Faults in a row at one address before an access gives up: the handler said
/// that the page is there, but another thread took it away again each time.
const MAX_RETRIES: usize = 64;

/// Why a string could not be read from user memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CStrError {
    /// Part of it is not readable.
    Fault,
    /// No NUL byte within the limit.
    TooLong,
    /// No memory for the copy.
    NoMemory,
}

/// A copy between user memory and the kernel's side of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    /// User memory to plain kernel memory.
    Load,
    /// User memory to a frame.
    LoadFrame,
    /// Plain kernel memory to user memory.
    Store,
    /// A frame to user memory.
    StoreFrame,
    /// Shared memory to user memory: each byte is read once. The first fault ends the copy:
    /// behind it the CPU would read again what the host may have changed by then.
    StoreShared,
    /// Zeros to user memory.
    Zero,
}

impl Copy {
    fn access(self) -> Access {
        match self {
            Self::Load | Self::LoadFrame => Access::Read,
            Self::Store | Self::StoreFrame | Self::StoreShared | Self::Zero => Access::Write,
        }
    }

    /// Does it between `user`, part of a mapped frame, and `kernel`.
    ///
    /// # Safety
    /// `user` is valid for `len` bytes of a frame; `kernel` for `len` bytes as
    /// the variant says, exclusively so for [`Copy::Load`]; they do not overlap.
    unsafe fn run(self, user: *mut u8, kernel: *mut u8, len: usize) {
        match self {
            // SAFETY: the caller's duties are the same.
            Self::Load => unsafe { bytes::load(kernel, user, len) },
            // SAFETY: the caller's duties are the same.
            Self::LoadFrame => unsafe { bytes::copy(kernel, user, len) },
            // SAFETY: the caller's duties are the same.
            Self::Store => unsafe { bytes::store(user, kernel, len) },
            // SAFETY: the caller's duties are the same.
            Self::StoreFrame | Self::StoreShared => unsafe { bytes::copy(user, kernel, len) },
            // SAFETY: the caller's duties are the same.
            Self::Zero => unsafe { bytes::zero(user, len) },
        }
    }
}

/// Where a range of user addresses begins that [`VmSpace::attempt`] has checked, in
/// the current space.
#[derive(Clone, Copy)]
pub(crate) struct UserSpan(usize);

impl UserSpan {
    /// Its first address.
    pub(crate) fn start(self) -> usize {
        self.0
    }
}

/// Is `addr..addr+len` a range of user addresses?
///
/// # Errors
/// [`UserFault`] when it is not, or wraps around.
#[inline]
pub(super) fn check_range(addr: usize, len: usize) -> Result<(), UserFault> {
    match addr.checked_add(len) {
        Some(end) if end <= USER_MAX => Ok(()),
        _ => Err(UserFault),
    }
}

impl VmSpace {
    /// Copies from user memory, all or an error (then part of `out` may have
    /// been written).
    ///
    /// # Errors
    /// [`UserFault`] when not all of it is readable.
    #[inline]
    pub fn read(&self, addr: usize, out: &mut [u8]) -> Result<(), UserFault> {
        check_range(addr, out.len())?;
        if let Ok(out) = <&mut [u8; 8]>::try_from(&mut *out)
            && let Some(word) = self.load_word(addr)
        {
            *out = word.to_ne_bytes();
            return Ok(());
        }
        // SAFETY: `out` is exclusively ours.
        unsafe { self.transfer(Copy::Load, addr, out.as_mut_ptr(), out.len()) }.1
    }

    /// Loads 8 bytes of user memory in one access, if they can be read now and the space is
    /// the current one.
    #[inline]
    fn load_word(&self, addr: usize) -> Option<u64> {
        check_range(addr, 8).ok()?;
        if !arch::is_active_space(core::ptr::from_ref(self).cast()) {
            return None;
        }
        let from = core::ptr::with_exposed_provenance(addr);
        // SAFETY: the range was checked.
        unsafe { usercopy::load_u64(from) }
    }

    /// Copies to user memory, all or an error (then part may have been written).
    ///
    /// # Errors
    /// [`UserFault`] when not all of it is writable.
    #[inline]
    pub fn write(&self, addr: usize, data: &[u8]) -> Result<(), UserFault> {
        check_range(addr, data.len())?;
        if let (Ok(word), true) =
            (<[u8; 8]>::try_from(data), arch::is_active_space(core::ptr::from_ref(self).cast()))
        {
            let to = core::ptr::with_exposed_provenance_mut(addr);
            // SAFETY: the range was checked.
            if unsafe { usercopy::store_u64(to, u64::from_ne_bytes(word)) } {
                return Ok(());
            }
        }
        // SAFETY: `data` is only read, by `Copy::Store`.
        unsafe { self.transfer(Copy::Store, addr, data.as_ptr().cast_mut(), data.len()) }.1
    }

    /// Reads a value from user memory.
    ///
    /// # Errors
    /// [`UserFault`] when not all of it is readable.
    #[inline]
    pub fn read_val<T: Pod>(&self, addr: usize) -> Result<T, UserFault> {
        with_buffer::<T, _>(|buffer| {
            self.read(addr, buffer)?;
            Ok(T::from_bytes(buffer))
        })
    }

    /// Writes a value to user memory.
    ///
    /// # Errors
    /// [`UserFault`] when not all of it is writable.
    #[inline]
    pub fn write_val<T: Pod>(&self, addr: usize, value: T) -> Result<(), UserFault> {
        with_buffer::<T, _>(|buffer| {
            value.to_bytes(buffer);
            self.write(addr, buffer)
        })
    }

    /// Reads a string that ends in a NUL byte, without that byte. `max` limits
    /// the length with the NUL.
    ///
    /// # Errors
    /// See [`CStrError`].
    pub fn read_cstr(&self, addr: usize, max: usize) -> Result<Vec<u8>, CStrError> {
        let mut string = Vec::new();
        let mut chunk = [0; 128];
        let mut at = addr;
        while string.len() < max {
            // Never across a page boundary: the next page may not be there.
            let room = (PAGE_SIZE - at % PAGE_SIZE).min(chunk.len()).min(max - string.len());
            let room = room.min(USER_MAX.saturating_sub(at));
            let Some(buffer) = chunk.get_mut(..room).filter(|_| room > 0) else {
                return Err(CStrError::Fault);
            };
            self.read(at, buffer).map_err(|_| CStrError::Fault)?;
            let end = buffer.iter().position(|&byte| byte == 0);
            let part = buffer.get(..end.unwrap_or(room)).unwrap_or_default();
            string.try_reserve(part.len()).map_err(|_| CStrError::NoMemory)?;
            string.extend_from_slice(part);
            if end.is_some() {
                return Ok(string);
            }
            at += room;
        }
        Err(CStrError::TooLong)
    }

    /// Reads a word of user memory in one access.
    ///
    /// # Errors
    /// [`UserFault`] when it is not readable or `addr` is not aligned.
    pub fn atomic_u32_load(&self, addr: usize) -> Result<u32, UserFault> {
        // The two halves of an aligned word lie in one page.
        if addr.is_multiple_of(4)
            && let Some(word) = self.load_word(addr & !7)
        {
            return Ok((word >> (addr % 8 * 8)) as u32);
        }
        self.with_word(addr, Access::Read, |word| word.load(Ordering::SeqCst))
    }

    /// Replaces a word of user memory by `new` if it is `current`. Gives what it
    /// was: as `Ok` if it was replaced, else as `Err`.
    ///
    /// # Errors
    /// [`UserFault`] when it is not writable or `addr` is not aligned.
    pub fn atomic_u32_compare_exchange(
        &self,
        addr: usize,
        current: u32,
        new: u32,
    ) -> Result<Result<u32, u32>, UserFault> {
        self.with_word(addr, Access::Write, |word| {
            word.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst)
        })
    }

    fn with_word<R>(
        &self,
        addr: usize,
        access: Access,
        mut f: impl FnMut(&AtomicU32) -> R,
    ) -> Result<R, UserFault> {
        check_range(addr, 4)?;
        if !addr.is_multiple_of(4) {
            return Err(UserFault);
        }
        self.with_page(addr, access, |ptr| {
            // SAFETY: 1. `with_page` gives a pointer into a mapped frame, with
            // the alignment of `addr`, so the word lies in the frame. 2. Frames
            // are only accessed by copies that are atomic or assembly.
            f(unsafe { AtomicU32::from_ptr(ptr.cast()) })
        })
    }

    /// Copies `len` bytes between user memory at `addr` and `kernel`. Returns
    /// how many it copied, and an error if those are not all.
    ///
    /// The caller has checked the range.
    ///
    /// # Safety
    /// `kernel` is valid for `len` bytes as `copy` says.
    pub(super) unsafe fn transfer(
        &self,
        copy: Copy,
        addr: usize,
        kernel: *mut u8,
        len: usize,
    ) -> (usize, Result<(), UserFault>) {
        let is_active = arch::is_active_space(core::ptr::from_ref(self).cast());
        if is_active {
            // SAFETY: the caller's duties are the same.
            return unsafe { self.transfer_direct(copy, addr, kernel, len) };
        }
        let mut done = 0;
        while done < len {
            let at = addr + done;
            let part = (PAGE_SIZE - at % PAGE_SIZE).min(len - done);
            let copied = self.with_page(at, copy.access(), |user| {
                // SAFETY: `part` ends at the page's end at the latest, and
                // `kernel` has `len - done` more bytes (caller).
                unsafe { copy.run(user, kernel.wrapping_add(done), part) };
            });
            if copied.is_err() {
                return (done, Err(UserFault));
            }
            done += part;
        }
        (len, Ok(()))
    }

    /// [`VmSpace::transfer`] in the current space: the CPU looks the pages up.
    ///
    /// # Safety
    /// As for [`VmSpace::transfer`].
    unsafe fn transfer_direct(
        &self,
        copy: Copy,
        addr: usize,
        kernel: *mut u8,
        len: usize,
    ) -> (usize, Result<(), UserFault>) {
        let (mut done, mut retries) = (0, 0);
        loop {
            let user = core::ptr::with_exposed_provenance_mut(addr + done);
            let kernel = kernel.wrapping_add(done);
            let left = if copy == Copy::Zero {
                // SAFETY: the user's range was checked.
                unsafe { usercopy::zero(user, len - done) }
            } else {
                let is_load = copy.access() == Access::Read;
                let (to, from) = if is_load { (kernel, user) } else { (user, kernel) };
                // SAFETY: the user's range was checked; the kernel's has as many
                // bytes left (caller).
                unsafe { usercopy::copy(to, from, len - done) }
            };
            if left == 0 {
                return (len, Ok(()));
            }
            retries = if len - left > done { 0 } else { retries + 1 };
            done = len - left;
            let is_over = copy == Copy::StoreShared || retries > MAX_RETRIES;
            if is_over || self.fault(addr + done, copy.access()).is_err() {
                return (done, Err(UserFault));
            }
        }
    }

    /// Calls `access_it` with a range of this space, the current one, until it says
    /// that it worked; in between the pages are made accessible, which may sleep.
    ///
    /// # Errors
    /// [`UserFault`] when the range or the space is another's, a page cannot be had,
    /// or it never works.
    pub(crate) fn attempt(
        &self,
        range: Range<usize>,
        access: Access,
        access_it: impl Fn(UserSpan) -> bool,
    ) -> Result<(), UserFault> {
        check_range(range.start, range.len())?;
        if !arch::is_active_space(core::ptr::from_ref(self).cast()) {
            return Err(UserFault);
        }
        for _ in 0..MAX_RETRIES {
            if access_it(UserSpan(range.start)) {
                return Ok(());
            }
            for page in (page_down(range.start)..range.end).step_by(PAGE_SIZE) {
                self.fault(page, access)?;
            }
        }
        Err(UserFault)
    }

    /// Calls `f` with where the kernel sees `addr`, in a page that permits
    /// `access`; the page stays mapped meanwhile. `f` must not sleep or fault.
    fn with_page<R>(
        &self,
        addr: usize,
        access: Access,
        mut f: impl FnMut(*mut u8) -> R,
    ) -> Result<R, UserFault> {
        for _ in 0..MAX_RETRIES {
            let leaf = self.leaf(addr);
            if let Some(entry) = leaf.as_ref().map(|leaf| leaf.entry(addr)) {
                let pte = Pte(entry.load(Ordering::Relaxed));
                let allowed = match access {
                    Access::Read => pte.is_present(),
                    Access::Write => pte.is_writable(),
                    Access::Exec => pte.perms().contains(Perms::EXEC),
                };
                if let (true, Some(pfn)) = (allowed, pte.pfn()) {
                    entry.fetch_or(Pte::touched_bits(access == Access::Write), Ordering::Relaxed);
                    return Ok(f(pfn.ptr().wrapping_add(addr % PAGE_SIZE)));
                }
            }
            drop(leaf);
            self.fault(addr, access)?;
        }
        Err(UserFault)
    }
}
