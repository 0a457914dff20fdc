// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The process table: look-ups in a [`PidNamespace`].
//!
//! Whoever looks somebody up does it in the namespace of who asks:
//! `thread.process().pid_namespace()`. What concerns all processes of the machine uses
//! [`PidNamespace::initial`], which knows every one.
//!
//! Locks: the namespace's tree > a process's signals, one at a time.

use alloc::sync::Arc;

use abi::{Result, error};
use framework::sync::Once;

use crate::{
    ids::{Pgid, Pid, Sid, Tid},
    process::{PidNamespace, Process, Thread},
};

/// Ancestors that are looked at with the table locked once.
const STEPS: usize = 64;

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
        self.process_of_thread(tid)?.thread(tid)
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
        self.lock().first_from(from).map(|(_, node)| node.process.clone())
    }

    /// All processes, zombies included, by rising number. The table is locked for each
    /// alone, so some may come and go meanwhile.
    pub fn processes(&self) -> impl Iterator<Item = Arc<Process>> {
        let mut from = Pid::INIT;
        core::iter::from_fn(move || {
            let process = self.next_process(from)?;
            from = process.pid().next();
            Some(process)
        })
    }

    /// As [`PidNamespace::processes`], then those that came in meanwhile, again and again
    /// until there are none, or `passes` times.
    pub(crate) fn processes_and_newer(
        &self,
        mut passes: usize,
    ) -> impl Iterator<Item = Arc<Process>> {
        let (mut from, mut known) = (Pid::INIT, 0);
        let (mut newest, mut found) = (self.lock().last_place(), false);
        core::iter::from_fn(move || {
            loop {
                let tree = self.lock();
                match tree.first_from(from) {
                    Some((pid, node)) => {
                        from = Pid::from_raw(pid.as_raw().saturating_add(1));
                        if node.born_at > known {
                            found = true;
                            return Some(node.process.clone());
                        }
                    }
                    None if found && passes > 0 => {
                        passes -= 1;
                        (from, found) = (Pid::INIT, false);
                        (known, newest) = (newest, tree.last_place());
                    }
                    None => return None,
                }
            }
        })
    }

    /// The members of a process group in the order they came, also who comes
    /// meanwhile. The table is locked for each alone.
    pub fn members(&self, group: Pgid) -> impl Iterator<Item = Arc<Process>> {
        let mut last = 0;
        core::iter::from_fn(move || {
            let tree = self.lock();
            let (place, node) = tree.next_member(group, last)?;
            last = place;
            Some(node.process.clone())
        })
    }

    /// Who adopts the children of `pid`: its nearest ancestor that is a subreaper and
    /// lives, else the first process.
    pub(crate) fn reaper_of(&self, pid: Pid) -> Pid {
        let mut at = pid;
        loop {
            match self.lock().reaper_above(at, STEPS) {
                Ok(reaper) => return reaper,
                Err(higher) => at = higher,
            }
        }
    }

    /// getpgid(2) and getsid(2) of another process, by the number of any thread of it: its
    /// group and session.
    ///
    /// # Errors
    /// `ESRCH` if there is no such process.
    pub fn relations(&self, pid: Pid) -> Result<(Pgid, Sid)> {
        let process = self.process_of_thread(pid.leading_thread());
        let process = process.ok_or(error!(ESRCH, "no such process"))?;
        Ok((process.group_id(), process.session_id()))
    }

    /// Whether no process of `group` has a parent that could continue it: such a
    /// group is not stopped by the terminal.
    pub fn is_orphaned_group(&self, group: Pgid) -> bool {
        self.lock().is_orphaned(group)
    }

    /// Whether process group `group` exists in session `session`.
    pub fn group_in_session(&self, group: Pgid, session: Sid) -> bool {
        self.lock().session_of(group) == Some(session)
    }

    /// Whether any process is in `group`.
    pub fn group_exists(&self, group: Pgid) -> bool {
        self.lock().session_of(group).is_some()
    }
}
