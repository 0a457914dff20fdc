// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The initramfs: unpacked into a tmpfs of its own at each execution.

use abi::mount::MountFlags;
use vfs::{Mount, Path};

use crate::corpus::hash;

pub(crate) fn unpack(data: &[u8]) -> u64 {
    let options = tmpfs::Options { max_pages: 256, ..tmpfs::Options::default() };
    let Ok(root) = tmpfs::new(&options) else { return 0 };
    let root = Path::root_of(Mount::new(root, b"rootfs", MountFlags::empty()));
    match initramfs::unpack(data, &root) {
        Ok(summary) => {
            let few = |count: u64| count.min(3);
            few(summary.files) | few(summary.directories) << 2 | few(summary.symlinks) << 4
        }
        Err(refusal) => hash(format!("{:?}", refusal.reason).as_bytes()),
    }
}

fn entry(out: &mut Vec<u8>, mode: u32, name: &str, data: &[u8]) {
    let start = out.len();
    let fields = [1, mode, 0, 0, 1, 0, data.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
    out.extend(b"070701");
    for field in fields {
        out.extend(format!("{field:08x}").bytes());
    }
    out.extend(name.bytes());
    out.push(0);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    out.extend(data);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    entry(&mut all, 0o040_755, "dir", b"");
    entry(&mut all, 0o100_644, "dir/file", b"some data of a file");
    entry(&mut all, 0o120_777, "link", b"dir/file");
    entry(&mut all, 0o020_600, "null", b"");
    entry(&mut all, 0, "TRAILER!!!", b"");
    let mut small = Vec::new();
    entry(&mut small, 0o100_644, "f", b"x");
    entry(&mut small, 0, "TRAILER!!!", b"");
    // A gzip of the same with one stored block.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend((small.len() as u16).to_le_bytes());
    packed.extend((!(small.len() as u16)).to_le_bytes());
    packed.extend(&small);
    packed.extend(crc32(&small).to_le_bytes());
    packed.extend((small.len() as u32).to_le_bytes());
    vec![all, small, packed]
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_good() {
        let outcomes: Vec<_> = seeds().iter().map(|seed| unpack(seed)).collect();
        assert_eq!(outcomes, [0b01_01_01, 1, 1]);
    }
}
