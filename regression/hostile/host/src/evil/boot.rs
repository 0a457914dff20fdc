// SPDX-License-Identifier: GPL-2.0-or-later
//! Lies of the hand-over: what the kernel finds in memory at its entry.
//!
//! All of it is patched in the guest's memory when the honest firmware is done, found as the kernel finds it: from the start
//! info whose address is in RBX.
//!
//! Spec: Xen's PVH boot protocol (start info version 1); ACPI 6.5, chapter 5.

use super::places::{read, write};
use crate::ffi::{Cpu, Reg};
use crate::tdx::SHARED;

/// Offsets in the start info.
mod info {
    pub(super) const MODULES: u64 = 12;
    pub(super) const MODULE_LIST: u64 = 16;
    pub(super) const COMMAND_LINE: u64 = 24;
    pub(super) const RSDP: u64 = 32;
    pub(super) const MAP: u64 = 40;
    pub(super) const MAP_ENTRIES: u64 = 48;
    pub(super) const LEN: u64 = 56;
}

/// Where nothing is.
const NOWHERE: u64 = 0x7f_0000_0000;
/// Where the kernel is loaded.
const KERNEL: u64 = 0x20_0000;
/// Low memory that nobody uses: room for a longer map.
const ROOM: u64 = 0x6_0000;
const RAM: u32 = 1;
const UNACCEPTED: u32 = 15;

type Entry = (u64, u64, u32);

/// Tells one lie.
pub fn tell(cpu: &Cpu, lie: &str, random: &mut dyn FnMut() -> u64) -> Result<(), String> {
    let start = cpu.get(Reg::Rbx) & 0xffff_ffff;
    match lie.split_once('-').map(|(kind, _)| kind) {
        Some("map") => map(cpu, start, lie, random),
        Some("cmdline") => command_line(cpu, start, lie, random),
        Some("initrd") => initramfs(cpu, start, lie),
        Some("start") => {
            for at in (info::MODULES..info::LEN).step_by(4) {
                if random().is_multiple_of(3) {
                    write(cpu, start + at, 4, random());
                }
            }
            Ok(())
        }
        _ => Tables::find(cpu, start)?.lie(cpu, start, lie, random),
    }
}

/// From where to where the table of CPUs is.
pub fn acpi_area(cpu: &Cpu) -> Option<(u64, u64)> {
    let start = cpu.get(Reg::Rbx) & 0xffff_ffff;
    let madt = Tables::find(cpu, start).ok()?.get(b"APIC").ok()?;
    Some((madt, madt + read(cpu, madt + 4, 4)))
}

fn read_map(cpu: &Cpu, start: u64) -> Vec<Entry> {
    let (at, count) = (read(cpu, start + info::MAP, 8), read(cpu, start + info::MAP_ENTRIES, 4));
    let entry = |index: u64| {
        let at = at + index * 24;
        (read(cpu, at, 8), read(cpu, at + 8, 8), read(cpu, at + 16, 4) as u32)
    };
    (0..count.min(128)).map(entry).collect()
}

fn write_map(cpu: &Cpu, start: u64, entries: &[Entry]) {
    for (index, (at, len, kind)) in (0u64..).zip(entries) {
        let to = ROOM + index * 24;
        write(cpu, to, 8, *at);
        write(cpu, to + 8, 8, *len);
        write(cpu, to + 16, 8, u64::from(*kind));
    }
    write(cpu, start + info::MAP, 8, ROOM);
    write(cpu, start + info::MAP_ENTRIES, 4, entries.len() as u64);
}

fn map(cpu: &Cpu, start: u64, lie: &str, random: &mut dyn FnMut() -> u64) -> Result<(), String> {
    let mut map = read_map(cpu, start);
    let covers = |entry: &Entry| entry.0 <= KERNEL && KERNEL - entry.0 < entry.1;
    match lie {
        "map-overlap" => {
            map.extend([(0x10_0000, 0x100_0000, RAM), (0x8_0000, 0x40_0000, UNACCEPTED)])
        }
        "map-overflow" => map.push((u64::MAX - 0xfff, 0x10_0000, RAM)),
        "map-empty" => map.clear(),
        "map-many" => map.extend((0..4096).map(|n| (0x1_0000_0000 + n * 0x2000, 0x1000, RAM))),
        "map-zero-length" => {
            map.extend((0..60).map(|n| {
                (0x10_0000 + n * 0x1111, n % 2, if n % 3 == 0 { UNACCEPTED } else { RAM })
            }));
        }
        "map-kernel-missing" => map.retain(|entry| !covers(entry)),
        "map-kernel-pending" => {
            map.iter_mut().filter(|entry| covers(entry)).for_each(|entry| entry.2 = UNACCEPTED);
        }
        "map-shared-bit" => map.push((SHARED | 0x100_0000, 0x100_0000, RAM)),
        "map-random" => {
            for entry in &mut map {
                match random() % 6 {
                    0 => entry.0 = random() >> (random() % 40),
                    1 => entry.1 = random() >> (random() % 40),
                    2 => entry.2 = (random() % 20) as u32,
                    3 => entry.1 = entry.1.wrapping_add(random() % 0x10000),
                    _ => {}
                }
            }
        }
        _ => return Err("no such lie".to_owned()),
    }
    write_map(cpu, start, &map);
    Ok(())
}

fn command_line(
    cpu: &Cpu,
    start: u64,
    lie: &str,
    random: &mut dyn FnMut() -> u64,
) -> Result<(), String> {
    match lie {
        "cmdline-outside" => write(cpu, start + info::COMMAND_LINE, 8, NOWHERE),
        "cmdline-unterminated" | "cmdline-random" => {
            let is_random = lie == "cmdline-random";
            let mut byte = || if is_random { (random() as u8).max(1) } else { b'x' };
            let len = if is_random { 512 } else { 0x1_8000 };
            let mut text: Vec<u8> = (0..len).map(|_| byte()).collect();
            if is_random {
                text.push(0);
            }
            cpu.write_phys(ROOM, &text);
            write(cpu, start + info::COMMAND_LINE, 8, ROOM);
        }
        _ => return Err("no such lie".to_owned()),
    }
    Ok(())
}

fn initramfs(cpu: &Cpu, start: u64, lie: &str) -> Result<(), String> {
    let module = read(cpu, start + info::MODULE_LIST, 8);
    let (address, len) = match lie {
        "initrd-outside" => (Some(NOWHERE), None),
        "initrd-over-kernel" => (Some(KERNEL), None),
        "initrd-huge" => (None, Some(u64::MAX)),
        _ => return Err("no such lie".to_owned()),
    };
    if let Some(address) = address {
        write(cpu, module, 8, address);
    }
    if let Some(len) = len {
        write(cpu, module + 8, 8, len);
    }
    Ok(())
}

/// The tables as the firmware laid them out.
struct Tables {
    rsdp: u64,
    xsdt: u64,
    /// Address and signature.
    list: Vec<(u64, [u8; 4])>,
}

impl Tables {
    fn find(cpu: &Cpu, start: u64) -> Result<Self, String> {
        let rsdp = read(cpu, start + info::RSDP, 8);
        let xsdt = read(cpu, rsdp + 24, 8);
        let count = (read(cpu, xsdt + 4, 4).saturating_sub(36) / 8).min(64);
        if rsdp == 0 || count == 0 {
            return Err("the firmware gave no tables".to_owned());
        }
        let table = |index| {
            let at = read(cpu, xsdt + 36 + index * 8, 8);
            (at, (read(cpu, at, 4) as u32).to_le_bytes())
        };
        Ok(Self { rsdp, xsdt, list: (0..count).map(table).collect() })
    }

    fn get(&self, signature: &[u8; 4]) -> Result<u64, String> {
        let found = self.list.iter().find(|(_, name)| name == signature);
        let name = String::from_utf8_lossy(signature);
        found.map(|(at, _)| *at).ok_or_else(|| format!("the firmware gave no {name}"))
    }

    fn lie(
        &self,
        cpu: &Cpu,
        start: u64,
        lie: &str,
        random: &mut dyn FnMut() -> u64,
    ) -> Result<(), String> {
        match lie {
            "rsdp-checksum" => write(cpu, self.rsdp + 8, 1, read(cpu, self.rsdp + 8, 1) ^ 0x55),
            "rsdp-outside" => write(cpu, start + info::RSDP, 8, NOWHERE),
            "xsdt-length" => write(cpu, self.xsdt + 4, 4, u64::MAX),
            "xsdt-entries" => {
                for index in 0..self.list.len() as u64 {
                    write(cpu, self.xsdt + 36 + index * 8, 8, NOWHERE + index * 0x1000);
                }
                fix(cpu, self.xsdt);
            }
            "acpi-random" => {
                for (at, _) in &self.list {
                    let len = read(cpu, at + 4, 4).min(0x10000);
                    for _ in 0..4 + len / 64 {
                        let offset = 36 + random() % len.saturating_sub(36).max(1);
                        write(cpu, at + offset, 1, random());
                    }
                    fix(cpu, *at);
                }
            }
            "mcfg-over-ram" => self.patch(cpu, b"MCFG", 44, 8, KERNEL)?,
            "ccel-over-kernel" => self.patch(cpu, b"CCEL", 48, 8, KERNEL)?,
            // SEV's log.
            "ccel-other-kind" => self.patch(cpu, b"CCEL", 36, 1, 1)?,
            "ccel-huge" => self.patch(cpu, b"CCEL", 40, 8, 1 << 63)?,
            _ => return self.lie_in_madt(cpu, lie),
        }
        Ok(())
    }

    fn lie_in_madt(&self, cpu: &Cpu, lie: &str) -> Result<(), String> {
        let madt = self.get(b"APIC")?;
        let len = read(cpu, madt + 4, 4);
        let mut at = 44;
        let mut wakeup = None;
        while at + 2 <= len {
            let size = read(cpu, madt + at + 1, 1);
            if read(cpu, madt + at, 1) == 16 {
                wakeup = Some(at);
            }
            if size == 0 {
                break;
            }
            at += size;
        }
        let mailbox = |address| match wakeup {
            Some(at) => self.patch(cpu, b"APIC", at + 8, 8, address),
            None => Err("the firmware gave no mailbox".to_owned()),
        };
        match lie {
            "madt-zero-entry" => self.patch(cpu, b"APIC", 45, 1, 0),
            "madt-long-entry" => self.patch(cpu, b"APIC", 45, 1, 255),
            "madt-many-cpus" => {
                // x2APIC entries over what follows the table in the firmware's own area.
                for number in 0..200u64 {
                    let to = madt + 44 + number * 16;
                    write(cpu, to, 4, 0x1009);
                    write(cpu, to + 4, 4, number);
                    write(cpu, to + 8, 4, 1);
                    write(cpu, to + 12, 4, number);
                }
                write(cpu, madt + 4, 4, 44 + 200 * 16);
                fix(cpu, madt);
                Ok(())
            }
            "mailbox-shared" => {
                let at = wakeup.ok_or("the firmware gave no mailbox")?;
                mailbox(SHARED | read(cpu, madt + at + 8, 8))
            }
            "mailbox-in-ram" => mailbox(0x400_0000),
            "mailbox-outside" => mailbox(NOWHERE),
            _ => Err("no such lie".to_owned()),
        }
    }

    /// Writes a field of a table and makes its checksum right again.
    fn patch(
        &self,
        cpu: &Cpu,
        signature: &[u8; 4],
        offset: u64,
        len: usize,
        value: u64,
    ) -> Result<(), String> {
        let table = self.get(signature)?;
        write(cpu, table + offset, len, value);
        fix(cpu, table);
        Ok(())
    }
}

/// Makes a table's checksum right.
fn fix(cpu: &Cpu, table: u64) {
    let mut bytes = vec![0; read(cpu, table + 4, 4).min(0x10000) as usize];
    cpu.read_phys(table, &mut bytes);
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    write(cpu, table + 9, 1, read(cpu, table + 9, 1).wrapping_sub(sum.into()));
}
