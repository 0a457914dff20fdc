// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the loader hands over: memory map, command line, initramfs.
//!
//! Trust: all of it is written by the host (and only later measured). It is
//! copied to private memory once, then checked; what does not fit stops the
//! machine with a reason.
//!
//! Locks: `INITRAMFS` is a leaf (preemption off).
//!
//! Spec: Xen's PVH boot protocol (start info version 1).

pub(crate) mod acpi;
pub(crate) mod map;
pub(crate) mod memory;
pub(crate) mod pvh;

use core::ops::Deref;

use crate::mm::PhysRange;
use crate::sync::SpinLock;

static INITRAMFS: SpinLock<Option<Initramfs>> = SpinLock::new(None);

/// Takes the initramfs, if the loader gave one and nobody has taken it.
pub fn take_initramfs() -> Option<Initramfs> {
    INITRAMFS.lock().take()
}

/// The initramfs that the loader gave; dropping it frees its memory.
pub struct Initramfs {
    bytes: &'static [u8],
    region: PhysRange,
}

impl Deref for Initramfs {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

pub(crate) use machine::{install_command_line, install_event_log, install_initramfs};

mod machine {
    use alloc::vec::Vec;
    use core::cell::UnsafeCell;

    use super::memory::BootMemory;
    use super::pvh;
    use super::{INITRAMFS, Initramfs};
    use crate::cvm::{self, FirmwareLog, LogTable};
    use crate::mm::{self, PhysRange};
    use crate::{arch, cmdline};

    struct Text(UnsafeCell<[u8; pvh::MAX_COMMAND_LINE]>);

    // SAFETY: written once, by the boot CPU, before anything refers to it.
    unsafe impl Sync for Text {}

    static TEXT: Text = Text(UnsafeCell::new([0; pvh::MAX_COMMAND_LINE]));

    /// Copies the command line to private memory, measures it, and parses it.
    ///
    /// # Safety
    /// Once, on the boot CPU.
    pub(crate) unsafe fn install_command_line(memory: &impl BootMemory, region: Option<PhysRange>) {
        let Some(region) = region else { return };
        // SAFETY: nobody else refers to the buffer yet (caller).
        let text = unsafe { &mut *TEXT.0.get() };
        let len = (region.end - region.start) as usize;
        let Some(text) = text.get_mut(..len) else { return };
        if !memory.read(region.start, text) {
            crate::fatal("command line: out of reach");
        }
        cvm::measure::command_line(text);
        match core::str::from_utf8(text) {
            Ok(text) => cmdline::install(text),
            Err(_) => crate::fatal("command line: not UTF-8"),
        }
    }

    /// Makes the initramfs available.
    ///
    /// # Safety
    /// Once, after `mm::init`, with a region that it was told to reserve.
    pub(crate) unsafe fn install_initramfs(region: Option<PhysRange>) {
        let Some(region) = region else { return };
        let start = mm::phys_to_virt(region.start);
        let len = (region.end - region.start) as usize;
        // host input: the initramfs, for whoever unpacks it
        // SAFETY: RAM of the direct map, kept from the allocator (caller).
        let bytes = unsafe { core::slice::from_raw_parts(start, len) };
        cvm::measure::initramfs(bytes);
        *INITRAMFS.lock() = Some(Initramfs { bytes, region });
    }

    /// Copies the firmware's event log, which nobody else uses, to private memory.
    pub(crate) fn install_event_log(table: Option<LogTable>) {
        let Some(table) = table.filter(LogTable::is_ours) else { return };
        let len = (table.log.end - table.log.start) as usize;
        let mut log = Vec::new();
        let Ok(from) = mm::map_private(table.log.start, len) else { return };
        if log.try_reserve_exact(len).is_ok() {
            log.resize(len, 0);
            // host input: the firmware's event log
            // SAFETY: 1. mapped for `len` bytes, for ever. 2. `log` has as many.
            unsafe { arch::bytes::load(log.as_mut_ptr(), from, len) };
            cvm::measure::set_firmware_log(FirmwareLog { table: table.bytes.to_vec(), log });
        }
    }

    impl Drop for Initramfs {
        fn drop(&mut self) {
            self.bytes = &[];
            // SAFETY: this was the only owner, and nobody can refer to it any more:
            // `deref` lends it for the life of `self`.
            unsafe { mm::release_boot_range(self.region) };
        }
    }
}
