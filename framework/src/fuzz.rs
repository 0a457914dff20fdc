// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parsers of host input as functions of bytes, for the fuzzer; on the build machine only.
//!
//! Each takes whatever bytes there are, must not panic, checks what the parser promises, and
//! returns a number that tells outcomes apart.

use crate::boot::memory::BootMemory;
use crate::boot::{acpi, map, pvh};
use crate::cmdline;
use crate::cvm::{self, event_log};
use crate::mm::MemoryMap;

pub use crate::cvm::fuzz::{quote_buffer, user_exception};

/// Physical memory that holds the fuzzer's bytes from this address on, and nothing else.
const BASE: u64 = 0x1000;

struct Memory<'a>(&'a [u8]);

impl BootMemory for Memory<'_> {
    fn read(&self, at: u64, out: &mut [u8]) -> bool {
        let from = at.checked_sub(BASE).and_then(|from| usize::try_from(from).ok());
        let bytes = from.and_then(|from| self.0.get(from..)?.get(..out.len()));
        if let Some(bytes) = bytes {
            out.copy_from_slice(bytes);
        }
        bytes.is_some()
    }
}

/// FNV-1a of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The PVH start info at the begin of the bytes, with all that it leads to.
pub fn boot_info(data: &[u8]) -> u64 {
    let kind =
        if data.len().is_multiple_of(2) { cvm::Kind::Plain } else { cvm::Kind::Confidential };
    match pvh::parse(&Memory(data), BASE, kind) {
        Ok(info) => {
            check_map(&info.memory);
            check_map(&info.pending);
            if let Some(initramfs) = info.initramfs {
                assert!(info.memory.contains(initramfs.start, initramfs.end));
                assert!(!info.pending.overlaps(initramfs.start, initramfs.end));
            }
            let has = [info.command_line.is_some(), info.initramfs.is_some()];
            let cpus = info.cpus.apic_ids.iter().flatten().count();
            hash(&[has[0] as u8, has[1] as u8, cpus as u8, info.memory.regions().len() as u8])
        }
        Err(why) => hash(why.as_bytes()),
    }
}

/// A memory map: 24 bytes an entry.
pub fn memory_map(data: &[u8]) -> u64 {
    let entries = data.as_chunks::<24>().0.iter().map(|entry| {
        let number = |at: usize| {
            entry
                .get(at..)
                .and_then(|rest| rest.first_chunk())
                .map_or(0, |n| u64::from_le_bytes(*n))
        };
        (number(0), number(8), number(16) as u32 == 1)
    });
    match map::check(entries) {
        Ok(mut map) => {
            check_map(&map);
            let first = map.regions().first().copied().unwrap_or_default();
            let count = map.regions().len();
            let is_reserved = map.reserve(first.start + 1, first.end).is_ok();
            check_map(&map);
            assert!(!map.contains(first.start, first.end) || first.end - first.start < 2);
            hash(&[count as u8, is_reserved as u8])
        }
        Err(error) => hash(error.why().as_bytes()),
    }
}

/// ACPI tables, the RSDP at the begin; most get good checksums first.
pub fn acpi_tables(data: &[u8]) -> u64 {
    let mut bytes = data.to_vec();
    if data.len() % 8 != 7 {
        mend(&mut bytes, 0, 20, 8);
        for at in (0..bytes.len()).step_by(16) {
            let len = bytes.get(at + 4..).and_then(|rest| rest.first_chunk());
            let len = len.map_or(0, |len| u32::from_le_bytes(*len) as usize);
            let is_name = |name: &[u8]| name.iter().all(u8::is_ascii_uppercase);
            if (36..=bytes.len() - at).contains(&len) && bytes.get(at..at + 4).is_some_and(is_name)
            {
                mend(&mut bytes, at, len, at + 9);
            }
        }
    }
    let memory = Memory(&bytes);
    let ram = map::check([(0, 1 << 30, true)].into_iter());
    let has_log = ram.is_ok_and(|ram| acpi::log_table(&memory, BASE, &ram).is_some());
    let has_ecam = acpi::ecam(&memory, BASE).is_some();
    let cpus = acpi::cpus(&memory, BASE);
    let has = [cpus.mailbox.is_some(), has_log, has_ecam];
    has.iter()
        .fold(cpus.apic_ids.iter().flatten().count() as u64, |n, has| n << 1 | u64::from(*has))
}

/// The kernel command line.
pub fn command_line(data: &[u8]) -> u64 {
    let text = alloc::string::String::from_utf8_lossy(data);
    let line = cmdline::CommandLine::parse(&text);
    assert!(line.init_args.iter().chain(line.init_env.iter()).count() <= text.len().div_ceil(2));
    assert!(line.init_env.iter().all(|word| word.value.is_some()));
    assert!(line.devices.is_none_or(|names| names.iter().all(|name| !name.contains(','))));
    let exec = line.exec.map_or(0, |exec| exec.bytes().count());
    assert!(exec <= text.len());
    let flags = [line.is_quiet, line.has_control, line.may_debug_cvm, line.has_trace];
    let counts = [line.init_args.len(), line.init_env.len(), line.complaints.count, exec];
    let set =
        [line.console, line.init, line.rdinit, line.test_stop, line.test].map(|w| w.is_some());
    let seen = counts.map(|count| count.min(255) as u8);
    hash(&[&flags.map(u8::from)[..], &set.map(u8::from), &seen].concat())
}

/// Makes `len` bytes from `at` on add up to zero, by the one at `place`.
fn mend(bytes: &mut [u8], at: usize, len: usize, place: usize) {
    let table = bytes.get(at..at + len).unwrap_or_default();
    let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(byte) = bytes.get_mut(place) {
        *byte = byte.wrapping_sub(sum);
    }
}

/// The firmware's event log, with an event of the kernel's put behind it.
pub fn event_log(data: &[u8]) -> u64 {
    let event = [&3u32.to_le_bytes()[..], &6u32.to_le_bytes(), &[0; 8]].concat();
    let end = event_log::end(data);
    if let Some(end) = end {
        assert!(end <= data.len());
    }
    let joined = event_log::join(data.to_vec(), &event).unwrap_or_default();
    assert!(joined.len() >= data.len());
    assert!(
        event_log::end(&joined).is_some_and(|new| end.is_none_or(|old| new == old + event.len()))
    );
    end.map_or(0, |end| end as u64 / 64 + 1)
}

/// Regions ascend, are not empty and do not meet in an address.
fn check_map(map: &MemoryMap) {
    let mut behind = 0;
    for region in map.regions() {
        assert!(behind <= region.start && region.start < region.end, "{region:?}");
        behind = region.end;
    }
}
