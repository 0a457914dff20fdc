// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Places in the tree of mounts, and how they are written.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err};

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
        let (text, _) = walk_up(self, None);
        write!(f, "{}", alloc::string::String::from_utf8_lossy(&text))
    }
}

/// The text of a place as /proc shows it, seen from `root`: ` (deleted)` behind it if
/// its name is gone, `pipe:[7]` for an anonymous one.
pub fn d_path(path: &Path, root: &Path) -> Vec<u8> {
    if path.dentry.is_anonymous() {
        return anonymous_name(path);
    }
    let (mut text, _) = walk_up(path, Some(root));
    if path.dentry.is_unlinked() {
        text.extend_from_slice(b" (deleted)");
    }
    text
}

/// What getcwd(2) returns; `(unreachable)` before it if the directory is outside of the root.
///
/// # Errors
/// `ENOENT` if the directory was removed.
pub fn getcwd(cwd: &Path, root: &Path) -> Result<Vec<u8>> {
    if cwd.dentry.is_unlinked() {
        return err!(ENOENT, "the working directory was removed");
    }
    match walk_up(cwd, Some(root)) {
        (text, true) => Ok(text),
        (text, false) => Ok([b"(unreachable)", text.as_slice()].concat()),
    }
}

/// The text of a place, if it is below `root`.
pub(crate) fn visible(path: &Path, root: &Path) -> Option<Vec<u8>> {
    let (text, is_below) = walk_up(path, Some(root));
    is_below.then_some(text)
}

fn anonymous_name(path: &Path) -> Vec<u8> {
    let mut text = path.dentry.name().bytes().to_vec();
    if text.ends_with(b":")
        && let Some(inode) = path.dentry.inode()
    {
        text.extend_from_slice(alloc::format!("[{}]", inode.base().ino()).as_bytes());
    }
    text
}

/// The path upwards to `root` or to the top, and whether it met `root`.
fn walk_up(path: &Path, root: Option<&Path>) -> (Vec<u8>, bool) {
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
        reversed.extend(name.bytes().iter().rev());
        reversed.push(b'/');
        at.dentry = parent;
    };
    if reversed.is_empty() {
        reversed.push(b'/');
    }
    reversed.reverse();
    (reversed, met_root)
}
