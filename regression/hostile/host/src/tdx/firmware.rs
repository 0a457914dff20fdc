// SPDX-License-Identifier: GPL-2.0-or-later
//! The area that the simulated firmware keeps for itself: code, page tables, mailbox, tables, event log.

#[path = "firmware_bytes.rs"]
mod bytes;

use bytes::{AP32, AP64, CODE, GDT, LOW, LOW_END};

/// Size of the area.
pub const LEN: u64 = 0x4_0000;
/// The wake-up mailbox, from the start of the area.
pub const MAILBOX: u64 = 0x1000;
/// The memory map.
pub const MAP: u64 = 0x8000;
/// ACPI tables.
pub const TABLES: u64 = 0xa000;
/// The event log.
pub const LOG: u64 = 0x2_0000;
/// Size of the event log's area.
pub const LOG_LEN: u64 = 0x1_0000;

const COUNT: u64 = 0xff0;
const PAGE_TABLES: u64 = 0x2000;

/// What is written where.
pub struct Placed {
    /// Address and bytes.
    pub parts: Vec<(u64, Vec<u8>)>,
    /// Where the boot CPU runs first.
    pub start: u64,
    /// Where its landing is.
    pub landing: u64,
}

/// Code and page tables for an area at `base`, and a page `low` below 1 MiB for the start of the `others`.
pub fn place(base: u64, low: u64, others: usize) -> Placed {
    let mut code = CODE.to_vec();
    let values = [
        others as u32,
        0xc_4600 | (low >> 12) as u32,
        (base + COUNT) as u32,
        (base + PAGE_TABLES) as u32,
        (base as usize + AP64) as u32,
        (base + MAILBOX) as u32,
        (base as usize + AP32) as u32,
        low as u32 + (GDT - LOW) as u32,
    ];
    for (number, value) in (0xa1u8..).zip(values) {
        fill(&mut code, [number; 4], value);
    }
    let landing = code.windows(2).position(|pair| pair == crate::insn::stub::LANDING);
    let low_part = code[LOW..LOW_END].to_vec();
    let mut parts = vec![(base, code), (low, low_part), (base + COUNT, vec![0; 16])];
    parts.push((base + MAILBOX, vec![0; 0x1000]));
    parts.push((base + PAGE_TABLES, page_tables(base + PAGE_TABLES)));
    Placed { parts, start: base, landing: base + landing.unwrap_or(0) as u64 }
}

fn fill(code: &mut [u8], mark: [u8; 4], value: u32) {
    for at in 0..code.len().saturating_sub(3) {
        if code[at..at + 4] == mark {
            code[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Identity map of the first 4 GiB.
fn page_tables(at: u64) -> Vec<u8> {
    const PRESENT_WRITE: u64 = 3;
    const LARGE: u64 = 1 << 7;
    let table = |first: &[u64]| {
        let mut entries = first.to_vec();
        entries.resize(512, 0);
        entries
    };
    let mut words = table(&[(at + 0x1000) | PRESENT_WRITE]);
    words.extend(table(&[2, 3, 4, 5].map(|n| (at + n * 0x1000) | PRESENT_WRITE)));
    words.extend((0..2048u64).map(|n| n << 21 | LARGE | PRESENT_WRITE));
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_filled_in() {
        let placed = place(0x1ffc_0000, 0x7000, 1);
        let code = &placed.parts[0].1;
        for mark in 0xa1..=0xa8 {
            assert!(!code.windows(4).any(|word| word == [mark; 4]), "{mark:#x}");
        }
        assert!(placed.landing > placed.start && (placed.landing - placed.start) < AP32 as u64);
        assert!(code.len() < COUNT as usize);
    }
}
