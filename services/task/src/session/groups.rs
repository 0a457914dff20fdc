// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What processes do with sessions and process groups.
//!
//! Spec: setsid(2), setpgid(2), credentials(7).

use abi::Result;
use abi::signal::Signal;

use super::terminal::Session;
use crate::{
    ids::{Pgid, Pid, Sid},
    process::{PidNamespace, Process},
};

impl Session {
    /// Gives the terminal up for the whole session, as its leader's end does
    /// and TIOCNOTTY by the leader: the foreground group gets SIGHUP and SIGCONT.
    /// `numbers` is the leader's pid namespace.
    pub fn disassociate(&self, numbers: &PidNamespace) {
        let Some(terminal) = self.take_terminal() else { return };
        if let Some(group) = terminal.foreground() {
            numbers.signal_group(group, Signal::HUP);
            numbers.signal_group(group, Signal::CONT);
        }
        terminal.released(self.id());
    }
}

impl Process {
    /// setsid(2): a new session that this process leads.
    ///
    /// # Errors
    /// `EPERM` if the process leads a group already, `ENOMEM` without memory for the list
    /// of its group.
    pub fn start_session(&self) -> Result<Sid> {
        let pid = self.pid();
        let mut table = self.pid_namespace().lock();
        table.set_session(pid)?;
        let session = pid.own_session();
        self.note_relations(self.parent_pid(), pid.own_group(), session);
        self.set_session(Session::new(session));
        let mut left = Some(Pgid::from_raw(1));
        while let Some(first) = left {
            left = table.leave_groups(pid, first);
            drop(table);
            table = self.pid_namespace().lock();
        }
        Ok(session)
    }

    /// setpgid(2) by this process.
    ///
    /// # Errors
    /// `ESRCH` if `pid` is neither the caller nor its child,
    /// `EACCES` for a child that has called execve, `EPERM` for a session's leader, a child
    /// in another session or a group that is not in this one; `ENOMEM` without memory for
    /// the list of the group.
    pub fn set_group(&self, pid: Pid, group: Pgid) -> Result<()> {
        let mut table = self.pid_namespace().lock();
        table.set_group(self.pid(), pid, group)?;
        if let Some(node) = table.get(pid) {
            node.process.note_relations(node.parent, node.group, node.session);
        }
        Ok(())
    }

    /// PR_SET_CHILD_SUBREAPER: it adopts orphans among its descendants.
    pub fn set_subreaper(&self, is_subreaper: bool) {
        if let Some(node) = self.pid_namespace().lock().get_mut(self.pid()) {
            node.is_subreaper = is_subreaper;
        }
    }

    /// PR_GET_CHILD_SUBREAPER.
    pub fn is_subreaper(&self) -> bool {
        self.pid_namespace().lock().get(self.pid()).is_some_and(|node| node.is_subreaper)
    }

    /// Whether this process leads its session.
    pub fn leads_session(&self) -> bool {
        self.session_id().leader() == self.pid()
    }
}
