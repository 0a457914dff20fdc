// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a thread does last: it gives back all it had.
//!
//! The last thread of a process leaves a zombie, or nothing if the parent ignores
//! SIGCHLD.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use framework::{sync::Once, task::Task};
use vfs::FdTable;

use super::status::code_and_status;
use crate::{
    futex,
    ids::{Pgid, Pid},
    notify,
    process::{Process, ProcessTree, Thread},
    signal::{send, stop},
    vfork,
};
use abi::process::WaitStatus;
use abi::signal::{SigInfo, Signal};

/// Called with the wait status of the first process when it has ended.
static INIT_EXIT: Once<fn(WaitStatus)> = Once::new();

/// Installs what happens when the first process ends: the machine has nothing
/// left to run.
pub fn set_init_exit_hook(hook: fn(WaitStatus)) {
    INIT_EXIT.call_once(|| hook);
}

/// Gives back all that `thread` has, as the last thing it does.
pub(crate) fn finish(thread: &Arc<Thread>) {
    let process = thread.process();
    process.note_remains(thread);
    release_memory(thread);
    drop(thread.set_files(no_files()));
    thread.leave_fs();
    let (is_last, exec_waiter) = leave_group(thread);
    stop::finish_if_all_stopped(thread);
    if let Some(waiter) = exec_waiter {
        waiter.park.wake_all();
    }
    let tid = thread.tid();
    if tid != process.pid().leading_thread() {
        process.pid_namespace().lock().remove_thread(tid);
    }
    if is_last {
        finish_process(thread);
    }
}

/// The open files of a thread that has ended: none.
fn no_files() -> Arc<FdTable> {
    static NONE: Once<Arc<FdTable>> = Once::new();
    NONE.call_once(|| Arc::new(FdTable::new())).clone()
}

/// Leaves the address space: tells who waits for that, then lets it go.
fn release_memory(thread: &Arc<Thread>) {
    let process = thread.process();
    let Some(mm) = process.mm() else { return };
    futex::release_robust_list(thread, &mm);
    let clear = thread.clear_child_tid.load(Relaxed);
    // Alone in its memory, nobody could be waiting.
    if clear != 0 && (Arc::strong_count(&mm) > 2 || process.thread_count() > 1) {
        let _ = mm.vm().write_val(clear, 0_u32);
        futex::wake_address(&mm, clear, 1);
    }
    process.note_peak_rss(&mm);
    if process.thread_count() == 1 {
        process.replace_mm(None);
    }
    Task::set_vm_space(None);
    drop(mm);
    vfork::complete(thread);
}

/// Takes the thread off its process; returns whether it was the last, and the
/// thread whose execve waits for the others.
fn leave_group(thread: &Arc<Thread>) -> (bool, Option<Arc<Thread>>) {
    let process = thread.process();
    let spent = thread.rusage();
    let mut group = process.signals.lock();
    process.usage.lock().ended.add(&spent);
    group.threads.remove(&thread.tid());
    group.ended += 1;
    let is_last = group.threads.is_empty();
    let left = is_last.then(|| {
        let own = thread.exit_status.load(Relaxed);
        process.exit_status.store(group.group_exit.map_or(own, WaitStatus::as_raw), Relaxed);
        core::mem::take(&mut group.pending)
    });
    let exec = group.exec_thread;
    let waiter = exec.and_then(|tid| group.threads.get(&tid).cloned());
    drop(group);
    // There may be much.
    drop(left);
    (is_last, waiter)
}

/// The last thread ends: children, terminal, group and parent hear of it.
fn finish_process(thread: &Arc<Thread>) {
    let process = thread.process();
    // Threads that ended at the same time may each have left this to the other.
    drop(process.replace_mm(None));
    process.set_program(None);
    if let Some(companion) = process.take_companion() {
        companion.on_exit();
    }
    if process.leads_session() {
        process.session().disassociate(process.pid_namespace());
    }
    orphan_children(process);
    let orphaned = process.pid_namespace().lock().begin_end(process.pid());
    continue_orphaned(process, orphaned);
    while !become_zombie(process) {
        // A child has got a sibling meanwhile (CLONE_PARENT).
        orphan_children(process);
    }
    if process.pid() == Pid::INIT
        && let Some(hook) = INIT_EXIT.get()
    {
        hook(process.exit_status());
    }
}

/// Gives the children to whoever adopts them, one at a time: there may be many, and
/// the table is locked for each only.
fn orphan_children(process: &Arc<Process>) {
    let numbers = process.pid_namespace();
    if !numbers.lock().has_children(process.pid()) {
        return;
    }
    let reaper = numbers.reaper_of(process.pid());
    loop {
        let mut table = numbers.lock();
        let Some(orphan) = table.reparent_child(process.pid(), reaper) else { return };
        let Some(node) = table.get(orphan.child) else { continue };
        let (child, is_zombie) = (node.process.clone(), node.is_zombie);
        child.note_relations(node.parent, node.group, node.session);
        child.exit_signal.store(Signal::CHLD.number(), Relaxed);
        let adopter = table.get(child.parent_pid()).map(|node| node.process.clone());
        let told = match adopter {
            Some(adopter) if is_zombie => Some(tell_of_end(&mut table, &child, adopter)),
            _ => None,
        };
        drop(table);
        if let Some(told) = told {
            told.wake();
        }
        if let Some(signal) = child.death_signal() {
            let info = SigInfo::user(signal, process.pid().as_raw(), process.owner_uid());
            let _ = send::to_process(&child, signal, info);
        }
        continue_orphaned(process, orphan.orphaned);
    }
}

/// A group that has just become orphaned and has stopped members gets SIGHUP
/// and SIGCONT: nobody else could continue it (POSIX).
fn continue_orphaned(leaving: &Process, group: Option<Pgid>) {
    let Some(group) = group else { return };
    let numbers = leaving.pid_namespace();
    let is_stopped = |member: &Arc<Process>| member.stopped_by().is_some();
    if numbers.members(group).any(|member| member.pid() != leaving.pid() && is_stopped(&member)) {
        for signal in [Signal::HUP, Signal::CONT] {
            numbers.signal_members(group, signal, |member| member.pid() != leaving.pid());
        }
    }
}

/// Makes the process a zombie and tells the parent, or removes it at once if
/// the parent wants no zombies. False if it has children (again).
fn become_zombie(process: &Arc<Process>) -> bool {
    let pid = process.pid();
    let mut table = process.pid_namespace().lock();
    if pid != Pid::INIT && table.has_children(pid) {
        return false;
    }
    let Some(parent) = table.set_zombie(pid) else { return true };
    let parent = table.get(parent).map(|node| node.process.clone());
    let told = parent.map(|parent| tell_of_end(&mut table, process, parent));
    drop(table);
    if let Some(told) = told {
        told.wake();
    }
    true
}

/// What a parent that was told of an end is owed without the table: it may have many
/// threads, and all may wait.
#[must_use]
struct Told {
    parent: Arc<Process>,
    owed: send::Owed,
    removed: Option<Arc<Process>>,
}

impl Told {
    fn wake(self) {
        self.owed.settle(&self.parent);
        self.parent.child_wait.wake_all();
        drop(self.removed);
    }
}

/// SIGCHLD (or the exit signal) for the parent of a zombie, before it can wait for that;
/// removes the zombie if the parent reaps by itself. The wake-up is owed.
fn tell_of_end(table: &mut ProcessTree, child: &Arc<Process>, parent: Arc<Process>) -> Told {
    let mut told = Told { parent, owed: send::Owed::default(), removed: None };
    if let Some(signal) = child.exit_signal() {
        let policy = send::child_policy(&told.parent);
        let is_chld = signal == Signal::CHLD;
        if is_chld && policy.auto_reaps {
            told.removed = table.remove(child.pid()).map(|node| node.process);
        }
        if !(is_chld && policy.ignores) {
            let (code, status) = code_and_status(child.exit_status());
            let info = notify::info(child, signal, code, status);
            told.owed = send::queue_for(&told.parent, info);
        }
    }
    told
}
