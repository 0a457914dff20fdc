// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Partition tables: GPT, and MBR with logical partitions.
//!
//! Trust: every byte is the host's. Whatever does not fit the disk is left out;
//! every loop has a bound.
//! Spec: UEFI 2.10, section 5.

use alloc::vec::Vec;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// The highest number of a partition: minor numbers end there.
pub const MOST: usize = 15;
/// The most entries of a GPT that are looked at.
const ENTRIES: u32 = 128;
/// What GPT calls CRC32; a small table, for some kilobytes in all.
pub(crate) static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// Kinds in an MBR.
const PROTECTIVE: u8 = 0xee;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// A partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its number, from 1.
    pub number: u32,
    /// Its first block.
    pub start: u64,
    /// How many blocks it has.
    pub len: u64,
}

/// Reads the partition table of a disk of `blocks` blocks through `read`, which
/// gives block n.
pub fn partitions(blocks: u64, read: &mut dyn FnMut(u64) -> Option<Vec<u8>>) -> Vec<Partition> {
    // host input: the disk's first blocks
    let Some(first) = read(0).filter(|first| first.get(510..512) == Some(&SIGNATURE)) else {
        return Vec::new();
    };
    if mbr_entries(&first).iter().any(|entry| entry.kind == PROTECTIVE) {
        return gpt(blocks, read).unwrap_or_default();
    }
    let mut found = mbr(&first, blocks, read);
    found.retain(|partition| fits(partition, blocks));
    found.truncate(MOST);
    found
}

pub(crate) fn fits(partition: &Partition, blocks: u64) -> bool {
    let end = partition.start.checked_add(partition.len);
    partition.start > 0 && partition.len > 0 && end.is_some_and(|end| end <= blocks)
}

#[derive(Clone, Copy, Default)]
struct Entry {
    kind: u8,
    start: u32,
    len: u32,
}

/// The four entries of an MBR.
fn mbr_entries(block: &[u8]) -> [Entry; 4] {
    [446, 462, 478, 494].map(|at| Entry {
        kind: block.get(at + 4).copied().unwrap_or(0),
        start: u32_at(block, at + 8).unwrap_or(0),
        len: u32_at(block, at + 12).unwrap_or(0),
    })
}

fn mbr(first: &[u8], blocks: u64, read: &mut dyn FnMut(u64) -> Option<Vec<u8>>) -> Vec<Partition> {
    let mut found = Vec::new();
    let mut extended = None;
    for (number, entry) in (1..).zip(mbr_entries(first)) {
        if EXTENDED.contains(&entry.kind) {
            // Linux shows two blocks of it, enough for a boot loader.
            found.push(Partition {
                number,
                start: entry.start.into(),
                len: u64::from(entry.len).min(2),
            });
            extended = extended.or(Some(u64::from(entry.start)));
        } else if entry.kind != 0 {
            found.push(Partition { number, start: entry.start.into(), len: entry.len.into() });
        }
    }
    // Logical partitions are a chain of tables inside the extended one.
    let Some(base) = extended else { return found };
    let mut table = base;
    for number in 5..=MOST as u32 {
        if table >= blocks {
            break;
        }
        let Some(block) = read(table).filter(|block| block.get(510..512) == Some(&SIGNATURE))
        else {
            break;
        };
        let [logical, next, ..] = mbr_entries(&block);
        if logical.kind != 0 && !EXTENDED.contains(&logical.kind) {
            let start = table + u64::from(logical.start);
            found.push(Partition { number, start, len: logical.len.into() });
        }
        if !EXTENDED.contains(&next.kind) || next.start == 0 {
            break;
        }
        table = base + u64::from(next.start);
    }
    found
}

fn gpt(blocks: u64, read: &mut dyn FnMut(u64) -> Option<Vec<u8>>) -> Option<Vec<Partition>> {
    gpt_at(1, blocks, read).or_else(|| gpt_at(blocks.checked_sub(1)?, blocks, read))
}

fn gpt_at(
    at: u64,
    blocks: u64,
    read: &mut dyn FnMut(u64) -> Option<Vec<u8>>,
) -> Option<Vec<Partition>> {
    const CHECKSUM: core::ops::Range<usize> = 16..20;
    let header = read(at).filter(|_| at < blocks)?;
    let len = u32_at(&header, 12).filter(|len| (92..=512).contains(len))? as usize;
    let mut digest = CRC.digest();
    digest.update(header.get(..CHECKSUM.start)?);
    digest.update(&[0; CHECKSUM.end - CHECKSUM.start]);
    digest.update(header.get(CHECKSUM.end..len)?);
    let sum = digest.finalize();
    if header.get(..8)? != b"EFI PART" || u32_at(&header, 16)? != sum || u64_at(&header, 24)? != at
    {
        return None;
    }
    let (table, count, size) = (u64_at(&header, 72)?, u32_at(&header, 80)?, u32_at(&header, 84)?);
    if !size.is_power_of_two() || !(128..=512).contains(&size) || count == 0 || count > ENTRIES {
        return None;
    }
    let bytes = count as usize * size as usize;
    let mut entries = Vec::new();
    entries.try_reserve_exact(bytes + header.len()).ok()?;
    let mut block = table;
    while entries.len() < bytes {
        let content = read(block).filter(|content| !content.is_empty() && block < blocks)?;
        entries.extend(content.into_iter().take(bytes - entries.len()));
        block = block.checked_add(1)?;
    }
    if CRC.checksum(&entries) != u32_at(&header, 88)? {
        return None;
    }
    let mut found = Vec::new();
    for (number, entry) in (1..=MOST as u32).zip(entries.chunks(size as usize)) {
        let is_used = entry.get(..16)?.iter().any(|byte| *byte != 0);
        let (start, last) = (u64_at(entry, 32)?, u64_at(entry, 40)?);
        let len = last.checked_sub(start).and_then(|len| len.checked_add(1)).unwrap_or(0);
        let partition = Partition { number, start, len };
        if is_used && fits(&partition, blocks) {
            found.push(partition);
        }
    }
    Some(found)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
