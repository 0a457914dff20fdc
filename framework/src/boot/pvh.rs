// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PVH start info, version 1: copied out of the loader's memory, then checked.
//!
//! Trust: every byte comes from the host.
//! Spec: Xen, "x86/HVM direct boot ABI".

use super::{MapError, MemoryMap, Region, acpi};
use crate::cpu::MAX_CPUS;

/// The first word of the start info.
pub(crate) const MAGIC: u32 = 0x336e_c578;
/// The longest command line, in bytes.
pub(crate) const MAX_COMMAND_LINE: usize = 64 * 1024;
const MAX_ENTRIES: u32 = 256;
const TYPE_RAM: u32 = 1;

/// What the loader said, checked.
pub(crate) struct Info {
    pub(crate) memory: MemoryMap,
    pub(crate) command_line: Option<Region>,
    pub(crate) initramfs: Option<Region>,
    pub(crate) apic_ids: [Option<u32>; MAX_CPUS],
    /// PCI configuration space, from bus 0 on.
    pub(crate) ecam: Option<Region>,
}

impl Info {
    /// What must not be given to the allocator.
    pub(crate) fn reserved(&self, kernel: Region) -> [Region; 2] {
        let none = Region { start: kernel.start, end: kernel.start };
        [kernel, self.initramfs.unwrap_or(none)]
    }
}

/// Physical memory as the boot code sees it.
pub(crate) trait BootMemory {
    /// Copies from physical address `at`; false if that is out of reach.
    fn read(&self, at: u64, out: &mut [u8]) -> bool;
}

pub(super) fn u32_at<M: BootMemory>(memory: &M, at: u64) -> Option<u32> {
    let mut bytes = [0; 4];
    memory.read(at, &mut bytes).then(|| u32::from_le_bytes(bytes))
}

pub(super) fn u64_at<M: BootMemory>(memory: &M, at: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read(at, &mut bytes).then(|| u64::from_le_bytes(bytes))
}

/// Reads the start info at `at`.
///
/// # Errors
/// The reason why it is refused.
pub(crate) fn parse<M: BootMemory>(memory: &M, at: u64) -> Result<Info, &'static str> {
    const UNREADABLE: &str = "PVH start info: out of reach";
    let word = |offset: u64| u32_at(memory, at + offset).ok_or(UNREADABLE);
    let long = |offset: u64| u64_at(memory, at + offset).ok_or(UNREADABLE);
    if at >= 1 << 32 || word(0)? != MAGIC {
        return Err("PVH start info: wrong magic");
    }
    if word(4)? < 1 {
        return Err("PVH start info: version 0 has no memory map");
    }
    let modules = word(12)?;
    let map = read_map(memory, long(40)?, word(48)?)?;
    let command_line = match long(24)? {
        0 => None,
        start => Some(find_end(memory, start)?),
    };
    let initramfs = match modules {
        0 => None,
        1 => read_module(memory, long(16)?, &map)?,
        _ => return Err("PVH start info: more than one module"),
    };
    let rsdp = long(32)?;
    let apic_ids = acpi::apic_ids(memory, rsdp);
    let ecam = acpi::ecam(memory, rsdp);
    Ok(Info { memory: map, command_line, initramfs, apic_ids, ecam })
}

fn read_map<M: BootMemory>(memory: &M, at: u64, count: u32) -> Result<MemoryMap, &'static str> {
    if count == 0 || count > MAX_ENTRIES || at >= 1 << 32 {
        return Err("PVH memory map: missing or absurd");
    }
    let entry = |n: u32| {
        let at = at + u64::from(n) * 24;
        Some((u64_at(memory, at)?, u64_at(memory, at + 8)?, u32_at(memory, at + 16)? == TYPE_RAM))
    };
    if (0..count).any(|n| entry(n).is_none()) {
        return Err("PVH memory map: out of reach");
    }
    MemoryMap::check((0..count).filter_map(entry)).map_err(MapError::why)
}

fn find_end<M: BootMemory>(memory: &M, start: u64) -> Result<Region, &'static str> {
    let mut byte = [0];
    for len in 0..=MAX_COMMAND_LINE as u64 {
        let at = start.checked_add(len).ok_or("command line: wraps around")?;
        if !memory.read(at, &mut byte) {
            return Err("command line: out of reach");
        }
        if byte == [0] {
            return Ok(Region { start, end: at });
        }
    }
    Err("command line: longer than 65536 bytes")
}

fn read_module<M: BootMemory>(
    memory: &M,
    at: u64,
    map: &MemoryMap,
) -> Result<Option<Region>, &'static str> {
    const UNREADABLE: &str = "PVH module list: out of reach";
    if at >= 1 << 32 {
        return Err(UNREADABLE);
    }
    let start = u64_at(memory, at).ok_or(UNREADABLE)?;
    let len = u64_at(memory, at + 8).ok_or(UNREADABLE)?;
    let end = start.checked_add(len).ok_or("initramfs: wraps around")?;
    if len == 0 {
        return Ok(None);
    }
    if !map.contains(start, end) {
        return Err("initramfs: not inside RAM");
    }
    Ok(Some(Region { start, end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(Vec<u8>);

    impl BootMemory for Fake {
        fn read(&self, at: u64, out: &mut [u8]) -> bool {
            let from = usize::try_from(at).unwrap_or(usize::MAX);
            let Some(bytes) = from.checked_add(out.len()).and_then(|end| self.0.get(from..end))
            else {
                return false;
            };
            out.copy_from_slice(bytes);
            true
        }
    }

    fn sample() -> Fake {
        let mut bytes = vec![0u8; 0x3000];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0x100, &MAGIC.to_le_bytes());
        put(0x104, &1u32.to_le_bytes());
        put(0x10c, &1u32.to_le_bytes());
        put(0x110, &0x200u64.to_le_bytes());
        put(0x118, &0x300u64.to_le_bytes());
        put(0x128, &0x400u64.to_le_bytes());
        put(0x130, &1u32.to_le_bytes());
        put(0x200, &0x2000u64.to_le_bytes());
        put(0x208, &0x800u64.to_le_bytes());
        put(0x300, b"quiet\0");
        put(0x408, &0x3000u64.to_le_bytes());
        put(0x410, &1u32.to_le_bytes());
        Fake(bytes)
    }

    #[test]
    fn reads_a_good_one() {
        let info = parse(&sample(), 0x100).unwrap();
        assert_eq!(info.command_line, Some(Region { start: 0x300, end: 0x305 }));
        assert_eq!(info.initramfs, Some(Region { start: 0x2000, end: 0x2800 }));
        assert_eq!(info.memory.regions(), [Region { start: 0, end: 0x3000 }]);
    }

    #[test]
    fn no_byte_makes_it_panic() {
        for at in 0x100..0x138 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut fake = sample();
                fake.0[at] = value;
                let _ = parse(&fake, 0x100);
            }
        }
        for at in (0x200..0x210).chain(0x400..0x418) {
            let mut fake = sample();
            fake.0[at] = 0xff;
            let _ = parse(&fake, 0x100);
        }
        assert!(parse(&Fake(vec![]), 0).is_err());
        assert!(parse(&sample(), u64::MAX).is_err());
    }

    #[test]
    fn initramfs_must_be_ram() {
        let mut fake = sample();
        fake.0[0x209] = 0x18;
        assert_eq!(parse(&fake, 0x100).err(), Some("initramfs: not inside RAM"));
    }
}
