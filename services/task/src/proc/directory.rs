// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The directories: processes by number, what is in one of them, its threads.

use alloc::format;
use alloc::sync::{Arc, Weak};
use core::ops::ControlFlow;

use abi::{Result, error};
use procfs::Instance;
use pseudofs::{Content, Directory, DirectoryOps, PseudoInode, Subject, parse_id};
use vfs::{DirEntry, DirSink, FileKind, Inode, Owner};

use super::fd::{self, Fds, Shown};
use super::file::{self, FILES};
use super::place::{self, PlaceLink};
use super::target::Target;
use crate::{Pid, PidNamespace, Tid};

/// The root directory of /proc, for who mounts it: that of its pid namespace.
pub(super) fn root() -> Arc<dyn Inode> {
    match crate::current() {
        Some(thread) => instance(thread.pid_namespace()).root(),
        None => instance(PidNamespace::initial()).root(),
    }
}

/// The instance of a pid namespace. What is left of it after the namespace shows nobody.
fn instance(namespace: &Arc<PidNamespace>) -> &Instance {
    namespace.proc_or(|| Instance::new(Processes(Arc::downgrade(namespace))))
}

/// Permission bits of a directory that everybody may list.
const OPEN_DIRECTORY: u32 = 0o555;

/// A directory goes with its target.
struct DirectoryOf {
    target: Target,
    perm: u32,
}

impl Subject for DirectoryOf {
    fn owner(&self) -> Option<Owner> {
        if self.perm == OPEN_DIRECTORY {
            self.target.open_directory_owner(self.perm)
        } else {
            self.target.owner(self.perm)
        }
    }
}

fn directory(
    target: &Target,
    ino: u64,
    perm: u32,
    ops: impl DirectoryOps + 'static,
) -> Result<Arc<PseudoInode>> {
    let subject = Arc::new(DirectoryOf { target: target.clone(), perm });
    let content = Content::Directory(Directory::with_ops(ops));
    PseudoInode::of_subject(target.fs(), ino, subject, content)
}

fn process(target: Target) -> Result<Arc<PseudoInode>> {
    directory(&target, process_ino(&target), OPEN_DIRECTORY, OfProcess(target.clone()))
}

fn process_ino(target: &Target) -> u64 {
    target.ino(1, 0)
}

fn entry(
    sink: &mut DirSink<'_>,
    name: &str,
    ino: u64,
    kind: FileKind,
    next: u64,
) -> ControlFlow<()> {
    sink(&DirEntry { name: name.as_bytes(), ino, kind, next })
}

/// The processes in /proc: those of a pid namespace.
struct Processes(Weak<PidNamespace>);

impl Processes {
    fn namespace(&self) -> Result<Arc<PidNamespace>> {
        self.0.upgrade().ok_or(error!(ENOENT, "the namespace has ended"))
    }
}

impl DirectoryOps for Processes {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        let number = parse_id(name).ok_or(error!(ENOENT, "no such entry"))?;
        let namespace = self.namespace()?;
        // A thread's own number works too, though it is not listed.
        let of_thread =
            || namespace.thread(Tid::from_raw(number)).map(|thread| thread.process().clone());
        let found = namespace.process(Pid::from_raw(number)).or_else(of_thread);
        let found = found.ok_or(error!(ENOENT, "no such process"))?;
        process(Target::of_process(instance(&namespace).fs(), &found, number))
    }

    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        let Ok(namespace) = self.namespace() else { return Ok(()) };
        let fs = instance(&namespace).fs();
        let mut from = Pid::from_raw(i32::try_from(cookie).unwrap_or(i32::MAX));
        while let Some(process) = namespace.next_process(from) {
            let pid = process.pid();
            let ino = process_ino(&Target::of_process(fs, &process, pid.as_raw()));
            let (name, next) = (format!("{pid}"), u64::from(pid.as_raw().unsigned_abs()) + 1);
            if entry(sink, &name, ino, FileKind::Directory, next).is_break() {
                break;
            }
            from = pid.next();
        }
        Ok(())
    }

    fn subdirectories(&self) -> u32 {
        self.namespace().map_or(0, |own| own.processes().count() as u32)
    }
}

/// /proc/PID, or /proc/PID/task/TID.
struct OfProcess(Target);

/// What is not a file of the table.
#[derive(Clone, Copy)]
enum Other {
    Place(PlaceLink),
    Fds(Shown),
    Tasks,
}

const OTHERS: [(&str, Other); 6] = [
    ("cwd", Other::Place(PlaceLink::Cwd)),
    ("exe", Other::Place(PlaceLink::Exe)),
    ("fd", Other::Fds(Shown::Links)),
    ("fdinfo", Other::Fds(Shown::Info)),
    ("root", Other::Place(PlaceLink::Root)),
    ("task", Other::Tasks),
];

impl Other {
    fn inode(self, target: &Target) -> Result<Arc<PseudoInode>> {
        let ino = self.ino(target);
        match self {
            Self::Place(place) => place::inode(target, place, ino),
            Self::Fds(shown) => directory(target, ino, shown.perm(), Fds(target.clone(), shown)),
            Self::Tasks => directory(target, ino, OPEN_DIRECTORY, Tasks(target.clone())),
        }
    }

    fn ino(self, target: &Target) -> u64 {
        match self {
            Self::Tasks => target.ino(2, 0),
            Self::Fds(Shown::Links) => target.ino(3, 0),
            Self::Fds(Shown::Info) => target.ino(4, 0),
            Self::Place(place) => target.ino(5, place as u64),
        }
    }

    fn kind(self) -> FileKind {
        if matches!(self, Self::Place(_)) { FileKind::Symlink } else { FileKind::Directory }
    }
}

impl OfProcess {
    /// `ENOENT` if the directory has outlived the process.
    fn check(&self) -> Result<()> {
        let gone = |_| error!(ENOENT, "the process has ended");
        self.0.process().map(drop).map_err(gone)
    }

    fn others(&self) -> impl Iterator<Item = (&'static str, Other)> {
        let is_thread = self.0.is_thread();
        OTHERS.into_iter().filter(move |(_, other)| !(is_thread && matches!(other, Other::Tasks)))
    }
}

impl DirectoryOps for OfProcess {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        self.check()?;
        if let Some((_, other)) = self.others().find(|(known, _)| known.as_bytes() == name) {
            return other.inode(&self.0);
        }
        let index = FILES.iter().position(|file| file.name.as_bytes() == name);
        file::inode(&self.0, index.ok_or(error!(ENOENT, "no such entry"))?)
    }

    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        self.check()?;
        let target = &self.0;
        let others = self.others().map(|(name, other)| (name, other.ino(target), other.kind()));
        let files = FILES.iter().enumerate();
        let files = files.map(|(at, file)| (file.name, file::ino(target, at), FileKind::Regular));
        let start = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (index, (name, ino, kind)) in others.chain(files).enumerate().skip(start) {
            if entry(sink, name, ino, kind, index as u64 + 1).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn subdirectories(&self) -> u32 {
        self.others().filter(|(_, other)| other.kind() == FileKind::Directory).count() as u32
    }
}

/// /proc/PID/task.
struct Tasks(Target);

impl DirectoryOps for Tasks {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        let tid = parse_id(name).ok_or(error!(ENOENT, "not a number"))?;
        process(self.0.with_tid(Tid::from_raw(tid)))
    }

    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        let process = self.0.process().map_err(|_| error!(ENOENT, "the process has ended"))?;
        let mut threads = process.threads()?;
        threads.sort_unstable_by_key(|thread| thread.tid());
        for tid in threads.iter().map(|thread| thread.tid()) {
            let at = u64::from(tid.as_raw().unsigned_abs());
            if at < cookie {
                continue;
            }
            let ino = process_ino(&self.0.with_tid(tid));
            if entry(sink, &format!("{tid}"), ino, FileKind::Directory, at + 1).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn subdirectories(&self) -> u32 {
        self.0.process().map_or(0, |process| process.thread_count() as u32)
    }
}

/// Finds the descriptors of a target.
impl DirectoryOps for Fds {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        self.inode(parse_id(name).ok_or(error!(ENOENT, "not a number"))?)
    }

    /// Nothing for who may not look any more though the directory is open.
    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        if !self.0.may_inspect() {
            return Ok(());
        }
        self.each(cookie, |number| {
            let next = u64::from(number.unsigned_abs()) + 1;
            entry(sink, &format!("{number}"), self.ino(number), self.1.kind(), next)
        });
        Ok(())
    }

    fn size(&self) -> u64 {
        if self.1 == Shown::Links { fd::count(&self.0) } else { 0 }
    }
}
