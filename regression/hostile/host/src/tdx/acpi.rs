// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads the loader's ACPI tables and makes those of the hand-over.

use super::handover::Memory;

/// A table's length in its header.
fn table_len(memory: &dyn Memory, at: u64) -> Option<usize> {
    let header: [u8; 8] = memory.bytes(at, 8)?.try_into().ok()?;
    let len = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    (36..0x10_0000).contains(&len).then_some(len)
}

/// Addresses of the loader's tables, by RSDT or XSDT.
pub fn tables(memory: &dyn Memory, rsdp: u64) -> Vec<u64> {
    let Some(root) = memory.bytes(rsdp, 36) else { return Vec::new() };
    if !root.starts_with(b"RSD PTR ") {
        return Vec::new();
    }
    let word = |at: usize, len: usize| {
        root[at..at + len].iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let xsdt = if root[15] >= 2 { word(24, 8) } else { 0 };
    let (at, width) = if xsdt != 0 { (xsdt, 8) } else { (word(16, 4), 4) };
    let Some(list) = table_len(memory, at).and_then(|len| memory.bytes(at, len)) else {
        return Vec::new();
    };
    list[36..]
        .chunks_exact(width)
        .map(|entry| entry.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
        .collect()
}

/// A table's bytes.
pub fn table(memory: &dyn Memory, at: u64) -> Option<Vec<u8>> {
    memory.bytes(at, table_len(memory, at)?)
}

/// Makes the length and the checksum right.
pub fn seal(table: &mut [u8]) {
    let len = table.len() as u32;
    table[4..8].copy_from_slice(&len.to_le_bytes());
    table[9] = 0;
    table[9] = checksum(table);
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

/// A new table.
pub fn new(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut table = vec![0; 36];
    table[..4].copy_from_slice(signature);
    table[8] = revision;
    table[10..16].copy_from_slice(b"NACRE ");
    table[16..24].copy_from_slice(b"HOSTILE ");
    table[24] = 1;
    table.extend(body);
    seal(&mut table);
    table
}

/// The loader's MADT and the structure of the wake-up mailbox.
pub fn madt(old: &[u8], mailbox: u64) -> Vec<u8> {
    let mut table = old.to_vec();
    table.extend([16, 16, 0, 0, 0, 0, 0, 0]);
    table.extend(mailbox.to_le_bytes());
    seal(&mut table);
    table
}

/// The table that tells of the event log: TDX, no subtype.
pub fn ccel(log: u64, len: u64) -> Vec<u8> {
    let mut body = vec![2, 0, 0, 0];
    body.extend(len.to_le_bytes());
    body.extend(log.to_le_bytes());
    new(b"CCEL", 1, &body)
}

/// The root pointer, revision 2.
pub fn rsdp(xsdt: u64) -> Vec<u8> {
    let mut root = vec![0; 36];
    root[..8].copy_from_slice(b"RSD PTR ");
    root[9..15].copy_from_slice(b"NACRE ");
    root[15] = 2;
    root[20] = 36;
    root[24..32].copy_from_slice(&xsdt.to_le_bytes());
    root[8] = checksum(&root[..20]);
    root[32] = checksum(&root);
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte))
    }

    #[test]
    fn sums_are_right() {
        let madt = madt(&new(b"APIC", 5, &[0; 8]), 0x1234_5000);
        assert_eq!((sum(&madt), madt.len(), madt[4]), (0, 60, 60));
        assert_eq!(sum(&ccel(1, 2)), 0);
        let root = rsdp(0x1000);
        assert_eq!((sum(&root[..20]), sum(&root)), (0, 0));
    }
}
