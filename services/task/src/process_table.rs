// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The process table: look-ups in a [`PidNamespace`].
//!
//! Whoever looks somebody up does it in the namespace of who asks:
//! `thread.process().pid_namespace()`. What concerns all processes of the machine uses
//! [`PidNamespace::initial`], which knows every one.
//!
//! Locks: the namespace's tree > a process's signals, one at a time.

use alloc::{sync::Arc, vec::Vec};

use abi::{Result, error};
use framework::sync::Once;

use crate::{
    ids::{Pgid, Pid, Sid, Tid},
    process::{PidNamespace, Process, Thread},
};

impl PidNamespace {
    /// That of the first process.
    pub fn initial() -> &'static Arc<Self> {
        static INITIAL: Once<Arc<PidNamespace>> = Once::new();
        INITIAL.call_once(|| Arc::new(Self::new(abi::namespace::INITIAL_PID)))
    }

    /// The process with number `pid`, zombies included.
    pub fn process(&self, pid: Pid) -> Option<Arc<Process>> {
        self.lock().get(pid).map(|node| node.process.clone())
    }

    /// The thread with number `tid` that has not ended.
    pub fn thread(&self, tid: Tid) -> Option<Arc<Thread>> {
        let process = self.process_of_thread(tid)?;
        let signals = process.signals.lock();
        signals.threads.iter().find(|t| t.tid() == tid).cloned()
    }

    /// The process that thread `tid` belongs to.
    pub(crate) fn process_of_thread(&self, tid: Tid) -> Option<Arc<Process>> {
        let tree = self.lock();
        let pid = tree.process_of_thread(tid)?;
        tree.get(pid).map(|node| node.process.clone())
    }

    /// The first process with a number of at least `from`, zombies included; for
    /// walking through all of them without holding the table.
    pub fn next_process(&self, from: Pid) -> Option<Arc<Process>> {
        self.lock().iter_from(from).next().map(|(_, node)| node.process.clone())
    }

    /// All processes, zombies included, by rising number.
    pub fn processes(&self) -> Vec<Arc<Process>> {
        self.lock().iter().map(|(_, node)| node.process.clone()).collect()
    }

    /// The members of a process group.
    pub(crate) fn members(&self, group: Pgid) -> Vec<Arc<Process>> {
        let tree = self.lock();
        let members = tree.group(group).iter().filter_map(|pid| tree.get(*pid));
        members.map(|node| node.process.clone()).collect()
    }

    /// getpgid(2) and getsid(2) of another process: its group and session.
    ///
    /// # Errors
    /// `ESRCH` if there is no such process.
    pub fn relations(&self, pid: Pid) -> Result<(Pgid, Sid)> {
        let process = self.process(pid).ok_or(error!(ESRCH, "no such process"))?;
        Ok((process.group_id(), process.session_id()))
    }

    /// Whether no process of `group` has a parent that could continue it: such a
    /// group is not stopped by the terminal.
    pub fn is_orphaned_group(&self, group: Pgid) -> bool {
        self.lock().is_orphaned(group, None)
    }

    /// Whether process group `group` exists in session `session`.
    pub fn group_in_session(&self, group: Pgid, session: Sid) -> bool {
        let tree = self.lock();
        let mut members = tree.group(group).iter().filter_map(|pid| tree.get(*pid));
        members.any(|node| node.session == session)
    }

    /// Whether any process is in `group`.
    pub fn group_exists(&self, group: Pgid) -> bool {
        !self.lock().group(group).is_empty()
    }
}
