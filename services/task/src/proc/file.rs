// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files in the directory of a process: the table, and who may open them.

use alloc::sync::{Arc, Weak};

use abi::poll::PollEvents;
use abi::{Result, err, error};
use mm::AddressSpace;
use pseudofs::{Content, PseudoInode, Subject, Text, TextFile};
use vfs::{Opening, Owner, Path};

use super::target::Target;
use super::{figures, memory, settings};
use crate::Thread;
use crate::access::Look;

/// Who may open a file, beyond its permission bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Whoever the bits allow.
    Anyone,
    /// Only who may look into the process so closely when it is read.
    Readers(Look),
}

/// Makes a file's text.
type ReadFn = fn(&Target, &mut Text) -> Result<()>;

/// Makes a part of a file's text, as [`TextFile::show_part`].
type PartFn = fn(&Target, u64, &mut Text) -> Result<Option<u64>>;

/// Makes a part of a text about the memory of a process.
type MemoryFn = fn(&AddressSpace, u64, &mut Text) -> Result<Option<u64>>;

/// Makes a text about what is below the root directory of a process.
type RootFn = fn(&Path, &mut Text) -> Result<()>;

/// Obeys what was written.
type WriteFn = fn(&Target, &[u8]) -> Result<()>;

/// How a file is read.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// Anew each time, of whatever the process is then.
    Process(ReadFn),
    /// The same in parts: the program chooses the length.
    Parts(PartFn),
    /// Of the memory that the process had when the file was opened by who could look into
    /// it: after an execve it is empty.
    Memory(MemoryFn),
    /// Of the root directory that the process had when the file was opened.
    Root(RootFn),
}

/// A file in the directory of a process.
pub(crate) struct ProcessFile {
    pub(crate) name: &'static str,
    pub(crate) perm: u32,
    pub(crate) access: Access,
    pub(crate) read: Read,
    pub(crate) write: Option<WriteFn>,
}

const fn public(name: &'static str, read: ReadFn) -> ProcessFile {
    let read = Read::Process(read);
    ProcessFile { name, perm: 0o444, access: Access::Anyone, read, write: None }
}

const fn private(name: &'static str, look: Look, read: ReadFn) -> ProcessFile {
    let (access, read) = (Access::Readers(look), Read::Process(read));
    ProcessFile { name, perm: 0o400, access, read, write: None }
}

const fn long(name: &'static str, read: PartFn) -> ProcessFile {
    let read = Read::Parts(read);
    ProcessFile { name, perm: 0o444, access: Access::Anyone, read, write: None }
}

const fn memory(name: &'static str, perm: u32, read: MemoryFn) -> ProcessFile {
    ProcessFile { name, perm, access: Access::Anyone, read: Read::Memory(read), write: None }
}

const fn setting(name: &'static str, read: ReadFn, write: WriteFn) -> ProcessFile {
    let access = Access::Anyone;
    ProcessFile { name, perm: 0o644, access, read: Read::Process(read), write: Some(write) }
}

const fn mounts(name: &'static str, perm: u32, read: RootFn) -> ProcessFile {
    ProcessFile { name, perm, access: Access::Anyone, read: Read::Root(read), write: None }
}

/// The files of a process and of a thread.
pub(crate) static FILES: [ProcessFile; 26] = [
    memory("auxv", 0o400, memory::auxv),
    public("cgroup", settings::cgroup),
    long("cmdline", memory::cmdline),
    setting("comm", settings::comm, settings::set_comm),
    memory("environ", 0o400, memory::environ),
    public("gid_map", settings::gid_map),
    private("io", Look::Read, figures::io),
    public("limits", settings::limits),
    public("loginuid", settings::loginuid),
    memory("maps", 0o444, memory::maps),
    mounts("mountinfo", 0o444, procfs::mounts::mountinfo),
    mounts("mounts", 0o444, procfs::mounts::table),
    mounts("mountstats", 0o400, procfs::mounts::mountstats),
    setting("oom_adj", settings::oom_adj, settings::set_oom_adj),
    public("oom_score", settings::oom_score),
    setting("oom_score_adj", settings::oom_score_adj, settings::set_oom_score_adj),
    private("personality", Look::Attach, settings::personality),
    public("schedstat", figures::schedstat),
    public("sessionid", settings::loginuid),
    public("setgroups", settings::setgroups),
    public("stat", figures::stat),
    public("statm", figures::statm),
    public("status", figures::status),
    public("timerslack_ns", settings::timerslack),
    public("uid_map", settings::uid_map),
    public("wchan", figures::wchan),
];

/// One of the files, of one target.
struct OfTarget {
    target: Target,
    file: &'static ProcessFile,
}

/// The inode of file number `index`.
pub(crate) fn inode(target: &Target, index: usize) -> Result<Arc<PseudoInode>> {
    let Some(file) = FILES.get(index) else { return err!(ENOENT, "no such entry") };
    let shown = Arc::new(OfTarget { target: target.clone(), file });
    let ino = ino(target, index);
    PseudoInode::of_subject(target.fs(), ino, shown.clone(), Content::Text(shown))
}

/// Its number.
pub(crate) fn ino(target: &Target, index: usize) -> u64 {
    target.ino(6, index as u64)
}

impl Subject for OfTarget {
    fn owner(&self) -> Option<Owner> {
        self.target.owner(self.file.perm)
    }
}

impl TextFile for OfTarget {
    fn show_part(&self, position: u64, out: &mut Text) -> Result<Option<u64>> {
        if let Access::Readers(look) = self.file.access {
            self.target.check_reader(look)?;
        }
        match self.file.read {
            Read::Process(read) => read(&self.target, out).map(|()| None),
            Read::Parts(read) => read(&self.target, position, out),
            Read::Memory(_) | Read::Root(_) => err!(EINVAL, "shown as it was when it was opened"),
        }
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        match self.file.write {
            Some(write) => write(&self.target, data),
            None => err!(EINVAL, "cannot be written"),
        }
    }

    fn check_open(&self, _perm: u32, _opening: &Opening<'_>) -> Result<()> {
        self.target.process().map(drop)
    }

    fn bind(&self, opening: &Opening<'_>) -> Result<Option<Arc<dyn TextFile>>> {
        framework::mm::admit()?;
        match self.file.read {
            Read::Process(_) | Read::Parts(_) => Ok(None),
            Read::Memory(read) => Ok(Some(Arc::new(OfMemory { mm: self.memory(opening)?, read }))),
            Read::Root(read) => {
                let gone = error!(EINVAL, "the process has ended");
                let root = self.target.thread().map_err(|_| gone)?.fs().root();
                Ok(Some(Arc::new(OfRoot { root, read })))
            }
        }
    }
}

impl OfTarget {
    /// The memory, for who may look into the process; none of a zombie, which only the files
    /// that everybody may open show as empty.
    fn memory(&self, opening: &Opening<'_>) -> Result<Weak<AddressSpace>> {
        if self.target.process()?.mm().is_none() {
            let is_open = self.file.perm == 0o444;
            return if is_open { Ok(Weak::new()) } else { err!(ESRCH, "the process has ended") };
        }
        let memory = |thread: &Arc<Thread>| thread.process().mm();
        let found = self.target.inspect(opening.cred, Look::Read, memory)?;
        Ok(found.map_or_else(Weak::new, |mm| Arc::downgrade(&mm)))
    }
}

/// An open file about memory: that which the process had then, as long as that is there.
struct OfMemory {
    mm: Weak<AddressSpace>,
    read: MemoryFn,
}

impl TextFile for OfMemory {
    fn show_part(&self, position: u64, out: &mut Text) -> Result<Option<u64>> {
        self.mm.upgrade().map_or(Ok(None), |mm| (self.read)(&mm, position, out))
    }
}

/// An open file about mounts: those below the root that the process had then.
struct OfRoot {
    root: Path,
    read: RootFn,
}

impl TextFile for OfRoot {
    fn show(&self, out: &mut Text) -> Result<()> {
        (self.read)(&self.root, out)
    }

    /// Nothing to write, and no news of changes.
    fn ready(&self) -> PollEvents {
        PollEvents::READABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(FILES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
