// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Good inputs of the parsers of devices and disks.

/// Words as a virtio device over PCI has them, and some that count up.
pub(crate) fn config_words() -> Vec<Vec<u8>> {
    let words: [u32; 16] = [
        0x1042_1af4,
        0x0010_0006,
        0x0180_0001,
        0,
        0xfebd_1000,
        0xfffff000,
        0x0000_000c,
        0xffff_ffff,
        0x0009_0109,
        0x0110_0509,
        0x0000_0004,
        0x0000_1000,
        0x0001_0000,
        0x0040_0011,
        0x0003_0080,
        0x0000_0007,
    ];
    vec![words.map(u32::to_le_bytes).concat(), (0..=255).collect()]
}

/// A disk with an MBR, and one whose first blocks are a protective MBR and a GPT header.
pub(crate) fn disks() -> Vec<Vec<u8>> {
    let mut mbr = vec![0; 2048];
    let entry = [0x80, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
    for (to, from) in mbr.iter_mut().skip(446).zip(entry) {
        *to = from;
    }
    for (to, from) in mbr.iter_mut().skip(510).zip([0x55, 0xaa]) {
        *to = from;
    }
    let mut gpt = mbr.clone();
    for (to, from) in gpt.iter_mut().skip(450).zip([0xee]) {
        *to = from;
    }
    for (to, from) in gpt.iter_mut().skip(512).zip(*b"EFI PART\0\0\x01\0\x5c\0\0\0") {
        *to = from;
    }
    vec![mbr, gpt]
}

/// A request submitted, used and taken; then again.
pub(crate) fn rings() -> Vec<Vec<u8>> {
    let once = [0, 1, 1, 64, 1, 0, 0, 16, 2, 1, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0];
    vec![once.to_vec(), once.repeat(3)]
}

/// Registers of a disk, in the order in which they are read.
pub(crate) fn registers() -> Vec<Vec<u8>> {
    let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([0, 64, 0, 0, 0, 0, 0]);
    vec![bytes, vec![0; 64]]
}
