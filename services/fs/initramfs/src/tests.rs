// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Archives of all shapes, good and bad, unpacked into a tmpfs.

use std::string::ToString;
use std::{format, vec, vec::Vec};

use abi::Errno;
use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use cred::Cred;
use tmpfs::Options;
use vfs::{FileKind, Follow, Metadata, Mount, Path, Resolver};

use crate::{Reason, Refusal, Summary, unpack};

fn root() -> Path {
    root_with(&Options::default())
}

fn root_with(options: &Options) -> Path {
    Path::root_of(Mount::new(tmpfs::new(options).unwrap(), b"none", MountFlags::empty()))
}

/// Builds an archive entry by entry.
#[derive(Default, Clone)]
struct Archive {
    bytes: Vec<u8>,
    next_ino: u32,
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    name: &'a str,
    mode: u32,
    data: &'a [u8],
    nlink: u32,
    ino: Option<u32>,
    rdev: (u32, u32),
    checksum: Option<u32>,
}

const ENTRY: Entry<'_> =
    Entry { name: "", mode: 0, data: b"", nlink: 1, ino: None, rdev: (0, 0), checksum: None };

impl Archive {
    fn add(mut self, entry: Entry<'_>) -> Self {
        self.next_ino += 1;
        let magic = if entry.checksum.is_some() { "070702" } else { "070701" };
        let fields = [
            entry.ino.unwrap_or(self.next_ino),
            entry.mode,
            11,
            22,
            entry.nlink,
            1_000_000,
            entry.data.len() as u32,
            8,
            1,
            entry.rdev.0,
            entry.rdev.1,
            entry.name.len() as u32 + 1,
            entry.checksum.unwrap_or(0),
        ];
        self.bytes.extend(magic.as_bytes());
        fields.iter().for_each(|field| self.bytes.extend(format!("{field:08x}").as_bytes()));
        self.bytes.extend(entry.name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(entry.data);
        self.pad();
        self
    }

    fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn file(self, name: &str, data: &[u8]) -> Self {
        self.add(Entry { name, mode: 0o100_640, data, ..ENTRY })
    }

    fn dir(self, name: &str) -> Self {
        self.add(Entry { name, mode: 0o040_750, nlink: 2, ..ENTRY })
    }

    fn end(self) -> Vec<u8> {
        self.add(Entry { name: "TRAILER!!!", ..ENTRY }).bytes
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    out.extend(b"name\0");
    out.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
    let mut crc = !0_u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend((!crc).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out
}

fn sample() -> Vec<u8> {
    Archive::default()
        .dir(".")
        .dir("bin")
        .file("bin/sh", &b"#!data ".repeat(1000))
        .add(Entry { name: "bin/ls", mode: 0o120_777, data: b"sh", ..ENTRY })
        .add(Entry { name: "null", mode: 0o020_666, rdev: (1, 3), ..ENTRY })
        .add(Entry { name: "pipe", mode: 0o010_600, ..ENTRY })
        .add(Entry { name: "one", mode: 0o100_644, nlink: 2, ino: Some(77), ..ENTRY })
        .add(Entry {
            name: "two",
            mode: 0o100_644,
            nlink: 2,
            ino: Some(77),
            data: b"twice",
            ..ENTRY
        })
        .add(Entry { name: "sum", mode: 0o100_600, data: b"abc", checksum: Some(294), ..ENTRY })
        .end()
}

fn stat(root: &Path, name: &str) -> Result<Metadata, Errno> {
    let cred = Cred::root();
    let found = Resolver::kernel(root, &cred).lookup(name.as_bytes(), Follow::No);
    found.and_then(|path| path.metadata()).map_err(|error| error.errno())
}

fn read(root: &Path, name: &str) -> Vec<u8> {
    let cred = Cred::root();
    let resolver = Resolver::kernel(root, &cred);
    let file = vfs::open(&resolver, name.as_bytes(), OpenFlags::RDONLY, 0).unwrap();
    let mut data = vec![0; file.metadata().size as usize];
    assert_eq!(file.read_kernel(0, &mut data).unwrap(), data.len());
    data
}

fn check_sample(root: &Path) {
    assert_eq!(read(root, "bin/sh"), b"#!data ".repeat(1000));
    assert_eq!(read(root, "bin/ls"), read(root, "bin/sh"));
    assert_eq!((read(root, "one"), read(root, "two")), (b"twice".to_vec(), b"twice".to_vec()));
    let (one, two) = (stat(root, "one").unwrap(), stat(root, "two").unwrap());
    assert_eq!((one.ino, one.nlink, two.nlink), (two.ino, 2, 2));
    let sh = stat(root, "bin/sh").unwrap();
    assert_eq!((sh.mode, sh.uid, sh.gid, sh.mtime.sec), (0o100_640, 11, 22, 1_000_000));
    let bin = stat(root, "bin").unwrap();
    assert_eq!((bin.mode, bin.mtime.sec, bin.nlink), (0o040_750, 1_000_000, 2));
    let null = stat(root, "null").unwrap();
    assert_eq!((null.kind(), null.rdev.to_raw()), (FileKind::CharDevice, 0x103));
    assert_eq!(stat(root, "pipe").unwrap().kind(), FileKind::Fifo);
    assert_eq!(stat(root, ".").unwrap().mode, 0o040_750);
}

#[test]
fn plain_gzip_and_concatenated() {
    let expected = Summary {
        files: 3,
        directories: 2,
        symlinks: 1,
        specials: 2,
        hard_links: 1,
        bytes: 7000 + 5 + 3,
    };
    let place = root();
    assert_eq!(unpack(&sample(), &place), Ok(expected));
    check_sample(&place);
    let place = root();
    assert_eq!(unpack(&gzip(&sample()), &place), Ok(expected));
    check_sample(&place);
    let place = root();
    let mut all = Archive::default().file("only", b"1").file("bin", b"replaced").end();
    all.extend([0; 517]);
    all.extend(gzip(&sample()));
    all.extend([0; 3]);
    all.extend(Archive::default().file("two", b"new").end());
    assert_eq!(unpack(&all, &place).unwrap().files, 6);
    assert_eq!((read(&place, "only"), read(&place, "two")), (b"1".to_vec(), b"new".to_vec()));
    assert_eq!(read(&place, "bin/sh").len(), 7000);
}

#[test]
fn nothing_is_an_archive_too() {
    assert_eq!(unpack(b"", &root()), Ok(Summary::default()));
    assert_eq!(unpack(&[0; 5000], &root()), Ok(Summary::default()));
}

#[test]
fn large_files_come_out_of_small_windows() {
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n ^ (n >> 7)) as u8).collect();
    let archive = Archive::default().file("large", &data).end();
    for archive in [gzip(&archive), archive] {
        let place = root();
        unpack(&archive, &place).unwrap();
        assert!(read(&place, "large") == data);
    }
}

#[test]
fn nothing_escapes_the_root() {
    let whole = root();
    let cred = Cred::root();
    let inside = vfs::mkdir(&Resolver::kernel(&whole, &cred), b"inside", 0o755).unwrap();
    let archive = Archive::default()
        .file("../../up", b"1")
        .file("/absolute", b"2")
        .add(Entry { name: "out", mode: 0o120_777, data: b"/../..", ..ENTRY })
        .file("out/through", b"3")
        .file("a/../../../b", b"4")
        .end();
    unpack(&archive, &inside).unwrap();
    for name in ["up", "absolute", "through", "b"] {
        assert!(stat(&inside, name).is_ok(), "{name}");
        assert_eq!(stat(&whole, name), Err(Errno::ENOENT), "{name}");
    }
}

#[test]
fn existing_names_give_way() {
    let place = root();
    let archive = Archive::default()
        .add(Entry { name: "x", mode: 0o120_777, data: b"target", ..ENTRY })
        .file("x", b"file")
        .dir("x")
        .dir("x")
        .file("x/y", b"long content")
        .file("x/y", b"short")
        .file("deep/er/f", b"made the way")
        .end();
    unpack(&archive, &place).unwrap();
    assert_eq!(read(&place, "x/y"), b"short");
    assert_eq!(read(&place, "deep/er/f"), b"made the way");
    assert_eq!(stat(&place, "target"), Err(Errno::ENOENT));
    let clash = Archive::default().dir("d").file("d/f", b"").file("d", b"").end();
    let refused = unpack(&clash, &root()).unwrap_err();
    assert!(matches!(refused.reason, Reason::File(error) if error.errno() == Errno::ENOTEMPTY));
}

fn reason(archive: &[u8]) -> Reason {
    unpack(archive, &root()).unwrap_err().reason
}

#[test]
fn bad_archives_are_refused_with_a_reason() {
    let good = sample();
    let patched = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    assert_eq!(reason(b"hello"), Reason::BadMagic);
    assert_eq!(reason(b"\x28\xb5\x2f\xfd...."), Reason::Unsupported("zstd"));
    assert_eq!(reason(&patched(0, b"070707")), Reason::Unsupported("the old cpio format odc"));
    assert_eq!(reason(&patched(0, b"070709")), Reason::BadMagic);
    assert_eq!(reason(&patched(14, b"zz")), Reason::BadNumber);
    assert_eq!(reason(&patched(94, b"ffffffff")), Reason::BadName);
    assert_eq!(reason(&patched(94, b"00000000")), Reason::BadName);
    assert_eq!(reason(&patched(14, b"0000f1ed")), Reason::BadType);
    assert_eq!(reason(&patched(54, b"fffffff0")), Reason::Truncated);
    let link =
        |data| Archive::default().add(Entry { name: "l", mode: 0o120_777, data, ..ENTRY }).end();
    assert_eq!(reason(&link(&[b'x'; 4096])), Reason::BadSize);
    assert_eq!(reason(&link(b"")), Reason::BadSize);
    let sum = Entry { name: "s", mode: 0o100_644, data: b"abc", checksum: Some(1), ..ENTRY };
    assert_eq!(reason(&Archive::default().add(sum).end()), Reason::BadChecksum);
    let mut zipped = gzip(&good);
    let len = zipped.len();
    zipped[len - 5] ^= 1;
    assert_eq!(reason(&zipped), Reason::BadChecksum);
    zipped[2] = 7;
    assert_eq!(reason(&zipped), Reason::BadCompression);
    let place = root();
    let refused = unpack(&patched(0, b"garbage"), &place).unwrap_err();
    assert_eq!(refused, Refusal { offset: 0, reason: Reason::BadMagic });
    assert_eq!(
        refused.to_string(),
        "initramfs refused at byte 0: neither a newc cpio header nor gzip data"
    );
}

#[test]
fn a_full_file_system_is_a_refusal() {
    let bomb = gzip(&Archive::default().file("bomb", &vec![0; 4_000_000]).end());
    assert!(bomb.len() < 10_000);
    let small = root_with(&Options { max_pages: 10, ..Options::default() });
    let refused = unpack(&bomb, &small).unwrap_err();
    assert!(matches!(refused.reason, Reason::File(error) if error.errno() == Errno::ENOSPC));
}

#[test]
fn every_truncation_is_refused_or_whole() {
    let plain = sample();
    for len in 1..plain.len() {
        let result = unpack(&plain[..len], &root());
        match result {
            // Only the padding behind the trailer is missing.
            Ok(_) => assert!(len >= plain.len() - 3, "{len}"),
            Err(refusal) => assert!(
                matches!(refusal.reason, Reason::Truncated | Reason::BadMagic),
                "{len}: {refusal}"
            ),
        }
    }
    let zipped = gzip(&plain);
    for len in 1..zipped.len() {
        assert!(unpack(&zipped[..len], &root()).is_err(), "{len}");
    }
}

#[test]
fn mutations_never_panic() {
    let plain = sample();
    let zipped = gzip(&plain);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let small = Options { max_pages: 64, max_inodes: 64, ..Options::default() };
    for round in 0..6000 {
        let mut bytes = if round % 3 == 0 { zipped.clone() } else { plain.clone() };
        for _ in 0..=random() % 4 {
            let at = random() as usize % bytes.len();
            match random() % 5 {
                0 => bytes[at] = random() as u8,
                1 => bytes[at] ^= 1 << (random() % 8),
                2 => bytes[at] = b"0123456789abcdef"[random() as usize % 16],
                3 => bytes.truncate(at + 1),
                _ => bytes.insert(at, random() as u8),
            }
        }
        let _ = unpack(&bytes, &root_with(&small));
    }
}
