// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The directories of processes and threads.
//!
//! A [`Target`] names a process or one of its threads without keeping it alive:
//! once it was waited for, every access ends in ESRCH.

pub(crate) mod fd;
mod figures;
mod memory;
mod place;
mod settings;

use alloc::format;
use alloc::sync::{Arc, Weak};

use abi::{Result, err, error};
use cred::{Caps, Cred};
use task::{Pid, Process, Thread, table};
use vfs::DirSink;

use crate::inode::{Node, emit};
use pseudofs::Text;

pub(crate) use place::PlaceLink;
pub(crate) use settings::parse_i64;

/// A process, or one thread of it.
#[derive(Clone)]
pub(crate) struct Target {
    process: Weak<Process>,
    pid: Pid,
    /// The thread, under /proc/PID/task.
    tid: Option<Pid>,
}

impl Target {
    /// The process, found under `pid`.
    pub(crate) fn of_process(process: &Arc<Process>, pid: Pid) -> Self {
        Self { process: Arc::downgrade(process), pid, tid: None }
    }

    /// The process; `ESRCH` once it was waited for.
    pub(crate) fn process(&self) -> Result<Arc<Process>> {
        let gone = error!(ESRCH, "no such process");
        let process = self.process.upgrade().ok_or(gone)?;
        let is_there = table::process(process.pid()).is_some_and(|p| Arc::ptr_eq(&p, &process));
        if is_there { Ok(process) } else { Err(gone) }
    }

    /// The thread, or the process's oldest; `ESRCH` for a zombie.
    pub(crate) fn thread(&self) -> Result<Arc<Thread>> {
        let process = self.process()?;
        let found = match self.tid {
            None => process.leader(),
            Some(tid) => process.threads().into_iter().find(|thread| thread.tid() == tid),
        };
        found.ok_or(error!(ESRCH, "no such thread"))
    }

    /// Whether a look-up by name still finds it.
    pub(crate) fn exists(&self) -> bool {
        match self.tid {
            None => self.process().is_ok(),
            Some(_) => self.thread().is_ok(),
        }
    }

    /// Whether it is a thread's directory, whose figures are the thread's alone.
    pub(crate) fn is_thread(&self) -> bool {
        self.tid.is_some()
    }

    /// The number it is shown under.
    pub(crate) fn shown_id(&self) -> Pid {
        self.tid.unwrap_or(self.pid)
    }

    /// A number for its inodes: threads of a process differ from the process.
    pub(crate) fn number(&self) -> u32 {
        let number = self.shown_id().unsigned_abs();
        if self.is_thread() { number | 1 << 30 } else { number }
    }

    /// Who owns its files: the effective user, or root if it may not be dumped.
    pub(crate) fn owner(&self) -> (u32, u32) {
        match self.process() {
            Ok(process) if process.dumpable() == 1 => process.owner(),
            _ => (0, 0),
        }
    }

    /// Linux's rule for looking into a process (PTRACE_MODE_READ): `EACCES` if
    /// `caller` may not.
    pub(crate) fn check_inspect(&self, caller: &Cred) -> Result<()> {
        let process = self.process()?;
        let is_own = task::current().is_some_and(|me| Arc::ptr_eq(me.process(), &process));
        if is_own || caller.capable(Caps::SYS_PTRACE) {
            return Ok(());
        }
        let thread = self.thread()?;
        let cred = thread.cred();
        let is_same_user = [cred.uid, cred.euid, cred.suid].iter().all(|id| *id == caller.fsuid)
            && [cred.gid, cred.egid, cred.sgid].iter().all(|id| *id == caller.fsgid);
        let has_no_more = caller.caps.effective.contains(cred.caps.permitted);
        if is_same_user && has_no_more && process.dumpable() == 1 {
            return Ok(());
        }
        err!(EACCES, "another user's process")
    }

    /// Whether the reader may look into it.
    pub(crate) fn may_inspect(&self) -> bool {
        task::current().is_none_or(|me| self.check_inspect(&me.cred()).is_ok())
    }
}

/// Who may open a file, beyond its permission bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Whoever the bits allow.
    Anyone,
    /// Only who may look into the process.
    Inspectors,
}

/// Makes a file's text.
type ReadFn = fn(&Target, &mut Text) -> Result<()>;

/// Obeys what was written.
type WriteFn = fn(&Target, &[u8]) -> Result<()>;

/// A file in the directory of a process.
pub(crate) struct ProcessFile {
    pub(crate) name: &'static str,
    pub(crate) perm: u32,
    pub(crate) access: Access,
    pub(crate) read: Option<ReadFn>,
    pub(crate) write: Option<WriteFn>,
}

impl ProcessFile {
    /// Its place in the table, for inode numbers.
    pub(crate) fn index(&self) -> u64 {
        FILES.iter().position(|file| file.name == self.name).unwrap_or(0) as u64
    }
}

const fn public(name: &'static str, read: ReadFn) -> ProcessFile {
    ProcessFile { name, perm: 0o444, access: Access::Anyone, read: Some(read), write: None }
}

const fn private(name: &'static str, perm: u32, read: ReadFn) -> ProcessFile {
    ProcessFile { name, perm, access: Access::Inspectors, read: Some(read), write: None }
}

const fn setting(name: &'static str, read: ReadFn, write: WriteFn) -> ProcessFile {
    let access = Access::Anyone;
    ProcessFile { name, perm: 0o644, access, read: Some(read), write: Some(write) }
}

/// The files of a process and of a thread.
static FILES: [ProcessFile; 26] = [
    private("auxv", 0o400, memory::auxv),
    public("cgroup", settings::cgroup),
    public("cmdline", memory::cmdline),
    setting("comm", settings::comm, settings::set_comm),
    private("environ", 0o400, memory::environ),
    public("gid_map", settings::id_map),
    private("io", 0o400, figures::io),
    public("limits", settings::limits),
    public("loginuid", settings::loginuid),
    private("maps", 0o444, memory::maps),
    public("mountinfo", settings::mountinfo),
    public("mounts", settings::mounts),
    private("mountstats", 0o400, settings::mountstats),
    setting("oom_adj", settings::oom_adj, settings::set_oom_adj),
    public("oom_score", settings::oom_score),
    setting("oom_score_adj", settings::oom_score_adj, settings::set_oom_score_adj),
    private("personality", 0o400, settings::personality),
    public("schedstat", figures::schedstat),
    public("sessionid", settings::loginuid),
    public("setgroups", settings::setgroups),
    public("stat", figures::stat),
    public("statm", figures::statm),
    public("status", figures::status),
    public("timerslack_ns", settings::timerslack),
    public("uid_map", settings::id_map),
    public("wchan", figures::wchan),
];

/// What is not a file.
const OTHERS: [&str; 6] = ["cwd", "exe", "fd", "fdinfo", "root", "task"];

fn other(target: &Target, name: &[u8]) -> Option<Node> {
    Some(match name {
        b"cwd" => Node::Place(target.clone(), PlaceLink::Cwd),
        b"exe" => Node::Place(target.clone(), PlaceLink::Exe),
        b"root" => Node::Place(target.clone(), PlaceLink::Root),
        b"fd" => Node::Fds(target.clone()),
        b"fdinfo" => Node::FdInfos(target.clone()),
        b"task" if !target.is_thread() => Node::Tasks(target.clone()),
        _ => return None,
    })
}

/// Finds an entry of a process.
pub(crate) fn lookup(target: &Target, name: &[u8]) -> Result<Node> {
    // The directory itself may have outlived the process.
    let gone = |_| error!(ENOENT, "the process has ended");
    target.process().map_err(gone)?;
    if let Some(node) = other(target, name) {
        return Ok(node);
    }
    let file = FILES.iter().find(|file| file.name.as_bytes() == name);
    let file = file.ok_or(error!(ENOENT, "no such entry"))?;
    Ok(Node::ProcessFile(target.clone(), file))
}

/// Reports the entries of a process.
pub(crate) fn list(target: &Target, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
    target.process().map_err(|_| error!(ENOENT, "the process has ended"))?;
    let names = OTHERS.iter().copied().chain(FILES.iter().map(|file| file.name));
    let start = usize::try_from(cookie.saturating_sub(2)).unwrap_or(usize::MAX);
    for (index, name) in names.enumerate().skip(start) {
        let Ok(node) = lookup(target, name.as_bytes()) else { continue };
        if emit(sink, name.as_bytes(), &node, index as u64 + 3).is_break() {
            break;
        }
    }
    Ok(())
}

/// Finds a thread of the process.
pub(crate) fn lookup_task(target: &Target, name: &[u8]) -> Result<Node> {
    let tid = parse_number(name).ok_or(error!(ENOENT, "not a number"))?;
    let thread = Target { tid: Some(tid), ..target.clone() };
    thread.thread().map_err(|_| error!(ENOENT, "no such thread"))?;
    Ok(Node::Process(thread))
}

/// Reports the threads of the process.
pub(crate) fn list_tasks(target: &Target, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
    let process = target.process().map_err(|_| error!(ENOENT, "the process has ended"))?;
    let mut numbers = alloc::vec::Vec::new();
    numbers.extend(process.threads().iter().map(|thread| thread.tid()));
    numbers.sort_unstable();
    for tid in numbers {
        let at = tid as u64 + 2;
        if at < cookie {
            continue;
        }
        let node = Node::Process(Target { tid: Some(tid), ..target.clone() });
        if emit(sink, format!("{tid}").as_bytes(), &node, at + 1).is_break() {
            break;
        }
    }
    Ok(())
}

/// All processes, zombies included, without a list of them.
pub(crate) fn all() -> impl Iterator<Item = Arc<Process>> {
    let mut from = 0;
    core::iter::from_fn(move || {
        let process = table::next_process(from)?;
        from = process.pid().saturating_add(1);
        Some(process)
    })
}

/// A decimal number without sign or leading zeros, as names of processes are.
pub(crate) fn parse_number(name: &[u8]) -> Option<Pid> {
    let is_number = name.first() != Some(&b'0') || name.len() == 1;
    if !is_number || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processes() {
        assert_eq!(parse_number(b"1"), Some(1));
        assert_eq!(parse_number(b"0"), Some(0));
        for bad in [&b""[..], b"01", b"+1", b"-1", b"1a", b"99999999999"] {
            assert_eq!(parse_number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(FILES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
