// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a process and a thread are made of.
//!
//! A [`Process`] holds its threads and a [`Thread`] its process, so both are here. What
//! is done with them is in the files beside this one and above.
//!
//! Locks: `exec_update` (sleeping) > pid namespace > signal state > signal actions > a thread's signals. All other
//! locks of a process and a thread are leaves.

use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};
use core::sync::atomic::{
    AtomicBool, AtomicI16, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
};

use abi::prctl::TASK_COMM_LEN;
use abi::process::WaitStatus;
use abi::signal::Signal;
use cred::Cred;
use framework::{
    sync::{Mutex, Once, SpinLock, WaitQueue},
    task::Task,
    user::x86::Exception,
};
use mm::AddressSpace;
use vfs::{Account, FdTable, FsContext};

use super::{restart::RestartBlock, rusage::Usage};
use crate::{
    exec::Program,
    ids::Tid,
    namespace::NamespacesOf,
    pid_namespace::PidNamespaceOf,
    rlimit::Rlimits,
    session::Session,
    signal::{Flushes, SigQueue, Sighand, StopState, ThreadSignals},
    tree::Tree,
    user_count::UserCount,
};

/// A pid namespace: the numbers of its processes, and who is whose parent.
pub type PidNamespace = PidNamespaceOf<Arc<Process>>;

/// The namespaces of a thread.
pub type Namespaces = NamespacesOf<Arc<Process>>;

/// What the lock of a pid namespace protects.
pub(crate) type ProcessTree = Tree<Arc<Process>>;

/// Something of another service that lives and dies with a process: its timers.
pub trait Companion: Send + Sync + core::any::Any {
    /// The process calls execve and is past the point of no return.
    fn on_exec(&self);
    /// The last thread of the process ends.
    fn on_exit(&self);
}

/// A process.
pub struct Process {
    pub(super) pid: AtomicI32,
    pub(super) parent: AtomicI32,
    pub(super) group: AtomicI32,
    pub(super) session_id: AtomicI32,
    pub(super) session: SpinLock<Arc<Session>>,
    pub(super) pid_namespace: Arc<PidNamespace>,
    pub(super) mm: SpinLock<Option<Arc<AddressSpace>>>,
    /// Held by execve while memory and credentials change over, and by who checks the
    /// one to get the other.
    pub(crate) exec_update: Mutex<()>,
    pub(crate) sighand: SpinLock<Arc<Sighand>>,
    pub(crate) signals: SpinLock<GroupSignals>,
    pub(super) rlimits: SpinLock<Rlimits>,
    /// Woken when a child ends, stops or continues.
    pub(crate) child_wait: WaitQueue,
    pub(crate) usage: SpinLock<Usage>,
    pub(crate) exit_signal: AtomicI32,
    pub(crate) exit_status: AtomicI32,
    pub(super) companion: SpinLock<Option<Arc<dyn Companion>>>,
    /// Keeps writers off the program file, as long as it runs.
    pub(super) program: SpinLock<Option<Arc<Program>>>,
    pub(super) start_ns: u64,
    pub(super) remains: SpinLock<Remains>,
    pub(super) personality: AtomicU32,
    pub(crate) death_signal: AtomicI32,
    pub(super) oom_score_adj: AtomicI16,
    pub(super) nice: AtomicI16,
    pub(super) is_secure: AtomicBool,
    /// Until when the out-of-memory killer, which has chosen it, waits for its end (time since
    /// boot); 0 for who was not chosen.
    pub(crate) oom_patience_ns: AtomicU64,
    /// What the kernel holds for it beside what is in its tables.
    pub(crate) account: Arc<Account>,
}

/// What is shown of a zombie.
#[derive(Default)]
pub(super) struct Remains {
    pub(super) comm: [u8; TASK_COMM_LEN],
    pub(super) cred: Option<Arc<Cred>>,
    pub(super) scheduling: Option<Scheduling>,
}

/// How a thread is scheduled, or was when it ended.
#[derive(Clone, Copy)]
pub struct Scheduling {
    /// Policy and priority.
    pub params: sched::Params,
    /// The CPUs it may run on.
    pub affinity: framework::cpu::CpuSet,
    /// How long a turn is, as sched_rr_get_interval(2) says.
    pub interval_ns: u64,
}

impl Scheduling {
    /// Of a task.
    pub fn of(task: &Arc<Task>) -> Self {
        let affinity = task.sched().affinity();
        let interval_ns = sched::rr_interval_ns(task);
        Self { params: sched::params(task), affinity, interval_ns }
    }
}

/// What a new process starts with.
pub(crate) struct NewProcess {
    pub(crate) session: Arc<Session>,
    pub(crate) pid_namespace: Arc<PidNamespace>,
    pub(crate) mm: Option<Arc<AddressSpace>>,
    pub(crate) sighand: Arc<Sighand>,
    pub(crate) rlimits: Rlimits,
    pub(crate) exit_signal: Option<Signal>,
    pub(crate) personality: u32,
    pub(crate) oom_score_adj: i16,
    pub(crate) nice: i16,
    pub(crate) program: Option<Arc<Program>>,
}

/// What the signal lock of a process protects.
#[derive(Default)]
pub(crate) struct GroupSignals {
    /// The threads that have not ended.
    pub(crate) threads: BTreeMap<Tid, Arc<Thread>>,
    /// How many of them sleep for a stop.
    pub(crate) stopped: usize,
    /// How many have ended.
    pub(crate) ended: u64,
    /// How often signals that stop, and SIGCONT, were taken out of all queues: see
    /// [`ThreadSignals::catch_up`].
    pub(crate) flushes: Flushes,
    /// Signals for whichever thread takes them first.
    pub(crate) pending: SigQueue,
    /// The process ends with this wait status.
    pub(crate) group_exit: Option<WaitStatus>,
    /// This thread calls execve and waits for the others to end.
    pub(crate) exec_thread: Option<Tid>,
    pub(crate) stop: StopState,
    /// A stopping signal was taken and no SIGCONT came since.
    pub(crate) stop_dequeued: bool,
    /// A stop that wait has not reported yet.
    pub(crate) stop_report: Option<Signal>,
    /// A continuation that wait has not reported yet.
    pub(crate) continue_report: bool,
    /// The first thread that goes on tells the parent.
    pub(crate) tell_continued: bool,
    /// A fault may end even the first process.
    pub(crate) is_killable: bool,
}

/// Credentials and the counts of the real user, replaced together.
pub(super) struct Identity {
    pub(super) cred: Arc<Cred>,
    pub(super) user: Arc<UserCount>,
}

/// A thread of a process.
pub struct Thread {
    pub(super) tid: AtomicI32,
    pub(super) process: Arc<Process>,
    pub(super) namespaces: Arc<Namespaces>,
    pub(super) task: Once<Weak<Task>>,
    pub(super) identity: SpinLock<Identity>,
    pub(super) fs: SpinLock<Arc<FsContext>>,
    /// It counts among the users of `fs`: until it ends.
    pub(super) counts_in_fs: AtomicBool,
    pub(super) files: SpinLock<Arc<FdTable>>,
    pub(super) comm: SpinLock<[u8; TASK_COMM_LEN]>,
    pub(crate) signals: SpinLock<ThreadSignals>,
    /// Where it sleeps while stopped, and for what only SIGKILL may cut short.
    pub(crate) park: WaitQueue,
    /// It must end: the process exits or another thread calls execve.
    pub(crate) is_dying: AtomicBool,
    pub(crate) exit_status: AtomicI32,
    /// Who waits in vfork until it has called execve or ended.
    pub(crate) vfork_parent: SpinLock<Option<Arc<Self>>>,
    pub(crate) clear_child_tid: AtomicUsize,
    pub(crate) robust_list: AtomicUsize,
    pub(super) restart: SpinLock<Option<RestartBlock>>,
    pub(super) minor_faults: AtomicU64,
    pub(super) major_faults: AtomicU64,
    pub(super) start_ns: u64,
    pub(super) timer_slack_ns: AtomicU64,
    /// See prctl(2), PR_MCE_KILL_GET.
    pub(super) mce_kill: AtomicU8,
    /// What its parent had: what PR_SET_TIMERSLACK goes back to.
    pub(super) default_timer_slack_ns: u64,
    pub(super) last_fault: SpinLock<Exception>,
}

/// What a new thread starts with.
pub(crate) struct NewThread {
    pub(crate) tid: Tid,
    pub(crate) process: Arc<Process>,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) cred: Arc<Cred>,
    /// The counts of the real user of `cred`.
    pub(crate) user: Arc<UserCount>,
    pub(crate) fs: Arc<FsContext>,
    pub(crate) files: Arc<FdTable>,
    pub(crate) comm: [u8; TASK_COMM_LEN],
    pub(crate) timer_slack_ns: u64,
    pub(crate) mce_kill: u8,
    pub(crate) signals: ThreadSignals,
}

impl GroupSignals {
    /// Whether wait has nothing to report, nor will without another stop.
    pub(crate) fn has_told_all(&self) -> bool {
        self.stop == StopState::Running && self.stop_report.is_none() && !self.continue_report
    }
}

impl Process {
    pub(crate) fn new(new: NewProcess) -> Arc<Self> {
        Arc::new(Self {
            pid: AtomicI32::new(0),
            parent: AtomicI32::new(0),
            group: AtomicI32::new(0),
            session_id: AtomicI32::new(new.session.id().as_raw()),
            session: SpinLock::new(new.session),
            pid_namespace: new.pid_namespace,
            mm: SpinLock::new(new.mm),
            exec_update: Mutex::new(()),
            sighand: SpinLock::new(new.sighand),
            signals: SpinLock::new(GroupSignals::default()),
            rlimits: SpinLock::new(new.rlimits),
            child_wait: WaitQueue::new(),
            usage: SpinLock::new(Usage::default()),
            exit_signal: AtomicI32::new(new.exit_signal.map_or(0, Signal::number)),
            exit_status: AtomicI32::new(0),
            companion: SpinLock::new(None),
            program: SpinLock::new(new.program),
            start_ns: framework::time::monotonic_ns(),
            remains: SpinLock::new(Remains::default()),
            personality: AtomicU32::new(new.personality),
            death_signal: AtomicI32::new(0),
            oom_score_adj: AtomicI16::new(new.oom_score_adj),
            nice: AtomicI16::new(new.nice),
            is_secure: AtomicBool::new(false),
            oom_patience_ns: AtomicU64::new(0),
            account: Arc::default(),
        })
    }
}

impl Thread {
    pub(crate) fn new(new: NewThread) -> Arc<Self> {
        debug_assert_eq!(new.user.uid(), new.cred.uid);
        new.user.add_thread();
        new.fs.add_user();
        Arc::new(Self {
            tid: AtomicI32::new(new.tid.as_raw()),
            process: new.process,
            namespaces: new.namespaces,
            task: Once::new(),
            identity: SpinLock::new(Identity { cred: new.cred, user: new.user }),
            fs: SpinLock::new(new.fs),
            counts_in_fs: AtomicBool::new(true),
            files: SpinLock::new(new.files),
            comm: SpinLock::new(new.comm),
            signals: SpinLock::new(new.signals),
            park: WaitQueue::new(),
            is_dying: AtomicBool::new(false),
            exit_status: AtomicI32::new(0),
            vfork_parent: SpinLock::new(None),
            clear_child_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            restart: SpinLock::new(None),
            minor_faults: AtomicU64::new(0),
            major_faults: AtomicU64::new(0),
            start_ns: framework::time::monotonic_ns(),
            timer_slack_ns: AtomicU64::new(new.timer_slack_ns),
            mce_kill: AtomicU8::new(new.mce_kill),
            default_timer_slack_ns: new.timer_slack_ns,
            last_fault: SpinLock::new(Exception::default()),
        })
    }
}

impl Thread {
    /// Counts no more among the users of its root and working directory.
    pub(crate) fn leave_fs(&self) {
        if self.counts_in_fs.swap(false, core::sync::atomic::Ordering::Relaxed) {
            self.fs.lock().remove_user();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.leave_fs();
        self.identity.lock().user.remove_thread();
    }
}
