// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Partition tables, and files on a disk in memory.

use std::vec;
use std::vec::Vec;

use crate::fuzz;
use crate::table::{CRC, Partition, partitions};

fn read(disk: &[u8]) -> Vec<(u32, u64, u64)> {
    let mut read = |block: u64| {
        let start = usize::try_from(block).ok()?.checked_mul(512)?;
        disk.get(start..start.checked_add(512)?).map(<[u8]>::to_vec)
    };
    let found = partitions((disk.len() / 512) as u64, &mut read);
    found.iter().map(|Partition { number, start, len }| (*number, *start, *len)).collect()
}

fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn entry(disk: &mut [u8], table: usize, number: usize, kind: u8, start: u32, len: u32) {
    let at = table * 512 + 446 + number * 16;
    disk[at + 4] = kind;
    put(disk, at + 8, &start.to_le_bytes());
    put(disk, at + 12, &len.to_le_bytes());
    put(disk, table * 512 + 510, &[0x55, 0xaa]);
}

#[test]
fn mbr_with_logical_partitions() {
    let mut disk = vec![0; 512 * 1000];
    entry(&mut disk, 0, 0, 0x83, 10, 100);
    entry(&mut disk, 0, 1, 0x05, 200, 500);
    entry(&mut disk, 0, 2, 0x83, 900, 101);
    entry(&mut disk, 200, 0, 0x83, 5, 50);
    entry(&mut disk, 200, 1, 0x05, 100, 200);
    entry(&mut disk, 300, 0, 0x82, 7, 60);
    assert_eq!(read(&disk), [(1, 10, 100), (2, 200, 2), (5, 205, 50), (6, 307, 60)]);
    // A chain that leads to itself ends.
    entry(&mut disk, 300, 1, 0x05, 100, 200);
    assert_eq!(read(&disk).len(), 13);
    assert!(read(&vec![0; 5120]).is_empty());
}

fn gpt() -> Vec<u8> {
    let mut disk = vec![0; 512 * 1000];
    entry(&mut disk, 0, 0, 0xee, 1, 999);
    for (number, start, last) in [(0usize, 40u64, 99u64), (2, 100, 199), (3, 900, 1000)] {
        let at = 1024 + number * 128;
        put(&mut disk, at, &[1; 16]);
        put(&mut disk, at + 32, &start.to_le_bytes());
        put(&mut disk, at + 40, &last.to_le_bytes());
    }
    let mut header = [0u8; 92];
    header[..8].copy_from_slice(b"EFI PART");
    header[12..16].copy_from_slice(&92u32.to_le_bytes());
    header[24..32].copy_from_slice(&1u64.to_le_bytes());
    header[72..80].copy_from_slice(&2u64.to_le_bytes());
    header[80..84].copy_from_slice(&128u32.to_le_bytes());
    header[84..88].copy_from_slice(&128u32.to_le_bytes());
    let sum = CRC.checksum(&disk[1024..1024 + 128 * 128]);
    header[88..92].copy_from_slice(&sum.to_le_bytes());
    let sum = CRC.checksum(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    put(&mut disk, 512, &header);
    disk
}

#[test]
fn gpt_partitions_that_fit() {
    assert_eq!(read(&gpt()), [(1, 40, 60), (3, 100, 100)]);
}

#[test]
fn a_wrong_byte_in_a_gpt_is_noticed() {
    for at in (512..512 + 92).chain([1024, 1056, 1024 + 127 * 128]) {
        let mut disk = gpt();
        disk[at] ^= 1;
        assert!(read(&disk).is_empty(), "byte {at}");
    }
}

#[test]
fn any_table_is_harmless() {
    let mut seed = 7u32;
    for round in 0..3000 {
        let mut disk = if round % 2 == 0 { gpt() } else { vec![0; 4096] };
        put(&mut disk, 510, &[0x55, 0xaa]);
        for _ in 0..8 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = seed as usize >> 8;
            let at = at % disk.len().min(2048);
            disk[at] = seed as u8;
        }
        fuzz::partitions(&disk);
    }
}
