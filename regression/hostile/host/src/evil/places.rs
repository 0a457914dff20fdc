// SPDX-License-Identifier: GPL-2.0-or-later
//! What a scenario's names of places stand for: parts of configuration space, device windows, rings, buffers.
//!
//! The host knows all this by itself: it reads its own devices' configuration space, and watches where the guest puts rings.

use hostile_format::Span;

use crate::ffi::Cpu;

/// Where q35 has configuration space.
pub(super) const ECAM: u64 = 0xb000_0000;
const ECAM_END: u64 = 0xc000_0000;
/// The quote buffer's header.
const QUOTE_HEADER: u64 = 24;

/// Virtio's numbers for parts of a device (`cfg_type`).
const COMMON: usize = 1;
const NOTIFY: usize = 2;
const ISR: usize = 3;
const DEVICE: usize = 4;

/// One virtio device.
#[derive(Clone, Debug, Default)]
struct Device {
    /// Its configuration space.
    config: u64,
    /// Offset of its MSI-X capability.
    msix: Option<u64>,
    /// Physical address and length of each part, by `cfg_type`.
    parts: [Option<(u64, u64)>; 6],
    /// Used ring of queue 0, once the guest has said where it is.
    used: Option<u64>,
    /// Number of entries of queue 0.
    size: u64,
}

/// All places.
#[derive(Debug, Default)]
pub struct Places {
    blk: Option<Device>,
    console: Option<Device>,
    rng: Option<Device>,
    quote: Option<Span>,
    acpi: Option<Span>,
}

impl Places {
    /// The firmware's tables lie here.
    pub fn set_acpi(&mut self, start: u64, end: u64) {
        self.acpi = Some(Span { start, end });
    }

    /// The guest asks for a quote with this buffer.
    pub fn set_quote(&mut self, start: u64, len: u64) {
        self.quote = Some(Span { start, end: start.saturating_add(len.max(QUOTE_HEADER)) });
    }

    /// Looks at the devices. They have addresses only once firmware or guest has given them some.
    pub fn find_devices(&mut self, cpu: &Cpu) {
        for number in 0..32u64 {
            let config = ECAM + (number << 15);
            let id = read(cpu, config, 4);
            if id & 0xffff != 0x1af4 {
                continue;
            }
            let slot = match id >> 16 {
                0x1001 | 0x1042 => &mut self.blk,
                0x1003 | 0x1043 => &mut self.console,
                0x1005 | 0x1044 => &mut self.rng,
                _ => continue,
            };
            let (used, size) = slot.as_ref().map_or((None, 1), |device| (device.used, device.size));
            *slot = Some(Device { used, size, ..device(cpu, config) });
        }
    }

    /// The guest has written to a device: it may have placed a ring.
    pub fn on_device_write(&mut self, cpu: &Cpu, gpa: u64) {
        for device in [&mut self.blk, &mut self.console, &mut self.rng].into_iter().flatten() {
            let Some((common, _)) = device.parts[COMMON] else { continue };
            // queue_enable, with queue 0 selected: all of the queue's addresses are there.
            if gpa == common + 0x1c && read(cpu, common + 0x16, 2) == 0 {
                device.used = Some(read(cpu, common + 0x30, 8));
                device.size = read(cpu, common + 0x18, 2);
            }
        }
    }

    /// Addresses that a guest reads over and over by design: the rings' indices, flags and wish for a bell (behind the
    /// last entry), and the quote's status.
    pub fn polled(&self) -> Vec<u64> {
        let devices = [&self.blk, &self.console, &self.rng].into_iter().flatten();
        let words = |device: &Device| {
            let (used, size) = (device.used?, device.size);
            Some([used, used + 2, used + 4 + 8 * size])
        };
        let words = devices.filter_map(words).flatten();
        words.chain(self.quote.map(|quote| quote.start + 8)).collect()
    }

    /// What `name` stands for now.
    pub fn find(&self, cpu: &Cpu, name: &str) -> Option<Span> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let device = match first {
            "ecam" => return Some(Span { start: ECAM, end: ECAM_END }),
            "acpi" => return self.acpi,
            "quote" => return self.quote_part(rest),
            "blk" => self.blk.as_ref()?,
            "console" => self.console.as_ref()?,
            "rng" => self.rng.as_ref()?,
            _ => return None,
        };
        device.find(cpu, rest)
    }

    fn quote_part(&self, part: &str) -> Option<Span> {
        let quote = self.quote?;
        let at = |offset: u64, len: u64| {
            let start = quote.start + offset;
            Some(Span { start, end: start + len })
        };
        match part {
            "" => Some(quote),
            "version" => at(0, 8),
            "status" => at(8, 8),
            "in_len" => at(16, 4),
            "out_len" => at(20, 4),
            "data" => at(24, 8),
            _ => None,
        }
    }
}

impl Device {
    fn find(&self, cpu: &Cpu, part: &str) -> Option<Span> {
        let span = |start: u64, len: u64| Some(Span { start, end: start.checked_add(len)? });
        let register = |part: usize, at: u64, len: u64| span(self.parts[part]?.0 + at, len);
        match part {
            "config" => span(self.config, 0x1000),
            "bar" => span(self.config + 0x10, 0x18),
            "caps" => span(self.config + 0x40, 0xc0),
            "msix" => span(self.config + self.msix?, 4),
            "msix.table" => span(self.config + self.msix? + 4, 4),
            "common" => register(COMMON, 0, 0x38),
            "common.features" => register(COMMON, 4, 4),
            "common.status" => register(COMMON, 0x14, 1),
            "common.queue_size" => register(COMMON, 0x18, 2),
            "common.msix" => register(COMMON, 0x1a, 2),
            "common.notify_off" => register(COMMON, 0x1e, 2),
            "notify" => self.parts[NOTIFY].and_then(|(start, len)| span(start, len)),
            "isr" => self.parts[ISR].and_then(|(start, len)| span(start, len)),
            "device" => self.parts[DEVICE].and_then(|(start, len)| span(start, len)),
            "used" => span(self.used?, 4 + 8 * self.size.clamp(1, 1024)),
            "used.idx" => span(self.used? + 2, 2),
            // The entry that was filled last.
            "used.elem.id" => span(self.last_entry(cpu)?, 4),
            "used.elem.len" => span(self.last_entry(cpu)? + 4, 4),
            _ => None,
        }
    }

    fn last_entry(&self, cpu: &Cpu) -> Option<u64> {
        let used = self.used?;
        let index = read(cpu, used + 2, 2).wrapping_sub(1) & 0xffff;
        Some(used + 4 + 8 * (index % self.size.max(1)))
    }
}

/// Reads a device's windows from its configuration space.
fn device(cpu: &Cpu, config: u64) -> Device {
    let mut device = Device { config, size: 1, ..Device::default() };
    let mut at = read(cpu, config + 0x34, 1) & !3;
    for _ in 0..48 {
        if at < 0x40 {
            break;
        }
        let cap = config + at;
        match read(cpu, cap, 1) {
            0x11 => device.msix = Some(at),
            0x09 => {
                let kind = read(cpu, cap + 3, 1) as usize;
                let bar = read(cpu, cap + 4, 1);
                let (offset, len) = (read(cpu, cap + 8, 4), read(cpu, cap + 12, 4));
                if let Some(part) = device.parts.get_mut(kind)
                    && part.is_none()
                    && bar < 6
                {
                    *part = Some((window(cpu, config, bar) + offset, len));
                }
            }
            _ => {}
        }
        at = read(cpu, cap + 1, 1) & !3;
    }
    device
}

fn window(cpu: &Cpu, config: u64, bar: u64) -> u64 {
    let at = config + 0x10 + bar * 4;
    let low = read(cpu, at, 4);
    let high = if low & 6 == 4 { read(cpu, at + 4, 4) } else { 0 };
    high << 32 | low & !0xf
}

/// Reads memory or a device's register; zero if there is nothing.
pub fn read(cpu: &Cpu, at: u64, len: usize) -> u64 {
    let mut bytes = [0; 8];
    if let Some(part) = bytes.get_mut(..len) {
        cpu.read_phys(at, part);
    }
    u64::from_le_bytes(bytes)
}

/// Writes the low bytes of `value`.
pub fn write(cpu: &Cpu, at: u64, len: usize, value: u64) {
    if let Some(part) = value.to_le_bytes().get(..len) {
        cpu.write_phys(at, part);
    }
}
