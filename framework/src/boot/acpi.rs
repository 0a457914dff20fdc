// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A bounded reader of ACPI tables: RSDP, RSDT or XSDT, MADT, MCFG, and that of a
//! CVM's log. No AML.
//!
//! Trust: every byte comes from the host. A table that does not fit is ignored:
//! the machine then runs on its boot CPU.
//! Spec: ACPI 6.5, sections 5.2.5 to 5.2.12.

use super::memory::{BootMemory, u32_at, u64_at};
use crate::cpu::MAX_CPUS;
use crate::cvm::LogTable;
use crate::mm::{MemoryMap, PhysRange};

/// The longest table that is looked at, in bytes.
const MAX_TABLE: u32 = 1 << 20;
const MAX_TABLES: u64 = 64;
/// Where a PC's firmware puts the RSDP.
const BIOS_AREA: core::ops::Range<u64> = 0xe_0000..0x10_0000;

/// What the MADT says of processors; nothing when there is no good one.
#[derive(Clone, Copy)]
pub(crate) struct Cpus {
    /// APIC ids of the enabled processors.
    pub(crate) apic_ids: [Option<u32>; MAX_CPUS],
    /// Address and version of the multiprocessor wake-up mailbox, unchecked.
    pub(crate) mailbox: Option<(u64, u16)>,
}

/// Reads the MADT.
pub(crate) fn cpus<M: BootMemory>(memory: &M, rsdp: u64) -> Cpus {
    let mut cpus = Cpus { apic_ids: [None; MAX_CPUS], mailbox: None };
    if let Some(madt) = find_table(memory, rsdp, *b"APIC") {
        read_madt(memory, madt, &mut cpus);
    }
    cpus
}

/// PCI's configuration space, from bus 0 on, as MCFG says for segment 0.
pub(crate) fn ecam<M: BootMemory>(memory: &M, rsdp: u64) -> Option<PhysRange> {
    const BUS: u64 = 1 << 20;
    let (table, len) = find_table(memory, rsdp, *b"MCFG")?;
    let start = u64_at(memory, table + 44).filter(|_| len >= 60)?;
    let [segment_low, segment_high, first, last] = u32_at(memory, table + 52)?.to_le_bytes();
    let is_good = [segment_low, segment_high, first] == [0; 3]
        && start.is_multiple_of(BUS)
        && (BUS..1 << 45).contains(&start);
    is_good.then(|| PhysRange { start, end: start + (u64::from(last) + 1) * BUS })
}

/// The table of the firmware's log of measurements; the log lies outside of RAM.
pub(crate) fn log_table<M: BootMemory>(memory: &M, rsdp: u64, ram: &MemoryMap) -> Option<LogTable> {
    let (at, len) = find_table(memory, rsdp, LogTable::SIGNATURE)?;
    let mut bytes = [0; LogTable::LEN];
    if len as usize != LogTable::LEN || !memory.read(at, &mut bytes) {
        return None;
    }
    LogTable::read(bytes).filter(|table| !ram.overlaps(table.log.start, table.log.end))
}

/// Where the RSDP is: where the loader says, or where a PC's firmware puts it; or 0.
pub(super) fn find_rsdp<M: BootMemory>(memory: &M, claimed: u64) -> u64 {
    let is_there = |at: &u64| is_rsdp(memory, *at);
    let found = Some(claimed).filter(is_there);
    found.or_else(|| BIOS_AREA.step_by(16).find(is_there)).unwrap_or(0)
}

fn is_rsdp<M: BootMemory>(memory: &M, at: u64) -> bool {
    let mut bytes = [0; 20];
    at != 0
        && memory.read(at, &mut bytes)
        && bytes.starts_with(b"RSD PTR ")
        && bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

/// The address and length of a table with a good checksum.
fn checked_table<M: BootMemory>(memory: &M, at: u64, signature: [u8; 4]) -> Option<(u64, u32)> {
    let mut found = [0; 4];
    let len = u32_at(memory, at.checked_add(4)?)?;
    if !memory.read(at, &mut found) || found != signature || !(36..=MAX_TABLE).contains(&len) {
        return None;
    }
    let mut sum = 0u8;
    let mut chunk = [0; 64];
    for offset in (0..u64::from(len)).step_by(chunk.len()) {
        let part = chunk.get_mut(..(u64::from(len) - offset).min(64) as usize)?;
        if !memory.read(at.checked_add(offset)?, part) {
            return None;
        }
        sum = part.iter().fold(sum, |sum, byte| sum.wrapping_add(*byte));
    }
    (sum == 0).then_some((at, len))
}

fn find_table<M: BootMemory>(memory: &M, rsdp: u64, signature: [u8; 4]) -> Option<(u64, u32)> {
    let mut revision = [0];
    if !is_rsdp(memory, rsdp) || !memory.read(rsdp + 15, &mut revision) {
        return None;
    }
    let xsdt = (revision != [0]).then(|| u64_at(memory, rsdp + 24)).flatten().filter(|at| *at != 0);
    let (root, width) = match xsdt.and_then(|at| checked_table(memory, at, *b"XSDT")) {
        Some(root) => (root, 8),
        None => {
            let at = u32_at(memory, rsdp + 16)?;
            (checked_table(memory, at.into(), *b"RSDT")?, 4)
        }
    };
    let (start, len) = root;
    let count = (u64::from(len) - 36) / width;
    (0..count.min(MAX_TABLES)).find_map(|n| {
        let slot = start + 36 + n * width;
        let at = if width == 8 { u64_at(memory, slot)? } else { u32_at(memory, slot)?.into() };
        checked_table(memory, at, signature)
    })
}

fn read_madt<M: BootMemory>(memory: &M, madt: (u64, u32), cpus: &mut Cpus) {
    const ENABLED: u32 = 1;
    let (start, len) = madt;
    let end = start + u64::from(len);
    let mut at = start + 44;
    let mut slots = cpus.apic_ids.iter_mut();
    while at + 2 <= end {
        let mut head = [0; 2];
        if !memory.read(at, &mut head) {
            return;
        }
        let [kind, size] = head;
        let id = match (kind, size) {
            // Processor local APIC: id at 3, flags at 4.
            (0, 8) => u32_at(memory, at + 4)
                .filter(|flags| flags & ENABLED != 0)
                .and_then(|_| u32_at(memory, at))
                .map(|word| word >> 24),
            // Processor local x2APIC: id at 4, flags at 8.
            (9, 16) => u32_at(memory, at + 8)
                .filter(|flags| flags & ENABLED != 0)
                .and_then(|_| u32_at(memory, at + 4)),
            _ => None,
        };
        // Multiprocessor wake-up: version at 2, mailbox at 8.
        if matches!((kind, size), (16, 16..)) {
            let version = u32_at(memory, at).map(|word| (word >> 16) as u16);
            cpus.mailbox = u64_at(memory, at + 8).zip(version);
        }
        if let Some(id) = id {
            match slots.next() {
                Some(slot) => *slot = Some(id),
                None => return,
            }
        }
        // A size of zero would never end.
        at += u64::from(size.max(2));
    }
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

    fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut table = vec![0; 36];
        table[..4].copy_from_slice(signature);
        table[4..8].copy_from_slice(&(36 + body.len() as u32).to_le_bytes());
        table.extend(body);
        let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        table[9] = 0u8.wrapping_sub(sum);
        table
    }

    #[test]
    fn finds_configuration_space() {
        let mcfg = |base: u64, segment: u8, first: u8, last: u8| {
            let mut fake = sample();
            let mut body = vec![0; 8];
            body.extend(base.to_le_bytes());
            body.extend([segment, 0, first, last, 0, 0, 0, 0]);
            let mcfg = table(b"MCFG", &body);
            fake.0[0x800..0x800 + mcfg.len()].copy_from_slice(&mcfg);
            let rsdt = table(b"RSDT", &[0x300u32.to_le_bytes(), 0x800u32.to_le_bytes()].concat());
            fake.0[0x200..0x200 + rsdt.len()].copy_from_slice(&rsdt);
            ecam(&fake, 0x100)
        };
        let whole = PhysRange { start: 0xb000_0000, end: 0xc000_0000 };
        assert_eq!(mcfg(0xb000_0000, 0, 0, 255), Some(whole));
        assert_eq!(mcfg(0xb000_1000, 0, 0, 255), None);
        assert_eq!(mcfg(u64::MAX << 20, 0, 0, 255), None);
        assert_eq!(mcfg(0, 0, 0, 255), None);
        assert_eq!(mcfg(0xb000_0000, 1, 0, 255), None);
        assert_eq!(mcfg(0xb000_0000, 0, 1, 255), None);
        assert_eq!(ecam(&sample(), 0x100), None);
    }

    fn sample() -> Fake {
        let mut bytes = vec![0; 0x1000];
        let mut rsdp = [0u8; 20];
        rsdp[..8].copy_from_slice(b"RSD PTR ");
        rsdp[16..20].copy_from_slice(&0x200u32.to_le_bytes());
        let sum = rsdp.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        rsdp[8] = 0u8.wrapping_sub(sum);
        bytes[0x100..0x114].copy_from_slice(&rsdp);
        let rsdt = table(b"RSDT", &0x300u32.to_le_bytes());
        bytes[0x200..0x200 + rsdt.len()].copy_from_slice(&rsdt);
        let mut body = vec![0; 8];
        body.extend([0, 8, 0, 0, 1, 0, 0, 0]);
        body.extend([0, 8, 1, 1, 1, 0, 0, 0]);
        body.extend([0, 8, 2, 2, 0, 0, 0, 0]);
        body.extend([9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        body.extend([16, 16, 1, 0, 0, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 0]);
        let madt = table(b"APIC", &body);
        bytes[0x300..0x300 + madt.len()].copy_from_slice(&madt);
        Fake(bytes)
    }

    #[test]
    fn finds_enabled_processors() {
        let cpus = cpus(&sample(), 0x100);
        let ids: Vec<_> = cpus.apic_ids.into_iter().flatten().collect();
        assert_eq!(ids, [0, 1, 256]);
        assert_eq!(cpus.mailbox, Some((0x2_1000, 1)));
    }

    #[test]
    fn each_field_is_checked() {
        let count = |at: usize, bytes: &[u8], repair: bool| {
            let mut fake = sample();
            let changed = fake.0[at..].iter_mut().zip(bytes);
            let off = changed.fold(0u8, |off, (old, new)| {
                let off = off.wrapping_add(*new).wrapping_sub(*old);
                *old = *new;
                off
            });
            // Byte 9 of a table and byte 9 of the RSDP count for nothing but the sum.
            let sum = if at < 0x200 { 0x109 } else { 0x309 };
            if repair {
                fake.0[sum] = fake.0[sum].wrapping_sub(off);
            }
            cpus(&fake, 0x100).apic_ids.into_iter().flatten().count()
        };
        assert_eq!(count(0x109, &[0], true), 3);
        assert_eq!(count(0x109, &[1], false), 0, "the sum of the RSDP");
        assert_eq!(count(0x100, b"RSD PTX ", true), 0, "its name");
        assert_eq!(count(0x310, &[1], true), 3);
        assert_eq!(count(0x310, &[1], false), 0, "the sum of a table");
        assert_eq!(count(0x300, b"APIX", true), 0, "its name");
        assert_eq!(count(0x304, &35u32.to_le_bytes(), true), 0, "shorter than its head");
        let mut long = sample();
        long.0.resize(0x300 + MAX_TABLE as usize + 4, 0);
        long.0[0x304..0x308].copy_from_slice(&(MAX_TABLE + 1).to_le_bytes());
        let whole = long.0[0x300..].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        long.0[0x309] = long.0[0x309].wrapping_sub(whole);
        assert_eq!(cpus(&long, 0x100).apic_ids.into_iter().flatten().count(), 0, "too long");
    }

    #[test]
    fn a_wrong_byte_is_refused_or_harmless() {
        let good = sample();
        for at in 0x100..0x360 {
            let mut bad = Fake(good.0.clone());
            bad.0[at] ^= 0xff;
            assert!(cpus(&bad, 0x100).apic_ids.into_iter().flatten().count() <= 3);
        }
        assert_eq!(cpus(&Fake(vec![]), 0).apic_ids.into_iter().flatten().count(), 0);
    }
}
