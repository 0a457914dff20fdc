// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whose directory it is: a process or one of its threads, and who may look.

use alloc::sync::{Arc, Weak};

use abi::{Result, err, error};
use cred::Cred;
use pseudofs::PseudoFs;
use vfs::Owner;

use crate::access::{self, Look};
use crate::{Process, Thread, Tid};

/// A process, or one thread of it.
#[derive(Clone)]
pub(crate) struct Target {
    /// The instance of /proc it was found in.
    fs: Arc<PseudoFs>,
    process: Weak<Process>,
    /// The number it was found under: the process's, or that of any of its threads.
    number: i32,
    /// The thread, under /proc/PID/task.
    tid: Option<Tid>,
}

impl Target {
    /// The process, found under `number` in `fs`.
    pub(crate) fn of_process(fs: &Arc<PseudoFs>, process: &Arc<Process>, number: i32) -> Self {
        Self { fs: fs.clone(), process: Arc::downgrade(process), number, tid: None }
    }

    /// Where its inodes are.
    pub(crate) fn fs(&self) -> &Arc<PseudoFs> {
        &self.fs
    }

    /// The process; `ESRCH` once it was waited for.
    pub(crate) fn process(&self) -> Result<Arc<Process>> {
        let gone = error!(ESRCH, "no such process");
        let process = self.process.upgrade().ok_or(gone)?;
        let found = process.pid_namespace().process(process.pid());
        let is_there = found.is_some_and(|p| Arc::ptr_eq(&p, &process));
        if is_there { Ok(process) } else { Err(gone) }
    }

    /// The thread, or the process's oldest; `ESRCH` for a zombie.
    pub(crate) fn thread(&self) -> Result<Arc<Thread>> {
        let process = self.process()?;
        let found = match self.tid {
            None => process.leader(),
            Some(tid) => {
                process.pid_namespace().thread(tid).filter(|thread| thread.pid() == process.pid())
            }
        };
        found.ok_or(error!(ESRCH, "no such thread"))
    }

    /// Whether it is a thread's directory, whose figures are the thread's alone.
    pub(crate) fn is_thread(&self) -> bool {
        self.tid.is_some()
    }

    /// The number it is shown under.
    pub(crate) fn shown_id(&self) -> i32 {
        self.tid.map_or(self.number, Tid::as_raw)
    }

    /// The thread of this number.
    pub(crate) fn with_tid(&self, tid: Tid) -> Self {
        Self { tid: Some(tid), ..self.clone() }
    }

    /// A number for an inode: `kind` and `index` say which of the target's it is. Threads
    /// of a process differ from the process.
    pub(crate) fn ino(&self, kind: u64, index: u64) -> u64 {
        let number = u64::from(self.shown_id().unsigned_abs());
        let number = if self.is_thread() { number | 1 << 30 } else { number };
        number << 32 | kind << 24 | index
    }

    /// Who owns a file of its, with these permission bits. None once a look-up by name finds
    /// it no more.
    pub(crate) fn owner(&self, perm: u32) -> Option<Owner> {
        let process = self.process().ok()?;
        if self.is_thread() {
            self.thread().ok()?;
        }
        let (uid, gid) = if process.dumpable() == 1 { process.owner() } else { (0, 0) };
        Some(Owner { perm, uid, gid })
    }

    /// Who owns a directory that everybody may list: the effective user, whatever the
    /// process may know.
    pub(crate) fn open_directory_owner(&self, perm: u32) -> Option<Owner> {
        let (uid, gid) = self.process().ok()?.owner();
        self.owner(perm).map(|owner| Owner { uid, gid, ..owner })
    }

    /// Calls `get` with the thread if `caller` may look at it, with no execve between the
    /// check and `get`.
    ///
    /// # Errors
    /// `ESRCH` if it has ended, `EACCES` if the caller may not look.
    pub(crate) fn inspect<R>(
        &self,
        caller: &Cred,
        look: Look,
        get: impl FnOnce(&Arc<Thread>) -> R,
    ) -> Result<R> {
        let process = self.process()?;
        let mut is_found = false;
        let find = || self.thread().inspect(|_| is_found = true);
        match access::with_access(&process, caller, look, find, get) {
            Err(_) if is_found => err!(EACCES, "may not look into the process"),
            other => other,
        }
    }

    /// Linux's rule for looking into a process (PTRACE_MODE_READ).
    ///
    /// # Errors
    /// As [`Target::inspect`].
    pub(crate) fn check_inspect(&self, caller: &Cred) -> Result<()> {
        self.inspect(caller, Look::Read, |_| ())
    }

    /// As [`Target::check_inspect`], for who reads a file that is open.
    ///
    /// # Errors
    /// As [`Target::inspect`].
    pub(crate) fn check_reader(&self, look: Look) -> Result<()> {
        match crate::current() {
            Some(me) => self.inspect(&me.cred(), look, |_| ()),
            None => Ok(()),
        }
    }

    /// Whether the reader may look into it.
    pub(crate) fn may_inspect(&self) -> bool {
        self.check_reader(Look::Read).is_ok()
    }
}
