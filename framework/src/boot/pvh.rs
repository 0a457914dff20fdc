// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PVH start info, version 1: copied out of the loader's memory, then checked.
//!
//! Trust: every byte comes from the host.
//! Spec: Xen, "x86/HVM direct boot ABI".

use super::acpi;
use super::map::{self, MapError};
use super::memory::{BootMemory, u32_at, u64_at};
use crate::cvm::{Kind, LogTable};
use crate::mm::{MemoryMap, PhysRange};

/// The first word of the start info.
pub(crate) const MAGIC: u32 = 0x336e_c578;
/// The longest command line, in bytes.
pub(crate) const MAX_COMMAND_LINE: usize = 64 * 1024;
const MAX_ENTRIES: u32 = 256;
const TYPE_RAM: u32 = 1;
/// RAM of a CVM that nobody has accepted (EFI's number; others have none).
const TYPE_PENDING: u32 = 15;

/// What the loader said, checked.
pub(crate) struct Info {
    /// All RAM.
    pub(crate) memory: MemoryMap,
    /// The part of it that must be accepted before it is used.
    pub(crate) pending: MemoryMap,
    pub(crate) command_line: Option<PhysRange>,
    pub(crate) initramfs: Option<PhysRange>,
    pub(crate) cpus: acpi::Cpus,
    /// PCI configuration space, from bus 0 on.
    pub(crate) ecam: Option<PhysRange>,
    /// Where the firmware's log of measurements is.
    pub(crate) log_table: Option<LogTable>,
}

impl Info {
    /// What must not be given to the allocator.
    ///
    /// # Errors
    /// When initramfs or pending RAM is said to lie over the kernel.
    pub(crate) fn reserved(&self, kernel: PhysRange) -> Result<[PhysRange; 2], &'static str> {
        if self.pending.overlaps(kernel.start, kernel.end) {
            return Err("PVH memory map: the kernel itself is said to be pending");
        }
        let none = PhysRange { start: kernel.start, end: kernel.start };
        let initramfs = self.initramfs.unwrap_or(none);
        if initramfs.start < kernel.end && kernel.start < initramfs.end {
            return Err("initramfs: over the kernel");
        }
        Ok([kernel, initramfs])
    }
}

/// Reads the start info at `at`, for a machine of this kind.
///
/// # Errors
/// The reason why it is refused.
pub(crate) fn parse<M: BootMemory>(memory: &M, at: u64, kind: Kind) -> Result<Info, &'static str> {
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
    let (map, pending) = read_map(memory, long(40)?, word(48)?, kind)?;
    let command_line = match long(24)? {
        0 => None,
        start => Some(find_end(memory, start)?),
    };
    let initramfs = match modules {
        0 => None,
        1 => read_module(memory, long(16)?, &map, &pending)?,
        _ => return Err("PVH start info: more than one module"),
    };
    let rsdp = acpi::find_rsdp(memory, long(32)?);
    let cpus = acpi::cpus(memory, rsdp);
    let ecam = acpi::ecam(memory, rsdp);
    let log_table = acpi::log_table(memory, rsdp, &map);
    Ok(Info { memory: map, pending, command_line, initramfs, cpus, ecam, log_table })
}

/// All RAM, and the pending part of it.
fn read_map<M: BootMemory>(
    memory: &M,
    at: u64,
    count: u32,
    kind: Kind,
) -> Result<(MemoryMap, MemoryMap), &'static str> {
    if count == 0 || count > MAX_ENTRIES || at >= 1 << 32 {
        return Err("PVH memory map: missing or absurd");
    }
    let entry = |n: u32| {
        let at = at + u64::from(n) * 24;
        Some((u64_at(memory, at)?, u64_at(memory, at + 8)?, u32_at(memory, at + 16)?))
    };
    if (0..count).any(|n| entry(n).is_none()) {
        return Err("PVH memory map: out of reach");
    }
    // Copied once more for each map: it is private memory by now, and what differs
    // is caught by the second check.
    let of = |kinds: &[u32]| {
        let entries = (0..count).filter_map(entry);
        map::check(entries.map(|(start, len, kind)| (start, len, kinds.contains(&kind))))
    };
    let has_pending = kind != Kind::Plain;
    let all = of(if has_pending { &[TYPE_RAM, TYPE_PENDING] } else { &[TYPE_RAM] });
    let pending = match of(&[TYPE_PENDING]) {
        Ok(pending) if has_pending => pending,
        Ok(_) | Err(MapError::Empty) => MemoryMap::EMPTY,
        Err(error) => return Err(error.why()),
    };
    Ok((all.map_err(MapError::why)?, pending))
}

fn find_end<M: BootMemory>(memory: &M, start: u64) -> Result<PhysRange, &'static str> {
    let mut byte = [0];
    for len in 0..=MAX_COMMAND_LINE as u64 {
        let at = start.checked_add(len).ok_or("command line: wraps around")?;
        if !memory.read(at, &mut byte) {
            return Err("command line: out of reach");
        }
        if byte == [0] {
            return Ok(PhysRange { start, end: at });
        }
    }
    Err("command line: longer than 65536 bytes")
}

fn read_module<M: BootMemory>(
    memory: &M,
    at: u64,
    map: &MemoryMap,
    pending: &MemoryMap,
) -> Result<Option<PhysRange>, &'static str> {
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
    if !map.contains(start, end) || pending.overlaps(start, end) {
        return Err("initramfs: not inside RAM");
    }
    Ok(Some(PhysRange { start, end }))
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
        let info = parse(&sample(), 0x100, Kind::Plain).unwrap();
        assert_eq!(info.command_line, Some(PhysRange { start: 0x300, end: 0x305 }));
        assert_eq!(info.initramfs, Some(PhysRange { start: 0x2000, end: 0x2800 }));
        assert_eq!(info.memory.regions(), [PhysRange { start: 0, end: 0x3000 }]);
        assert!(info.reserved(PhysRange { start: 0x1000, end: 0x2000 }).is_ok());
        for kernel in [(0x1000, 0x2001), (0x2000, 0x2800), (0x2100, 0x2200), (0x27ff, 0x3000)] {
            assert!(info.reserved(PhysRange { start: kernel.0, end: kernel.1 }).is_err());
        }
    }

    #[test]
    fn no_byte_makes_it_panic() {
        for at in 0x100..0x138 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut fake = sample();
                fake.0[at] = value;
                let _ = parse(&fake, 0x100, Kind::Plain);
            }
        }
        for at in (0x200..0x210).chain(0x400..0x418) {
            let mut fake = sample();
            fake.0[at] = 0xff;
            let _ = parse(&fake, 0x100, Kind::Plain);
        }
        assert!(parse(&Fake(vec![]), 0, Kind::Plain).is_err());
        assert!(parse(&sample(), u64::MAX, Kind::Plain).is_err());
    }

    #[test]
    fn pending_ram_counts_in_a_cvm_only() {
        let mut fake = sample();
        fake.0[0x130] = 2;
        fake.0[0x419] = 0x30;
        fake.0[0x421] = 0x10;
        fake.0[0x428] = 15;
        let plain = parse(&fake, 0x100, Kind::Plain).unwrap();
        assert_eq!(plain.memory.regions().len() + plain.pending.regions().len(), 1);
        let cvm = parse(&fake, 0x100, Kind::Confidential).unwrap();
        assert_eq!(cvm.memory.regions().len(), 2);
        assert_eq!(cvm.pending.regions(), [PhysRange { start: 0x3000, end: 0x4000 }]);
        assert!(cvm.reserved(PhysRange { start: 0x3000, end: 0x3100 }).is_err());
        // An initramfs that begins in pending RAM.
        fake.0[0x201] = 0x30;
        let refusal = parse(&fake, 0x100, Kind::Confidential).err();
        assert_eq!(refusal, Some("initramfs: not inside RAM"));
        fake.0[0x418] = 1;
        assert!(parse(&fake, 0x100, Kind::Confidential).is_err());
    }

    #[test]
    fn each_field_is_checked() {
        let why = |at: usize, bytes: &[u8]| {
            let mut fake = sample();
            fake.0[at..at + bytes.len()].copy_from_slice(bytes);
            parse(&fake, 0x100, Kind::Plain).err()
        };
        assert_eq!(why(0x100, &[0x79]), Some("PVH start info: wrong magic"));
        assert_eq!(why(0x104, &[0]), Some("PVH start info: version 0 has no memory map"));
        assert_eq!(why(0x10c, &[2]), Some("PVH start info: more than one module"));
        let absurd = Some("PVH memory map: missing or absurd");
        assert_eq!(why(0x130, &[0]), absurd);
        assert_eq!(why(0x130, &[1, 1]), absurd);
        assert_eq!(why(0x12c, &[1]), absurd);
        assert_eq!(why(0x130, &[0, 1]), None, "256 entries may be");
        assert_eq!(why(0x11c, &[1]), Some("command line: out of reach"));
        assert_eq!(why(0x208, &[0xff; 8]), Some("initramfs: wraps around"));
        let mut long = sample();
        long.0.resize(0x3000 + MAX_COMMAND_LINE + 1, b'x');
        long.0[0x118..0x11c].copy_from_slice(&0x3000u32.to_le_bytes());
        let refusal = parse(&long, 0x100, Kind::Plain).err();
        assert_eq!(refusal, Some("command line: longer than 65536 bytes"));
    }

    #[test]
    fn initramfs_must_be_ram() {
        let mut fake = sample();
        fake.0[0x209] = 0x18;
        assert_eq!(parse(&fake, 0x100, Kind::Plain).err(), Some("initramfs: not inside RAM"));
    }
}
