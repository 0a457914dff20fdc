// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The scan and the set-up against a model of a bus, honest and lying.

use alloc::sync::Arc;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

use framework::host::{DeviceError, Mmio, MmioError};
use framework::hosted::DeviceModel;
use framework::irq::IrqHandler;
use framework::mm::PhysRange;

use crate::fuzz;
use crate::wire::{Bar, next_capability};
use crate::{Function, Windows, enumerate};
use framework::host::Untrusted;

/// The configuration space of device 2, function 0, with BARs of 4 KiB (number 1)
/// and 16 KiB, 64 bits wide (number 4).
struct Bus {
    space: Mutex<Vec<u8>>,
    /// BARs whose address does not stay.
    sticks: bool,
}

const BASE: u64 = 2 << 15;

impl Bus {
    fn new() -> Self {
        let mut space = vec![0; 256];
        space[..4].copy_from_slice(&[0xf4, 0x1a, 0x42, 0x10]);
        space[0x34] = 0x40;
        space[0x40..0x4c].copy_from_slice(&[0x11, 0x50, 3, 0, 1, 0, 0, 0, 1, 8, 0, 0]);
        space[0x50..0x54].copy_from_slice(&[9, 0, 16, 1]);
        Self { space: Mutex::new(space), sticks: true }
    }
}

impl DeviceModel for Bus {
    fn read(&self, offset: u64, size: usize) -> u64 {
        let Some(at) = offset.checked_sub(BASE).filter(|at| *at < 256) else { return u64::MAX };
        let space = self.space.lock().unwrap();
        let bytes = space.iter().skip(at as usize).take(size);
        bytes.rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    fn write(&self, offset: u64, size: usize, value: u64) {
        let Some(at) = offset.checked_sub(BASE).filter(|at| *at < 256) else { return };
        let value = match at {
            0x14 => value & !0xfff,
            0x20 => value & !0x3fff | 4,
            0x10..0x28 if at != 0x24 => 0,
            _ => value,
        };
        let value =
            if self.sticks || value as u32 >= 0xffff_0000 { value } else { value ^ 0x10_0000 };
        let mut space = self.space.lock().unwrap();
        space[at as usize..at as usize + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
}

#[derive(Default)]
struct Addresses {
    claimed: Mutex<Vec<(u64, u64)>>,
    writes: Arc<Registers>,
    refusal: Option<MmioError>,
}

#[derive(Default)]
struct Registers(Mutex<Vec<(u64, u64)>>);

impl DeviceModel for Registers {
    fn read(&self, _: u64, _: usize) -> u64 {
        0
    }
    fn write(&self, offset: u64, _: usize, value: u64) {
        self.0.lock().unwrap().push((offset, value));
    }
}

impl Windows for Addresses {
    fn hole(&self) -> PhysRange {
        PhysRange { start: 0xc000_0800, end: 0xc001_0000 }
    }
    fn claim(&self, start: u64, len: u64) -> Result<Mmio, MmioError> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        self.claimed.lock().unwrap().push((start, len));
        Ok(Mmio::model(len, self.writes.clone()))
    }
}

struct Handler;

impl IrqHandler for Handler {
    fn handle(&self) {}
}

fn scan(bus: Bus, windows: &Arc<Addresses>) -> Vec<Function> {
    enumerate(Mmio::model(1 << 20, Arc::new(bus)), windows.clone(), |id| id.vendor == 0x1af4)
}

fn lie<T>(result: Result<T, impl Into<DeviceError>>) -> &'static str {
    match result.err().map(Into::into) {
        Some(DeviceError::Fault(fault)) => fault.lie,
        other => unreachable!("a lie, not {other:?}"),
    }
}

#[test]
fn finds_a_function_and_places_its_registers() {
    let windows = Arc::new(Addresses::default());
    let functions = scan(Bus::new(), &windows);
    let [function] = functions.as_slice() else { unreachable!("one function") };
    assert_eq!(std::format!("{function}"), "00:02.0");
    let capabilities = function.capabilities().unwrap();
    assert_eq!(capabilities.iter().map(|c| c.id).collect::<Vec<_>>(), [0x11, 9]);
    assert_eq!(function.window(4).unwrap().len(), 0x4000);
    function.enable_msix(&capabilities, &[Arc::new(Handler), Arc::new(Handler)]).unwrap();
    assert_eq!(*windows.claimed.lock().unwrap(), [(0xc000_4000, 0x4000), (0xc000_8000, 0x1000)]);
    let writes = windows.writes.0.lock().unwrap().clone();
    assert_eq!(writes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 4, 8, 12, 16, 20, 24, 28]);
    assert!(function.window(4).is_ok() && windows.claimed.lock().unwrap().len() == 2);
}

#[test]
fn others_are_left_alone() {
    let windows = Arc::new(Addresses::default());
    let ecam = Mmio::model(1 << 20, Arc::new(Bus::new()));
    assert!(enumerate(ecam, windows, |id| id.vendor == 0x8086).is_empty());
}

#[test]
fn lies_are_named() {
    let windows = Arc::new(Addresses::default());
    let with = |at: usize, bytes: &[u8]| {
        let bus = Bus::new();
        bus.space.lock().unwrap()[at..at + bytes.len()].copy_from_slice(bytes);
        scan(bus, &windows).remove(0)
    };
    assert!(lie(with(0x51, &[0x40]).capabilities()).contains("end"));
    assert!(lie(with(0x51, &[0x3c]).capabilities()).contains("header"));
    let msix = |function: Function, count: usize| {
        let handler = |_| Arc::new(Handler) as Arc<dyn IrqHandler>;
        let handlers: Vec<_> = (0..count).map(handler).collect();
        function.enable_msix(&function.capabilities()?, &handlers)
    };
    assert!(lie(msix(with(0x44, &[1, 0x10]), 1)).contains("beyond"));
    assert!(lie(msix(with(0x44, &[0xf9, 0xff, 0xff, 0xff]), 1)).contains("beyond"));
    assert!(lie(msix(with(0x44, &[7]), 1)).contains("no BAR"));
    assert!(lie(msix(with(0x40, &[0x12]), 1)).contains("no MSI-X"));
    assert!(lie(msix(with(0, &[0xf4]), 5)).contains("too few"));
    assert!(lie(with(0, &[0xf4]).window(0)).contains("absurd"));
    assert!(lie(with(0, &[0xf4]).window(6)).contains("no such"));

    let moving = Bus { sticks: false, ..Bus::new() };
    assert!(lie(scan(moving, &windows).remove(0).window(1)).contains("where it was put"));
}

#[test]
fn what_the_kernel_lacks_is_no_lie() {
    let window = |refusal| {
        let windows = Arc::new(Addresses { refusal, ..Addresses::default() });
        scan(Bus::new(), &windows).remove(0).window(1).err().expect("no window")
    };
    assert_eq!(window(Some(MmioError::NoMemory)), DeviceError::NoMemory("pci"));
    let addresses = DeviceError::Exhausted { device: "pci", what: "addresses for registers" };
    assert_eq!(window(Some(MmioError::NotDevice)), addresses);
}

#[test]
fn sizes_are_bounded_for_every_answer() {
    for bit in 0..32 {
        for kind in 0..16u32 {
            for high in [0, 1, 0x8000_0000, u32::MAX] {
                let low = (!0u32 << bit) & !0xf | kind;
                for index in 0..6 {
                    let bar = Bar::parse(index, Untrusted::new(low), Untrusted::new(high));
                    if let Ok(bar) = bar {
                        assert!(bar.size.is_power_of_two() && bar.size <= 16 << 20);
                        assert!(index < 5 || !bar.is_64_bit, "its high half would be behind it");
                    }
                }
            }
        }
    }
    for pointer in 0..=255 {
        let next = next_capability(Untrusted::new(pointer));
        assert!(matches!(next, Ok(None) | Ok(Some(0x40..)) | Err(_)));
    }
    fuzz::config(&[0xff; 4096]);
    fuzz::config(&[4; 4096]);
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    for _ in 0..20_000 {
        let data: Vec<u8> = (0..48).map(|_| next()).collect();
        fuzz::config(&data);
    }
}
