// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A thread: what runs user code, with the state Linux keeps per task.
//!
//! A [`Thread`] belongs to one [`Process`] for life and is the extension of one
//! framework task. Its own calls read it through `&Thread`; others find it
//! through the process table, so whatever can change is behind a lock.
//!
//! Locks: each field's own, all leaves except `signals`, which nests inside the
//! process's signal state.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use abi::prctl::TASK_COMM_LEN;
use cred::Cred;
use framework::{
    sync::{Once, SpinLock, WaitQueue},
    task::Task,
    user::x86::Exception,
};
use vfs::{FdTable, FsContext};

use crate::{
    ids::{Pid, Tid},
    process::{PidNamespace, Process},
    signal::ThreadSignals,
    user_count::UserCount,
};

/// Credentials and the counts of the real user, replaced together.
struct Identity {
    cred: Arc<Cred>,
    user: Arc<UserCount>,
}

/// How a call that a signal interrupted goes on. The system-call layer leaves
/// RAX at the call's number for all but [`Restart::None`]; delivery then either
/// rewinds RIP over the `syscall` instruction or sets RAX to -EINTR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// The call is over; its result stands.
    None,
    /// Again unless a handler without SA_RESTART ran (ERESTARTSYS).
    Sys,
    /// Again unless any handler ran (ERESTARTNOHAND).
    NoHand,
    /// By restart_syscall(2) with what is left of the time-out, unless any
    /// handler ran (ERESTART_RESTARTBLOCK); see [`Thread::set_restart`].
    Block,
}

/// What restart_syscall(2) repeats: the call with its registers as they are,
/// and the deadline that its relative time-out meant at first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartBlock {
    /// The number of the interrupted call.
    pub number: u64,
    /// When it times out, in nanoseconds of the clock it uses.
    pub deadline_ns: u64,
}

/// A thread of a process.
pub struct Thread {
    tid: AtomicI32,
    process: Arc<Process>,
    task: Once<Weak<Task>>,
    identity: SpinLock<Identity>,
    fs: SpinLock<Arc<FsContext>>,
    files: SpinLock<Arc<FdTable>>,
    comm: SpinLock<[u8; TASK_COMM_LEN]>,
    pub(crate) signals: SpinLock<ThreadSignals>,
    /// Where it sleeps while stopped, and for what only SIGKILL may cut short.
    pub(crate) park: WaitQueue,
    /// It must end: the process exits or another thread calls execve.
    pub(crate) is_dying: AtomicBool,
    /// It sleeps for a stop; written under the process's signal state.
    pub(crate) is_stopped: AtomicBool,
    pub(crate) exit_status: AtomicI32,
    /// Who waits in vfork until it has called execve or ended.
    pub(crate) vfork_parent: SpinLock<Option<Arc<Self>>>,
    pub(crate) clear_child_tid: AtomicUsize,
    pub(crate) robust_list: AtomicUsize,
    restart: SpinLock<Option<RestartBlock>>,
    minor_faults: AtomicU64,
    major_faults: AtomicU64,
    start_ns: u64,
    timer_slack_ns: AtomicU64,
    last_fault: SpinLock<Exception>,
}

/// What a new thread starts with.
pub(crate) struct NewThread {
    pub(crate) tid: Tid,
    pub(crate) process: Arc<Process>,
    pub(crate) cred: Arc<Cred>,
    pub(crate) fs: Arc<FsContext>,
    pub(crate) files: Arc<FdTable>,
    pub(crate) comm: [u8; TASK_COMM_LEN],
    pub(crate) signals: ThreadSignals,
}

impl Thread {
    pub(crate) fn new(new: NewThread) -> Arc<Self> {
        let user = UserCount::of(new.cred.uid);
        user.add_thread();
        Arc::new(Self {
            tid: AtomicI32::new(new.tid.as_raw()),
            process: new.process,
            task: Once::new(),
            identity: SpinLock::new(Identity { cred: new.cred, user }),
            fs: SpinLock::new(new.fs),
            files: SpinLock::new(new.files),
            comm: SpinLock::new(new.comm),
            signals: SpinLock::new(new.signals),
            park: WaitQueue::new(),
            is_dying: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            exit_status: AtomicI32::new(0),
            vfork_parent: SpinLock::new(None),
            clear_child_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            restart: SpinLock::new(None),
            minor_faults: AtomicU64::new(0),
            major_faults: AtomicU64::new(0),
            start_ns: framework::time::monotonic_ns(),
            timer_slack_ns: AtomicU64::new(50_000),
            last_fault: SpinLock::new(Exception::default()),
        })
    }

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

    /// Replaces its credentials; only the thread itself may.
    pub fn set_cred(&self, cred: Arc<Cred>) {
        let mut identity = self.identity.lock();
        if identity.cred.uid != cred.uid {
            let user = UserCount::of(cred.uid);
            user.add_thread();
            identity.user.remove_thread();
            identity.user = user;
        }
        identity.cred = cred;
    }

    /// The counts of its real user.
    pub fn user(&self) -> Arc<UserCount> {
        self.identity.lock().user.clone()
    }

    /// Its root and working directory and umask, shared by CLONE_FS.
    pub fn fs(&self) -> Arc<FsContext> {
        self.fs.lock().clone()
    }

    /// Replaces what [`Thread::fs`] returns, for unshare.
    pub fn set_fs(&self, fs: Arc<FsContext>) {
        *self.fs.lock() = fs;
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
    pub fn name(&self) -> alloc::string::String {
        let comm = self.comm();
        let len = comm.iter().position(|b| *b == 0).unwrap_or(TASK_COMM_LEN);
        alloc::string::String::from_utf8_lossy(comm.get(..len).unwrap_or(&[])).into_owned()
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
    /// [`Restart::Block`].
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

    /// When it started, on the monotonic clock.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// PR_GET_TIMERSLACK.
    pub fn timer_slack_ns(&self) -> u64 {
        self.timer_slack_ns.load(Relaxed)
    }

    /// PR_SET_TIMERSLACK.
    pub fn set_timer_slack_ns(&self, ns: u64) {
        self.timer_slack_ns.store(ns, Relaxed);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.identity.lock().user.remove_thread();
    }
}
