// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inodes of /proc: each stands for a [`Node`], made at every look-up.
//!
//! Owns the glue to the vfs; what a node holds is the business of the modules
//! that the match arms name.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err};
use cred::Cred;
use framework::sync::Once;
use vfs::{
    Attr, DentryPolicy, DeviceId, DirEntry, DirSink, FileKind, FileOps, Inode, InodeBase,
    LinkTarget, Metadata, NewInode, Opening, SetAttr, StatFs, SuperBlock,
};

use crate::file::ProcFile;
use crate::process::{self, Access, PlaceLink, ProcessFile, Target, fd};
use crate::root::{self, SelfLink};
use crate::tree::{self, GlobalFile, Item};
use pseudofs::Text;

/// Magic number of procfs, for statfs(2).
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// The block size that stat(2) reports.
const BLOCK_SIZE: u32 = 1024;

/// The one file system behind every mount of procfs.
pub(crate) struct ProcFs {
    dev: DeviceId,
}

static INSTANCE: Once<Arc<ProcFs>> = Once::new();

impl ProcFs {
    fn instance() -> Arc<dyn SuperBlock> {
        INSTANCE.call_once(|| Arc::new(Self { dev: vfs::device::anonymous_dev() })).clone()
    }
}

impl SuperBlock for ProcFs {
    fn type_name(&self) -> &'static str {
        "proc"
    }

    fn dev(&self) -> DeviceId {
        self.dev
    }

    fn statfs(&self) -> StatFs {
        StatFs {
            magic: PROC_SUPER_MAGIC,
            block_size: 4096,
            name_max: vfs::NAME_MAX as u64,
            ..StatFs::default()
        }
    }

    fn dentry_policy(&self) -> DentryPolicy {
        DentryPolicy::Revalidate
    }
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    ProcInode::make(Node::Root)
}

/// What an inode of /proc stands for.
pub(crate) enum Node {
    /// /proc itself.
    Root,
    /// A fixed directory, as /proc/sys.
    Directory { items: &'static [Item], number: u32 },
    /// A fixed file.
    File { file: &'static GlobalFile, number: u32 },
    /// A link that depends on who reads it.
    SelfLink(SelfLink),
    /// /proc/PID, or /proc/PID/task/TID.
    Process(Target),
    /// A file of a process or thread.
    ProcessFile(Target, &'static ProcessFile),
    /// /proc/PID/task.
    Tasks(Target),
    /// /proc/PID/fd.
    Fds(Target),
    /// /proc/PID/fdinfo.
    FdInfos(Target),
    /// /proc/PID/fd/N.
    Fd(Target, i32),
    /// /proc/PID/fdinfo/N.
    FdInfo(Target, i32),
    /// exe, cwd, root.
    Place(Target, PlaceLink),
}

/// An inode of /proc.
pub(crate) struct ProcInode {
    base: InodeBase,
    pub(crate) node: Node,
}

impl ProcInode {
    /// The inode of a node.
    pub(crate) fn make(node: Node) -> Arc<dyn Inode> {
        let (kind, perm) = node.kind_and_perm();
        let (uid, gid) = node.owner();
        let attr = Attr::new(perm, uid, gid);
        let base = InodeBase::new(ProcFs::instance(), node.number(), kind, attr);
        Arc::new(Self { base, node })
    }
}

impl Node {
    fn kind_and_perm(&self) -> (FileKind, u32) {
        match self {
            Self::Root | Self::Directory { .. } | Self::Process(_) => (FileKind::Directory, 0o555),
            Self::Tasks(_) | Self::FdInfos(_) => (FileKind::Directory, 0o555),
            Self::Fds(_) => (FileKind::Directory, 0o500),
            Self::File { file, .. } => (FileKind::Regular, file.perm),
            Self::ProcessFile(_, file) => (FileKind::Regular, file.perm),
            Self::FdInfo(..) => (FileKind::Regular, 0o444),
            Self::SelfLink(_) | Self::Place(..) => (FileKind::Symlink, 0o777),
            Self::Fd(target, number) => (FileKind::Symlink, fd::link_perm(target, *number)),
        }
    }

    /// The process whose node it is.
    fn target(&self) -> Option<&Target> {
        match self {
            Self::Root | Self::Directory { .. } | Self::File { .. } | Self::SelfLink(_) => None,
            Self::Process(target)
            | Self::ProcessFile(target, _)
            | Self::Tasks(target)
            | Self::Fds(target)
            | Self::FdInfos(target)
            | Self::Fd(target, _)
            | Self::FdInfo(target, _)
            | Self::Place(target, _) => Some(target),
        }
    }

    fn owner(&self) -> (u32, u32) {
        self.target().map_or((0, 0), Target::owner)
    }

    /// How many links stat(2) reports: directories count their subdirectories,
    /// but for those of /proc/sys, whose 1 says that nobody counted.
    fn links(&self) -> u32 {
        match self {
            Self::Root => root::count_directories() + 2,
            Self::Process(target) => {
                if target.is_thread() {
                    4
                } else {
                    5
                }
            }
            Self::Tasks(target) => {
                target.process().map_or(2, |process| process.thread_count() as u32 + 2)
            }
            Self::Fds(_) | Self::FdInfos(_) => 2,
            _ => 1,
        }
    }

    /// A number that is the same at each look-up.
    fn number(&self) -> u64 {
        let of = |target: &Target, kind: u64, index: u64| {
            u64::from(target.number()) << 32 | kind << 24 | index
        };
        match self {
            Self::Root => 1,
            Self::SelfLink(link) => 2 + *link as u64,
            Self::Directory { number, .. } | Self::File { number, .. } => u64::from(*number),
            Self::Process(target) => of(target, 1, 0),
            Self::Tasks(target) => of(target, 2, 0),
            Self::Fds(target) => of(target, 3, 0),
            Self::FdInfos(target) => of(target, 4, 0),
            Self::Place(target, place) => of(target, 5, *place as u64),
            Self::ProcessFile(target, file) => of(target, 6, file.index()),
            Self::Fd(target, number) => of(target, 8, *number as u64),
            Self::FdInfo(target, number) => of(target, 16, *number as u64),
        }
    }

    /// Makes the text of a file.
    pub(crate) fn read(&self, out: &mut Text) -> Result<()> {
        match self {
            Self::File { file, .. } => match file.read {
                Some(read) => read(out),
                None => err!(EINVAL, "cannot be read"),
            },
            Self::ProcessFile(target, file) => match file.read {
                Some(read) => read(target, out),
                None => err!(EINVAL, "cannot be read"),
            },
            Self::FdInfo(target, number) => fd::info(target, *number, out),
            _ => err!(EINVAL, "not a file"),
        }
    }

    /// Obeys what was written to a file.
    pub(crate) fn write(&self, data: &[u8]) -> Result<()> {
        match self {
            Self::File { file, .. } => match file.write {
                Some(write) => write(data),
                None => err!(EINVAL, "cannot be written"),
            },
            Self::ProcessFile(target, file) => match file.write {
                Some(write) => write(target, data),
                None => err!(EINVAL, "cannot be written"),
            },
            _ => err!(EINVAL, "cannot be written"),
        }
    }
}

impl Inode for ProcInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn size(&self) -> u64 {
        match &self.node {
            Node::Fd(..) => 64,
            Node::Fds(target) => fd::count(target),
            _ => 0,
        }
    }

    fn blocks(&self) -> u64 {
        0
    }

    fn metadata(&self) -> Metadata {
        let metadata = self.base.metadata(self.size(), 0);
        Metadata { nlink: self.node.links(), blksize: BLOCK_SIZE, ..metadata }
    }

    fn set_attr(&self, _change: &SetAttr) -> Result<()> {
        err!(EPERM, "attributes are fixed")
    }

    fn truncate(&self, _size: u64) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let node = match &self.node {
            Node::Root => root::lookup(name)?,
            Node::Directory { items, number } => tree::lookup(items, *number, name)?,
            Node::Process(target) => process::lookup(target, name)?,
            Node::Tasks(target) => process::lookup_task(target, name)?,
            Node::Fds(target) => Node::Fd(target.clone(), fd::find(target, name)?),
            Node::FdInfos(target) => Node::FdInfo(target.clone(), fd::find(target, name)?),
            _ => return err!(ENOTDIR, "not a directory"),
        };
        Ok(Self::make(node))
    }

    /// Nothing is created here; Linux's look-up already fails.
    fn create(&self, _name: &[u8], _new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        err!(ENOENT, "nothing is created in procfs")
    }

    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        err!(ENOENT, "nothing is created in procfs")
    }

    fn readdir(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        match &self.node {
            Node::Root => root::list(cookie, sink),
            Node::Directory { items, number } => tree::list(items, *number, cookie, sink),
            Node::Process(target) => process::list(target, cookie, sink),
            Node::Tasks(target) => process::list_tasks(target, cookie, sink),
            Node::Fds(target) => fd::list(target, cookie, FileKind::Symlink, sink),
            Node::FdInfos(target) => fd::list(target, cookie, FileKind::Regular, sink),
            _ => err!(ENOTDIR, "not a directory"),
        }
    }

    /// A process may have ended, or changed its user.
    fn is_valid(&self) -> bool {
        let Some(target) = self.node.target() else { return true };
        if !target.exists() {
            return false;
        }
        if let Node::Fd(_, number) | Node::FdInfo(_, number) = &self.node
            && fd::get(target, *number).is_err()
        {
            return false;
        }
        let (uid, gid) = target.owner();
        let (_, perm) = self.node.kind_and_perm();
        self.base.update(|attr| {
            (attr.uid, attr.gid, attr.perm) = (uid, gid, perm);
        });
        true
    }

    fn readlink(&self) -> Result<Vec<u8>> {
        match &self.node {
            Node::SelfLink(link) => link.text(),
            Node::Fd(target, number) => fd::link_text(target, *number),
            Node::Place(target, place) => place.text(target),
            _ => err!(EINVAL, "not a symbolic link"),
        }
    }

    fn follow(&self, cred: &Cred) -> Result<LinkTarget> {
        match &self.node {
            Node::Fd(target, number) => {
                target.check_inspect(cred)?;
                Ok(LinkTarget::Jump(fd::get(target, *number)?.path().clone()))
            }
            Node::Place(target, place) => {
                target.check_inspect(cred)?;
                Ok(LinkTarget::Jump(place.path(target)?))
            }
            _ => Ok(LinkTarget::Text(self.readlink()?)),
        }
    }

    fn open(self: Arc<Self>, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        match &self.node {
            Node::ProcessFile(target, file) => {
                target.process()?;
                if file.access == Access::Inspectors {
                    target.check_inspect(opening.cred)?;
                }
            }
            Node::File { file, .. } => file.check_open(opening)?,
            Node::FdInfo(target, _) => target.check_inspect(opening.cred)?,
            _ => return err!(ENXIO, "cannot be opened"),
        }
        Ok(Arc::new(ProcFile::default()))
    }
}

/// Reports one entry; `Break` as the sink says.
pub(crate) fn emit(
    sink: &mut DirSink<'_>,
    name: &[u8],
    node: &Node,
    next: u64,
) -> core::ops::ControlFlow<()> {
    let (kind, _) = node.kind_and_perm();
    sink(&DirEntry { name, ino: node.number(), kind, next })
}
