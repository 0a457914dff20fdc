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
use abi::termios::Winsize;
use abi::{Result, err};
use task::session::{self, Session, Terminal};
use task::{Pgid, Process, Sid, Thread, table};

use crate::tty::Tty;

/// What the `control` lock protects.
#[derive(Default)]
pub(crate) struct Control {
    /// The session whose controlling terminal it is.
    pub(crate) session: Option<Sid>,
    /// The process group that gets the keys' signals.
    pub(crate) foreground: Option<Pgid>,
    pub(crate) window: Winsize,
    /// TIOCEXCL: nobody but root opens it.
    pub(crate) is_exclusive: bool,
}

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
        self.control.lock().foreground
    }

    fn released(&self, session: Sid) {
        let mut control = self.control.lock();
        if control.session != Some(session) {
            return;
        }
        control.session = None;
        control.foreground = None;
        drop(control);
        self.hang_up_files();
    }
}

impl Tty {
    /// Signals the foreground group, if there is one.
    pub(crate) fn signal_foreground(&self, signal: Signal) {
        let group = self.control.lock().foreground;
        if let Some(group) = group {
            session::signal_group(group, signal);
        }
    }

    /// Whether it is the controlling terminal of `session`.
    pub(crate) fn controls(&self, session: &Session) -> bool {
        self.control.lock().session == Some(session.id())
    }

    /// Lets the foreground pass; a background process gets `signal` and EINTR,
    /// or EIO where stopping it would not help.
    pub(crate) fn check_background(&self, signal: Signal) -> Result<()> {
        let Some(thread) = task::current() else { return Ok(()) };
        let process = thread.process();
        let group = process.group_id();
        {
            let control = self.control.lock();
            let is_ours = control.session == Some(process.session_id());
            if !is_ours || control.foreground.is_none_or(|foreground| foreground == group) {
                return Ok(());
            }
        }
        let is_ignored = thread.is_blocked_or_ignored(signal);
        match verdict(signal, is_ignored, session::is_orphaned_group(group)) {
            Verdict::Proceed => Ok(()),
            Verdict::Refuse => err!(EIO, "background process"),
            Verdict::Stop => {
                session::signal_group(group, signal);
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
            if control.session.is_some() {
                return err!(EPERM, "the terminal of another session");
            }
            control.session = Some(session.id());
            control.foreground = Some(process.group_id());
        }
        if session.set_terminal(self.clone()) {
            return Ok(());
        }
        let mut control = self.control.lock();
        control.session = None;
        control.foreground = None;
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
        let owner = self.control.lock().session;
        if let Some(owner) = owner {
            if !(steal && is_admin) {
                return err!(EPERM, "the terminal of another session");
            }
            if let Some(leader) = table::process(owner.leader()) {
                leader.session().take_terminal();
            }
            let mut control = self.control.lock();
            control.session = None;
            control.foreground = None;
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
        let mut control = self.control.lock();
        control.session = None;
        control.foreground = None;
        Ok(())
    }

    /// TIOCGPGRP.
    pub(crate) fn foreground_group(&self, process: &Process) -> Result<Option<Pgid>> {
        if !self.controls(&process.session()) {
            return err!(ENOTTY, "not the controlling terminal");
        }
        Ok(self.control.lock().foreground)
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
        if !session::group_exists(group) {
            return err!(ESRCH, "no such group");
        }
        if !session::group_in_session(group, session.id()) {
            return err!(EPERM, "group of another session");
        }
        self.control.lock().foreground = Some(group);
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
        let owner = self.control.lock().session;
        if let Some(leader) = owner.map(Sid::leader).and_then(table::process) {
            leader.session().take_terminal();
            session::signal_group(leader.group_id(), Signal::HUP);
            session::signal_group(leader.group_id(), Signal::CONT);
        }
        let mut control = self.control.lock();
        control.session = None;
        control.foreground = None;
        drop(control);
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
