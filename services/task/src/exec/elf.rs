// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ELF64 parser: header and program headers, every field checked.
//!
//! Trust: every byte is the program author's. The parser works on copies of the
//! headers, never on the file, and does no arithmetic that can wrap.
//! Spec: System V ABI, chapters 4 and 5; x86-64 psABI.

use alloc::vec::Vec;
use core::ops::Range;

use abi::{Result, err, error};

/// The size of the ELF header.
pub(crate) const HEADER_LEN: usize = 64;
/// The size of a program header.
const PROGRAM_HEADER_LEN: usize = 56;
/// As many program headers as Linux takes: 64 KiB of them.
const MAX_PROGRAM_HEADERS: usize = 65536 / PROGRAM_HEADER_LEN;
/// The longest path of an interpreter, with its zero.
const MAX_INTERPRETER: u64 = 4096;
const PAGE: u64 = 4096;

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_GNU_STACK: u32 = 0x6474_e551;

const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

/// Whether the program runs where it was linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// ET_EXEC: at its own addresses.
    Fixed,
    /// ET_DYN: anywhere.
    Movable,
}

/// The checked ELF header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) entry: u64,
    /// Where the program headers are in the file.
    pub(crate) table: u64,
    pub(crate) count: usize,
}

/// A PT_LOAD segment, checked against overflow and for being page-consistent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) addr: u64,
    pub(crate) file_len: u64,
    pub(crate) mem_len: u64,
    pub(crate) align: u64,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    pub(crate) is_executable: bool,
}

/// What the program headers say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    pub(crate) segments: Vec<Segment>,
    /// Where the interpreter's path is in the file.
    pub(crate) interpreter: Option<(u64, usize)>,
    pub(crate) has_executable_stack: bool,
    /// The virtual address of the program headers, for AT_PHDR.
    pub(crate) headers_addr: u64,
    /// From the lowest to the end of the highest segment.
    pub(crate) span: Range<u64>,
    /// The largest alignment a segment asks for.
    pub(crate) align: u64,
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Result<[u8; N]> {
    let found = from.get(at..).and_then(|rest| rest.get(..N));
    found.and_then(|b| b.try_into().ok()).ok_or(error!(ENOEXEC, "truncated"))
}

fn u16_at(from: &[u8], at: usize) -> Result<u16> {
    bytes(from, at).map(u16::from_le_bytes)
}

fn u32_at(from: &[u8], at: usize) -> Result<u32> {
    bytes(from, at).map(u32::from_le_bytes)
}

fn u64_at(from: &[u8], at: usize) -> Result<u64> {
    bytes(from, at).map(u64::from_le_bytes)
}

impl Header {
    /// Reads the header at the start of a file; ENOEXEC if it is none for us.
    pub(crate) fn parse(file: &[u8]) -> Result<Self> {
        if file.get(..4) != Some(b"\x7fELF") {
            return err!(ENOEXEC, "not an ELF file");
        }
        let kind = match u16_at(file, 16)? {
            2 => Kind::Fixed,
            3 => Kind::Movable,
            _ => return err!(ENOEXEC, "neither executable nor shared object"),
        };
        // Linux looks at the machine and sizes alone; class and byte order follow.
        if bytes::<2>(file, 4)? != [2, 1] || u16_at(file, 18)? != 62 {
            return err!(ENOEXEC, "not for x86-64");
        }
        let count = usize::from(u16_at(file, 56)?);
        if usize::from(u16_at(file, 54)?) != PROGRAM_HEADER_LEN {
            return err!(ENOEXEC, "unknown program header size");
        }
        if count == 0 || count > MAX_PROGRAM_HEADERS {
            return err!(ENOEXEC, "no or too many program headers");
        }
        let table = u64_at(file, 32)?;
        if table
            .checked_add((count * PROGRAM_HEADER_LEN) as u64)
            .is_none_or(|end| end > i64::MAX as u64)
        {
            return err!(ENOEXEC, "program headers out of range");
        }
        Ok(Self { kind, entry: u64_at(file, 24)?, table, count })
    }

    /// How many bytes the program headers take.
    pub(crate) fn table_len(&self) -> usize {
        self.count * PROGRAM_HEADER_LEN
    }
}

impl Segment {
    /// Reads a PT_LOAD header. `limit` is the end of user addresses.
    fn parse(header: &[u8], limit: u64) -> Result<Self> {
        let flags = u32_at(header, 4)?;
        let segment = Self {
            offset: u64_at(header, 8)?,
            addr: u64_at(header, 16)?,
            file_len: u64_at(header, 32)?,
            mem_len: u64_at(header, 40)?,
            align: u64_at(header, 48)?,
            is_readable: flags & PF_R != 0,
            is_writable: flags & PF_W != 0,
            is_executable: flags & PF_X != 0,
        };
        if segment.file_len > segment.mem_len {
            return err!(EINVAL, "more in the file than in memory");
        }
        let end = segment.addr.checked_add(segment.mem_len);
        if end.is_none_or(|end| end > limit) {
            return err!(ENOMEM, "segment beyond user addresses");
        }
        let file_end = segment.offset.checked_add(segment.file_len);
        if file_end.is_none_or(|end| end > i64::MAX as u64 - PAGE) {
            return err!(EINVAL, "segment beyond any file");
        }
        if segment.offset % PAGE != segment.addr % PAGE {
            return err!(EINVAL, "offset and address disagree within the page");
        }
        Ok(segment)
    }

    /// The first address of its first page.
    pub(crate) fn page_start(&self) -> u64 {
        self.addr & !(PAGE - 1)
    }

    /// Bytes between the page start and the segment's start.
    pub(crate) fn lead(&self) -> u64 {
        self.addr % PAGE
    }

    /// The end of what comes from the file.
    pub(crate) fn file_end(&self) -> u64 {
        self.addr + self.file_len
    }

    /// The end of what is in memory.
    pub(crate) fn mem_end(&self) -> u64 {
        self.addr + self.mem_len
    }
}

impl Program {
    /// Reads the program headers of a file with `header`.
    pub(crate) fn parse(header: &Header, table: &[u8], limit: u64) -> Result<Self> {
        let mut program = Self {
            segments: Vec::new(),
            interpreter: None,
            has_executable_stack: true,
            headers_addr: 0,
            span: Range { start: u64::MAX, end: 0 },
            align: PAGE,
        };
        for entry in table.chunks_exact(PROGRAM_HEADER_LEN).take(header.count) {
            match u32_at(entry, 0)? {
                PT_LOAD => program.add_segment(Segment::parse(entry, limit)?, header)?,
                PT_INTERP if program.interpreter.is_none() => {
                    program.interpreter = Some(interpreter(entry)?);
                }
                PT_GNU_STACK => program.has_executable_stack = u32_at(entry, 4)? & PF_X != 0,
                _ => {}
            }
        }
        if program.segments.is_empty() {
            return err!(ENOEXEC, "nothing to load");
        }
        Ok(program)
    }

    fn add_segment(&mut self, segment: Segment, header: &Header) -> Result<()> {
        if segment.mem_len == 0 {
            return Ok(());
        }
        if self.segments.last().is_some_and(|last| segment.addr < last.mem_end()) {
            return err!(EINVAL, "segments overlap or are out of order");
        }
        let in_file = segment.offset..segment.offset + segment.file_len;
        if in_file.contains(&header.table) {
            self.headers_addr = segment.addr + (header.table - segment.offset);
        }
        self.span = self.span.start.min(segment.page_start())..self.span.end.max(segment.mem_end());
        if segment.align.is_power_of_two() {
            self.align = self.align.max(segment.align);
        }
        self.segments.try_reserve(1).map_err(|_| error!(ENOMEM))?;
        self.segments.push(segment);
        Ok(())
    }
}

fn interpreter(entry: &[u8]) -> Result<(u64, usize)> {
    let (offset, len) = (u64_at(entry, 8)?, u64_at(entry, 32)?);
    if !(2..=MAX_INTERPRETER).contains(&len) || offset > i64::MAX as u64 - len {
        return err!(ENOEXEC, "bad interpreter path");
    }
    Ok((offset, len as usize))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use abi::Errno;
    use alloc::vec;

    pub(crate) const LIMIT: u64 = 0x7fff_ffff_f000;

    /// A static program: one text and one data segment, a GNU_STACK header.
    pub(crate) fn sample() -> Vec<u8> {
        let mut file = vec![0_u8; HEADER_LEN + 3 * PROGRAM_HEADER_LEN];
        file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(16, &2_u16.to_le_bytes());
        put(18, &62_u16.to_le_bytes());
        put(20, &1_u32.to_le_bytes());
        put(24, &0x40_1000_u64.to_le_bytes());
        put(32, &64_u64.to_le_bytes());
        put(52, &64_u16.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &3_u16.to_le_bytes());
        let mut header = |n: usize, kind: u32, flags: u32, rest: [u64; 6]| {
            let at = HEADER_LEN + n * PROGRAM_HEADER_LEN;
            put(at, &kind.to_le_bytes());
            put(at + 4, &flags.to_le_bytes());
            for (i, word) in rest.into_iter().enumerate() {
                put(at + 8 + i * 8, &word.to_le_bytes());
            }
        };
        header(0, PT_LOAD, PF_R | PF_X, [0, 0x40_0000, 0, 0x2000, 0x2000, 0x1000]);
        header(1, PT_LOAD, PF_R | PF_W, [0x2010, 0x40_3010, 0, 0x20, 0x3000, 0x1000]);
        header(2, PT_GNU_STACK, PF_R | PF_W, [0, 0, 0, 0, 0, 16]);
        file
    }

    fn parse(file: &[u8]) -> Result<Program> {
        let header = Header::parse(file)?;
        let start = usize::try_from(header.table).unwrap();
        let table = start.checked_add(header.table_len()).and_then(|end| file.get(start..end));
        Program::parse(&header, table.ok_or(error!(ENOEXEC))?, LIMIT)
    }

    #[test]
    fn a_good_file() {
        let program = parse(&sample()).unwrap();
        assert_eq!(program.segments.len(), 2);
        assert!(!program.has_executable_stack);
        assert_eq!(program.headers_addr, 0x40_0040);
        assert_eq!(program.span, 0x40_0000..0x40_6010);
        let data = program.segments[1];
        assert_eq!((data.page_start(), data.lead()), (0x40_3000, 0x10));
        assert_eq!((data.file_end(), data.mem_end()), (0x40_3030, 0x40_6010));
        assert!(data.is_writable && !data.is_executable);
    }

    fn errno_with(at: usize, bytes: &[u8]) -> Option<Errno> {
        let mut file = sample();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        parse(&file).err().map(abi::Error::errno)
    }

    #[test]
    fn bad_fields() {
        assert_eq!(errno_with(0, b"X"), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(4, &[1]), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(18, &3_u16.to_le_bytes()), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(16, &4_u16.to_le_bytes()), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(54, &32_u16.to_le_bytes()), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(56, &0_u16.to_le_bytes()), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(56, &2000_u16.to_le_bytes()), Some(Errno::ENOEXEC));
        assert_eq!(errno_with(32, &u64::MAX.to_le_bytes()), Some(Errno::ENOEXEC));
        // Segment 0: file size over memory size; address wraps; offset skewed.
        assert_eq!(errno_with(64 + 32, &0x9000_u64.to_le_bytes()), Some(Errno::EINVAL));
        assert_eq!(errno_with(64 + 16, &(u64::MAX - 0xfff).to_le_bytes()), Some(Errno::ENOMEM));
        assert_eq!(errno_with(64 + 40, &LIMIT.to_le_bytes()), Some(Errno::ENOMEM));
        assert_eq!(errno_with(64 + 8, &1_u64.to_le_bytes()), Some(Errno::EINVAL));
        // Segment 1 before segment 0.
        assert_eq!(errno_with(120 + 16, &0x10_u64.to_le_bytes()), Some(Errno::EINVAL));
    }

    #[test]
    fn truncations_and_mutations_never_panic() {
        let good = sample();
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err());
        }
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        for _ in 0..200_000 {
            let mut file = good.clone();
            for _ in 0..=next() % 4 {
                let at = next() % file.len();
                file[at] = match next() % 4 {
                    0 => 0xff,
                    1 => 0x7f,
                    2 => 0x80,
                    _ => next() as u8,
                };
            }
            let Ok(program) = parse(&file) else { continue };
            for s in &program.segments {
                assert!(s.mem_end() <= LIMIT && s.file_end() <= s.mem_end());
                assert_eq!(s.offset % PAGE, s.lead());
            }
            assert!(program.span.start < program.span.end);
        }
    }
}
