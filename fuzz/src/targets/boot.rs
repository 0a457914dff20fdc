// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Good inputs of the boot parsers. Memory begins at 0x1000 there.

/// Where the bytes of an input are in memory.
const BASE: u64 = 0x1000;

/// Bytes with numbers put at places.
struct Image(Vec<u8>);

impl Image {
    fn new(len: usize) -> Self {
        Self(vec![0; len])
    }

    fn bytes(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        for (to, from) in self.0.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
        self
    }

    fn u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.bytes(at, &value.to_le_bytes())
    }

    fn u64(&mut self, at: usize, value: u64) -> &mut Self {
        self.bytes(at, &value.to_le_bytes())
    }

    fn map_entry(&mut self, at: usize, start: u64, len: u64, kind: u32) -> &mut Self {
        self.u64(at, start).u64(at + 8, len).u32(at + 16, kind)
    }

    /// Makes the bytes of `at..at + len` add up to zero.
    fn checksum(&mut self, at: usize, len: usize, place: usize) -> &mut Self {
        self.bytes(place, &[0]);
        let sum = self.0.iter().skip(at).take(len).fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        self.bytes(place, &[0u8.wrapping_sub(sum)])
    }

    /// A table with its header, at `at`.
    fn table(&mut self, at: usize, signature: &[u8; 4], body: &[u8]) -> &mut Self {
        let len = 36 + body.len();
        self.bytes(at, signature).u32(at + 4, len as u32).bytes(at + 36, body);
        self.checksum(at, len, at + 9)
    }
}

pub(crate) fn memory_maps() -> Vec<Vec<u8>> {
    let mut image = Image::new(24 * 6);
    image
        .map_entry(0, 0, 0x9_fc00, 1)
        .map_entry(24, 0x9_fc00, 0x400, 2)
        .map_entry(48, 0xf_0000, 0x1_0000, 2)
        .map_entry(72, 0x10_0000, 0x1ff0_0000, 1)
        .map_entry(96, 0x2000_0000, 0x2000_0000, 15)
        .map_entry(120, 0x1_0000_0000, 0x8000_0000, 1);
    vec![image.0, Image::new(24 * 130).0]
}

pub(crate) fn start_infos() -> Vec<Vec<u8>> {
    let mut image = Image::new(0x700);
    image
        .u32(0, 0x336e_c578)
        .u32(4, 1)
        .u32(12, 1)
        .u64(16, BASE + 0x80)
        .u64(24, BASE + 0xc0)
        .u64(32, BASE + 0x200)
        .u64(40, BASE + 0x100)
        .u32(48, 3)
        .u64(0x80, 0x20_0000)
        .u64(0x88, 0x1000)
        .bytes(0xc0, b"quiet nacre.exec=x\0")
        .map_entry(0x100, 0, 0x9_f000, 1)
        .map_entry(0x118, 0x10_0000, 0x1000_0000, 1)
        .map_entry(0x130, 0xfec0_0000, 0x1000, 2);
    put_tables(&mut image, 0x200);
    vec![image.0]
}

pub(crate) fn command_lines() -> Vec<Vec<u8>> {
    let own = "console=hvc0 quiet loglevel=7 nacre.exec=ls%20%2f nacre.time=1 nacre.control nacre.trace=1 \
               nacre.devices=virtio-blk,virtio-rng nacre.io_timeout=0 nacre.test_stop=panic";
    let others = "root=/dev/vda ro k=\"a b\" \"n=v w\" mod.x=1 init=/bin/sh nacre.none single -- -c \"x y\" A=1";
    [own, others].map(|line| line.as_bytes().to_vec()).into()
}

pub(crate) fn acpi_tables() -> Vec<Vec<u8>> {
    let mut both = Image::new(0x500);
    put_tables(&mut both, 0);
    let mut old = Image(both.0.clone());
    old.bytes(15, &[0]).checksum(0, 20, 8);
    vec![both.0, old.0]
}

/// An RSDP at `at`, behind it RSDT, XSDT, MADT, MCFG and CCEL.
fn put_tables(image: &mut Image, at: usize) {
    let address = |offset: usize| BASE + (at + offset) as u64;
    let mut madt = vec![0; 8];
    madt.extend([0, 8, 0, 0, 1, 0, 0, 0]);
    madt.extend([0, 8, 1, 1, 1, 0, 0, 0]);
    madt.extend([9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    madt.extend([16, 16, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0]);
    let mut mcfg = vec![0; 8];
    mcfg.extend(0xb000_0000_u64.to_le_bytes());
    mcfg.extend([0, 0, 0, 255, 0, 0, 0, 0]);
    let mut ccel = vec![2, 0, 0, 0];
    ccel.extend(0x1_0000_u64.to_le_bytes());
    ccel.extend(0x7ff0_0000_u64.to_le_bytes());
    let tables = [0x180, 0x200, 0x280].map(address);
    let xsdt: Vec<u8> = tables.iter().flat_map(|table| table.to_le_bytes()).collect();
    let rsdt: Vec<u8> = tables.iter().flat_map(|table| (*table as u32).to_le_bytes()).collect();
    image
        .table(at + 0x40, b"RSDT", &rsdt)
        .table(at + 0x80, b"XSDT", &xsdt)
        .table(at + 0x180, b"APIC", &madt)
        .table(at + 0x200, b"MCFG", &mcfg)
        .table(at + 0x280, b"CCEL", &ccel)
        .bytes(at, b"RSD PTR ")
        .bytes(at + 15, &[2])
        .u32(at + 16, address(0x40) as u32)
        .u32(at + 20, 36)
        .u64(at + 24, address(0x80))
        .checksum(at, 20, at + 8)
        .checksum(at, 36, at + 32);
}

pub(crate) fn event_logs() -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    log.extend([0, 3].map(u32::to_le_bytes).concat());
    log.extend([0; 20]);
    log.extend(37u32.to_le_bytes());
    log.extend(b"Spec ID Event03\0");
    log.extend([0, 0, 0, 0, 0, 2, 0, 2, 2, 0, 0, 0, 0xb, 0, 32, 0, 0xc, 0, 48, 0, 0]);
    for register in [1, 2, 1] {
        log.extend([register, 0x8000_0001, 2].map(u32::to_le_bytes).concat());
        log.extend([0xb, 0]);
        log.extend([7; 32]);
        log.extend([0xc, 0]);
        log.extend([9; 48]);
        log.extend(5u32.to_le_bytes());
        log.extend(b"event");
    }
    let mut area = log.clone();
    area.resize(1024, 0xff);
    vec![log, area]
}

/// CPUID of a program, and a page that is not there.
pub(super) fn user_exceptions() -> Vec<Vec<u8>> {
    let mut cpuid = Image::new(20);
    cpuid.u64(0, 10).u32(16, 2);
    let mut violation = Image::new(20);
    violation.u64(0, 48).u64(8, 0x1000);
    vec![cpuid.0, violation.0]
}

/// When to change the buffer, what to change it to, and how it is before.
pub(crate) fn quotes() -> Vec<Vec<u8>> {
    let header = |status: u64, len: u32| {
        let mut bytes = 1u64.to_le_bytes().to_vec();
        bytes.extend(status.to_le_bytes());
        bytes.extend(1024u32.to_le_bytes());
        bytes.extend(len.to_le_bytes());
        bytes
    };
    let input = |when: u8, first: Vec<u8>, later: Vec<u8>| {
        [vec![when], later, first, b"the data of a quote".to_vec()].concat()
    };
    vec![
        input(255, header(0, 19), header(0, 19)),
        input(1, header(0, 19), header(0, u32::MAX)),
        input(2, header(u64::MAX, 0), header(0, 19)),
        input(255, header(0x8000_0000_0000_0000, 0), header(0, 0)),
    ]
}
