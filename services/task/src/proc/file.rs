// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files in the directory of a process: the table, and who may open them.

use alloc::sync::Arc;

use abi::{Result, err};
use pseudofs::{Content, PseudoInode, Subject, Text, TextFile};
use vfs::{Opening, Owner};

use super::target::Target;
use super::{figures, memory, settings};

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

/// Makes a part of a file's text, as [`TextFile::show_part`].
type PartFn = fn(&Target, u64, &mut Text) -> Result<Option<u64>>;

/// How a file's text is made.
#[derive(Clone, Copy)]
pub(crate) enum Show {
    /// At once.
    Whole(ReadFn),
    /// In parts: the program chooses the length.
    Parts(PartFn),
}

/// Obeys what was written.
type WriteFn = fn(&Target, &[u8]) -> Result<()>;

/// A file in the directory of a process.
pub(crate) struct ProcessFile {
    pub(crate) name: &'static str,
    pub(crate) perm: u32,
    pub(crate) access: Access,
    pub(crate) read: Show,
    pub(crate) write: Option<WriteFn>,
}

const fn public(name: &'static str, read: ReadFn) -> ProcessFile {
    let read = Show::Whole(read);
    ProcessFile { name, perm: 0o444, access: Access::Anyone, read, write: None }
}

const fn private(name: &'static str, perm: u32, read: ReadFn) -> ProcessFile {
    let read = Show::Whole(read);
    ProcessFile { name, perm, access: Access::Inspectors, read, write: None }
}

const fn long(name: &'static str, perm: u32, access: Access, read: PartFn) -> ProcessFile {
    ProcessFile { name, perm, access, read: Show::Parts(read), write: None }
}

const fn setting(name: &'static str, read: ReadFn, write: WriteFn) -> ProcessFile {
    let access = Access::Anyone;
    ProcessFile { name, perm: 0o644, access, read: Show::Whole(read), write: Some(write) }
}

/// The files of a process and of a thread.
pub(crate) static FILES: [ProcessFile; 26] = [
    private("auxv", 0o400, memory::auxv),
    public("cgroup", settings::cgroup),
    long("cmdline", 0o444, Access::Anyone, memory::cmdline),
    setting("comm", settings::comm, settings::set_comm),
    long("environ", 0o400, Access::Inspectors, memory::environ),
    public("gid_map", settings::gid_map),
    private("io", 0o400, figures::io),
    public("limits", settings::limits),
    public("loginuid", settings::loginuid),
    long("maps", 0o444, Access::Inspectors, memory::maps),
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
        match self.file.read {
            Show::Whole(read) => read(&self.target, out).map(|()| None),
            Show::Parts(read) => read(&self.target, position, out),
        }
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        match self.file.write {
            Some(write) => write(&self.target, data),
            None => err!(EINVAL, "cannot be written"),
        }
    }

    fn check_open(&self, _perm: u32, opening: &Opening<'_>) -> Result<()> {
        self.target.process()?;
        match self.file.access {
            Access::Anyone => Ok(()),
            Access::Inspectors => self.target.check_inspect(opening.cred),
        }
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
