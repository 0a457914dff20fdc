// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The archive's grammar: `(zeros | cpio archive | gzip of the like)*`.

use alloc::vec::Vec;

use abi::limits::PATH_MAX;
use vfs::{FileKind, Path};

use crate::header::{HEADER_LEN, Header};
use crate::stream::Stream;
use crate::tree::{Summary, Tree};
use crate::{Reason, Refusal};

const TRAILER: &[u8] = b"TRAILER!!!";

/// First bytes of compressions that Linux knows and this kernel does not.
const OTHERS: [(&[u8], &str); 6] = [
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x5d\0\0", "lzma"),
    (b"\x89LZO", "lzo"),
    (b"\x02\x21\x4c\x18", "lz4"),
];

/// What is done with the entries of archives.
pub(crate) trait Visit {
    /// An archive begins.
    fn start(&mut self);

    /// An entry: reads or skips its data.
    fn take(
        &mut self,
        stream: &mut Stream<'_>,
        header: &Header,
        name: &[u8],
    ) -> Result<(), Refusal>;
}

impl Visit for Tree<'_> {
    fn start(&mut self) {
        self.forget_links();
    }

    fn take(
        &mut self,
        stream: &mut Stream<'_>,
        header: &Header,
        name: &[u8],
    ) -> Result<(), Refusal> {
        entry(stream, self, header, name)
    }
}

pub(crate) fn unpack_all(archive: &[u8], root: &Path) -> Result<Summary, Refusal> {
    let mut tree = Tree::new(root);
    walk(archive, &mut tree)?;
    let offset = archive.len() as u64;
    tree.finish().map_err(|error| Refusal { offset, reason: Reason::File(error) })
}

/// Goes through all archives.
pub(crate) fn walk(archive: &[u8], visit: &mut impl Visit) -> Result<(), Refusal> {
    let mut left = archive;
    loop {
        let zeros = left.iter().position(|&byte| byte != 0).unwrap_or(left.len());
        left = left.get(zeros..).unwrap_or_default();
        let offset = (archive.len() - left.len()) as u64;
        if left.is_empty() {
            return Ok(());
        }
        if left.starts_with(b"\x1f\x8b") {
            let mut stream = Stream::gzip(left).map_err(|reason| Refusal { offset, reason })?;
            while stream.skip_zeros()? {
                archive_of(&mut stream, visit)?;
            }
            left = stream.rest();
        } else if left.starts_with(b"0707") {
            let mut stream = Stream::plain(left, offset);
            archive_of(&mut stream, visit)?;
            left = stream.rest();
        } else {
            let other = OTHERS.iter().find(|(magic, _)| left.starts_with(magic));
            let reason = other.map_or(Reason::BadMagic, |(_, name)| Reason::Unsupported(name));
            return Err(Refusal { offset, reason });
        }
    }
}

/// One cpio archive up to its trailer.
fn archive_of(stream: &mut Stream<'_>, visit: &mut impl Visit) -> Result<(), Refusal> {
    let start = stream.position();
    visit.start();
    loop {
        let mut bytes = [0; HEADER_LEN];
        stream.read_exact(&mut bytes)?;
        let header = Header::parse(&bytes).map_err(|reason| stream.refuse(reason))?;
        let name = read_name(stream, header.name_len)?;
        if name == TRAILER {
            if header.size != 0 {
                return Err(stream.refuse(Reason::BadSize));
            }
            // Nothing is lost where the last padding is missing.
            let _ = pad(stream, start);
            return Ok(());
        }
        pad(stream, start)?;
        visit.take(stream, &header, &name)?;
        pad(stream, start)?;
    }
}

/// Skips to a multiple of four from the start of the archive.
fn pad(stream: &mut Stream<'_>, start: u64) -> Result<(), Refusal> {
    stream.skip((stream.position() - start).wrapping_neg() & 3)
}

fn read_name(stream: &mut Stream<'_>, len: u32) -> Result<Vec<u8>, Refusal> {
    let len = len as usize;
    if !(2..=PATH_MAX).contains(&len) {
        return Err(stream.refuse(Reason::BadName));
    }
    let mut name = read_vec(stream, len)?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(stream.refuse(Reason::BadName));
    }
    Ok(name)
}

fn read_vec(stream: &mut Stream<'_>, len: usize) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    if data.try_reserve_exact(len).is_err() {
        return Err(stream.refuse(Reason::File(abi::error!(ENOMEM))));
    }
    data.resize(len, 0);
    stream.read_exact(&mut data)?;
    Ok(data)
}

/// One entry: its data is read whatever becomes of it.
fn entry(
    stream: &mut Stream<'_>,
    tree: &mut Tree<'_>,
    header: &Header,
    name: &[u8],
) -> Result<(), Refusal> {
    let Some(kind) = FileKind::from_mode(header.mode) else {
        return Err(stream.refuse(Reason::BadType));
    };
    let created = match kind {
        FileKind::Regular => return regular(stream, tree, header, name),
        FileKind::Symlink => {
            let len = header.size as usize;
            if len == 0 || len >= PATH_MAX {
                return Err(stream.refuse(Reason::BadSize));
            }
            let target = read_vec(stream, len)?;
            if target.contains(&0) {
                return Err(stream.refuse(Reason::BadName));
            }
            check_sum(stream, header, sum(&target))?;
            tree.symlink(name, &target, header)
        }
        FileKind::Directory => {
            stream.skip(u64::from(header.size))?;
            tree.directory(name, header)
        }
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => {
            stream.skip(u64::from(header.size))?;
            tree.special(name, header)
        }
        FileKind::Anonymous => return Err(stream.refuse(Reason::BadType)),
    };
    created.map_err(|error| stream.refuse(Reason::File(error)))
}

fn regular(
    stream: &mut Stream<'_>,
    tree: &mut Tree<'_>,
    header: &Header,
    name: &[u8],
) -> Result<(), Refusal> {
    let refuse = |stream: &Stream<'_>, error| stream.refuse(Reason::File(error));
    let opened = tree.regular(name, header).map_err(|error| refuse(stream, error))?;
    let mut left = header.size as usize;
    let mut total = 0_u32;
    while left > 0 {
        let chunk = stream.chunk(left)?;
        let count = chunk.len();
        if count == 0 {
            return Err(stream.refuse(Reason::Truncated));
        }
        if header.checksum.is_some() {
            total = total.wrapping_add(sum(chunk));
        }
        let written = tree.write(&opened, chunk);
        if let Err(error) = written {
            return Err(refuse(stream, error));
        }
        stream.advance(count);
        left -= count;
    }
    check_sum(stream, header, total)?;
    tree.close(opened, header).map_err(|error| refuse(stream, error))
}

fn sum(data: &[u8]) -> u32 {
    data.iter().fold(0, |sum: u32, byte| sum.wrapping_add(u32::from(*byte)))
}

fn check_sum(stream: &Stream<'_>, header: &Header, sum: u32) -> Result<(), Refusal> {
    match header.checksum {
        Some(claimed) if claimed != sum => Err(stream.refuse(Reason::BadChecksum)),
        _ => Ok(()),
    }
}
