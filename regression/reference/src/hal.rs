// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Bounce`]: memory for `virtio-drivers` in the shared arena of the hosted framework.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use framework::host::SharedBuf;
use framework::hosted::driver_pointer;
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Shared buffers in use, by what the device calls them.
static BUFFERS: Mutex<Option<HashMap<PhysAddr, SharedBuf>>> = Mutex::new(None);

fn buffers() -> MutexGuard<'static, Option<HashMap<PhysAddr, SharedBuf>>> {
    BUFFERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(buffer: SharedBuf) -> PhysAddr {
    let addr = buffer.device_addr();
    buffers().get_or_insert_default().insert(addr, buffer);
    addr
}

/// Memory that the device model can reach; buffers are copied there and back.
pub struct Bounce;

// SAFETY: `dma_alloc` gives zeroed pages of the arena that nothing else has until they are given back, at an address
// aligned as the arena's base and sizes are; buffers are only touched within `share` and `unshare`.
unsafe impl Hal for Bounce {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let len = pages * PAGE_SIZE;
        let buffer = SharedBuf::new(len).expect("the arena has room");
        let place = driver_pointer(buffer.device_addr(), len).expect("it lies in the arena");
        assert!(place.addr().get().is_multiple_of(PAGE_SIZE), "pages are aligned");
        (keep(buffer), place)
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, _vaddr: NonNull<u8>, _pages: usize) -> i32 {
        let known = buffers().get_or_insert_default().remove(&paddr);
        if known.is_some() { 0 } else { -1 }
    }

    unsafe fn mmio_phys_to_virt(_paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        unreachable!("registers are behind the transport")
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        let bounce = SharedBuf::new(buffer.len()).expect("the arena has room");
        if direction != BufferDirection::DeviceToDriver {
            // SAFETY: the caller says that it is valid and nobody else's during the call.
            let bytes = unsafe { buffer.as_ref() };
            bounce.write(0, bytes).expect("it was made for them");
        }
        keep(bounce)
    }

    unsafe fn unshare(paddr: PhysAddr, mut buffer: NonNull<[u8]>, direction: BufferDirection) {
        let Some(bounce) = buffers().get_or_insert_default().remove(&paddr) else {
            panic!("{paddr:#x} was not shared");
        };
        if direction != BufferDirection::DriverToDevice {
            // SAFETY: the caller says that it is valid and nobody else's during the call.
            let bytes = unsafe { buffer.as_mut() };
            bounce.read_into(0, bytes).expect("it was made for them");
        }
    }
}
