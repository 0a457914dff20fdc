// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ELF64 parser: header and program headers, every field checked.
//!
//! Trust: every byte is the program author's. The parser works on copies of the
//! headers, never on the file, and does no arithmetic that can wrap.
//! Spec: System V ABI, chapters 4 and 5; x86-64 psABI.

use alloc::vec::Vec;
use core::ops::Range;

use abi::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_X86_64, ET_DYN, ET_EXEC, Ehdr, PF_R, PF_W, PF_X,
    PT_GNU_STACK, PT_INTERP, PT_LOAD, Phdr,
};
use framework::mm::{PAGE_SIZE, Pod};

use Refusal::{Foreign, NoMemory, Senseless};

/// As many program headers as Linux takes: 64 KiB of them.
const MAX_PROGRAM_HEADERS: usize = 65536 / size_of::<Phdr>();
/// The longest path of an interpreter, with its zero.
const MAX_INTERPRETER: u64 = 4096;
const PAGE: u64 = PAGE_SIZE as u64;

/// Why a file is not loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It is no program for this kernel.
    Foreign(&'static str),
    /// It is one, and makes no sense.
    Senseless(&'static str),
    /// There is no memory to look at it.
    NoMemory,
}

type Result<T, E = Refusal> = core::result::Result<T, E>;

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

impl Header {
    /// Checks the header at the start of a file.
    pub(crate) fn check(raw: &Ehdr) -> Result<Self> {
        let [m0, m1, m2, m3, class, order, ..] = raw.ident;
        if [m0, m1, m2, m3] != ELFMAG {
            return Err(Foreign("not an ELF file"));
        }
        let kind = match raw.kind {
            ET_EXEC => Kind::Fixed,
            ET_DYN => Kind::Movable,
            _ => return Err(Foreign("neither executable nor shared object")),
        };
        // Linux looks at the machine and sizes alone; class and byte order follow.
        if (class, order, raw.machine) != (ELFCLASS64, ELFDATA2LSB, EM_X86_64) {
            return Err(Foreign("not for x86-64"));
        }
        let count = usize::from(raw.phnum);
        if usize::from(raw.phentsize) != size_of::<Phdr>() {
            return Err(Foreign("unknown program header size"));
        }
        if count == 0 || count > MAX_PROGRAM_HEADERS {
            return Err(Foreign("no or too many program headers"));
        }
        let header = Self { kind, entry: raw.entry, table: raw.phoff, count };
        let end = header.table.checked_add(header.table_len() as u64);
        if end.is_none_or(|end| end > i64::MAX as u64) {
            return Err(Foreign("program headers out of range"));
        }
        Ok(header)
    }

    /// How many bytes the program headers take.
    pub(crate) fn table_len(&self) -> usize {
        self.count * size_of::<Phdr>()
    }
}

impl Segment {
    /// Checks a PT_LOAD header. `limit` is the end of user addresses.
    fn check(raw: &Phdr, limit: u64) -> Result<Self> {
        let segment = Self {
            offset: raw.offset,
            addr: raw.vaddr,
            file_len: raw.filesz,
            mem_len: raw.memsz,
            align: raw.align,
            is_readable: raw.flags & PF_R != 0,
            is_writable: raw.flags & PF_W != 0,
            is_executable: raw.flags & PF_X != 0,
        };
        if segment.file_len > segment.mem_len {
            return Err(Senseless("more in the file than in memory"));
        }
        let end = segment.addr.checked_add(segment.mem_len);
        if end.is_none_or(|end| end > limit) {
            return Err(Senseless("segment beyond user addresses"));
        }
        let file_end = segment.offset.checked_add(segment.file_len);
        if file_end.is_none_or(|end| end > i64::MAX as u64 - PAGE) {
            return Err(Senseless("segment beyond any file"));
        }
        if segment.offset % PAGE != segment.addr % PAGE {
            return Err(Senseless("offset and address disagree within the page"));
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
    /// Checks the program headers of a file with `header`.
    pub(crate) fn check(header: &Header, table: &[u8], limit: u64) -> Result<Self> {
        let mut program = Self {
            segments: Vec::new(),
            interpreter: None,
            has_executable_stack: true,
            headers_addr: 0,
            span: Range { start: u64::MAX, end: 0 },
            align: PAGE,
        };
        for entry in table.chunks_exact(size_of::<Phdr>()).take(header.count) {
            let raw = Phdr::from_bytes(entry);
            match raw.kind {
                PT_LOAD => program.add_segment(Segment::check(&raw, limit)?, header)?,
                PT_INTERP if program.interpreter.is_none() => {
                    program.interpreter = Some(interpreter(&raw)?);
                }
                PT_GNU_STACK => program.has_executable_stack = raw.flags & PF_X != 0,
                _ => {}
            }
        }
        if program.segments.is_empty() {
            return Err(Foreign("nothing to load"));
        }
        Ok(program)
    }

    fn add_segment(&mut self, segment: Segment, header: &Header) -> Result<()> {
        if segment.mem_len == 0 {
            return Ok(());
        }
        if self.segments.last().is_some_and(|last| segment.addr < last.mem_end()) {
            return Err(Senseless("segments overlap or are out of order"));
        }
        let in_file = segment.offset..segment.offset + segment.file_len;
        if in_file.contains(&header.table) {
            self.headers_addr = segment.addr + (header.table - segment.offset);
        }
        self.span = self.span.start.min(segment.page_start())..self.span.end.max(segment.mem_end());
        if segment.align.is_power_of_two() {
            self.align = self.align.max(segment.align);
        }
        self.segments.try_reserve(1).map_err(|_| NoMemory)?;
        self.segments.push(segment);
        Ok(())
    }
}

fn interpreter(raw: &Phdr) -> Result<(u64, usize)> {
    let (offset, len) = (raw.offset, raw.filesz);
    if !(2..=MAX_INTERPRETER).contains(&len) || offset > i64::MAX as u64 - len {
        return Err(Foreign("bad interpreter path"));
    }
    Ok((offset, len as usize))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::vec;

    pub(crate) const LIMIT: u64 = 0x7fff_ffff_f000;

    /// A static program: one text and one data segment, a GNU_STACK header.
    pub(crate) fn sample() -> Vec<u8> {
        let mut ident = [0; 16];
        ident[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
        let header = Ehdr {
            ident,
            kind: ET_EXEC,
            machine: EM_X86_64,
            version: 1,
            entry: 0x40_1000,
            phoff: 64,
            ehsize: 64,
            phentsize: 56,
            phnum: 3,
            ..Ehdr::default()
        };
        let text = Phdr {
            kind: PT_LOAD,
            flags: PF_R | PF_X,
            vaddr: 0x40_0000,
            filesz: 0x2000,
            memsz: 0x2000,
            align: 0x1000,
            ..Phdr::default()
        };
        let data = Phdr {
            kind: PT_LOAD,
            flags: PF_R | PF_W,
            offset: 0x2010,
            vaddr: 0x40_3010,
            filesz: 0x20,
            memsz: 0x3000,
            align: 0x1000,
            ..Phdr::default()
        };
        let stack = Phdr { kind: PT_GNU_STACK, flags: PF_R | PF_W, align: 16, ..Phdr::default() };
        let mut file = vec![0; 64 + 3 * 56];
        header.to_bytes(&mut file);
        for (raw, at) in [text, data, stack].into_iter().zip(file[64..].chunks_exact_mut(56)) {
            raw.to_bytes(at);
        }
        file
    }

    fn parse(file: &[u8]) -> Result<Program> {
        let mut head = file.to_vec();
        head.resize(64, 0);
        let header = Header::check(&Ehdr::from_bytes(&head))?;
        let start = usize::try_from(header.table).unwrap();
        let table = start.checked_add(header.table_len()).and_then(|end| file.get(start..end));
        Program::check(&header, table.ok_or(Foreign("cut off"))?, LIMIT)
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

    fn with(at: usize, bytes: &[u8]) -> Refusal {
        let mut file = sample();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        parse(&file).unwrap_err()
    }

    #[test]
    fn foreign_files() {
        let cases: [(usize, &[u8]); 8] = [
            (0, b"X"),
            (4, &[1]),
            (18, &[3, 0]),
            (16, &[4, 0]),
            (54, &[32, 0]),
            (56, &[0, 0]),
            (56, &[0xd0, 7]),
            (32, &[0xff; 8]),
        ];
        for (at, bytes) in cases {
            assert!(matches!(with(at, bytes), Foreign(_)), "{at}");
        }
    }

    #[test]
    fn senseless_segments() {
        let cases = [
            // Segment 0: file size over memory size; address wraps; too long; offset skewed.
            (64 + 32, 0x9000),
            (64 + 16, u64::MAX - 0xfff),
            (64 + 40, LIMIT),
            (64 + 8, 1),
            // Segment 1 before segment 0.
            (120 + 16, 0x10),
        ];
        for (at, value) in cases {
            assert!(matches!(with(at, &value.to_le_bytes()), Senseless(_)), "{at}");
        }
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
