// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The first process, and the hooks that other services get from this one.

use alloc::sync::Arc;

use abi::Result;
use abi::capability::Caps;
use abi::resource::Resource;
use abi::signal::{SigInfo, Signal};
use cred::Cred;
use framework::{mm::Frame, user::UserContext};
use mm::AddressSpace;
use vfs::{Account, FdTable, FsContext, MountNamespace, hooks::ProcessHooks};

use crate::{
    clone,
    exec::{self, Request, Strings},
    ids::Pid,
    oom, proc,
    process::{Namespaces, NewProcess, NewThread, PidNamespace, Process, Thread},
    rlimit::{self, Rlimits},
    run,
    session::Session,
    signal::{SigActions, Sighand, ThreadSignals, send},
    user_count::UserCount,
};

/// Installs what `vfs` and `mm` ask of processes. Called once at boot.
pub fn init() {
    vfs::hooks::set_process_hooks(&Hooks);
    vfs::hooks::set_mappings(&Mappings);
    mm::set_oom_hook(oom::out_of_memory);
    proc::init();
}

/// Finds the address spaces that may map a file: those of all processes.
struct Mappings;

fn every_mm() -> impl Iterator<Item = Arc<AddressSpace>> {
    PidNamespace::initial().processes().filter_map(|process| process.mm())
}

impl vfs::hooks::Mappings for Mappings {
    fn truncated(&self, pager: &dyn vfs::Pager, first: u64) {
        for mm in every_mm() {
            mm.unmap_file(pager, first);
        }
    }

    fn replaced(&self, pager: &dyn vfs::Pager, frames: &[(u64, Frame)]) {
        for mm in every_mm() {
            mm.unmap_frames(pager, frames);
        }
    }
}

struct Hooks;

impl ProcessHooks for Hooks {
    fn file_size_limit(&self) -> u64 {
        run::with_current(|t| t.process().rlimit(Resource::Fsize).cur).unwrap_or(u64::MAX)
    }

    fn account(&self) -> Option<Arc<Account>> {
        run::with_current(|t| t.process().account.clone())
    }

    fn file_size_exceeded(&self) {
        if let Some(thread) = run::current() {
            let info = SigInfo::kernel(Signal::XFSZ);
            let _ = send::send_to_thread(&thread, info);
        }
    }

    fn keeps_setid(&self) -> bool {
        run::with_current(|t| t.cred().capable(Caps::FSETID)).unwrap_or(true)
    }

    fn pipe_broken(&self) {
        if let Some(thread) = run::current() {
            let info = SigInfo::user(Signal::PIPE, thread.pid().as_raw(), thread.cred().uid);
            let _ = send::send_to_thread(&thread, info);
        }
    }
}

/// Starts the first process: program `path` with its arguments and environment,
/// the root user, `fs` and the open `files`. `before` sees it before it runs, to
/// give it a terminal.
///
/// # Errors
/// Those of [`exec::open`] and [`exec::execve`]; `ENOEXEC` for a program that cannot be
/// loaded.
pub fn start(
    path: &[u8],
    argv: Strings,
    envp: Strings,
    fs: FsContext,
    files: FdTable,
    before: impl FnOnce(&Arc<Process>),
) -> Result<Arc<Process>> {
    let process = Process::new(NewProcess {
        session: Session::new(Pid::INIT.own_session()),
        pid_namespace: PidNamespace::initial().clone(),
        mm: None,
        sighand: Sighand::new(SigActions::new()?),
        rlimits: Rlimits::initial(rlimit::max_threads()),
        exit_signal: Some(Signal::CHLD),
        personality: 0,
        oom_score_adj: 0,
        nice: 0,
        program: None,
    });
    process.set_pid(Pid::INIT);
    let mounts = MountNamespace::initial(fs.root().mount().clone());
    let thread = Thread::new(NewThread {
        tid: Pid::INIT.leading_thread(),
        process: process.clone(),
        namespaces: Namespaces::initial(mounts, process.pid_namespace().clone()),
        cred: Arc::new(Cred::root()),
        user: UserCount::of(0)?,
        fs: Arc::new(fs),
        files: Arc::new(files),
        comm: [0; 16],
        timer_slack_ns: 50_000,
        mce_kill: abi::prctl::PR_MCE_KILL_DEFAULT as u8,
        signals: ThreadSignals::default(),
    });
    let mut user = UserContext::new()?;
    let program = exec::open(&thread, path)?;
    let request = Request { program, name: path.to_vec(), argv, envp };
    let mm = exec::load_first(&thread, &mut user, request)?;
    let (mut table, first) = process.pid_namespace().lock_with_number()?;
    debug_assert_eq!(first.as_pid(), Pid::INIT);
    let (group, session) = table.insert(Pid::INIT, Pid::NONE, None, process.clone())?;
    process.note_relations(Pid::NONE, group, session);
    drop(table);
    process.signals.lock().threads.insert(thread.tid(), thread.clone());
    let task = clone::build_task(&thread, user, mm.vm().clone())?;
    before(&process);
    task.start();
    Ok(process)
}
