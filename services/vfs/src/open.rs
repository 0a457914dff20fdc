// SPDX-License-Identifier: Apache-2.0 OR MIT
//! open(2): from a path and flags to an open file description.
//!
//! Locks: the superblock's tree shared, then the directory, around creation; nothing is held
//! while the file itself is opened, which may wait (FIFOs).
//!
//! Spec: open(2).

use alloc::sync::Arc;

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::stat::S_IALLUGO;
use abi::{Result, err};
use cred::Cred;

use crate::dir::DirOps;
use crate::file::Access;
use crate::lookup::{Last, Parent, Walk, child_locked};
use crate::{
    File, FileKind, FileOps, Inode, LinkTarget, May, NewKind, Opening, Path, Resolver, device,
    hooks, perm, protection,
};

/// Opens what a path names, creating it if the flags say so.
///
/// # Errors
/// Those of [`Resolver::lookup`], and:
///
/// - `EINVAL` for flags that contradict one another;
/// - `EEXIST` if the file exists and O_EXCL forbids it, `EISDIR` for writing to or creating
///   a directory, `ENOTDIR` if it is none and O_DIRECTORY asks for one, `ELOOP` for a
///   symbolic link with O_NOFOLLOW;
/// - `EACCES` without permission, or for a device on a mount without devices, `EPERM` for
///   O_NOATIME by someone else than the owner, `EROFS` on a read-only mount, `ETXTBSY` for
///   writing to a running program;
/// - `ENXIO` for a socket, a device that nobody registered, or a FIFO without a reader;
///   what the file system or device says.
pub fn open(
    resolver: &Resolver<'_>,
    path: &[u8],
    flags: OpenFlags,
    mode: u32,
) -> Result<Arc<File>> {
    let flags = effective_flags(flags)?;
    if flags.is_tmpfile() {
        return open_unnamed(resolver, path, flags, mode);
    }
    let (place, origin) = find(resolver, path, flags, mode)?;
    open_found(place, resolver.cred, flags, origin)
}

/// Opens an inode that is already found (magic links, exec), by the same checks.
///
/// # Errors
/// Those of [`open`] but the ones of the walk.
pub fn open_path(place: &Path, cred: &Cred, flags: OpenFlags) -> Result<Arc<File>> {
    open_found(place.clone(), cred, effective_flags(flags)?, Origin::Found)
}

/// Opens a program for execve(2): readable by the kernel and denied to writers until
/// [`crate::InodeBase::allow_write`].
///
/// # Errors
/// Those of [`Resolver::lookup`] and of [`open_exec_path`].
pub fn open_exec(resolver: &Resolver<'_>, path: &[u8], follow: crate::Follow) -> Result<Arc<File>> {
    let place = resolver.lookup(path, follow)?;
    open_exec_path(place, resolver.cred)
}

/// As [`open_exec`], for a place that is already found (fexecve).
///
/// # Errors
/// `ENOENT` if the place has no inode, `ELOOP` for a symbolic link, `EACCES` for what else
/// is not a regular file, without permission to execute, or on a mount without programs;
/// `ETXTBSY` while the file is open for writing; what the file system says.
pub fn open_exec_path(place: Path, cred: &Cred) -> Result<Arc<File>> {
    let inode = place.inode()?.clone();
    match inode.base().kind() {
        FileKind::Regular => {}
        FileKind::Symlink => return err!(ELOOP, "a symbolic link is no program"),
        _ => return err!(EACCES, "not a regular file"),
    }
    if place.mount().flags().contains(MountFlags::NOEXEC) {
        return err!(EACCES, "no programs on this mount");
    }
    perm::check(&inode, cred, May::EXEC)?;
    inode.base().deny_write()?;
    let flags = OpenFlags::RDONLY | OpenFlags::LARGEFILE;
    let opened = inode.clone().open(&Opening { flags, path: &place, inode: &inode, cred });
    match opened {
        Ok(ops) => Ok(File::on_path(ops, place, inode, flags)),
        Err(error) => {
            inode.base().allow_write();
            Err(error)
        }
    }
}

/// Refuses flags that contradict one another; open(2) does so before it looks at the path.
///
/// # Errors
/// `EINVAL` if they do.
pub fn check_open_flags(flags: OpenFlags) -> Result<()> {
    effective_flags(flags).map(|_| ())
}

/// Refuses contradictory flags and drops those that do not count.
fn effective_flags(flags: OpenFlags) -> Result<OpenFlags> {
    let mut flags = flags;
    if flags.contains(OpenFlags::PATH) {
        let kept =
            OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC;
        return Ok(flags & kept);
    }
    if flags.contains(OpenFlags::TMPFILE_BIT) {
        let is_for_writing = flags.intersects(OpenFlags::ACCMODE);
        if !flags.is_tmpfile() || flags.contains(OpenFlags::CREAT) || !is_for_writing {
            return err!(EINVAL, "O_TMPFILE");
        }
    } else if flags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
        return err!(EINVAL, "O_CREAT of a directory");
    }
    flags |= OpenFlags::LARGEFILE;
    Ok(flags)
}

/// Whether the file was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Found,
    Created,
}

/// Walks to the file, creating it if asked to.
fn find(
    resolver: &Resolver<'_>,
    path: &[u8],
    flags: OpenFlags,
    mode: u32,
) -> Result<(Path, Origin)> {
    let mut walk = Walk::new(resolver);
    let mut parent = walk.walk_to_parent(path)?;
    if !flags.contains(OpenFlags::CREAT) {
        let follow = if flags.contains(OpenFlags::NOFOLLOW) {
            crate::Follow::No
        } else {
            crate::Follow::Yes
        };
        let found = walk.finish(parent, follow)?;
        found.inode()?;
        return Ok((found, Origin::Found));
    }
    loop {
        let Last::Name(name) = &parent.last else {
            if flags.contains(OpenFlags::EXCL) {
                return err!(EEXIST, "dots and the root always exist");
            }
            return err!(EISDIR, "O_CREAT of a directory");
        };
        if parent.has_slash {
            return err!(EISDIR, "O_CREAT with a trailing slash");
        }
        let (found, origin) = find_or_create(&parent, name, resolver, flags, mode)?;
        let inode = found.inode()?;
        if origin == Origin::Created {
            return Ok((found, origin));
        }
        if flags.contains(OpenFlags::EXCL) {
            return err!(EEXIST, "the file exists");
        }
        if inode.base().kind() != FileKind::Symlink || flags.contains(OpenFlags::NOFOLLOW) {
            if inode.base().is_dir() {
                return err!(EISDIR, "O_CREAT of a directory");
            }
            let dir = parent.dir.inode()?.base().owner();
            protection::check_open_creating(&dir, inode, resolver.cred)?;
            return Ok((found, origin));
        }
        walk.check_last_link(&parent.dir, &found)?;
        match walk.follow(&found)? {
            LinkTarget::Jump(path) => return Ok((path, Origin::Found)),
            LinkTarget::Text(text) => parent = walk.walk_link(parent.dir, text)?,
        }
    }
}

fn find_or_create(
    parent: &Parent<'_>,
    name: &[u8],
    resolver: &Resolver<'_>,
    flags: OpenFlags,
    mode: u32,
) -> Result<(Path, Origin)> {
    let dir = parent.dir.dentry();
    let dir_inode = parent.dir.inode()?;
    let at = |dentry| Path::new(parent.dir.mount().clone(), dentry);
    if let Some(child) = dir.cached_child(name)
        && child.inode().is_some()
    {
        return Ok((at(child).topmost(), Origin::Found));
    }
    let _tree = dir_inode.base().sb().base().tree.read();
    let _dir = dir_inode.base().dir.lock();
    let child = child_locked(dir, dir_inode, name)?;
    if child.inode().is_some() {
        return Ok((at(child).topmost(), Origin::Found));
    }
    perm::may_create(&parent.dir, resolver.cred)?;
    let perm = (mode & S_IALLUGO, resolver.umask);
    let new = perm::new_inode(dir_inode, NewKind::Regular, perm, resolver.cred);
    debug_assert!(flags.contains(OpenFlags::CREAT));
    let inode = dir_inode.create(name, &new)?;
    Ok((at(dir.add_child(name, Some(inode))), Origin::Created))
}

/// The checks and actions that follow once the file is found.
fn open_found(place: Path, cred: &Cred, flags: OpenFlags, origin: Origin) -> Result<Arc<File>> {
    framework::mm::admit()?;
    let inode = place.inode()?.clone();
    let kind = inode.base().kind();
    if flags.contains(OpenFlags::DIRECTORY) && kind != FileKind::Directory {
        return err!(ENOTDIR, "O_DIRECTORY");
    }
    if flags.contains(OpenFlags::PATH) {
        let access = Access { is_path: true, ..Access::NONE };
        return Ok(File::new(Arc::new(PathOps), place, inode, flags, access));
    }
    let mut flags = flags;
    match kind {
        FileKind::Symlink => return err!(ELOOP, "O_NOFOLLOW on a symbolic link"),
        FileKind::Directory if wants_write(flags) || flags.contains(OpenFlags::CREAT) => {
            return err!(EISDIR, "writing to a directory");
        }
        FileKind::CharDevice | FileKind::BlockDevice
            if place.mount().flags().contains(MountFlags::NODEV) =>
        {
            return err!(EACCES, "no devices on this mount");
        }
        FileKind::Directory | FileKind::Regular => {}
        _ => flags.remove(OpenFlags::TRUNC),
    }
    if origin == Origin::Found {
        perm::check_path(&place, cred, needed(flags))?;
        if flags.contains(OpenFlags::NOATIME) && !perm::is_owner(&inode, cred) {
            return err!(EPERM, "O_NOATIME by someone else than the owner");
        }
    }
    finish(place, inode, cred, flags, origin)
}

fn wants_write(flags: OpenFlags) -> bool {
    flags.intersects(OpenFlags::ACCMODE | OpenFlags::TRUNC)
}

/// The permissions an open needs; access mode 3 needs both.
fn needed(flags: OpenFlags) -> May {
    let mut may = May::empty();
    if !flags.intersects(OpenFlags::WRONLY) || flags.contains(OpenFlags::ACCMODE) {
        may |= May::READ;
    }
    if wants_write(flags) {
        may |= May::WRITE;
    }
    may
}

fn finish(
    place: Path,
    inode: Arc<dyn Inode>,
    cred: &Cred,
    flags: OpenFlags,
    origin: Origin,
) -> Result<Arc<File>> {
    let base = inode.base();
    let truncates = flags.contains(OpenFlags::TRUNC) && origin == Origin::Found;
    let holds_write = base.kind() == FileKind::Regular && (flags.can_write() || truncates);
    if holds_write {
        base.get_write()?;
        if let Err(error) = place.mount().add_writer() {
            base.put_write();
            return Err(error);
        }
    }
    let access = Access {
        can_read: flags.can_read(),
        can_write: flags.can_write(),
        is_path: false,
        holds_write,
    };
    let opened = open_ops(&Opening { flags, path: &place, inode: &inode, cred });
    let ops = match opened {
        Ok(ops) => ops,
        Err(error) => {
            if holds_write {
                base.put_write();
                place.mount().remove_writer();
            }
            return Err(error);
        }
    };
    // From here on the file's own drop takes the writer back.
    let file = File::new(ops, place, inode, flags, access);
    if flags.contains(OpenFlags::DIRECT)
        && matches!(file.kind(), FileKind::Directory | FileKind::CharDevice | FileKind::Fifo)
    {
        return err!(EINVAL, "O_DIRECT");
    }
    if truncates && file.kind() == FileKind::Regular {
        file.remove_setid();
        file.inode().truncate(0)?;
    }
    Ok(file)
}

fn open_ops(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    let inode = opening.inode;
    if inode.opens_itself() {
        return inode.clone().open(opening);
    }
    match inode.base().kind() {
        FileKind::Directory => Ok(DirOps::shared()),
        FileKind::CharDevice => device::open_char(opening),
        FileKind::Fifo => hooks::open_fifo(opening),
        FileKind::BlockDevice => device::open_block(opening),
        FileKind::Socket => err!(ENXIO, "sockets are not opened"),
        FileKind::Regular | FileKind::Symlink | FileKind::Anonymous => inode.clone().open(opening),
    }
}

/// O_TMPFILE: `path` names the directory.
fn open_unnamed(
    resolver: &Resolver<'_>,
    path: &[u8],
    flags: OpenFlags,
    mode: u32,
) -> Result<Arc<File>> {
    let dir = resolver.lookup(path, crate::Follow::Yes)?;
    let dir_inode = dir.inode()?;
    if !dir_inode.base().is_dir() {
        return err!(ENOTDIR, "O_TMPFILE needs a directory");
    }
    perm::may_create(&dir, resolver.cred)?;
    let perm = (mode & S_IALLUGO, resolver.umask);
    let new = perm::new_inode(dir_inode, NewKind::Regular, perm, resolver.cred);
    let inode = dir_inode.create_unnamed(&new)?;
    if !flags.contains(OpenFlags::EXCL) {
        inode.base().set_linkable();
    }
    let dentry = crate::Dentry::new_anonymous("#tmpfile:", inode.clone());
    let place = Path::new(dir.mount().clone(), dentry);
    finish(place, inode, resolver.cred, flags, Origin::Created)
}

/// What a file opened with O_PATH does: nothing.
struct PathOps;

impl FileOps for PathOps {
    fn is_seekable(&self) -> bool {
        false
    }
}
