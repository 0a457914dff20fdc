// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Lives of whole processes on the hosted framework.
//!
//! There is no user mode on the build machine: RIP holds the number of a Rust
//! function in [`PROGRAMS`], which the user loop of the test calls instead. All
//! scenarios run in the one first process: a pid namespace has one, and this is the first.

use alloc::{sync::Arc, vec::Vec};
use core::{
    sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};
use std::{sync::Mutex, sync::mpsc, thread as host};

use abi::Errno;
use abi::clone::CloneFlags;
use abi::fcntl::OpenFlags;
use abi::mman::Prot;
use abi::mount::MountFlags;
use abi::process::WaitOptions;
use abi::resource::{Resource, Rlimit};
use abi::signal::{SIG_IGN, SaFlags, SigInfo, SigSet, Signal};
use cred::Cred;
use framework::user::UserContext;
use mm::{AddressSpace, Aslr, Limits, MapRequest};
use vfs::{FdTable, FsContext, Mount, MountNamespace, Resolver};

use crate::{
    CloneArgs, Pid, Process, Thread, Tid, Waited, Which, clone,
    exec::{self, Budget, Strings},
    futex,
    process::{Namespaces, NewProcess, NewThread, PidNamespace},
    rlimit::{Privilege, Rlimits},
    session::Session,
    signal::{
        self, Flow, Interrupted, MaskChange, SigAction, SigActions, Sighand, ThreadSignals, deliver,
    },
    user_count::UserCount,
    wait,
};

type Program = fn(&Arc<Thread>, &mut UserContext);

static PROGRAMS: Mutex<Vec<Program>> = Mutex::new(Vec::new());
static DONE: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);

/// The user loop: calls the program, then waits for its end by signals.
fn entry(thread: Arc<Thread>, mut user: UserContext) {
    let index = user.pc() as usize;
    let program = PROGRAMS.lock().unwrap().get(index).copied();
    if let Some(program) = program {
        program(&thread, &mut user);
    }
    while deliver(&thread, &mut user, thread.process().mm().unwrap().vm(), None) == Flow::Run {
        let _ = thread.pause();
    }
}

/// Starts `program` in a child made with `args`.
fn spawn_with(thread: &Arc<Thread>, args: &CloneArgs, program: Program) -> Tid {
    let index = {
        let mut programs = PROGRAMS.lock().unwrap();
        programs.push(program);
        programs.len() - 1
    };
    let mut user = UserContext::new().unwrap();
    user.set_pc(index as u64);
    clone(thread, &user, args).unwrap()
}

fn spawn(thread: &Arc<Thread>, program: Program) -> Pid {
    spawn_with(thread, &CloneArgs::fork(), program).as_pid()
}

fn wait4(thread: &Thread, pid: i32, options: u32) -> abi::Result<Option<Waited>> {
    let which = Which::from_pid(pid, thread.process().group_id())?;
    wait(thread, which, crate::options_for_wait4(options)?)
}

fn wait_status(thread: &Thread, pid: Pid) -> i32 {
    loop {
        match wait4(thread, pid.as_raw(), 0) {
            Ok(found) => return found.unwrap().status.as_raw(),
            Err(e) if e.errno() == Errno::EINTR => thread.task().unwrap().clear_interrupt(),
            Err(e) => panic!("wait4: {e:?}"),
        }
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        host::sleep(Duration::from_millis(1));
    }
    panic!("never: {what}");
}

fn ignore_nothing(thread: &Thread, signal: Signal) {
    thread.set_action(signal, SigAction::default()).unwrap();
}

fn numbers() -> &'static Arc<PidNamespace> {
    PidNamespace::initial()
}

fn first_thread() -> Arc<Thread> {
    let root = tmpfs::new(&tmpfs::Options::default()).unwrap();
    let mounts = MountNamespace::initial(Mount::new(root, b"tmpfs", MountFlags::empty()));
    let mm = AddressSpace::new(Limits::DEFAULT, Aslr::Off).unwrap();
    let process = Process::new(NewProcess {
        session: Session::new(Pid::INIT.own_session()),
        pid_namespace: numbers().clone(),
        mm: Some(mm),
        sighand: Sighand::new(SigActions::new().unwrap()),
        rlimits: Rlimits::initial(1000),
        exit_signal: Some(Signal::CHLD),
        personality: 0,
        oom_score_adj: 0,
        nice: 0,
        program: None,
    });
    process.set_pid(Pid::INIT);
    let thread = Thread::new(NewThread {
        tid: Pid::INIT.leading_thread(),
        process: process.clone(),
        namespaces: Namespaces::initial(mounts.clone(), numbers().clone()),
        cred: Arc::new(Cred::root()),
        user: UserCount::of(0).unwrap(),
        fs: Arc::new(FsContext::new(mounts.root())),
        files: Arc::new(FdTable::new()),
        comm: [0; 16],
        timer_slack_ns: 50_000,
        mce_kill: 2,
        signals: ThreadSignals::default(),
    });
    let mut table = process.pid_namespace().lock();
    assert_eq!(table.allocate(), Some(Pid::INIT.leading_thread()));
    table.insert(Pid::INIT, Pid::NONE, None, process.clone()).unwrap();
    process.note_relations(Pid::NONE, Pid::INIT.own_group(), Pid::INIT.own_session());
    drop(table);
    process.signals.lock().threads.insert(thread.tid(), thread.clone());
    thread
}

#[test]
fn lives() {
    let (sender, receiver) = mpsc::channel();
    *DONE.lock().unwrap() = Some(sender);
    crate::set_user_entry(entry);
    PROGRAMS.lock().unwrap().push(all);
    let thread = first_thread();
    let vm = thread.process().mm().unwrap().vm().clone();
    let user = UserContext::new().unwrap();
    clone::build_task(&thread, user, vm).unwrap().start();
    receiver.recv_timeout(Duration::from_secs(60)).expect("a scenario failed or hung");
}

fn all(thread: &Arc<Thread>, _: &mut UserContext) {
    exits(thread);
    kills(thread);
    stops(thread);
    orphans(thread);
    no_zombies(thread);
    vfork(thread);
    threads(thread);
    group_exit_by_signal(thread);
    timed_wait(thread);
    handler_frame(thread);
    sessions(thread);
    limits(thread);
    futexes(thread);
    executes(thread);
    assert_eq!(numbers().processes().count(), 1);
    let done = DONE.lock().unwrap().take();
    done.unwrap().send(()).unwrap();
}

fn exits(thread: &Arc<Thread>) {
    assert_eq!(wait4(thread, -1, 0).unwrap_err().errno(), Errno::ECHILD);
    let pid = spawn(thread, |t, _| t.exit_group(7));
    assert_eq!(wait_status(thread, pid), 7 << 8);
    let pid = spawn(thread, |t, _| t.exit(0x1ff));
    eventually("zombie", || numbers().process(pid).is_some_and(|p| p.is_zombie()));
    let which = Which::Process(pid);
    let peek = WaitOptions::EXITED | WaitOptions::NOWAIT;
    for _ in 0..2 {
        let found = wait(thread, which, peek).unwrap().unwrap();
        assert_eq!((found.info.pid(), found.info.code), (pid.as_raw(), abi::signal::CLD_EXITED));
        assert_eq!(found.info.words[1] as i32, 0xff);
    }
    assert_eq!(wait_status(thread, pid), 0xff << 8);
    assert!(wait4(thread, pid.as_raw(), 0).is_err());
}

fn sleeper(_: &Arc<Thread>, _: &mut UserContext) {}

fn kills(thread: &Arc<Thread>) {
    for (signal, status) in [(Signal::TERM, 15), (Signal::KILL, 9), (Signal::SEGV, 11)] {
        let pid = spawn(thread, sleeper);
        assert!(wait4(thread, pid.as_raw(), 1).unwrap().is_none());
        signal::kill(thread, pid, Some(signal)).unwrap();
        assert_eq!(wait_status(thread, pid), status);
        assert_eq!(signal::kill(thread, pid, None).unwrap_err().errno(), Errno::ESRCH);
    }
    // Blocked and ignored signals do not end it; the first process is immune.
    let pid = spawn(thread, |t, _| {
        t.change_mask(MaskChange::Block, SigSet::of(&[Signal::TERM]));
        let ignore = SigAction { handler: SIG_IGN, ..Default::default() };
        t.set_action(Signal::INT, ignore).unwrap();
        t.set_comm(b"ready");
    });
    let child = numbers().thread(pid.leading_thread()).unwrap();
    eventually("ready", || child.name() == "ready");
    signal::kill(thread, pid, Some(Signal::TERM)).unwrap();
    signal::kill(thread, pid, Some(Signal::INT)).unwrap();
    assert_eq!(child.signal_sets().shared_pending, SigSet::of(&[Signal::TERM]));
    assert!(wait4(thread, pid.as_raw(), 1).unwrap().is_none());
    signal::kill(thread, pid, Some(Signal::KILL)).unwrap();
    assert_eq!(wait_status(thread, pid), 9);
    signal::kill(thread, Pid::INIT, Some(Signal::KILL)).unwrap();
    assert!(!thread.is_dying());
}

fn stops(thread: &Arc<Thread>) {
    let pid = spawn(thread, sleeper);
    let process = numbers().process(pid).unwrap();
    signal::kill(thread, pid, Some(Signal::STOP)).unwrap();
    let found = wait4(thread, pid.as_raw(), 2).unwrap().unwrap();
    assert_eq!(found.status.as_raw(), 19 << 8 | 0x7f);
    assert_eq!(process.stopped_by(), Some(Signal::STOP));
    assert!(wait4(thread, pid.as_raw(), 3).unwrap().is_none());
    signal::kill(thread, pid, Some(Signal::CONT)).unwrap();
    let found = wait4(thread, pid.as_raw(), 8).unwrap().unwrap();
    assert_eq!((found.status.as_raw(), found.info.code), (0xffff, abi::signal::CLD_CONTINUED));
    // Killed while stopped.
    signal::kill(thread, pid, Some(Signal::STOP)).unwrap();
    eventually("stopped", || process.stopped_by().is_some());
    signal::kill(thread, pid, Some(Signal::KILL)).unwrap();
    assert_eq!(wait_status(thread, pid), 9);
}

static GRANDCHILD: AtomicI32 = AtomicI32::new(0);

fn orphans(thread: &Arc<Thread>) {
    let pid = spawn(thread, |t, _| {
        GRANDCHILD.store(spawn(t, sleeper).as_raw(), SeqCst);
        t.exit_group(0);
    });
    assert_eq!(wait_status(thread, pid), 0);
    let orphan = Pid::from_raw(GRANDCHILD.load(SeqCst));
    assert_eq!(numbers().process(orphan).unwrap().parent_pid(), Pid::INIT);
    signal::kill(thread, orphan, Some(Signal::KILL)).unwrap();
    assert_eq!(wait_status(thread, orphan), 9);
}

fn no_zombies(thread: &Arc<Thread>) {
    let ignore = SigAction { handler: SIG_IGN, ..Default::default() };
    thread.set_action(Signal::CHLD, ignore).unwrap();
    let pid = spawn(thread, |t, _| t.exit_group(1));
    assert_eq!(wait4(thread, pid.as_raw(), 0).unwrap_err().errno(), Errno::ECHILD);
    assert!(numbers().process(pid).is_none());
    ignore_nothing(thread, Signal::CHLD);
}

static VFORK_STEP: AtomicUsize = AtomicUsize::new(0);

fn vfork(thread: &Arc<Thread>) {
    let tid = spawn_with(thread, &CloneArgs::vfork(), |t, _| {
        host::sleep(Duration::from_millis(20));
        VFORK_STEP.store(1, SeqCst);
        t.exit_group(3);
    });
    assert_eq!(VFORK_STEP.load(SeqCst), 1);
    assert!(thread.process().mm().is_some());
    assert_eq!(wait_status(thread, tid.as_pid()), 3 << 8);
}

fn thread_args() -> CloneArgs {
    let flags = CloneFlags::VM
        | CloneFlags::FS
        | CloneFlags::FILES
        | CloneFlags::SIGHAND
        | CloneFlags::THREAD;
    CloneArgs { flags, ..CloneArgs::default() }
}

fn threads(thread: &Arc<Thread>) {
    let pid = spawn(thread, |t, _| {
        let tid = spawn_with(t, &thread_args(), |t, _| t.exit(0));
        eventually("thread ends", || numbers().thread(tid).is_none());
        assert_eq!(t.process().thread_count(), 1);
        for _ in 0..3 {
            spawn_with(t, &thread_args(), sleeper);
        }
        assert_eq!(t.process().thread_count(), 4);
        t.exit_group(5);
    });
    assert_eq!(wait_status(thread, pid), 5 << 8);
}

fn group_exit_by_signal(thread: &Arc<Thread>) {
    let pid = spawn(thread, |t, _| {
        // The leading thread blocks the signal: the other one takes it.
        spawn_with(t, &thread_args(), sleeper);
        t.change_mask(MaskChange::Block, SigSet::ALL);
        t.set_comm(b"ready");
    });
    eventually("ready", || numbers().thread(pid.leading_thread()).unwrap().name() == "ready");
    signal::kill(thread, pid, Some(Signal::USR1)).unwrap();
    assert_eq!(wait_status(thread, pid), 10);
}

fn timed_wait(thread: &Arc<Thread>) {
    let set = SigSet::of(&[Signal::USR1, Signal::USR2]);
    thread.change_mask(MaskChange::Block, set);
    let soon = || Some(framework::time::monotonic_ns() + 5_000_000);
    assert_eq!(thread.sigtimedwait(set, soon()).unwrap_err().errno(), Errno::EAGAIN);
    // The first process is immune to default actions, so give it a handler.
    let handled = SigAction { handler: 0x1000, ..Default::default() };
    thread.set_action(Signal::USR1, handled).unwrap();
    let pid = spawn(thread, |t, _| {
        host::sleep(Duration::from_millis(10));
        signal::kill(t, Pid::INIT, Some(Signal::USR1)).unwrap();
        t.exit_group(0);
    });
    let info = thread.sigtimedwait(set, None).unwrap();
    assert_eq!((info.signo, info.pid()), (10, pid.as_raw()));
    assert_eq!(wait_status(thread, pid), 0);
    ignore_nothing(thread, Signal::USR1);
    thread.change_mask(MaskChange::Unblock, set);
}

fn handler_frame(thread: &Arc<Thread>) {
    let mm = thread.process().mm().unwrap();
    let stack = mm.mmap(&MapRequest::anonymous(0x8000, Prot::READ | Prot::WRITE)).unwrap();
    let mut user = UserContext::new().unwrap();
    let before = {
        let regs = user.x86_regs_mut();
        (regs.rip, regs.rsp, regs.rbx) = (0x40_0002, (stack + 0x7000) as u64, 42);
        *regs
    };
    let flags = SaFlags::RESTORER | SaFlags::SIGINFO | SaFlags::RESTART;
    let action = SigAction { handler: 0x5000, flags, restorer: 0x6000, mask: SigSet::EMPTY };
    thread.set_action(Signal::USR1, action).unwrap();
    let info = SigInfo::user(Signal::USR1, 77, 5);
    signal::send_to_thread(thread, info).unwrap();
    let call = Interrupted { restart: crate::Restart::Sys, number: 39 };
    assert_eq!(deliver(thread, &mut user, mm.vm(), Some(call)), Flow::Run);
    let regs = *user.x86_regs();
    assert_eq!((regs.rip, regs.rdi, regs.rax), (0x5000, 10, 0));
    assert_eq!((regs.rsp + 8) % 16, 0);
    assert_eq!(regs.rsi, regs.rsp + 312);
    assert_eq!(mm.vm().read_val::<u64>(regs.rsp as usize), Ok(0x6000));
    assert_eq!(mm.vm().read_val::<SigInfo>(regs.rsi as usize), Ok(info));
    assert!(thread.blocked().contains(Signal::USR1));
    // The handler returns: everything is back, the call is made again.
    user.x86_regs_mut().rsp += 8;
    user.x86_regs_mut().rbx = 0;
    signal::sigreturn(thread, &mut user, mm.vm());
    let after = *user.x86_regs();
    assert_eq!((after.rip, after.rax), (before.rip - 2, 39));
    assert_eq!((after.rsp, after.rbx), (before.rsp, 42));
    assert!(!thread.blocked().contains(Signal::USR1));
    ignore_nothing(thread, Signal::USR1);
}

fn sessions(thread: &Arc<Thread>) {
    let pid = spawn(thread, |t, _| {
        let pid = t.pid();
        assert_eq!(t.process().start_session(), Ok(pid.own_session()));
        assert!(t.process().start_session().is_err());
        assert!(t.process().leads_session());
        let child = spawn(t, sleeper);
        t.process().set_group(child, child.own_group()).unwrap();
        assert_eq!(numbers().relations(child), Ok((child.own_group(), pid.own_session())));
        assert!(!numbers().is_orphaned_group(child.own_group()));
        assert!(numbers().signal_group(child.own_group(), Signal::HUP));
        assert_eq!(wait_status(t, child), 1);
        assert!(!numbers().group_exists(child.own_group()));
        t.exit_group(0);
    });
    assert_eq!(wait_status(thread, pid), 0);
}

fn limits(thread: &Arc<Thread>) {
    let pid = spawn(thread, |t, _| {
        let one = Rlimit { cur: 1, max: 1 };
        t.process().set_rlimit(Resource::Nproc, one, Privilege::Yes).unwrap();
        t.set_cred(Cred::user(1000, 1000)).unwrap();
        let user = UserContext::new().unwrap();
        let refused = clone(t, &user, &CloneArgs::fork()).unwrap_err();
        assert_eq!(refused.errno(), Errno::EAGAIN);
        assert_eq!(signal::kill(t, Pid::INIT, None).unwrap_err().errno(), Errno::EPERM);
        t.exit_group(0);
    });
    assert_eq!(wait_status(thread, pid), 0);
}

static FUTEX: AtomicUsize = AtomicUsize::new(0);

fn futexes(thread: &Arc<Thread>) {
    let mm = thread.process().mm().unwrap();
    let word = mm.mmap(&MapRequest::anonymous(0x1000, Prot::READ | Prot::WRITE)).unwrap();
    FUTEX.store(word, SeqCst);
    // The end of a thread wakes nobody who said that he waits privately.
    let shared = futex::Scope::Shared;
    let wait = |expected, deadline| {
        futex::wait(thread, word, shared, expected, abi::futex::FUTEX_BITSET_MATCH_ANY, deadline)
    };
    assert_eq!(wait(1, None).unwrap_err().errno(), Errno::EAGAIN);
    assert_eq!(wait(0, Some(1)).unwrap_err().errno(), Errno::ETIMEDOUT);
    // A child that shares the memory clears the word at its end and wakes us.
    let args = CloneArgs {
        flags: CloneFlags::VM | CloneFlags::CHILD_CLEARTID | CloneFlags::CHILD_SETTID,
        child_tid: word,
        ..CloneArgs::fork()
    };
    let tid = spawn_with(thread, &args, |t, _| {
        host::sleep(Duration::from_millis(10));
        t.exit_group(0);
    });
    assert_eq!(mm.vm().read_val::<i32>(word), Ok(tid.as_raw()));
    wait(tid.as_raw() as u32, None).unwrap();
    assert_eq!(mm.vm().read_val::<i32>(word), Ok(0));
    assert_eq!(wait_status(thread, tid.as_pid()), 0);
}

fn write_file(thread: &Thread, path: &[u8], mode: u32, content: &[u8]) {
    let (fs, cred) = (thread.fs(), thread.cred());
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT;
    let file = vfs::open(&Resolver::new(&fs, &cred), path, flags, mode).unwrap();
    file.write(&mut framework::mm::Reader::kernel(content)).unwrap();
}

fn try_exec(thread: &Arc<Thread>, user: &mut UserContext, path: &[u8]) -> abi::Result<()> {
    let request = exec::Request {
        program: exec::open(thread, path)?,
        name: path.to_vec(),
        argv: Strings::from_slices(&[b"prog", b"arg"]).unwrap(),
        envp: Strings::from_slices(&[b"A=1"]).unwrap(),
    };
    exec::execve(thread, user, request, Budget::of(thread.process()))
}

fn executes(thread: &Arc<Thread>) {
    let mut elf = exec::sample_elf();
    elf.resize(0x3000, 0x90);
    write_file(thread, b"/prog", 0o755, &elf);
    write_file(thread, b"/script", 0o755, b"#!/prog -x\n");
    write_file(thread, b"/loop", 0o755, b"#!/loop\n");
    write_file(thread, b"/text", 0o644, b"text");
    write_file(thread, b"/junk", 0o755, b"junk");
    let pid = spawn(thread, |t, user| {
        let errno =
            |path: &[u8], user: &mut UserContext| try_exec(t, user, path).map_err(|e| e.errno());
        assert_eq!(errno(b"/none", user), Err(Errno::ENOENT));
        assert_eq!(errno(b"/text", user), Err(Errno::EACCES));
        assert_eq!(errno(b"/", user), Err(Errno::EACCES));
        assert_eq!(errno(b"/junk", user), Err(Errno::ENOEXEC));
        assert_eq!(errno(b"/loop", user), Err(Errno::ELOOP));
        for (path, argc) in [(b"/prog".as_slice(), 2), (b"/script", 4)] {
            try_exec(t, user, path).unwrap();
            assert_eq!(user.pc(), 0x40_1000);
            let mm = t.process().mm().unwrap();
            assert_eq!(mm.vm().read_val::<u64>(user.sp() as usize), Ok(argc));
            assert_eq!(mm.vm().read_val::<u8>(0x40_1000), Ok(0x90));
            assert_eq!(mm.vm().read_val::<u8>(0x40_302f), Ok(0x90));
            // The bss: the rest of the page of the file, and pages after it.
            assert_eq!(mm.vm().read_val::<u8>(0x40_3030), Ok(0));
            assert_eq!(mm.vm().read_val::<u8>(0x40_5fff), Ok(0));
            assert!(mm.vm().write(0x40_1000, b"x").is_err());
        }
        assert_eq!(t.name(), "script");
        t.exit_group(0);
    });
    assert_eq!(wait_status(thread, pid), 0);
    // A segment that makes no sense ends the process, as on Linux.
    elf[64 + 32] = 0xff;
    elf[64 + 39] = 0x7f;
    write_file(thread, b"/bad", 0o755, &elf);
    let pid = spawn(thread, |t, user| {
        let _ = try_exec(t, user, b"/bad");
    });
    assert_eq!(wait_status(thread, pid), 11);
}
