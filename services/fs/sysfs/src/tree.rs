// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Registration: paths below /sys to directories, attributes and links.
//!
//! Paths are given without a leading slash; missing directories are made. What is there
//! already is replaced, but a directory stays.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use abi::{Result, err, error};
use framework::sync::Once;
use vfs::Inode;

use crate::file::{Binary, Text};
use crate::inode::{Content, SysInode};

static ROOT: Once<Arc<SysInode>> = Once::new();

/// The root of the tree as the file system knows it.
fn top() -> Arc<SysInode> {
    ROOT.call_once(SysInode::new_root).clone()
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    top()
}

/// Makes a directory and those above it.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn directory(path: &str) -> Result<()> {
    walk(path).map(drop)
}

/// Makes a text attribute with these permission bits; a write is for those with a store.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn text(path: &str, perm: u32, text: Text) -> Result<()> {
    put(path, perm, Content::Text(text))
}

/// Makes a text attribute for everybody to read.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn readable(
    path: &str,
    show: impl Fn(&mut String) -> Result<()> + Send + Sync + 'static,
) -> Result<()> {
    text(path, 0o444, Text { show: Some(Box::new(show)), store: None })
}

/// Makes a binary attribute.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn binary(path: &str, perm: u32, content: Arc<dyn Binary>) -> Result<()> {
    put(path, perm, Content::Binary(content))
}

/// Makes a symbolic link to a path below /sys; its text is relative, as on Linux.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn link(path: &str, target: &str) -> Result<()> {
    let ups = path.split('/').count() - 1;
    let mut text = String::new();
    for _ in 0..ups {
        text.push_str("../");
    }
    // As far as the two paths share their begin, there is no need to go up.
    let mut rest = (path, target);
    while let (Some((a, path)), Some((b, target))) =
        (rest.0.split_once('/'), rest.1.split_once('/'))
        && a == b
    {
        rest = (path, target);
        text.drain(..3);
    }
    text.push_str(rest.1);
    put(path, 0o777, Content::Link(text.into_bytes().into()))
}

/// Removes what is at a path, with all below it.
pub fn remove(path: &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(dir) = find(folder) {
        dir.remove(name.as_bytes());
    }
}

fn find(path: &str) -> Option<Arc<SysInode>> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.try_fold(top(), |dir, name| dir.child(name.as_bytes()))
}

fn put(path: &str, perm: u32, content: Content) -> Result<()> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let dir = walk(folder)?;
    dir.insert(name.as_bytes(), SysInode::new(perm, content))
}

fn walk(path: &str) -> Result<Arc<SysInode>> {
    let mut dir = top();
    for name in path.split('/').filter(|part| !part.is_empty()) {
        let next = match dir.child(name.as_bytes()) {
            Some(child) => child,
            None => {
                dir.insert(name.as_bytes(), SysInode::new_directory())?;
                dir.child(name.as_bytes()).ok_or(error!(ENOENT, "removed meanwhile"))?
            }
        };
        if !next.is_directory() {
            return err!(ENOTDIR, "not a directory");
        }
        dir = next;
    }
    Ok(dir)
}
