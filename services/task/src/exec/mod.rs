// SPDX-License-Identifier: Apache-2.0 OR MIT
//! execve: a process takes up a new program.
//!
//! The new address space is built completely beside the old one; only when
//! nothing can fail any more do the other threads end and the process change
//! over. A program whose segments make no sense ends the process by SIGSEGV, as
//! it does on Linux, where that is found out too late to return.
//!
//! Trust: the file's bytes and all strings are the program's.
//! Spec: execve(2).

mod commit;
mod elf;
mod load;
mod script;
mod stack;
mod strings;

use alloc::{sync::Arc, vec::Vec};

use abi::elf::Ehdr;
use abi::mman::Prot;
use abi::mount::MountFlags;
use abi::process::personality::ADDR_NO_RANDOMIZE;
use abi::resource::Resource;
use abi::signal::Signal;
use abi::{Errno, Result, err, error};
use cred::{ExecFile, ExecOutcome};
use framework::{mm::PAGE_SIZE, user::UserContext};
use mm::{AddressSpace, Aslr, ProgramInfo};
use vfs::{File, Follow, Resolver};

pub use strings::{Budget, Strings};

use crate::{exit, process::Process, signal::min_stack_size, thread::Thread};
use load::{Elf, LoadError};

/// Scripts may name scripts this often.
const MAX_SCRIPTS: usize = 5;

/// What execve(2) is asked for.
pub struct Request {
    /// The program, opened by [`open`] or `vfs::open_exec_path`.
    pub program: Program,
    /// Its name, as AT_EXECFN and scripts see it.
    pub name: Vec<u8>,
    /// The arguments.
    pub argv: Strings,
    /// The environment.
    pub envp: Strings,
}

/// An open program file that cannot be written to while this exists.
pub struct Program {
    file: Arc<File>,
}

impl Program {
    /// Takes over a file from `vfs::open_exec` or `vfs::open_exec_path`.
    pub fn new(file: Arc<File>) -> Self {
        Self { file }
    }

    /// The file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.file.inode().base().allow_write();
    }
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

/// Everything that the new program needs, ready to be taken up.
struct Image {
    mm: Arc<AddressSpace>,
    program: Program,
    outcome: ExecOutcome,
    comm: Vec<u8>,
    entry: u64,
    sp: u64,
}

/// execve(2): `user` continues in the new program. On an error the old one goes
/// on as if nothing had happened.
///
/// # Errors
/// `ENOEXEC` for a file in no known form, `ELOOP` for scripts of scripts without end,
/// `E2BIG` for too long arguments, `ELIBBAD` or `EIO` for a broken interpreter, those of
/// [`open`] for a script's or program's interpreter, `EINVAL` for segments that cannot be,
/// `EAGAIN` if the process ends, `ENOMEM`. What is wrong later ends the process by SIGSEGV,
/// as on Linux.
pub fn execve(thread: &Arc<Thread>, user: &mut UserContext, request: Request) -> Result<()> {
    framework::mm::admit()?;
    match prepare(thread, request) {
        Ok(image) => commit::take_up(thread, user, image),
        Err(LoadError::Refused(why)) => Err(why),
        Err(LoadError::Fatal(_)) => {
            exit::exit_group_with(thread, exit::core_status(thread.process(), Signal::SEGV));
            Ok(())
        }
    }
}

/// The first program: as [`execve`], for a thread that does not run yet.
pub(crate) fn load_first(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    request: Request,
) -> Result<Arc<AddressSpace>> {
    match prepare(thread, request) {
        Ok(image) => Ok(commit::take_up_first(thread, user, image)),
        Err(LoadError::Refused(why)) => Err(why),
        Err(LoadError::Fatal(why)) => err!(ENOEXEC, why),
    }
}

/// Follows scripts to the program that runs, and builds its address space.
fn prepare(thread: &Thread, request: Request) -> Result<Image, LoadError> {
    let Request { mut program, name, mut argv, envp } = request;
    let comm = base_name(&name).to_vec();
    if argv.count == 0 {
        argv.push(b"")?;
    }
    let mut script_name = name.clone();
    let mut head = [0; script::HEAD_LEN];
    for _ in 0..=MAX_SCRIPTS {
        let len = program.file.read_kernel(0, &mut head)?;
        let head = head.get(..len).unwrap_or(&head);
        let Some(line) = script::parse(head)? else {
            let outcome = outcome(thread, &program);
            let elf = Elf::read(program.file.clone(), head)?;
            return build(thread, &elf, program, outcome, comm, &name, &argv, &envp);
        };
        let mut budget = Budget::new(thread.process().rlimit(Resource::Stack).cur);
        budget.take(argv.bytes.len() + envp.bytes.len())?;
        let mut first: Vec<&[u8]> = Vec::with_capacity(3);
        first.push(line.interpreter);
        first.extend(line.argument);
        first.push(&script_name);
        argv = argv.replace_first(&first, &mut budget)?;
        script_name = line.interpreter.to_vec();
        program = open(thread, &script_name)?;
    }
    Err(error!(ELOOP, "scripts of scripts of scripts").into())
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// What the program file does to the credentials.
fn outcome(thread: &Thread, program: &Program) -> ExecOutcome {
    let meta = program.file.metadata();
    let is_nosuid = program.file.path().mount().flags().contains(MountFlags::NOSUID);
    let file = ExecFile { uid: meta.uid, gid: meta.gid, mode: meta.mode, is_nosuid };
    thread.cred().exec(&file)
}

fn aslr(process: &Process) -> Aslr {
    if process.personality() & ADDR_NO_RANDOMIZE != 0 { Aslr::Off } else { Aslr::On }
}

/// Builds the new address space: segments, interpreter, stack.
#[expect(clippy::too_many_arguments, reason = "each part of an exec request, once")]
fn build(
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
    let cred = &outcome.cred;
    let info = framework::cpu::info();
    let input = stack::AuxInput {
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
    };
    let plan = push_stack(&mm, elf, aslr, argv, envp, name, &input)?;
    let program_info = describe(elf, loaded.bias, &plan, program.file.clone());
    mm.set_program(program_info);
    Ok(Image { mm, program, outcome, comm, entry, sp: plan.sp as u64 })
}

fn open_interpreter(thread: &Thread, elf: &Elf) -> Result<Option<Elf>, LoadError> {
    let Some(path) = elf.interpreter()? else { return Ok(None) };
    let program = open(thread, &path)?;
    let mut head = [0; script::HEAD_LEN];
    let len = program.file.read_kernel(0, &mut head)?;
    if len < size_of::<Ehdr>() {
        return Err(error!(EIO, "the interpreter is cut off").into());
    }
    let head = head.get(..len).unwrap_or(&head);
    match Elf::read(program.file.clone(), head) {
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
    vm.write(plan.args.start, &argv.bytes)?;
    vm.write(plan.env.start, &envp.bytes)?;
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

/// A small ELF file for tests.
#[cfg(test)]
pub(crate) fn sample_elf() -> Vec<u8> {
    elf::tests::sample()
}
