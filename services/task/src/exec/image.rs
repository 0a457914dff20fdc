// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A new program in an address space of its own, ready to be taken up.
//!
//! Trust: the file's bytes and all strings are the program's.

use alloc::{sync::Arc, vec::Vec};

use abi::elf::Ehdr;
use abi::limits::BINPRM_BUF_SIZE;
use abi::mman::Prot;
use abi::process::personality::ADDR_NO_RANDOMIZE;
use abi::{Errno, Result, error};
use cred::ExecOutcome;
use framework::mm::PAGE_SIZE;
use mm::{AddressSpace, Aslr, ProgramInfo};
use vfs::{File, Follow, Resolver};

use super::load::{Elf, LoadError, Loaded};
use super::program::Program;
use super::stack;
use super::strings::Strings;
use crate::{
    process::{Process, Thread},
    signal::{SigActions, min_stack_size},
};

/// Everything that the new program needs, ready to be taken up.
pub(super) struct Image {
    pub(super) mm: Arc<AddressSpace>,
    pub(super) program: Program,
    pub(super) outcome: ExecOutcome,
    /// To be filled by those that stay.
    pub(super) actions: SigActions,
    pub(super) comm: Vec<u8>,
    pub(super) entry: u64,
    pub(super) sp: u64,
}

/// Opens the program at `path` as `thread` sees it.
///
/// # Errors
/// Those of [`vfs::open_exec`].
pub fn open(thread: &Thread, path: &[u8]) -> Result<Program> {
    let (fs, cred) = (thread.fs(), thread.cred());
    let file = vfs::open_exec(&Resolver::new(&fs, &cred), path, Follow::Yes)?;
    Ok(Program::new(file))
}

fn aslr(process: &Process) -> Aslr {
    if process.personality() & ADDR_NO_RANDOMIZE != 0 { Aslr::Off } else { Aslr::of_machine() }
}

/// Builds the new address space: segments, interpreter, stack.
#[expect(clippy::too_many_arguments, reason = "each part of an exec request, once")]
pub(super) fn build(
    thread: &Thread,
    elf: &Elf,
    program: Program,
    outcome: ExecOutcome,
    comm: Vec<u8>,
    name: &[u8],
    argv: &Strings,
    envp: &Strings,
) -> Result<Image, LoadError> {
    let process = thread.process();
    let interpreter = open_interpreter(thread, elf)?;
    let aslr = aslr(process);
    let mm = AddressSpace::new(process.mm_limits(), aslr)?;
    let loaded = elf.map(&mm, mm.layout().pie_base as u64)?;
    mm.start_heap((elf.program.span.end + loaded.bias) as usize).map_err(LoadError::late)?;
    let mut entry = loaded.entry;
    let mut base = 0;
    if let Some(interpreter) = &interpreter {
        let room = interpreter.find_room(&mm)?;
        let placed = interpreter.map(&mm, room)?;
        (entry, base) = (placed.entry, placed.bias);
    }
    if entry >= mm::TASK_SIZE as u64 {
        return Err(LoadError::Fatal("starts outside of its memory"));
    }
    let input = aux_input(elf, &loaded, base, &outcome);
    let plan = push_stack(&mm, elf, aslr, argv, envp, name, &input)?;
    let program_info = describe(elf, loaded.bias, &plan, program.file().clone());
    mm.set_program(program_info);
    let actions = SigActions::new().map_err(LoadError::late)?;
    Ok(Image { mm, program, outcome, actions, comm, entry, sp: plan.sp as u64 })
}

/// What the auxiliary vector tells of a program whose interpreter is at `base`.
fn aux_input(elf: &Elf, loaded: &Loaded, base: u64, outcome: &ExecOutcome) -> stack::AuxInput {
    let cred = &outcome.cred;
    let info = framework::cpu::info();
    stack::AuxInput {
        phdr: match elf.program.headers_addr {
            0 => 0,
            addr => addr + loaded.bias,
        },
        phnum: elf.header.count as u64,
        base,
        entry: loaded.entry,
        uid: cred.uid,
        euid: cred.euid,
        gid: cred.gid,
        egid: cred.egid,
        is_secure: outcome.is_secure,
        hwcap: info.leaf1.0.into(),
        hwcap2: u64::from(info.leaf7.0 & 1) << 1,
        min_stack: min_stack_size() as u64,
    }
}

fn open_interpreter(thread: &Thread, elf: &Elf) -> Result<Option<Elf>, LoadError> {
    let Some(path) = elf.interpreter()? else { return Ok(None) };
    let program = open(thread, &path)?;
    let mut head = [0; BINPRM_BUF_SIZE];
    let len = program.file().read_kernel(0, &mut head)?;
    if len < size_of::<Ehdr>() {
        return Err(error!(EIO, "the interpreter is cut off").into());
    }
    let head = head.get(..len).unwrap_or(&head);
    match Elf::read(program.file().clone(), head) {
        Err(LoadError::Refused(e)) if e.errno() == Errno::ENOEXEC => {
            Err(error!(ELIBBAD, "the interpreter is no ELF file for us").into())
        }
        other => other.map(Some),
    }
}

/// Maps the stack and writes what the program finds on it.
fn push_stack(
    mm: &AddressSpace,
    elf: &Elf,
    aslr: Aslr,
    argv: &Strings,
    envp: &Strings,
    name: &[u8],
    input: &stack::AuxInput,
) -> Result<stack::Plan> {
    const ROOM: usize = 128 * 1024;
    let mut prot = Prot::READ | Prot::WRITE;
    prot.set(Prot::EXEC, elf.program.has_executable_stack);
    let len = (stack::size(argv, envp, name) + ROOM).next_multiple_of(PAGE_SIZE);
    let range = mm.map_stack(len, prot)?;
    let mut random = [0; 16];
    framework::random::fill(&mut random);
    let gap = match aslr {
        Aslr::On => framework::random::u64() as usize % stack::MAX_GAP,
        Aslr::Off => 0,
    };
    let plan = stack::plan(range.end, gap, argv, envp, name, &random, input)?;
    let vm = mm.vm();
    vm.write(plan.sp, &plan.image)?;
    argv.write(vm, plan.args.start)?;
    envp.write(vm, plan.env.start)?;
    vm.write(plan.name, name)?;
    Ok(plan)
}

/// What /proc shows of the program.
fn describe(elf: &Elf, bias: u64, plan: &stack::Plan, exe: Arc<File>) -> ProgramInfo {
    let mut info = ProgramInfo {
        exe: Some(exe),
        start_stack: plan.sp,
        args: plan.args.clone(),
        env: plan.env.clone(),
        auxv: plan.auxv.clone(),
        ..ProgramInfo::default()
    };
    for segment in &elf.program.segments {
        let range = (segment.addr + bias) as usize..(segment.file_end() + bias) as usize;
        if segment.is_executable {
            let start = if info.code.end == 0 { range.start } else { info.code.start };
            info.code = start..range.end;
        }
        // As on Linux: the highest segment is the data.
        info.data = range;
    }
    info
}
