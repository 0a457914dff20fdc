// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The point of no return: the process changes over to the new program.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::clone::CloneFlags;
use abi::process::personality;
use abi::signal::Signal;
use abi::{Result, err};
use framework::{task::Task, user::UserContext};
use mm::AddressSpace;

use super::image::Image;
use crate::{
    access, exit, futex,
    process::{Process, Thread},
    signal::Sighand,
    vfork,
};

/// Makes `thread` the only thread of its process, and takes up `image`.
pub(super) fn take_up(thread: &Arc<Thread>, user: &mut UserContext, image: Image) -> Result<()> {
    let files = thread.files();
    // Ours and the thread's own: more means shared with another thread.
    let own_files = match Arc::strong_count(&files) > 2 {
        true => Some(Arc::new(files.fork()?)),
        false => None,
    };
    drop(files);
    end_other_threads(thread)?;
    if let Some(own) = own_files {
        drop(thread.set_files(own));
    }
    if image.outcome.is_secure {
        // Who came to share it since that was looked at does so no more.
        thread.unshare(CloneFlags::FS)?;
    }
    let process = thread.process();
    let old = process.mm();
    if let Some(old) = &old {
        leave_old_memory(thread, process, old);
    }
    let mm = change_over(thread, user, image);
    Task::set_vm_space(Some(mm.vm().clone()));
    vfork::complete(thread);
    thread.files().close_on_exec();
    drop(old);
    Ok(())
}

/// As [`take_up`], where there is no old program and the thread does not run.
pub(super) fn take_up_first(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    image: Image,
) -> Arc<AddressSpace> {
    change_over(thread, user, image)
}

/// Ends the other threads; EAGAIN if the process ends anyway.
fn end_other_threads(thread: &Arc<Thread>) -> Result<()> {
    framework::mm::admit()?;
    let process = thread.process();
    {
        let mut group = process.signals.lock();
        if group.group_exit.is_some() || group.exec_thread.is_some() || thread.is_dying() {
            return err!(EAGAIN, "the process is ending");
        }
        if group.threads.len() == 1 && thread.tid() == process.pid().leading_thread() {
            return Ok(());
        }
        group.exec_thread = Some(thread.tid());
    }
    exit::mark_dying(process, Some(thread));
    let alone = || {
        let group = process.signals.lock();
        (group.threads.len() == 1 || group.group_exit.is_some()).then_some(())
    };
    thread.park.wait_until(alone);
    let mut table = process.pid_namespace().lock();
    let mut group = process.signals.lock();
    group.exec_thread = None;
    if group.group_exit.is_some() {
        return err!(EAGAIN, "the process is ending");
    }
    let tid = thread.tid();
    let leading = process.pid().leading_thread();
    if tid != leading {
        table.remove_thread(tid);
        thread.set_tid(leading);
        group.threads.remove(&tid);
        group.threads.insert(leading, thread.clone());
    }
    Ok(())
}

/// What a thread owes those who share the memory it leaves.
fn leave_old_memory(thread: &Arc<Thread>, process: &Process, old: &Arc<AddressSpace>) {
    futex::release_robust_list(thread, old);
    let clear = thread.clear_child_tid.swap(0, Relaxed);
    if clear != 0 && Arc::strong_count(old) > 2 {
        let _ = old.vm().write_val(clear, 0_u32);
        futex::wake_address(old, clear, 1);
    }
    thread.set_robust_list(0);
    process.note_peak_rss(old);
}

/// Replaces all that belongs to the program; nothing here fails.
fn change_over(thread: &Arc<Thread>, user: &mut UserContext, image: Image) -> Arc<AddressSpace> {
    let process = thread.process();
    let Image { mm, program, outcome, mut actions, comm, entry, sp } = image;
    process.set_program(Some(Arc::new(program)));
    change_identity(thread, process, &mm, outcome);
    process.with_actions(|now| actions.copy_from(now));
    actions.clear();
    *process.sighand.lock() = Sighand::new(actions);
    {
        let mut own = thread.signals.lock();
        own.alt_stack = Default::default();
        own.saved = None;
    }
    let _ = thread.take_restart();
    if let Some(companion) = process.companion() {
        companion.on_exec();
    }
    thread.drop_timer_signals();
    thread.set_comm(&comm);
    process.exit_signal.store(Signal::CHLD.number(), Relaxed);
    if let Some(node) = process.pid_namespace().lock().get_mut(process.pid()) {
        node.has_execed = true;
    }
    user.reset();
    user.set_pc(entry);
    user.set_sp(sp);
    mm
}

/// Memory and credentials change in one step: who checks the one never gets the other's.
fn change_identity(
    thread: &Thread,
    process: &Process,
    mm: &Arc<AddressSpace>,
    outcome: cred::ExecOutcome,
) {
    let cred = Arc::new(outcome.cred);
    let old = thread.cred();
    if let Some(old) = process.mm() {
        mm.set_huge_pages_off(old.huge_pages_off());
    }
    mm.set_dumpable(if outcome.is_dumpable { 1 } else { access::suid_dumpable() });
    if outcome.is_secure || outcome.gained_privilege {
        process.set_death_signal(None);
        process.set_personality(process.personality() & !personality::CLEAR_ON_SETID);
    }
    process.set_secure(outcome.is_secure);
    let update = process.exec_update.lock();
    let before = process.replace_mm(Some(mm.clone()));
    if old != cred {
        thread.set_cred_of_program(cred);
    }
    drop(update);
    drop(before);
}
