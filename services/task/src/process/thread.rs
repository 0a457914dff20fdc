// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be read and changed of a thread.
//!
//! A [`Thread`] belongs to one [`Process`] for life and is the extension of one
//! framework task. Its own calls read it through `&Thread`; others find it
//! through the process table, so whatever can change is behind a lock.
//!
//! Locks: each field's own, all leaves except `signals`, which nests inside the
//! process's signal state.

use alloc::{
    string::String,
    sync::{Arc, Weak},
};
use core::ops::ControlFlow;
use core::sync::atomic::Ordering::Relaxed;

use abi::clone::CloneFlags;
use abi::prctl::TASK_COMM_LEN;
use abi::{Result, err};
use cred::Cred;
use framework::{task::Task, user::x86::Exception};
use vfs::{FdTable, FsContext};

use super::{
    restart::RestartBlock,
    types::{Identity, Namespaces, PidNamespace, Process, Thread},
};
use crate::{
    ids::{Pid, Tid},
    user_count::UserCount,
};

impl Thread {
    /// The thread number (gettid); the process number for the leading thread.
    #[inline]
    pub fn tid(&self) -> Tid {
        Tid::from_raw(self.tid.load(Relaxed))
    }

    pub(crate) fn set_tid(&self, tid: Tid) {
        self.tid.store(tid.as_raw(), Relaxed);
    }

    /// The process it belongs to.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The namespaces it is in; its user namespace is in its credentials.
    pub fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }

    /// The namespace of its numbers, in which it looks others up.
    #[inline]
    pub fn pid_namespace(&self) -> &Arc<PidNamespace> {
        self.process.pid_namespace()
    }

    /// The process number (getpid).
    #[inline]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// The framework task that runs it; None once it has ended.
    pub fn task(&self) -> Option<Arc<Task>> {
        self.task.get().and_then(Weak::upgrade)
    }

    pub(crate) fn set_task(&self, task: &Arc<Task>) {
        self.task.call_once(|| Arc::downgrade(task));
    }

    /// Makes it look at signals soon: ends an interruptible wait, leaves user mode.
    pub(crate) fn interrupt(&self) {
        if let Some(task) = self.task() {
            task.raise_interrupt();
        }
    }

    /// Its credentials.
    pub fn cred(&self) -> Arc<Cred> {
        self.identity.lock().cred.clone()
    }

    /// Its credentials and the counts of its real user.
    pub(crate) fn identity(&self) -> (Arc<Cred>, Arc<UserCount>) {
        let identity = self.identity.lock();
        (identity.cred.clone(), identity.user.clone())
    }

    /// Replaces its credentials; only the thread itself may.
    ///
    /// # Errors
    /// `ENOMEM`; nothing changed then.
    pub fn set_cred(&self, cred: Cred) -> Result<()> {
        framework::mm::admit()?;
        let user = match cred.uid == self.cred().uid {
            true => self.user(),
            false => UserCount::of(cred.uid)?,
        };
        self.change_identity(Arc::new(cred), user);
        Ok(())
    }

    /// As [`Thread::set_cred`], by execve, which keeps the real user.
    pub(crate) fn set_cred_of_program(&self, cred: Arc<Cred>) {
        debug_assert_eq!(cred.uid, self.cred().uid);
        self.change_identity(cred, self.user());
    }

    /// Where it acts as somebody else from now on, the memory may know what that one must not
    /// see: it becomes undumpable, and the death signal goes.
    fn change_identity(&self, cred: Arc<Cred>, user: Arc<UserCount>) {
        if cred.is_other_than(&self.cred()) {
            // Before the new ids: who sees those sees this too.
            self.process.set_dumpable(crate::access::suid_dumpable());
            self.process.set_death_signal(None);
        }
        // Counted twice, it could be one too many for RLIMIT_NPROC.
        let is_same = Arc::ptr_eq(&user, &self.user());
        if !is_same {
            user.add_thread();
        }
        let new = Identity { cred, user };
        let old = core::mem::replace(&mut *self.identity.lock(), new);
        if !is_same {
            old.user.remove_thread();
        }
    }

    /// The counts of its real user.
    pub fn user(&self) -> Arc<UserCount> {
        self.identity.lock().user.clone()
    }

    /// Its root and working directory and umask, shared by CLONE_FS.
    pub fn fs(&self) -> Arc<FsContext> {
        self.fs.lock().clone()
    }

    /// Whether other processes have its root and working directory too.
    pub(crate) fn shares_fs(&self) -> bool {
        let fs = self.fs();
        let mut own = 0;
        self.process.for_threads(|_, thread| {
            own += usize::from(Arc::ptr_eq(&*thread.fs.lock(), &fs));
            ControlFlow::Continue(())
        });
        fs.users() > own.max(1)
    }

    /// unshare(2): from now on the thread has what `flags` name for itself.
    ///
    /// # Errors
    /// `EINVAL` for memory or signal actions that others share, or another thread; `ENOMEM`.
    pub fn unshare(&self, flags: CloneFlags) -> Result<()> {
        framework::mm::admit()?;
        let as_one = CloneFlags::THREAD | CloneFlags::SIGHAND | CloneFlags::VM;
        if flags.intersects(as_one) && self.process.thread_count() > 1 {
            return err!(EINVAL, "the process has other threads");
        }
        if flags.contains(CloneFlags::FILES) {
            let own = Arc::new(self.files().fork()?);
            drop(self.set_files(own));
        }
        if flags.contains(CloneFlags::FS) {
            let own = Arc::new(self.fs().as_ref().clone());
            own.add_user();
            let shared = core::mem::replace(&mut *self.fs.lock(), own);
            shared.remove_user();
        }
        Ok(())
    }

    /// Its open files, shared by CLONE_FILES.
    #[inline]
    pub fn files(&self) -> Arc<FdTable> {
        self.files.lock().clone()
    }

    /// Replaces what [`Thread::files`] returns, for unshare and exec.
    pub fn set_files(&self, files: Arc<FdTable>) -> Arc<FdTable> {
        core::mem::replace(&mut *self.files.lock(), files)
    }

    /// Its name, zero-terminated.
    pub fn comm(&self) -> [u8; TASK_COMM_LEN] {
        *self.comm.lock()
    }

    /// Its name without the zeros.
    pub fn name(&self) -> String {
        let comm = self.comm();
        let len = comm.iter().position(|b| *b == 0).unwrap_or(TASK_COMM_LEN);
        String::from_utf8_lossy(comm.get(..len).unwrap_or(&[])).into_owned()
    }

    /// Names it; what exceeds 15 bytes is cut off.
    pub fn set_comm(&self, name: &[u8]) {
        let mut comm = [0; TASK_COMM_LEN];
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        for (to, from) in comm.iter_mut().zip(name.iter().take(end.min(TASK_COMM_LEN - 1))) {
            *to = *from;
        }
        *self.comm.lock() = comm;
    }

    /// Whether it must end rather than go on: long kernel loops ask.
    #[inline]
    pub fn is_dying(&self) -> bool {
        self.is_dying.load(Relaxed)
    }

    /// Where the kernel stores zero, and wakes a futex, when it ends.
    pub fn set_clear_child_tid(&self, addr: usize) {
        self.clear_child_tid.store(addr, Relaxed);
    }

    /// PR_GET_TID_ADDRESS: what [`Thread::set_clear_child_tid`] set.
    pub fn clear_child_tid(&self) -> usize {
        self.clear_child_tid.load(Relaxed)
    }

    /// The head of its robust futex list (set_robust_list).
    pub fn robust_list(&self) -> usize {
        self.robust_list.load(Relaxed)
    }

    /// Sets the head of its robust futex list.
    pub fn set_robust_list(&self, head: usize) {
        self.robust_list.store(head, Relaxed);
    }

    /// Notes what restart_syscall(2) shall repeat, before a call ends with
    /// [`Restart::Block`](super::Restart::Block).
    pub fn set_restart(&self, block: RestartBlock) {
        *self.restart.lock() = Some(block);
    }

    /// Takes what [`Thread::set_restart`] noted. restart_syscall takes it to
    /// repeat the call; a handler that ran in between has dropped it (EINTR).
    pub fn take_restart(&self) -> Option<RestartBlock> {
        self.restart.lock().take()
    }

    /// Page faults without and with input or output.
    pub fn faults(&self) -> (u64, u64) {
        (self.minor_faults.load(Relaxed), self.major_faults.load(Relaxed))
    }

    pub(crate) fn count_minor_fault(&self) {
        // Only the thread itself counts: no need for a locked add.
        self.minor_faults.store(self.minor_faults.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn last_fault(&self) -> Exception {
        *self.last_fault.lock()
    }

    pub(crate) fn set_last_fault(&self, fault: Exception) {
        *self.last_fault.lock() = fault;
    }

    /// Its nice value, -20 to 19.
    pub fn nice(&self) -> i8 {
        self.task().map_or_else(|| self.process.nice(), |task| task.sched().nice())
    }

    /// Sets its nice value, within its range; each thread has its own.
    pub fn set_nice(&self, value: i8) {
        let value = value.clamp(-20, 19);
        if let Some(task) = self.task() {
            sched::set_nice(&task, value);
        }
        if self.tid() == self.pid().leading_thread() {
            self.process.note_nice(value);
        }
    }

    /// When it started, on the monotonic clock.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// PR_GET_TIMERSLACK.
    pub fn timer_slack_ns(&self) -> u64 {
        self.timer_slack_ns.load(Relaxed)
    }

    /// What prctl(2), PR_MCE_KILL, last asked for; 2 is the default.
    pub fn mce_kill(&self) -> u8 {
        self.mce_kill.load(Relaxed)
    }

    /// See [`Thread::mce_kill`].
    pub fn set_mce_kill(&self, policy: u8) {
        self.mce_kill.store(policy, Relaxed);
    }

    /// PR_SET_TIMERSLACK; None for what its parent had.
    pub fn set_timer_slack_ns(&self, ns: Option<u64>) {
        self.timer_slack_ns.store(ns.unwrap_or(self.default_timer_slack_ns), Relaxed);
    }
}
