// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Job control: whose terminal it is, and who may use it now.
//!
//! A terminal belongs to at most one session, and a session has at most one
//! terminal; this module keeps the two halves of that relation in step.
//!
//! Spec: POSIX.1-2017 section 11.1; credentials(7).

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::capability::Caps;
use abi::signal::Signal;
use abi::{Result, err};
use task::session::{Session, Terminal};
use task::{Pgid, Process, Sid, Thread};

use crate::control::Owner;
use crate::tty::Tty;

/// What the rules say about a background process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Proceed,
    Refuse,
    Stop,
}

/// The rules of POSIX, as Linux applies them.
fn verdict(signal: Signal, is_ignored_or_blocked: bool, is_orphaned: bool) -> Verdict {
    match (is_ignored_or_blocked, is_orphaned) {
        (true, _) if signal == Signal::TTIN => Verdict::Refuse,
        (true, _) => Verdict::Proceed,
        (false, true) => Verdict::Refuse,
        (false, false) => Verdict::Stop,
    }
}

impl Terminal for Tty {
    fn device_number(&self) -> u64 {
        self.dev().to_raw()
    }

    fn foreground(&self) -> Option<Pgid> {
        self.control.lock().owner.as_ref().map(|owner| owner.foreground)
    }

    fn released(&self, session: Sid) {
        let owner = {
            let is_owner = |owner: &mut Owner| owner.session == session;
            self.control.lock().owner.take_if(is_owner)
        };
        if owner.is_some() {
            self.hang_up_files();
        }
    }
}

impl Tty {
    /// Whether it is the controlling terminal of `session`.
    pub(crate) fn controls(&self, session: &Session) -> bool {
        self.control.lock().owner.as_ref().is_some_and(|owner| owner.session == session.id())
    }

    /// Lets the foreground pass; a background process gets `signal` and EINTR,
    /// or EIO where stopping it would not help.
    pub(crate) fn check_background(&self, signal: Signal) -> Result<()> {
        let Some(thread) = task::current() else { return Ok(()) };
        let process = thread.process();
        let group = process.group_id();
        {
            let control = self.control.lock();
            let ours = control.owner.as_ref().filter(|o| o.session == process.session_id());
            if ours.is_none_or(|owner| owner.foreground == group) {
                return Ok(());
            }
        }
        let numbers = process.pid_namespace();
        let is_ignored = thread.is_blocked_or_ignored(signal);
        match verdict(signal, is_ignored, numbers.is_orphaned_group(group)) {
            Verdict::Proceed => Ok(()),
            Verdict::Refuse => err!(EIO, "background process"),
            Verdict::Stop => {
                numbers.signal_group(group, signal);
                err!(EINTR, "background process")
            }
        }
    }

    /// Becomes the controlling terminal of the process's session, if the process
    /// leads it and neither has another.
    ///
    /// # Errors
    /// `EPERM` if the process leads no session, the terminal belongs to another one, or the
    /// session has a terminal already.
    pub fn acquire(self: &Arc<Self>, process: &Process) -> Result<()> {
        if !process.leads_session() {
            return err!(EPERM, "not a session leader");
        }
        let session = process.session();
        {
            let mut control = self.control.lock();
            if control.owner.is_some() {
                return err!(EPERM, "the terminal of another session");
            }
            control.owner = Some(Owner {
                session: session.id(),
                foreground: process.group_id(),
                numbers: process.pid_namespace().clone(),
            });
        }
        if session.set_terminal(self.clone()) {
            return Ok(());
        }
        self.disown();
        err!(EPERM, "the session has a terminal")
    }

    /// TIOCSCTTY.
    pub(crate) fn set_controlling(
        self: &Arc<Self>,
        thread: &Thread,
        can_read: bool,
        steal: bool,
    ) -> Result<()> {
        let process = thread.process();
        let session = process.session();
        if process.leads_session() && self.controls(&session) {
            return Ok(());
        }
        if !process.leads_session() || session.terminal().is_some() {
            return err!(EPERM, "not a session leader without a terminal");
        }
        let is_admin = thread.cred().capable(Caps::SYS_ADMIN);
        let owner = self.control.lock().owner.clone();
        if let Some(owner) = owner {
            if !(steal && is_admin) {
                return err!(EPERM, "the terminal of another session");
            }
            if let Some(leader) = owner.leader() {
                leader.session().take_terminal();
            }
            self.disown();
        }
        if !can_read && !is_admin {
            return err!(EPERM, "not open for reading");
        }
        self.acquire(process)
    }

    /// TIOCNOTTY: by the leader, for the whole session.
    pub(crate) fn give_up(&self, process: &Process) -> Result<()> {
        let session = process.session();
        if !self.controls(&session) {
            return err!(ENOTTY, "not the controlling terminal");
        }
        if !process.leads_session() {
            return Ok(());
        }
        session.take_terminal();
        self.signal_foreground(Signal::HUP);
        self.signal_foreground(Signal::CONT);
        self.disown();
        Ok(())
    }

    /// From now on it is nobody's.
    fn disown(&self) {
        let owner = self.control.lock().owner.take();
        drop(owner);
    }

    /// TIOCGPGRP.
    pub(crate) fn foreground_group(&self, process: &Process) -> Result<Option<Pgid>> {
        if !self.controls(&process.session()) {
            return err!(ENOTTY, "not the controlling terminal");
        }
        Ok(self.foreground())
    }

    /// TIOCSPGRP, after the check for the background.
    pub(crate) fn set_foreground_group(&self, process: &Process, group: Pgid) -> Result<()> {
        if group.as_raw() < 0 {
            return err!(EINVAL, "negative group");
        }
        let session = process.session();
        if !self.controls(&session) {
            return err!(ENOTTY, "not the controlling terminal");
        }
        let numbers = process.pid_namespace();
        if !numbers.group_exists(group) {
            return err!(ESRCH, "no such group");
        }
        if !numbers.group_in_session(group, session.id()) {
            return err!(EPERM, "group of another session");
        }
        if let Some(owner) = &mut self.control.lock().owner {
            owner.foreground = group;
        }
        Ok(())
    }

    /// TIOCGSID.
    pub(crate) fn session_id(&self, process: &Process) -> Result<Sid> {
        if !self.controls(&process.session()) {
            return err!(ENOTTY, "not the controlling terminal");
        }
        Ok(process.session_id())
    }

    /// vhangup(2): the session loses the terminal and every file on it dies.
    pub(crate) fn hang_up(&self) {
        let owner = self.control.lock().owner.clone();
        if let Some(leader) = owner.as_ref().and_then(Owner::leader) {
            leader.session().take_terminal();
            let numbers = leader.pid_namespace();
            numbers.signal_group(leader.group_id(), Signal::HUP);
            numbers.signal_group(leader.group_id(), Signal::CONT);
        }
        self.disown();
        self.hang_up_files();
    }

    /// Ends all input and output on files opened so far.
    fn hang_up_files(&self) {
        self.hangups.fetch_add(1, Ordering::AcqRel);
        let mut state = self.state.lock();
        self.flush_input(&mut state);
        state.ldisc.set_stopped_by_call(false);
        state.output.flush();
        state.output.set_stopped(false);
        self.note_output(&state);
        drop(state);
        self.wake_readers();
        self.writers.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_rules() {
        assert_eq!(verdict(Signal::TTIN, false, false), Verdict::Stop);
        assert_eq!(verdict(Signal::TTIN, true, false), Verdict::Refuse);
        assert_eq!(verdict(Signal::TTIN, false, true), Verdict::Refuse);
        assert_eq!(verdict(Signal::TTOU, false, false), Verdict::Stop);
        assert_eq!(verdict(Signal::TTOU, true, true), Verdict::Proceed);
        assert_eq!(verdict(Signal::TTOU, false, true), Verdict::Refuse);
    }
}
