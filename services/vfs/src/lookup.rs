// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From path names to places.
//!
//! A [`Resolver`] holds what a walk depends on: root, starting point, umask and
//! credentials. Walks cross mounts in both directions, never leave the root and
//! follow at most 40 symbolic links.
//!
//! Locks: the superblock's tree shared, then the directory lock, around a lookup in the file system;
//! cached names need neither.
//!
//! Spec: path_resolution(7).

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::limits::{NAME_MAX, PATH_MAX};
use abi::mount::MountFlags;
use abi::{Result, err, error};
use cred::Cred;

use crate::{Dentry, FileKind, FsContext, Inode, LinkTarget, May, Mount, Path, perm, protection};

/// How many symbolic links one walk follows.
const MAX_LINKS: u32 = 40;

/// Whether a final symbolic link is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// It is.
    Yes,
    /// The link itself is meant.
    No,
}

/// What path names mean to a process.
pub struct Resolver<'a> {
    pub(crate) root: Path,
    pub(crate) start: Path,
    pub(crate) umask: u32,
    pub(crate) cred: &'a Cred,
}

/// The final component of a walk that stops before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last<'p> {
    /// A name to look up; one of its own if it stands in the text of a link.
    Name(Cow<'p, [u8]>),
    /// `.`.
    Dot,
    /// `..`.
    DotDot,
    /// Nothing: the path was all slashes.
    Root,
}

/// Where a walk stopped before its final component.
pub(crate) struct Parent<'p> {
    pub(crate) dir: Path,
    pub(crate) last: Last<'p>,
    /// Slashes follow the last component.
    pub(crate) has_slash: bool,
}

impl Parent<'_> {
    /// The same, if the path that it borrows from is gone.
    fn into_owned(self) -> Result<Parent<'static>> {
        let last = match self.last {
            Last::Name(name) => Last::Name(Cow::Owned(join(&name, &[])?)),
            Last::Dot => Last::Dot,
            Last::DotDot => Last::DotDot,
            Last::Root => Last::Root,
        };
        Ok(Parent { dir: self.dir, last, has_slash: self.has_slash })
    }
}

/// How far a walk came with one text.
enum Walked<'p> {
    /// To its last component.
    Parent(Parent<'p>),
    /// To a symbolic link: on from this place, with this text.
    Link(Path, Vec<u8>),
}

impl<'a> Resolver<'a> {
    /// Paths of a process, from its working directory.
    pub fn new(fs: &FsContext, cred: &'a Cred) -> Self {
        let (root, start, umask) = fs.snapshot();
        Self { root, start, umask, cred }
    }

    /// Paths of a process, from the directory `start` (the *at calls).
    pub fn at(fs: &FsContext, start: Path, cred: &'a Cred) -> Self {
        let (root, _, umask) = fs.snapshot();
        Self { root, start, umask, cred }
    }

    /// Paths from the root of a mount tree, for the kernel's own use.
    pub fn kernel(root: &Path, cred: &'a Cred) -> Self {
        Self { root: root.clone(), start: root.clone(), umask: 0, cred }
    }

    /// Who asks.
    pub fn cred(&self) -> &Cred {
        self.cred
    }

    /// The root of these paths.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The starting point itself: what an empty path with AT_EMPTY_PATH means.
    pub fn start(&self) -> &Path {
        &self.start
    }

    /// Finds what a path names.
    ///
    /// # Errors
    /// - `ENOENT` if a component does not exist, or the path or a link's text is empty;
    /// - `ENOTDIR` if a component before the last is no directory, or the last with a slash
    ///   behind it;
    /// - `EACCES` if a directory on the way may not be searched;
    /// - `ELOOP` after 40 symbolic links;
    /// - `ENAMETOOLONG` for a path of [`PATH_MAX`] bytes or a name longer than
    ///   [`NAME_MAX`];
    /// - `ENOMEM`, and what a file system's [`Inode::lookup`] or [`Inode::follow`] says.
    pub fn lookup(&self, path: &[u8], follow: Follow) -> Result<Path> {
        let mut walk = Walk::new(self);
        let parent = walk.walk_to_parent(path)?;
        let found = walk.finish(parent, follow)?;
        found.inode()?;
        found.mount().note_use();
        Ok(found)
    }

    /// As [`Resolver::lookup`], without a use of the mount that it ends in.
    ///
    /// # Errors
    /// Those of [`Resolver::lookup`].
    pub fn lookup_to_unmount(&self, path: &[u8], follow: Follow) -> Result<Path> {
        let mut walk = Walk::new(self);
        let parent = walk.walk_to_parent(path)?;
        // A link of /proc leads below what is mounted there.
        let found = walk.finish(parent, follow)?.topmost();
        found.inode()?;
        Ok(found)
    }

    /// Finds the directory of the last component.
    pub(crate) fn parent<'p>(&self, path: &'p [u8]) -> Result<Parent<'p>> {
        Walk::new(self).walk_to_parent(path)
    }
}

/// A walk in progress.
pub(crate) struct Walk<'r, 'a> {
    resolver: &'r Resolver<'a>,
    links: u32,
}

impl<'r, 'a> Walk<'r, 'a> {
    pub(crate) fn new(resolver: &'r Resolver<'a>) -> Self {
        Self { resolver, links: 0 }
    }

    /// Walks to the directory of the last component.
    pub(crate) fn walk_to_parent<'p>(&mut self, path: &'p [u8]) -> Result<Parent<'p>> {
        if path.is_empty() {
            return err!(ENOENT, "empty path");
        }
        if path.len() >= PATH_MAX {
            return err!(ENAMETOOLONG, "path too long");
        }
        let start = self.resolver.start.clone();
        self.walk_from(start, path)
    }

    /// Walks `path` from `at` up to its last component.
    pub(crate) fn walk_from<'p>(&mut self, at: Path, path: &'p [u8]) -> Result<Parent<'p>> {
        match self.walk_text(at, path)? {
            Walked::Parent(parent) => Ok(parent),
            Walked::Link(at, text) => self.walk_link(at, text),
        }
    }

    /// Walks the text of a symbolic link from `at` up to its last component.
    pub(crate) fn walk_link(&mut self, at: Path, text: Vec<u8>) -> Result<Parent<'static>> {
        let (mut at, mut text) = (at, text);
        loop {
            match self.walk_text(at, &text)? {
                Walked::Parent(parent) => return parent.into_owned(),
                Walked::Link(place, next) => (at, text) = (place, next),
            }
        }
    }

    fn walk_text<'p>(&mut self, at: Path, path: &'p [u8]) -> Result<Walked<'p>> {
        let mut at = if path.first() == Some(&b'/') { self.resolver.root.clone() } else { at };
        let mut rest = path;
        loop {
            let (name, after) = next_component(rest);
            if name.is_empty() {
                let parent = Parent { dir: at, last: Last::Root, has_slash: true };
                return Ok(Walked::Parent(parent));
            }
            search(&at, self.resolver.cred)?;
            let has_slash = after.first() == Some(&b'/');
            if next_component(after).0.is_empty() {
                let parent = Parent { dir: at, last: last_of(name)?, has_slash };
                return Ok(Walked::Parent(parent));
            }
            at = match name {
                b"." => at,
                b".." => self.up(at),
                name => {
                    let child = self.child(&at, name)?;
                    if child.inode()?.base().kind() != FileKind::Symlink {
                        child
                    } else {
                        match self.follow(&child)? {
                            LinkTarget::Jump(path) => path,
                            LinkTarget::Text(text) => {
                                return Ok(Walked::Link(at, join(&text, after)?));
                            }
                        }
                    }
                }
            };
            rest = after;
        }
    }

    /// Takes the last step; the result may be negative.
    pub(crate) fn finish(&mut self, parent: Parent<'_>, follow: Follow) -> Result<Path> {
        let mut parent = parent;
        loop {
            let found = match &parent.last {
                Last::Root => parent.dir.clone(),
                Last::Dot => parent.dir.clone(),
                Last::DotDot => self.up(parent.dir.clone()),
                Last::Name(name) => self.child(&parent.dir, name)?,
            };
            let Some(inode) = found.dentry().inode() else { return Ok(found) };
            let kind = inode.base().kind();
            let follows = follow == Follow::Yes || parent.has_slash;
            if kind == FileKind::Symlink && follows {
                self.check_last_link(&parent.dir, &found)?;
                match self.follow(&found)? {
                    LinkTarget::Jump(path) => {
                        require_dir(&path, parent.has_slash)?;
                        return Ok(path);
                    }
                    LinkTarget::Text(text) => {
                        let has_slash = parent.has_slash;
                        parent = self.walk_link(parent.dir, text)?;
                        parent.has_slash |= has_slash;
                        continue;
                    }
                }
            }
            require_dir(&found, parent.has_slash)?;
            return Ok(found);
        }
    }

    /// Refuses a link that ends a path, where others may have put it.
    pub(crate) fn check_last_link(&self, dir: &Path, link: &Path) -> Result<()> {
        let (dir, link) = (dir.inode()?.base().owner(), link.inode()?.base().owner());
        protection::check_symbolic_link(&dir, &link, self.resolver.cred)
    }

    /// Where a symbolic link leads; counts it.
    pub(crate) fn follow(&mut self, link: &Path) -> Result<LinkTarget> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return err!(ELOOP, "too many symbolic links");
        }
        if link.mount().flags().contains(MountFlags::NOSYMFOLLOW) {
            return err!(ELOOP, "no links are followed on this mount");
        }
        let inode = link.inode()?;
        link.mount().touch_accessed(inode);
        let target = inode.follow(self.resolver.cred)?;
        if matches!(&target, LinkTarget::Text(text) if text.is_empty()) {
            return err!(ENOENT, "empty symbolic link");
        }
        Ok(target)
    }

    /// The parent place, crossing mounts, not beyond the root.
    fn up(&self, at: Path) -> Path {
        let mut at = at;
        loop {
            if at.is_same(&self.resolver.root) {
                break;
            }
            if at.is_mount_root() {
                let Some(place) = at.mount().place() else { break };
                at = place;
                continue;
            }
            if let Some(parent) = at.dentry().parent() {
                at = Path::new(at.mount().clone(), parent);
            }
            break;
        }
        at.topmost()
    }

    /// The place that `name` names in `dir`, maybe negative.
    #[inline]
    pub(crate) fn child(&self, dir: &Path, name: &[u8]) -> Result<Path> {
        let dentry = match dir.dentry().cached_child(name) {
            Some(child) => child,
            None => look_up_child(dir.dentry(), name)?,
        };
        Ok(Path::new(dir.mount().clone(), dentry).topmost())
    }
}

/// `ENOTDIR` unless a directory, `EACCES` unless it may be searched.
#[inline]
pub(crate) fn search(dir: &Path, cred: &Cred) -> Result<()> {
    let inode = dir.inode()?;
    if !inode.base().is_dir() {
        return err!(ENOTDIR, "a component is no directory");
    }
    perm::check(inode, cred, May::EXEC)
}

fn require_dir(path: &Path, is_required: bool) -> Result<()> {
    if is_required && path.dentry().inode().is_some_and(|inode| !inode.base().is_dir()) {
        return err!(ENOTDIR, "slash behind a name that is no directory");
    }
    Ok(())
}

/// Asks the file system for a name that is not cached.
fn look_up_child(dir: &Arc<Dentry>, name: &[u8]) -> Result<Arc<Dentry>> {
    let inode = dir.positive()?;
    let _tree = inode.base().sb().base().tree.read();
    let _dir = inode.base().dir.lock();
    child_locked(dir, inode, name)
}

/// As [`look_up_child`], for a caller who holds the directory.
pub(crate) fn child_locked(
    dir: &Arc<Dentry>,
    inode: &Arc<dyn Inode>,
    name: &[u8],
) -> Result<Arc<Dentry>> {
    if name.len() > NAME_MAX {
        return err!(ENAMETOOLONG, "name too long");
    }
    if let Some(child) = dir.cached_child(name) {
        return Ok(child);
    }
    framework::mm::admit()?;
    match inode.lookup(name) {
        Ok(found) => Ok(dir.add_child(name, Some(found))),
        Err(error) if error.errno() == abi::Errno::ENOENT => Ok(dir.add_child(name, None)),
        Err(error) => Err(error),
    }
}

fn last_of(name: &[u8]) -> Result<Last<'_>> {
    Ok(match name {
        b"." => Last::Dot,
        b".." => Last::DotDot,
        name => Last::Name(Cow::Borrowed(name)),
    })
}

/// The first component of a path, without the slashes before it, and what follows.
#[inline]
fn next_component(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().position(|&byte| byte != b'/').unwrap_or(path.len());
    let path = path.get(start..).unwrap_or_default();
    let end = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
    path.split_at_checked(end).unwrap_or_default()
}

/// A symbolic link's text with the rest of the path behind it.
fn join(text: &[u8], rest: &[u8]) -> Result<Vec<u8>> {
    let mut joined = Vec::new();
    joined.try_reserve_exact(text.len() + rest.len()).map_err(|_| error!(ENOMEM))?;
    joined.extend_from_slice(text);
    joined.extend_from_slice(rest);
    Ok(joined)
}

/// The mount on which changes below `path` happen; `EROFS` if it is read only.
pub(crate) fn writable_mount(path: &Path) -> Result<&Arc<Mount>> {
    path.mount().check_writable()?;
    Ok(path.mount())
}
