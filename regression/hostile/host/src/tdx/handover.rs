// SPDX-License-Identifier: GPL-2.0-or-later
//! The firmware's hand-over: at the kernel's PVH entry the guest becomes a TD.
//!
//! The BIOS and the loader ran before, as in a plain machine. What they placed, and the first 2 MiB, counts as accepted;
//! the rest of the RAM is pending, and the memory map says so by type 15 (EFI's number for unaccepted memory). The
//! firmware's own area below the top of low RAM holds a new map, ACPI tables (with the wake-up mailbox and CCEL), the
//! event log and the other CPUs, which wait at the mailbox. Nothing of it is hidden from the guest: all is in its map.

use std::ops::Range;

use serde_json::json;

use super::log::Log;
use super::pages::{PAGE, State};
use super::{acpi, firmware};
use crate::ffi::{Cpu, Reg};
use crate::insn::stub::{Purpose, Running};
use crate::{Flow, host};

/// Types of the PVH memory map.
pub mod kind {
    #![allow(missing_docs)]
    pub const RAM: u32 = 1;
    pub const RESERVED: u32 = 2;
    pub const UNACCEPTED: u32 = 15;
}

/// The step in which memory is accepted.
const STEP: u64 = 2 << 20;

/// A range of the memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// First address.
    pub start: u64,
    /// Length.
    pub len: u64,
    /// Type; see [`kind`].
    pub kind: u32,
}

/// What the firmware hands over, before it is written to memory.
#[derive(Clone, Debug, Default)]
pub struct HandOver {
    /// Address of the PVH start info.
    pub start_info: u64,
    /// The memory map.
    pub map: Vec<Entry>,
    /// What is private and accepted from the start.
    pub accepted: Vec<Range<u64>>,
    /// The firmware's area.
    pub area: u64,
    /// The page where the other CPUs start.
    pub low: u64,
    /// Address and bytes of what is written to the area: RSDP, XSDT, MADT, CCEL.
    pub tables: Vec<(u64, Vec<u8>)>,
    /// Address of the RSDP.
    pub rsdp: u64,
    /// Address of the mailbox, as the MADT says.
    pub mailbox: u64,
    /// The event log.
    pub log: Vec<u8>,
}

/// Reads memory.
pub trait Memory {
    /// `len` bytes at a physical address.
    fn bytes(&self, at: u64, len: usize) -> Option<Vec<u8>>;

    /// A number of four bytes.
    fn word(&self, at: u64) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(at, 4)?.try_into().ok()?))
    }

    /// A number of eight bytes.
    fn long(&self, at: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(at, 8)?.try_into().ok()?))
    }
}

impl Memory for Cpu {
    fn bytes(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; len];
        self.read_phys(at, &mut out).then_some(out)
    }
}

/// Entry address of a kernel's PVH note.
pub fn pvh_entry(image: &[u8]) -> Option<u64> {
    const PT_NOTE: u32 = 4;
    const PHYS32_ENTRY: u32 = 18;
    let word = |at: usize| Some(u32::from_le_bytes(*image.get(at..)?.first_chunk()?));
    for header in program_headers(image)? {
        if word(header)? != PT_NOTE {
            continue;
        }
        let (mut at, len) = (word(header + 8)? as usize, word(header + 32)? as usize);
        let end = at + len;
        while at + 12 <= end {
            let (name, desc) = (word(at)? as usize, word(at + 4)? as usize);
            let data = at + 12 + name.next_multiple_of(4);
            if word(at + 8)? == PHYS32_ENTRY && image.get(at + 12..)?.starts_with(b"Xen\0") {
                return word(data).map(u64::from);
            }
            at = data + desc.next_multiple_of(4);
        }
    }
    None
}

/// Offsets of an ELF file's program headers.
fn program_headers(image: &[u8]) -> Option<impl Iterator<Item = usize>> {
    image.starts_with(b"\x7fELF\x02").then_some(())?;
    let start = u64::from_le_bytes(*image.get(32..)?.first_chunk()?) as usize;
    let count = usize::from(u16::from_le_bytes(*image.get(56..)?.first_chunk()?));
    Some((0..count).map(move |n| start + n * 56))
}

/// Where an ELF file is loaded.
pub fn load_ranges(image: &[u8]) -> Vec<Range<u64>> {
    const PT_LOAD: u64 = 1;
    let long = |at: usize| {
        image.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let Some(headers) = program_headers(image) else { return Vec::new() };
    headers
        .filter(|at| long(*at) & 0xffff_ffff == PT_LOAD)
        .map(|at| long(at + 24)..long(at + 24) + long(at + 40))
        .collect()
}

/// The block at `pc` starts: if it is the kernel's entry, the hand-over takes place.
pub fn entry(cpu: &Cpu, pc: u64) -> Option<Flow> {
    let host = host();
    if host.module.entry() != Some(pc) || host.module.is_td(cpu) || cpu.get(Reg::Cr0) >> 31 & 1 != 0
    {
        return None;
    }
    let Some(handover) = prepare(cpu) else {
        eprintln!("hostile-host: there is no PVH start info at the kernel's entry");
        std::process::exit(4);
    };
    let placed = firmware::place(handover.area, handover.low, host.module.cpus - 1);
    for (at, bytes) in placed.parts.iter().chain(&handover.tables) {
        cpu.write_phys(*at, bytes);
    }
    write_map(cpu, &handover);
    let mut log = handover.log.clone();
    log.resize(firmware::LOG_LEN as usize, 0xff);
    cpu.write_phys(handover.area + firmware::LOG, &log);
    let pages = &host.module.pages;
    pages.init(
        handover
            .map
            .iter()
            .filter(|e| e.kind != kind::RESERVED)
            .map(|e| e.start.saturating_add(e.len))
            .max()
            .unwrap_or(0)
            .min(1 << 40),
    );
    for entry in &handover.map {
        let state = match entry.kind {
            kind::RAM => State::Accepted,
            kind::UNACCEPTED => State::Pending,
            _ => continue,
        };
        pages.set(entry.start..entry.start.saturating_add(entry.len), state);
    }
    for range in &handover.accepted {
        pages.set(range.clone(), State::Accepted);
    }
    host.engine.on_handover(cpu);
    host.module.begin();
    host.module.set_area(handover.area);
    host.events.write(&json!({"event": "handover", "entry": pc, "area": handover.area, "tsc_hz": host.module.tsc_hz}));
    let saved = [Reg::Rax, Reg::Rbx, Reg::Rcx, Reg::Rdx].map(|reg| cpu.get(reg));
    let eflags = cpu.get(Reg::Eflags);
    let purpose = Purpose::HandOver;
    host.insn.push(cpu, Running { ret: pc, landing: placed.landing, saved, eflags, purpose });
    Some(Flow::Jump(placed.start))
}

/// What an honest firmware hands over.
fn prepare(cpu: &Cpu) -> Option<HandOver> {
    let start_info = cpu.get(Reg::Rbx);
    (cpu.word(start_info)? == 0x336e_c578).then_some(())?;
    let old = read_map(cpu, start_info)?;
    let mut accepted = vec![0..STEP, start_info..start_info + 64];
    if let Some(path) = &host().config.kernel {
        accepted.extend(load_ranges(&std::fs::read(path).ok()?));
    }
    let line = cpu.long(start_info + 24)?;
    accepted.push(line..line + 4096);
    let modules = cpu.long(start_info + 16)?;
    for n in 0..u64::from(cpu.word(start_info + 12)?) {
        let at = modules + n * 32;
        let start = cpu.long(at)?;
        accepted.push(at..at + 32);
        accepted.push(start..start + cpu.long(at + 8)?);
    }
    let root = match cpu.long(start_info + 32)? {
        0 => (0xe_0000..0x10_0000)
            .step_by(16)
            .find(|at| cpu.bytes(*at, 8).is_some_and(|b| b == b"RSD PTR "))?,
        at => at,
    };
    let tables = acpi::tables(cpu, root);
    for at in &tables {
        accepted.push(*at..*at + acpi::table(cpu, *at)?.len() as u64);
    }
    let area = free_area(&old, &accepted)?;
    let low = (1..0x60)
        .map(|n| n * PAGE + 0x6000)
        .find(|page| is_free(&accepted[1..], *page..*page + PAGE) && *page != 0x8000)?;
    accepted.push(area..area + firmware::LEN);
    let accepted: Vec<_> = accepted
        .into_iter()
        .map(|range| range.start / STEP * STEP..range.end.next_multiple_of(STEP))
        .collect();
    let mut handover = HandOver {
        start_info,
        accepted,
        area,
        low,
        mailbox: area + firmware::MAILBOX,
        ..HandOver::default()
    };
    handover.map = new_map(&old, &handover);
    let loaders = make_tables(cpu, &mut handover, &tables);
    measure(&mut handover, &loaders);
    Some(handover)
}

fn is_free(taken: &[Range<u64>], range: Range<u64>) -> bool {
    taken.iter().all(|other| other.end <= range.start || range.end <= other.start)
}

/// The highest place in RAM below 4 GiB that nobody has taken.
fn free_area(map: &[Entry], taken: &[Range<u64>]) -> Option<u64> {
    let ram =
        map.iter().filter(|entry| entry.kind == kind::RAM && entry.start + entry.len <= 1 << 32);
    let top = ram.max_by_key(|entry| entry.start)?;
    let end = (top.start + top.len) & !0xffff;
    let first = end.checked_sub(firmware::LEN)?;
    (0..)
        .map_while(|n| first.checked_sub(n * 0x1_0000))
        .take_while(|at| *at >= top.start)
        .find(|at| is_free(taken, *at..*at + firmware::LEN))
}

fn read_map(cpu: &Cpu, start_info: u64) -> Option<Vec<Entry>> {
    let at = cpu.long(start_info + 40)?;
    let count = cpu.word(start_info + 48)?;
    (0..u64::from(count.min(128)))
        .map(|n| at + n * 24)
        .map(|at| {
            Some(Entry { start: cpu.long(at)?, len: cpu.long(at + 8)?, kind: cpu.word(at + 16)? })
        })
        .collect()
}

fn write_map(cpu: &Cpu, handover: &HandOver) {
    let mut bytes = Vec::new();
    for entry in &handover.map {
        bytes.extend(entry.start.to_le_bytes());
        bytes.extend(entry.len.to_le_bytes());
        bytes.extend(u64::from(entry.kind).to_le_bytes());
    }
    bytes.truncate((firmware::TABLES - firmware::MAP) as usize);
    let at = handover.area + firmware::MAP;
    cpu.write_phys(at, &bytes);
    cpu.write_phys(handover.start_info + 32, &handover.rsdp.to_le_bytes());
    cpu.write_phys(handover.start_info + 40, &at.to_le_bytes());
    cpu.write_phys(handover.start_info + 48, &((bytes.len() / 24) as u32).to_le_bytes());
}

/// The loader's map with the pending part of RAM and the firmware's area told apart.
fn new_map(old: &[Entry], handover: &HandOver) -> Vec<Entry> {
    let own = [handover.area..handover.area + firmware::LEN, handover.low..handover.low + PAGE];
    let mut map: Vec<Entry> = Vec::new();
    for entry in old {
        if entry.kind != kind::RAM {
            map.push(*entry);
            continue;
        }
        let end = entry.start + entry.len;
        let mut edges = vec![entry.start, end];
        edges.extend(
            handover.accepted.iter().chain(&own).flat_map(|range| [range.start, range.end]),
        );
        edges.retain(|edge| (entry.start..=end).contains(edge));
        edges.sort_unstable();
        edges.dedup();
        for pair in edges.windows(2) {
            let is_in = |ranges: &[Range<u64>]| ranges.iter().any(|range| range.contains(&pair[0]));
            let kind = if is_in(&own) {
                kind::RESERVED
            } else if is_in(&handover.accepted) {
                kind::RAM
            } else {
                kind::UNACCEPTED
            };
            match map
                .last_mut()
                .filter(|last| last.kind == kind && last.start + last.len == pair[0])
            {
                Some(last) => last.len += pair[1] - pair[0],
                None => map.push(Entry { start: pair[0], len: pair[1] - pair[0], kind }),
            }
        }
    }
    map
}

/// Fills in the tables; returns what is measured of them.
fn make_tables(cpu: &Cpu, handover: &mut HandOver, loaders: &[u64]) -> Vec<u8> {
    let mut at = handover.area + firmware::TABLES;
    let mut place = |bytes: Vec<u8>, tables: &mut Vec<(u64, Vec<u8>)>| {
        let here = at;
        at = (at + bytes.len() as u64).next_multiple_of(64);
        tables.push((here, bytes));
        here
    };
    let mut list = Vec::new();
    let mut measured = Vec::new();
    for loader in loaders {
        let Some(table) = acpi::table(cpu, *loader) else { continue };
        if table.starts_with(b"APIC") {
            let madt = acpi::madt(&table, handover.mailbox);
            measured.extend(&madt);
            list.push(place(madt, &mut handover.tables));
        } else {
            measured.extend(&table);
            list.push(*loader);
        }
    }
    let ccel = acpi::ccel(handover.area + firmware::LOG, firmware::LOG_LEN);
    list.push(place(ccel, &mut handover.tables));
    let xsdt: Vec<u8> = list.iter().flat_map(|at| at.to_le_bytes()).collect();
    let xsdt = place(acpi::new(b"XSDT", 1, &xsdt), &mut handover.tables);
    handover.rsdp = place(acpi::rsdp(xsdt), &mut handover.tables);
    measured
}

/// Measures the hand-over into RTMR0 and RTMR1, and writes the log of it.
fn measure(handover: &mut HandOver, tables: &[u8]) {
    let mut map = Vec::new();
    for entry in &handover.map {
        map.extend(entry.start.to_le_bytes());
        map.extend(entry.len.to_le_bytes());
        map.extend(entry.kind.to_le_bytes());
    }
    let registers = &mut *host().module.measurements();
    let mut log = Log::default();
    log.config(registers, 0, "memory map", &map);
    log.config(registers, 0, "ACPI tables", tables);
    log.separator(registers, 0);
    let mrtd = registers.mrtd;
    log.config(registers, 1, "kernel", &mrtd);
    log.separator(registers, 1);
    handover.log = log.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_tells_pending_from_accepted() {
        let old = [
            Entry { start: 0, len: 0x9_fc00, kind: 1 },
            Entry { start: 0xf_0000, len: 0x1_0000, kind: 2 },
            Entry { start: 0x10_0000, len: 0x1ff0_0000, kind: 1 },
        ];
        let area = free_area(&old, std::slice::from_ref(&(0x1ffe_0000..0x2000_0000))).unwrap();
        assert_eq!(area, 0x1ffa_0000);
        let handover = HandOver {
            accepted: vec![0..STEP, 0x1fe0_0000..0x2000_0000],
            area,
            low: 0x7000,
            ..HandOver::default()
        };
        let map = new_map(&old, &handover);
        let kinds: Vec<_> = map.iter().map(|entry| (entry.start, entry.kind)).collect();
        assert_eq!(
            kinds,
            [
                (0, 1),
                (0x7000, 2),
                (0x8000, 1),
                (0xf_0000, 2),
                (0x10_0000, 1),
                (0x20_0000, 15),
                (0x1fe0_0000, 1),
                (0x1ffa_0000, 2),
                (0x1ffe_0000, 1),
            ]
        );
        let total: u64 = map.iter().map(|entry| entry.len).sum();
        assert_eq!(total, old.iter().map(|entry| entry.len).sum::<u64>());
    }
}
