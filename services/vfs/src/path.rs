// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Places in the tree of mounts, and how they are written.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::limits::PATH_MAX;
use abi::{Result, err, error};

use crate::{Dentry, Inode, Metadata, Mount};

/// A place: a dentry seen through a mount.
#[derive(Clone)]
pub struct Path {
    mount: Arc<Mount>,
    dentry: Arc<Dentry>,
}

impl Path {
    /// The place of `dentry` in `mount`.
    pub fn new(mount: Arc<Mount>, dentry: Arc<Dentry>) -> Self {
        Self { mount, dentry }
    }

    /// The root of a mount that is nowhere: the first root.
    pub fn root_of(mount: Arc<Mount>) -> Self {
        let dentry = mount.root().clone();
        Self { mount, dentry }
    }

    /// The mount.
    #[inline]
    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// The dentry.
    #[inline]
    pub fn dentry(&self) -> &Arc<Dentry> {
        &self.dentry
    }

    /// The inode.
    ///
    /// # Errors
    /// `ENOENT` where there is none.
    #[inline]
    pub fn inode(&self) -> Result<&Arc<dyn Inode>> {
        self.dentry.positive()
    }

    /// What stat(2) reports.
    ///
    /// # Errors
    /// `ENOENT` where there is no inode.
    pub fn metadata(&self) -> Result<Metadata> {
        Ok(self.inode()?.metadata())
    }

    /// Whether both are the same place.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.dentry, &other.dentry) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// Whether it is the root of its mount.
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.dentry, self.mount.root())
    }

    /// What is mounted here, on top of all, or this place.
    #[inline]
    pub(crate) fn topmost(mut self) -> Self {
        while self.dentry.is_mountpoint() {
            let Some(mount) = self.mount.child_at(&self.dentry) else { break };
            self = Self::root_of(mount);
        }
        self
    }
}

impl core::fmt::Debug for Path {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match walk_up(self, None, usize::MAX) {
            Ok((text, _)) => f.write_str(text.utf8_chunks().next().map_or("", |c| c.valid())),
            Err(error) => write!(f, "{error:?}"),
        }
    }
}

/// The text of a place as a link of /proc shows it, seen from `root`: ` (deleted)` behind
/// it if its name is gone, `pipe:[7]` for an anonymous one.
///
/// # Errors
/// `ENAMETOOLONG` beyond [`PATH_MAX`] with its NUL, `ENOMEM`.
pub fn d_path(path: &Path, root: &Path) -> Result<Vec<u8>> {
    place_text(path, root, PATH_MAX - 1)
}

/// Like [`d_path`] for a line of a list, which has no greatest length.
///
/// # Errors
/// `ENOMEM`.
pub fn d_path_any_length(path: &Path, root: &Path) -> Result<Vec<u8>> {
    place_text(path, root, usize::MAX)
}

fn place_text(path: &Path, root: &Path, most: usize) -> Result<Vec<u8>> {
    const DELETED: &[u8] = b" (deleted)";
    if path.dentry.is_anonymous() {
        return anonymous_name(path);
    }
    if !path.dentry.is_unlinked() {
        return Ok(walk_up(path, Some(root), most)?.0);
    }
    let (mut text, _) = walk_up(path, Some(root), most - DELETED.len())?;
    append(&mut text, DELETED.iter())?;
    Ok(text)
}

/// What getcwd(2) returns, without a NUL; `(unreachable)` before it if the directory is
/// outside of the root.
///
/// # Errors
/// `ENOENT` if the directory was removed, `ENAMETOOLONG` beyond [`PATH_MAX`] with the NUL,
/// `ENOMEM`.
pub fn getcwd(cwd: &Path, root: &Path) -> Result<Vec<u8>> {
    const UNREACHABLE: &[u8] = b"(unreachable)";
    if cwd.dentry.is_unlinked() {
        return err!(ENOENT, "the working directory was removed");
    }
    let (text, is_below) = walk_up(cwd, Some(root), PATH_MAX - 1)?;
    if is_below {
        return Ok(text);
    }
    if text.len() + UNREACHABLE.len() >= PATH_MAX {
        return err!(ENAMETOOLONG, "longer than PATH_MAX");
    }
    let mut whole = Vec::new();
    append(&mut whole, UNREACHABLE.iter().chain(&text))?;
    Ok(whole)
}

/// The text of a place, if it is below `root`.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn visible(path: &Path, root: &Path) -> Result<Option<Vec<u8>>> {
    let (text, is_below) = walk_up(path, Some(root), usize::MAX)?;
    Ok(is_below.then_some(text))
}

fn anonymous_name(path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    append(&mut text, path.dentry.name().bytes().iter())?;
    if text.ends_with(b":")
        && let Some(inode) = path.dentry.inode()
    {
        append(&mut text, alloc::format!("[{}]", inode.base().ino()).as_bytes().iter())?;
    }
    Ok(text)
}

/// Appends bytes; the size is the program's to choose.
fn append<'a>(text: &mut Vec<u8>, bytes: impl Iterator<Item = &'a u8> + Clone) -> Result<()> {
    text.try_reserve(bytes.clone().count()).map_err(|_| error!(ENOMEM, "a long path"))?;
    text.extend(bytes);
    Ok(())
}

/// The path upwards to `root` or to the top, at most `most` bytes long, and whether it
/// met `root`.
fn walk_up(path: &Path, root: Option<&Path>, most: usize) -> Result<(Vec<u8>, bool)> {
    let mut reversed = Vec::new();
    let mut at = path.clone();
    let met_root = loop {
        if root.is_some_and(|root| root.is_same(&at)) {
            break true;
        }
        if at.is_mount_root() {
            let Some(place) = at.mount.place() else { break root.is_none() };
            at = place;
            continue;
        }
        let name = at.dentry.name();
        let Some(parent) = at.dentry.parent() else { break false };
        if name.bytes().len() + 1 > most - reversed.len() {
            return err!(ENAMETOOLONG, "longer than PATH_MAX");
        }
        append(&mut reversed, name.bytes().iter().rev().chain(b"/"))?;
        at.dentry = parent;
    };
    if reversed.is_empty() {
        append(&mut reversed, b"/".iter())?;
    }
    reversed.reverse();
    Ok((reversed, met_root))
}
