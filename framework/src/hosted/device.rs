// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The host: what a test plays.
//!
//! A test reads and writes shared memory by device address, as a device does, and
//! may ask to be called before each access of the kernel's side, so that it can
//! change the memory between two reads.

extern crate std;

use core::ptr::NonNull;
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::vec;

use crate::arch::bytes;
use crate::mm::NoMemory;

/// What stands behind a window of registers.
pub trait DeviceModel: Send + Sync {
    /// The driver reads `size` bytes.
    fn read(&self, offset: u64, size: usize) -> u64;
    /// The driver writes `size` bytes.
    fn write(&self, offset: u64, size: usize, value: u64);
}

/// Simulated shared memory, and what devices call its first byte.
const LEN: usize = if cfg!(miri) { 1 << 20 } else { 64 << 20 };
const DEVICE: u64 = 1 << 32;

type Hook = Box<dyn FnMut(u64, usize)>;

std::thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(usize::MAX) };
}

static BASE: std::sync::OnceLock<core::sync::atomic::AtomicPtr<u8>> = std::sync::OnceLock::new();

/// Calls `start` once with the memory, what a device calls it, and its length.
pub(crate) fn start_once(start: fn(*mut u8, u64, usize)) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| start(base(), DEVICE, LEN));
}

/// The memory: made at its first use, for the arena alone.
fn base() -> *mut u8 {
    let base = BASE.get_or_init(|| {
        let memory = vec![[0u64; 64]; LEN / 512 + 8].leak().as_mut_ptr().cast::<u8>();
        memory.wrapping_add(memory.align_offset(4096)).into()
    });
    base.load(core::sync::atomic::Ordering::Relaxed)
}

/// Calls `hook` with device address and length before each access to shared memory
/// that this thread's kernel side makes; it may itself read and write there.
pub fn before_access(hook: impl FnMut(u64, usize) + 'static) {
    HOOK.set(Some(Box::new(hook)));
}

/// Takes the hook of [`before_access`] away.
pub fn no_hook() {
    HOOK.set(None);
}

/// Lets this thread have `count` more pieces of shared memory: then there is none left.
pub fn allocations_left(count: usize) {
    ALLOCATIONS.set(count);
}

pub(crate) fn may_allocate() -> Result<(), NoMemory> {
    let left = ALLOCATIONS.get();
    ALLOCATIONS.set(left.saturating_sub((left < usize::MAX).into()));
    if left > 0 { Ok(()) } else { Err(NoMemory) }
}

pub(crate) fn touched(addr: u64, len: usize) {
    // Away while it runs: what it does is the host's.
    if let Some(mut hook) = HOOK.take() {
        hook(addr, len);
        HOOK.with_borrow_mut(|slot| {
            slot.get_or_insert(hook);
        });
    }
}

fn place(addr: u64, len: usize) -> Option<*mut u8> {
    let offset = usize::try_from(addr.checked_sub(DEVICE)?).ok()?;
    (offset.checked_add(len)? <= LEN).then(|| base().wrapping_add(offset))
}

/// A device reads shared memory; false if the address is no such memory.
pub fn device_read(addr: u64, out: &mut [u8]) -> bool {
    let Some(from) = place(addr, out.len()) else { return false };
    // SAFETY: `place` checked the range; `out` is plain memory.
    unsafe { bytes::load(out.as_mut_ptr(), from, out.len()) };
    true
}

/// A device writes shared memory; false if the address is no such memory.
pub fn device_write(addr: u64, data: &[u8]) -> bool {
    let Some(to) = place(addr, data.len()) else { return false };
    // SAFETY: `place` checked the range; `data` is plain memory.
    unsafe { bytes::store(to, data.as_ptr(), data.len()) };
    true
}

/// Where shared memory is, for a test that gives it to a driver from elsewhere.
pub fn driver_pointer(addr: u64, len: usize) -> Option<NonNull<u8>> {
    place(addr, len).and_then(NonNull::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{OutOfRange, SharedBuf};

    #[test]
    fn pieces_are_apart_zeroed_and_bounded() {
        let (a, b) = (SharedBuf::new(100).unwrap(), SharedBuf::new(1000).unwrap());
        assert!(a.device_addr().abs_diff(b.device_addr()) >= 512);
        assert_eq!(b.device_addr() % 1024, 0);
        assert_eq!(a.write(90, &[1; 10]), Ok(()));
        assert_eq!(a.write(91, &[1; 10]), Err(OutOfRange));
        assert_eq!(a.write(usize::MAX, &[1; 2]), Err(OutOfRange));
        let mut out = [9; 4];
        assert_eq!(a.read_into(88, &mut out), Ok(()));
        assert_eq!(out, [0, 0, 1, 1]);
        assert_eq!(a.read_into(98, &mut out), Err(OutOfRange));
        let word = |offset| a.load_u16(offset).check(|word| Ok::<_, ()>(*word));
        assert_eq!((word(90), word(91), word(99), word(100)), (Ok(0x101), Ok(!0), Ok(!0), Ok(!0)));
        assert_eq!(a.store_u32(98, 1), Err(OutOfRange));
        assert_eq!(a.store_u64(4, 1), Err(OutOfRange));
        assert!(SharedBuf::new(usize::MAX / 2).is_err());
        assert!(SharedBuf::new(LEN * 2).is_err());
    }

    #[test]
    fn the_host_writes_between_two_reads() {
        let buf = SharedBuf::new(16).unwrap();
        let addr = buf.device_addr();
        let mut count = 0u32;
        before_access(move |at, len| {
            assert_eq!((at, len), (addr + 8, 4));
            count += 1;
            assert!(device_write(addr + 8, &count.to_le_bytes()));
        });
        let word = || buf.load_u32(8).check(|word| Ok::<_, ()>(*word));
        assert_eq!((word(), word()), (Ok(1), Ok(2)));
        no_hook();
        assert_eq!(word(), Ok(2));
        assert!(!device_write(0, &[1]) && !device_read(DEVICE + LEN as u64, &mut [0]));
    }
}
