// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for children: wait4 and waitid.
//!
//! Spec: wait(2).

use alloc::sync::Arc;

use abi::process::{P_ALL, P_PGID, P_PID, WaitOptions, WaitStatus};
use abi::signal::{CLD_CONTINUED, CLD_STOPPED, SigInfo, Signal};
use abi::{Errno, Error, Result, err};
use framework::sync::{Wait, WaitError};

use crate::{
    exit,
    ids::{Pgid, Pid},
    notify,
    process::{Process, ProcessTree, Rusage, Thread},
    tree::Node,
};

/// Whom to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Any child.
    Any,
    /// The child with this number.
    Process(Pid),
    /// Any child in this group.
    Group(Pgid),
}

/// What a wait found.
#[derive(Clone, Debug)]
pub struct Waited {
    /// The child.
    pub pid: Pid,
    /// The status as wait4 reports it.
    pub status: WaitStatus,
    /// The information that waitid reports.
    pub info: SigInfo,
    /// What the child and its waited-for children have used.
    pub rusage: Rusage,
}

impl Which {
    /// From the `pid` argument of wait4, for a caller in group `own_group`.
    ///
    /// # Errors
    /// `ESRCH` for the number whose negative does not exist.
    pub fn from_pid(pid: i32, own_group: Pgid) -> Result<Self> {
        match pid {
            i32::MIN => err!(ESRCH, "no such group"),
            -1 => Ok(Self::Any),
            0 => Ok(Self::Group(own_group)),
            pid if pid < 0 => Ok(Self::Group(Pgid::from_raw(-pid))),
            pid => Ok(Self::Process(Pid::from_raw(pid))),
        }
    }

    /// From the first arguments of waitid, for a caller in group `own_group`.
    ///
    /// # Errors
    /// `EINVAL` for an unknown kind of id, or an id that its kind does not have.
    pub fn from_id(kind: i32, id: i32, own_group: Pgid) -> Result<Self> {
        match kind {
            P_ALL => Ok(Self::Any),
            P_PID if id > 0 => Ok(Self::Process(Pid::from_raw(id))),
            P_PGID if id > 0 => Ok(Self::Group(Pgid::from_raw(id))),
            P_PGID if id == 0 => Ok(Self::Group(own_group)),
            _ => err!(EINVAL, "unknown kind of id"),
        }
    }

    fn matches(self, pid: Pid, group: Pgid) -> bool {
        match self {
            Self::Any => true,
            Self::Process(wanted) => wanted == pid,
            Self::Group(wanted) => wanted == group,
        }
    }
}

/// The options of wait4(2), checked.
///
/// # Errors
/// `EINVAL` for an unknown option.
pub fn options_for_wait4(bits: u32) -> Result<WaitOptions> {
    let allowed = WaitOptions::NOHANG
        | WaitOptions::STOPPED
        | WaitOptions::CONTINUED
        | WaitOptions::NOTHREAD
        | WaitOptions::ALL
        | WaitOptions::CLONE;
    match WaitOptions::from_bits(bits) {
        Some(options) if allowed.contains(options) => Ok(options | WaitOptions::EXITED),
        _ => err!(EINVAL, "unknown wait option"),
    }
}

/// The options of waitid(2), checked.
///
/// # Errors
/// `EINVAL` for an unknown option, or nothing to wait for.
pub fn options_for_waitid(bits: u32) -> Result<WaitOptions> {
    let any = WaitOptions::EXITED | WaitOptions::STOPPED | WaitOptions::CONTINUED;
    match WaitOptions::from_bits(bits) {
        Some(options) if options.intersects(any) => Ok(options),
        _ => err!(EINVAL, "unknown wait option, or nothing to wait for"),
    }
}

fn matches_kind(options: WaitOptions, exit_signal: Option<Signal>) -> bool {
    if options.contains(WaitOptions::ALL) {
        return true;
    }
    let is_clone = exit_signal != Some(Signal::CHLD);
    options.contains(WaitOptions::CLONE) == is_clone
}

/// Waits for a child; None if none has changed and `options` has NOHANG.
///
/// # Errors
/// `ECHILD` if there is no such child, `EINTR` if a signal comes first.
pub fn wait(thread: &Thread, which: Which, options: WaitOptions) -> Result<Option<Waited>> {
    let process = thread.process();
    let step = || match look(process, which, options) {
        Step::Found(found) => Some(Ok(Some(*found))),
        Step::Nobody => Some(err!(ECHILD, "no such child")),
        Step::NotYet if options.contains(WaitOptions::NOHANG) => Some(Ok(None)),
        Step::NotYet => None,
    };
    match process.child_wait.wait(Wait::interruptible(), step) {
        Ok(result) => finish(process, result?),
        Err(WaitError::Interrupted | WaitError::TimedOut) => {
            Err(Error::new(Errno::EINTR, "interrupted while waiting"))
        }
    }
}

/// Children that are looked at with the table locked once.
const LOOKS: usize = 16;

enum Step {
    Found(alloc::boxed::Box<Raw>),
    NotYet,
    Nobody,
}

/// What was found under the lock, to be completed without it.
struct Raw {
    child: Arc<Process>,
    pid: Pid,
    code: i32,
    status: i32,
    wait_status: WaitStatus,
    has_ended: bool,
    /// Dropped without the lock: a reaped child.
    reaped: Option<Node<Arc<Process>>>,
}

fn finish(parent: &Process, found: Option<Raw>) -> Result<Option<Waited>> {
    let Some(found) = found else { return Ok(None) };
    let mut info = notify::info(&found.child, Signal::CHLD, found.code, found.status);
    // waitid's information has no times.
    for word in info.words.iter_mut().skip(2) {
        *word = 0;
    }
    let mut rusage = found.child.rusage();
    rusage.add(&found.child.children_rusage());
    if found.reaped.is_some() {
        parent.usage.lock().children.add(&rusage);
    }
    Ok(Some(Waited { pid: found.pid, status: found.wait_status, info, rusage }))
}

/// One look at all children, a few with the table locked at a time. Who stops or ends
/// behind this look wakes who waits.
fn look(parent: &Process, which: Which, options: WaitOptions) -> Step {
    if let Which::Process(pid) = which {
        return look_at(parent, pid, options);
    }
    let mut last = 0;
    while let Some(found) = look_at_news(parent, &mut last, which, options) {
        if let Some(raw) = found {
            return Step::Found(alloc::boxed::Box::new(raw));
        }
    }
    let mut last = 0;
    while let Some(found) = look_for_any(parent, &mut last, which, options) {
        if found {
            return Step::NotYet;
        }
    }
    Step::Nobody
}

/// A look at one child.
fn look_at(parent: &Process, pid: Pid, options: WaitOptions) -> Step {
    let mut table = parent.pid_namespace().lock();
    let node = table.get(pid).filter(|node| node.parent == parent.pid());
    let Some(node) = node.filter(|node| may_change(node, options)) else {
        return Step::Nobody;
    };
    match report(node, options) {
        Some(raw) => Step::Found(alloc::boxed::Box::new(reap(&mut table, raw, options))),
        None => Step::NotYet,
    }
}

/// Looks at some of the children that have stopped or ended, those behind place `last`.
/// None: there are no more.
fn look_at_news(
    parent: &Process,
    last: &mut u64,
    which: Which,
    options: WaitOptions,
) -> Option<Option<Raw>> {
    let changes = WaitOptions::STOPPED | WaitOptions::CONTINUED;
    let mut table = parent.pid_namespace().lock();
    for _ in 0..LOOKS {
        let (place, child) = if options.intersects(changes) {
            table.next_news(parent.pid(), *last)?
        } else {
            table.next_ended(parent.pid(), *last)?
        };
        *last = place;
        let process = &child.process;
        if !which.matches(process.pid(), child.group)
            || !matches_kind(options, process.exit_signal())
        {
            continue;
        }
        if let Some(raw) = report(child, options) {
            return Some(Some(reap(&mut table, raw, options)));
        }
        if !child.is_zombie && process.signals.lock().has_told_all() {
            let pid = process.pid();
            table.set_news(pid, false);
        }
    }
    Some(None)
}

/// Whether the child may ever do what `options` wait for: a zombie only has its end.
fn may_change(child: &Node<Arc<Process>>, options: WaitOptions) -> bool {
    let can_end = !child.is_zombie || options.contains(WaitOptions::EXITED);
    can_end && matches_kind(options, child.process.exit_signal())
}

/// Whether some of the children behind place `last` could be waited for. None: there are
/// no more.
fn look_for_any(
    parent: &Process,
    last: &mut u64,
    which: Which,
    options: WaitOptions,
) -> Option<bool> {
    let table = parent.pid_namespace().lock();
    for _ in 0..LOOKS {
        let (place, child) = table.next_child(parent.pid(), *last)?;
        *last = place;
        let process = &child.process;
        if which.matches(process.pid(), child.group) && may_change(child, options) {
            return Some(true);
        }
    }
    Some(false)
}

/// What there is to report of a child; takes stop and continue reports.
fn report(child: &Node<Arc<Process>>, options: WaitOptions) -> Option<Raw> {
    let process = &child.process;
    let raw = |code, status, wait_status| Raw {
        child: process.clone(),
        pid: process.pid(),
        code,
        status,
        wait_status,
        has_ended: false,
        reaped: None,
    };
    if child.is_zombie {
        if !options.contains(WaitOptions::EXITED) {
            return None;
        }
        let (code, status) = exit::code_and_status(process.exit_status());
        return Some(Raw { has_ended: true, ..raw(code, status, process.exit_status()) });
    }
    let mut group = process.signals.lock();
    let keeps = options.contains(WaitOptions::NOWAIT);
    if options.contains(WaitOptions::STOPPED)
        && let Some(signal) = group.stop_report
    {
        if !keeps {
            group.stop_report = None;
        }
        let number = signal.number();
        return Some(raw(CLD_STOPPED, number, WaitStatus::stopped(signal)));
    }
    if options.contains(WaitOptions::CONTINUED) && group.continue_report {
        group.continue_report = keeps;
        return Some(raw(CLD_CONTINUED, Signal::CONT.number(), WaitStatus::CONTINUED));
    }
    None
}

fn reap(table: &mut ProcessTree, mut raw: Raw, options: WaitOptions) -> Raw {
    if raw.has_ended && !options.contains(WaitOptions::NOWAIT) {
        raw.reaped = table.remove(raw.pid);
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom() {
        let five = Pgid::from_raw(5);
        assert_eq!(Which::from_pid(-1, five), Ok(Which::Any));
        assert_eq!(Which::from_pid(0, five), Ok(Which::Group(five)));
        assert_eq!(Which::from_pid(-9, five), Ok(Which::Group(Pgid::from_raw(9))));
        assert_eq!(Which::from_pid(i32::MIN, five).unwrap_err().errno(), Errno::ESRCH);
        assert_eq!(Which::from_id(1, 0, five).unwrap_err().errno(), Errno::EINVAL);
        assert_eq!(Which::from_id(2, 0, five), Ok(Which::Group(five)));
        assert_eq!(Which::from_id(3, 4, five).unwrap_err().errno(), Errno::EINVAL);
        assert!(Which::Group(five).matches(Pid::from_raw(1), five));
        assert!(!Which::Process(Pid::from_raw(5)).matches(Pid::from_raw(1), five));
    }

    #[test]
    fn options() {
        assert!(options_for_wait4(4).is_err());
        assert!(options_for_wait4(1 << 20).is_err());
        assert!(options_for_wait4(0).unwrap().contains(WaitOptions::EXITED));
        assert!(options_for_waitid(1).is_err());
        assert!(options_for_waitid(4 | 0x0100_0000).is_ok());
        let plain = WaitOptions::EXITED;
        assert!(matches_kind(plain, Some(Signal::CHLD)));
        assert!(!matches_kind(plain, None));
        assert!(matches_kind(plain | WaitOptions::CLONE, Some(Signal::USR1)));
        assert!(matches_kind(plain | WaitOptions::ALL, None));
    }
}
