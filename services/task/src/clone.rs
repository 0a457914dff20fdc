// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Making processes and threads: clone, fork, vfork.
//!
//! Everything that can fail is done before the child gets into the process
//! table; a failure leaves nothing behind.
//!
//! Spec: clone(2).

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::capability::Caps;
use abi::clone::CloneFlags;
use abi::resource::Resource;
use abi::{Result, err, error};
use framework::{
    mm::VmSpace,
    task::{Task, TaskBuilder},
    user::UserContext,
};
use mm::AddressSpace;

use crate::{
    clone_args::{CloneArgs, validate},
    ids::{Pid, Tid},
    process::{NewProcess, NewThread, Process, Thread},
    rlimit, run,
    signal::{SigActions, Sighand},
    user_count, vfork,
};

/// clone(2): makes a child of `parent` that continues with a copy of `user`.
/// With CLONE_VFORK returns only once the child has left the memory.
///
/// # Errors
/// `EINVAL` for flags that exclude one another, a namespace or pidfd, or a sibling of the
/// first process; `EAGAIN` at the user's limit of threads, without a free number, or for a
/// thread of a process that ends; `EINTR` for a child of one that ends; `EPERM` for a TLS
/// address that is none of the user's; `ENOMEM`.
pub fn clone(parent: &Arc<Thread>, user: &UserContext, args: &CloneArgs) -> Result<Tid> {
    validate(args)?;
    framework::mm::admit()?;
    check_thread_limit(parent)?;
    if args.flags.contains(CloneFlags::PARENT) && parent.pid() == Pid::INIT {
        return err!(EINVAL, "the first process has no siblings");
    }
    let child_user = child_context(user, args)?;
    let child = if args.flags.contains(CloneFlags::THREAD) {
        new_thread(parent, args)?
    } else {
        new_process(parent, args)?
    };
    let task = match prepare_task(&child, child_user, args) {
        Ok(task) => task,
        Err(why) => {
            abandon(&child, args);
            return Err(why);
        }
    };
    let tid = child.tid();
    if args.flags.contains(CloneFlags::PARENT_SETTID)
        && let Some(mm) = parent.process().mm()
    {
        let _ = mm.vm().write_val(args.parent_tid, tid.as_raw());
    }
    let is_vfork = args.flags.contains(CloneFlags::VFORK);
    if is_vfork {
        *child.vfork_parent.lock() = Some(parent.clone());
    }
    task.start();
    framework::mm::start_failing();
    if is_vfork {
        vfork::wait(parent, &child);
    }
    Ok(tid)
}

/// kernel.threads-max for all, and RLIMIT_NPROC, from which root and CAP_SYS_RESOURCE are
/// exempt.
fn check_thread_limit(parent: &Thread) -> Result<()> {
    if user_count::all_threads() >= rlimit::max_threads() {
        return err!(EAGAIN, "kernel.threads-max");
    }
    let limit = parent.process().rlimit(Resource::Nproc).cur;
    let user = parent.user();
    if user.threads() < limit || user.uid() == 0 {
        return Ok(());
    }
    if parent.cred().capable(Caps::SYS_RESOURCE) || parent.cred().capable(Caps::SYS_ADMIN) {
        return Ok(());
    }
    err!(EAGAIN, "the user has too many threads")
}

fn child_context(user: &UserContext, args: &CloneArgs) -> Result<UserContext> {
    let mut child = user.fork()?;
    child.set_result(0);
    if let Some(stack) = args.stack {
        child.set_sp(stack);
    }
    if args.flags.contains(CloneFlags::SETTLS) && !child.set_fs_base(args.tls) {
        return err!(EPERM, "the TLS address is no user address");
    }
    Ok(child)
}

fn child_state(
    parent: &Arc<Thread>,
    flags: CloneFlags,
    process: Arc<Process>,
) -> Result<NewThread> {
    let fs = parent.fs();
    let files = parent.files();
    let (cred, user) = parent.identity();
    Ok(NewThread {
        tid: process.pid().leading_thread(),
        process,
        namespaces: parent.namespaces().clone(),
        cred,
        user,
        fs: if flags.contains(CloneFlags::FS) { fs } else { Arc::new(fs.as_ref().clone()) },
        files: if flags.contains(CloneFlags::FILES) { files } else { Arc::new(files.fork()?) },
        comm: parent.comm(),
        timer_slack_ns: parent.timer_slack_ns(),
        mce_kill: parent.mce_kill(),
        signals: parent.signals.lock().for_child(),
    })
}

fn new_thread(parent: &Arc<Thread>, args: &CloneArgs) -> Result<Arc<Thread>> {
    let process = parent.process().clone();
    let mut new = child_state(parent, args.flags, process.clone())?;
    new.signals.alt_stack = Default::default();
    let thread = Thread::new(new);
    let (mut table, tid) = process.pid_namespace().lock_with_number()?;
    let mut group = process.signals.lock();
    if group.group_exit.is_some() || group.exec_thread.is_some() {
        return err!(EAGAIN, "the process is ending");
    }
    thread.set_tid(tid);
    table.insert_thread(tid, process.pid());
    group.threads.insert(tid, thread.clone());
    Ok(thread)
}

fn new_process(parent: &Arc<Thread>, args: &CloneArgs) -> Result<Arc<Thread>> {
    let from = parent.process();
    let flags = args.flags;
    let mm = from.mm().ok_or(error!(ESRCH))?;
    let shares_memory = flags.contains(CloneFlags::VM);
    let shares_parent = flags.contains(CloneFlags::PARENT);
    let exit_signal = if shares_parent { from.exit_signal() } else { args.exit_signal };
    let process = Process::new(NewProcess {
        session: from.session(),
        pid_namespace: parent.namespaces().pid_for_children.clone(),
        mm: Some(if shares_memory { mm } else { mm.fork()? }),
        sighand: child_sighand(from, flags)?,
        rlimits: from.rlimits(),
        exit_signal,
        personality: from.personality(),
        oom_score_adj: from.oom_score_adj(),
        nice: parent.nice().into(),
        program: from.program(),
    });
    let mut new = child_state(parent, flags, process.clone())?;
    if shares_memory && !flags.contains(CloneFlags::VFORK) {
        // It runs on another stack; so must its handlers.
        new.signals.alt_stack = Default::default();
    }
    let thread = Thread::new(new);
    register(from, shares_parent, &thread)?;
    Ok(thread)
}

/// Enters a new process in the table. A parent that was killed meanwhile gets no
/// child any more: who kills all processes would miss it.
fn register(from: &Process, shares_parent: bool, thread: &Arc<Thread>) -> Result<()> {
    let process = thread.process();
    let (mut table, tid) = process.pid_namespace().lock_with_number()?;
    if from.signals.lock().group_exit.is_some() {
        return err!(EINTR, "the process is ending");
    }
    let parent_pid = if shares_parent { from.parent_pid() } else { from.pid() };
    let pid = tid.as_pid();
    process.set_pid(pid);
    thread.set_tid(tid);
    let (group, session) = table.insert(pid, parent_pid, Some(from.pid()), process.clone())?;
    process.signals.lock().threads.insert(tid, thread.clone());
    process.note_relations(parent_pid, group, session);
    Ok(())
}

fn child_sighand(from: &Process, flags: CloneFlags) -> Result<Arc<Sighand>> {
    let shared = from.sighand();
    if flags.contains(CloneFlags::SIGHAND) {
        return Ok(shared);
    }
    let mut actions = SigActions::new()?;
    actions.copy_from(&shared.actions.lock());
    if flags.contains(CloneFlags::CLEAR_SIGHAND) {
        actions.clear();
    }
    Ok(Sighand::new(actions))
}

/// The framework task of `child`, ready to start.
fn prepare_task(child: &Arc<Thread>, user: UserContext, args: &CloneArgs) -> Result<Arc<Task>> {
    let mm = child.process().mm().ok_or(error!(ESRCH))?;
    if args.flags.contains(CloneFlags::CHILD_CLEARTID) {
        child.set_clear_child_tid(args.child_tid);
    }
    let task = build_task(child, user, mm.vm().clone())?;
    if args.flags.contains(CloneFlags::CHILD_SETTID) {
        // An address that cannot be written is the program's loss, as on Linux.
        let _ = mm.vm().write_val(args.child_tid, child.tid().as_raw());
    }
    let group = child.process().signals.lock();
    let must_look = child.must_act(&group);
    drop(group);
    if must_look {
        task.raise_interrupt();
    }
    sched::inherit(&Task::current(), &task);
    if !args.flags.contains(CloneFlags::THREAD) {
        child.process().note_nice(task.sched().nice());
    }
    Ok(task)
}

/// A framework task that runs `user` as `thread` and then ends it.
pub(crate) fn build_task(
    thread: &Arc<Thread>,
    user: UserContext,
    vm: Arc<VmSpace>,
) -> Result<Arc<Task>> {
    let runner = thread.clone();
    let task = TaskBuilder::new("user", move || run::main(runner, user))
        .ext(thread.clone())
        .vm_space(vm)
        .nice(thread.process().nice())
        .build()?;
    thread.set_task(&task);
    Ok(task)
}

/// Takes back a child that has got no task.
fn abandon(child: &Arc<Thread>, args: &CloneArgs) {
    let process = child.process();
    let mut table = process.pid_namespace().lock();
    let removed = if args.flags.contains(CloneFlags::THREAD) {
        table.remove_thread(child.tid());
        None
    } else {
        table.remove(process.pid())
    };
    process.signals.lock().threads.remove(&child.tid());
    drop(table);
    drop(removed);
    child.is_dying.store(true, Relaxed);
    let mm: Option<Arc<AddressSpace>> = match args.flags.contains(CloneFlags::THREAD) {
        true => None,
        false => process.replace_mm(None),
    };
    drop(mm);
}
