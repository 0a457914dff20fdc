// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be read and changed of a process.
//!
//! A [`Process`] lives from clone to wait: once its last thread has ended, what
//! remains is its status and its usage. Whose child it is, its group and its
//! session are in its pid namespace; the copies of those numbers here are for
//! reading without that lock.
//!
//! Locks: process table > signal state > signal actions > a thread's signals.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use abi::prctl::TASK_COMM_LEN;
use abi::process::WaitStatus;
use abi::signal::Signal;
use cred::Cred;
use mm::AddressSpace;

use super::types::{Companion, PidNamespace, Process, Remains, Scheduling, Thread};
use crate::{
    exec::Program,
    ids::{Pgid, Pid, Sid},
    session::Session,
};

impl Process {
    /// The process number (getpid).
    #[inline]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.pid.load(Relaxed))
    }

    /// Gives a new process its number, before anybody can find it.
    pub(crate) fn set_pid(&self, pid: Pid) {
        self.pid.store(pid.as_raw(), Relaxed);
    }

    /// The parent's number (getppid).
    #[inline]
    pub fn parent_pid(&self) -> Pid {
        Pid::from_raw(self.parent.load(Relaxed))
    }

    /// The process group's number (getpgrp).
    #[inline]
    pub fn group_id(&self) -> Pgid {
        Pgid::from_raw(self.group.load(Relaxed))
    }

    /// The session's number (getsid).
    #[inline]
    pub fn session_id(&self) -> Sid {
        Sid::from_raw(self.session_id.load(Relaxed))
    }

    /// Copies the numbers that the table holds; the table's lock is held.
    pub(crate) fn note_relations(&self, parent: Pid, group: Pgid, session: Sid) {
        self.parent.store(parent.as_raw(), Relaxed);
        self.group.store(group.as_raw(), Relaxed);
        self.session_id.store(session.as_raw(), Relaxed);
    }

    /// The session, with its controlling terminal.
    pub fn session(&self) -> Arc<Session> {
        self.session.lock().clone()
    }

    pub(crate) fn set_session(&self, session: Arc<Session>) {
        *self.session.lock() = session;
    }

    /// The namespace that its number is of: that in which it looks others up. The same
    /// for life.
    #[inline]
    pub fn pid_namespace(&self) -> &Arc<PidNamespace> {
        &self.pid_namespace
    }

    /// The address space; None once the process has ended.
    pub fn mm(&self) -> Option<Arc<AddressSpace>> {
        self.mm.lock().clone()
    }

    pub(crate) fn replace_mm(&self, mm: Option<Arc<AddressSpace>>) -> Option<Arc<AddressSpace>> {
        core::mem::replace(&mut *self.mm.lock(), mm)
    }

    /// The name of its oldest thread; of one that has ended, the last name.
    pub fn comm(&self) -> [u8; TASK_COMM_LEN] {
        self.leader().map_or_else(|| self.remains.lock().comm, |leader| leader.comm())
    }

    /// The credentials of its oldest thread; of one that has ended, the last ones.
    pub fn cred(&self) -> Option<Arc<Cred>> {
        self.leader().map_or_else(|| self.remains.lock().cred.clone(), |t| Some(t.cred()))
    }

    /// The effective user and group, whose the files in /proc are.
    pub fn owner(&self) -> (u32, u32) {
        self.cred().map_or((0, 0), |cred| (cred.euid, cred.egid))
    }

    /// The real user, for what is sent about the process.
    pub(crate) fn owner_uid(&self) -> u32 {
        self.cred().map_or(0, |cred| cred.uid)
    }

    /// How the last thread of a process that has ended was scheduled.
    pub fn last_scheduling(&self) -> Option<Scheduling> {
        self.remains.lock().scheduling
    }

    /// Notes what is still shown of a process whose last thread ends.
    pub(crate) fn note_remains(&self, thread: &Thread) {
        let scheduling = thread.task().map(|task| Scheduling::of(&task));
        let remains = Remains { comm: thread.comm(), cred: Some(thread.cred()), scheduling };
        *self.remains.lock() = remains;
    }

    /// How many threads have not ended.
    pub fn thread_count(&self) -> usize {
        self.signals.lock().threads.len()
    }

    /// The oldest thread that has not ended: the leading one as a rule.
    pub fn leader(&self) -> Option<Arc<Thread>> {
        self.signals.lock().leader(self.pid()).cloned()
    }

    /// Whether all threads have been told to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.signals.lock().group_exit.is_some()
    }

    /// Whether all threads have ended.
    pub fn is_zombie(&self) -> bool {
        self.signals.lock().threads.is_empty()
    }

    /// What other services attached.
    pub fn companion(&self) -> Option<Arc<dyn Companion>> {
        self.companion.lock().clone()
    }

    /// Attaches `make()` unless something is attached; returns what is.
    pub fn companion_or(&self, make: impl FnOnce() -> Arc<dyn Companion>) -> Arc<dyn Companion> {
        if let Some(have) = self.companion() {
            return have;
        }
        let fresh = make();
        self.companion.lock().get_or_insert(fresh).clone()
    }

    pub(crate) fn take_companion(&self) -> Option<Arc<dyn Companion>> {
        self.companion.lock().take()
    }

    /// The program it runs; None once it has ended.
    pub fn program(&self) -> Option<Arc<Program>> {
        self.program.lock().clone()
    }

    pub(crate) fn set_program(&self, program: Option<Arc<Program>>) {
        let old = core::mem::replace(&mut *self.program.lock(), program);
        drop(old);
    }

    /// When it started, on the monotonic clock.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// PR_GET_DUMPABLE; 0 once the process has ended.
    pub fn dumpable(&self) -> u32 {
        self.mm().map_or(0, |mm| mm.dumpable())
    }

    /// PR_SET_DUMPABLE, with a value checked by the caller.
    pub fn set_dumpable(&self, value: u8) {
        if let Some(mm) = self.mm() {
            mm.set_dumpable(value);
        }
    }

    /// The execution domain (personality).
    pub fn personality(&self) -> u32 {
        self.personality.load(Relaxed)
    }

    /// Replaces the execution domain; returns the old one.
    pub fn set_personality(&self, value: u32) -> u32 {
        self.personality.swap(value, Relaxed)
    }

    /// PR_GET_PDEATHSIG: the signal sent when the parent ends.
    pub fn death_signal(&self) -> Option<Signal> {
        Signal::new(self.death_signal.load(Relaxed)).ok()
    }

    /// PR_SET_PDEATHSIG.
    pub fn set_death_signal(&self, signal: Option<Signal>) {
        self.death_signal.store(signal.map_or(0, Signal::number), Relaxed);
    }

    /// /proc/pid/oom_score_adj, -1000 to 1000.
    pub fn oom_score_adj(&self) -> i16 {
        self.oom_score_adj.load(Relaxed)
    }

    /// Sets /proc/pid/oom_score_adj, within its range.
    pub fn set_oom_score_adj(&self, value: i16) {
        self.oom_score_adj.store(value.clamp(-1000, 1000), Relaxed);
    }

    /// The nice value of the leading thread, -20 to 19; the last one of a zombie.
    pub fn nice(&self) -> i8 {
        self.nice.load(Relaxed) as i8
    }

    /// Notes what the leading thread's nice value is, within its range.
    pub fn note_nice(&self, value: i8) {
        self.nice.store(i16::from(value.clamp(-20, 19)), Relaxed);
    }

    /// Whether the program runs with rights that its caller had not (AT_SECURE).
    pub fn is_secure(&self) -> bool {
        self.is_secure.load(Relaxed)
    }

    pub(crate) fn set_secure(&self, secure: bool) {
        self.is_secure.store(secure, Relaxed);
    }

    /// The signal that its end sends to the parent.
    pub fn exit_signal(&self) -> Option<Signal> {
        Signal::new(self.exit_signal.load(Relaxed)).ok()
    }

    /// The wait status of a process that has ended.
    pub fn exit_status(&self) -> WaitStatus {
        WaitStatus::from_raw(self.exit_status.load(Relaxed))
    }
}
