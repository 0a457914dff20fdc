// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mapping a program and its interpreter into a fresh address space.

use alloc::{sync::Arc, vec::Vec};

use abi::elf::Ehdr;
use abi::mman::Prot;
use abi::{Error, Result, err, error};
use framework::mm::{PAGE_SIZE, Pod};
use mm::{AddressSpace, MapRequest, TASK_SIZE};
use vfs::File;

use super::elf::{Header, Kind, Program, Refusal, Segment};

/// An ELF file whose headers are read and checked.
pub(super) struct Elf {
    pub(super) file: Arc<File>,
    pub(super) header: Header,
    pub(super) program: Program,
}

/// Why a program does not run.
pub(super) enum LoadError {
    /// execve fails with this: no program for this kernel, or something is lacking.
    Refused(Error),
    /// The program makes no sense. Linux finds that out past the point of no
    /// return, so the process ends by SIGSEGV instead of execve failing.
    Fatal(&'static str),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Foreign(why) => Self::Refused(error!(ENOEXEC, why)),
            Refusal::Senseless(why) => Self::Fatal(why),
            Refusal::NoMemory => Self::Refused(error!(ENOMEM, "no memory for program headers")),
        }
    }
}

impl LoadError {
    /// Of a mapping that failed: for Linux it is too late to return.
    pub(super) fn late(error: Error) -> Self {
        Self::Fatal(error.why())
    }
}

/// Where an ELF file was mapped.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Loaded {
    /// What was added to the file's addresses.
    pub(super) bias: u64,
    pub(super) entry: u64,
}

fn read_exact(file: &File, offset: u64, buf: &mut [u8], short: Error) -> Result<()> {
    if file.read_kernel(offset, buf)? == buf.len() { Ok(()) } else { Err(short) }
}

impl Elf {
    /// Reads the headers of `file`, whose first bytes are `head`.
    pub(super) fn read(file: Arc<File>, head: &[u8]) -> Result<Self, LoadError> {
        let mut start = [0; size_of::<Ehdr>()];
        for (to, from) in start.iter_mut().zip(head) {
            *to = *from;
        }
        let header = Header::check(&Ehdr::from_bytes(&start))?;
        let mut table = Vec::new();
        table.try_reserve_exact(header.table_len()).map_err(|_| error!(ENOMEM))?;
        table.resize(header.table_len(), 0);
        let at = usize::try_from(header.table).unwrap_or(usize::MAX);
        match head.get(at..).and_then(|rest| rest.get(..table.len())) {
            Some(cached) => table.copy_from_slice(cached),
            None => {
                let short = error!(ENOEXEC, "program headers cut off");
                read_exact(&file, header.table, &mut table, short)?;
            }
        }
        let program = Program::check(&header, &table, TASK_SIZE as u64)?;
        Ok(Self { file, header, program })
    }

    /// The interpreter's path, if the program wants one.
    pub(super) fn interpreter(&self) -> Result<Option<Vec<u8>>> {
        let Some((offset, len)) = self.program.interpreter else { return Ok(None) };
        let mut path = Vec::new();
        path.try_reserve_exact(len).map_err(|_| error!(ENOMEM))?;
        path.resize(len, 0);
        read_exact(&self.file, offset, &mut path, error!(EIO, "interpreter path cut off"))?;
        match path.pop() {
            Some(0) => {}
            _ => return err!(ENOEXEC, "the interpreter path has no end"),
        }
        let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
        path.truncate(end);
        Ok(Some(path))
    }

    /// Maps all segments, moved so that the lowest is at `base` if the file is
    /// movable.
    pub(super) fn map(&self, mm: &AddressSpace, base: u64) -> Result<Loaded, LoadError> {
        let bias = match self.header.kind {
            Kind::Fixed => 0,
            Kind::Movable => {
                let aligned = base & !(self.program.align - 1);
                let bias = aligned.checked_sub(self.program.span.start);
                bias.ok_or(error!(ENOMEM, "linked above where programs go"))?
            }
        };
        let end = self.program.span.end.checked_add(bias);
        if end.is_none_or(|end| end > TASK_SIZE as u64) {
            return Err(LoadError::Fatal("the program does not fit"));
        }
        for segment in &self.program.segments {
            map_segment(mm, &self.file, segment, bias).map_err(LoadError::late)?;
        }
        Ok(Loaded { bias, entry: self.header.entry.wrapping_add(bias) })
    }

    /// A range of unmapped memory that takes the whole file, for an interpreter.
    pub(super) fn find_room(&self, mm: &AddressSpace) -> Result<u64, LoadError> {
        let span = &self.program.span;
        let len = (span.end - span.start) as usize;
        let slack = self.program.align as usize;
        let total = len.checked_add(slack).ok_or(error!(ENOMEM, "alignment"))?;
        let request = MapRequest::anonymous(total, Prot::empty());
        let start = mm.mmap(&request).map_err(LoadError::late)?;
        mm.munmap(start, total).map_err(LoadError::late)?;
        Ok((start as u64).next_multiple_of(self.program.align))
    }
}

fn prot_of(segment: &Segment) -> Prot {
    let mut prot = Prot::empty();
    prot.set(Prot::READ, segment.is_readable);
    prot.set(Prot::WRITE, segment.is_writable);
    prot.set(Prot::EXEC, segment.is_executable);
    prot
}

/// Maps one segment: its pages of the file, zeros after them.
fn map_segment(mm: &AddressSpace, file: &Arc<File>, segment: &Segment, bias: u64) -> Result<()> {
    let prot = prot_of(segment);
    let start = (segment.page_start() + bias) as usize;
    let file_end = (segment.file_end() + bias) as usize;
    let mem_end = (segment.mem_end() + bias) as usize;
    let mut zero_from = start;
    if segment.file_len > 0 {
        let len = (file_end - start).next_multiple_of(PAGE_SIZE);
        let offset = segment.offset - segment.lead();
        mm.mmap(&MapRequest::file(file.clone(), offset, len, prot).fixed(start))?;
        zero_from = start + len;
        if mem_end > file_end && segment.is_writable {
            // The rest of the last page of the file is not the program's.
            clear(mm, file_end, zero_from)?;
        }
    }
    if mem_end > zero_from {
        let len = (mem_end - zero_from).next_multiple_of(PAGE_SIZE);
        mm.mmap(&MapRequest::anonymous(len, prot).fixed(zero_from))?;
    }
    Ok(())
}

fn clear(mm: &AddressSpace, from: usize, to: usize) -> Result<()> {
    const ZEROS: [u8; 512] = [0; 512];
    let mut at = from;
    while at < to {
        let step = ZEROS.len().min(to - at);
        mm.vm().write(at, ZEROS.get(..step).unwrap_or(&ZEROS))?;
        at += step;
    }
    Ok(())
}
