// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ELF64 files: header and program headers.
//!
//! Spec: System V ABI, chapters 4 and 5; x86-64 psABI; elf(5).

/// What the file starts with.
pub const ELFMAG: [u8; 4] = *b"\x7fELF";
/// In `ident` at 4: 64-bit objects.
pub const ELFCLASS64: u8 = 2;
/// In `ident` at 5: little-endian.
pub const ELFDATA2LSB: u8 = 1;

/// `kind` of [`Ehdr`]: a program at its own addresses.
pub const ET_EXEC: u16 = 2;
/// `kind` of [`Ehdr`]: a shared object or a program that runs anywhere.
pub const ET_DYN: u16 = 3;
/// `machine` of [`Ehdr`]: x86-64.
pub const EM_X86_64: u16 = 62;

/// `kind` of [`Phdr`]: to be mapped.
pub const PT_LOAD: u32 = 1;
/// `kind` of [`Phdr`]: the path of the interpreter.
pub const PT_INTERP: u32 = 3;
/// `kind` of [`Phdr`]: whether the stack is executable.
pub const PT_GNU_STACK: u32 = 0x6474_e551;

/// `flags` of [`Phdr`]: executable.
pub const PF_X: u32 = 1;
/// `flags` of [`Phdr`]: writable.
pub const PF_W: u32 = 2;
/// `flags` of [`Phdr`]: readable.
pub const PF_R: u32 = 4;

framework::pod_struct! {
    /// `Elf64_Ehdr` (`man 5 elf`): the header at the start of the file.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Ehdr {
        /// [`ELFMAG`], class, byte order, versions.
        pub ident: [u8; 16],
        /// `ET_*`.
        pub kind: u16,
        /// `EM_*`.
        pub machine: u16,
        /// 1; Linux does not look at it.
        pub version: u32,
        /// Where the program starts.
        pub entry: u64,
        /// Where the program headers are in the file.
        pub phoff: u64,
        /// Where the section headers are in the file.
        pub shoff: u64,
        /// Zero on x86-64.
        pub flags: u32,
        /// Bytes of this header.
        pub ehsize: u16,
        /// Bytes of a program header.
        pub phentsize: u16,
        /// How many there are.
        pub phnum: u16,
        /// Bytes of a section header.
        pub shentsize: u16,
        /// How many there are.
        pub shnum: u16,
        /// Which section holds the names of sections.
        pub shstrndx: u16,
    }

    /// `Elf64_Phdr` (`man 5 elf`): one program header.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Phdr {
        /// `PT_*`.
        pub kind: u32,
        /// `PF_*`.
        pub flags: u32,
        /// Where it is in the file.
        pub offset: u64,
        /// Where it is in memory.
        pub vaddr: u64,
        /// No meaning to programs.
        pub paddr: u64,
        /// Bytes in the file.
        pub filesz: u64,
        /// Bytes in memory.
        pub memsz: u64,
        /// A power of two: offset and address agree modulo it.
        pub align: u64,
    }
}

const _: () = assert!(size_of::<Ehdr>() == 64);
const _: () = assert!(size_of::<Phdr>() == 56);
