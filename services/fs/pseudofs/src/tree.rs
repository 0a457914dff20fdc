// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Registration: paths to files, directories and links.
//!
//! Paths are given without a leading slash; missing directories are made.

use alloc::sync::Arc;

use abi::{Result, err};
use vfs::Inode;

use crate::directory::Directory;
use crate::inode::{Content, PseudoInode};
use crate::rules::{PseudoFs, Rules};

/// The tree of a file system.
pub struct Tree {
    fs: Arc<PseudoFs>,
    root: Arc<PseudoInode>,
}

impl Tree {
    /// A tree with an empty root of these permission bits.
    pub fn new(rules: &'static Rules, perm: u32, root: Directory) -> Self {
        let fs = PseudoFs::new(rules);
        let root = PseudoInode::new(&fs, perm, Content::Directory(root));
        Self { fs, root }
    }

    /// The file system, for new inodes.
    pub fn fs(&self) -> &Arc<PseudoFs> {
        &self.fs
    }

    /// The root directory, for a mount.
    pub fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    /// What is registered at a path.
    pub fn find(&self, path: &str) -> Option<Arc<PseudoInode>> {
        let mut dir = self.root.clone();
        for name in names(path) {
            dir = dir.directory().ok()?.child(name)?;
        }
        Some(dir)
    }

    /// The directory at a path; it and those above it are made if they are missing.
    ///
    /// # Errors
    /// `ENOTDIR` if a part of the path is no directory.
    pub fn directory(&self, path: &str) -> Result<Arc<PseudoInode>> {
        let mut dir = self.root.clone();
        for name in names(path) {
            dir = self.subdirectory(&dir, name)?;
        }
        dir.directory()?;
        Ok(dir)
    }

    fn subdirectory(&self, dir: &PseudoInode, name: &[u8]) -> Result<Arc<PseudoInode>> {
        let directory = dir.directory()?;
        if let Some(child) = directory.child(name) {
            return Ok(child);
        }
        let content = Content::Directory(Directory::new(directory.link_count));
        let made = PseudoInode::new(&self.fs, self.fs.rules().directory_perm, content);
        match directory.insert(name, made.clone()) {
            Ok(()) => Ok(made),
            // Somebody else was faster.
            Err(error) => directory.child(name).ok_or(error),
        }
    }

    /// Puts something new at a path.
    ///
    /// # Errors
    /// `EEXIST` if something is there, `ENOTDIR` if a part of the path is no directory.
    pub fn insert(&self, path: &str, perm: u32, content: Content) -> Result<()> {
        let (folder, name) = split(path);
        let inode = PseudoInode::new(&self.fs, perm, content);
        self.directory(folder)?.insert(name.as_bytes(), inode)
    }

    /// Puts something at a path in place of what was there; a directory stays.
    ///
    /// # Errors
    /// `EEXIST` if a directory is there, `ENOTDIR` if a part of the path is none.
    pub fn replace(&self, path: &str, perm: u32, content: Content) -> Result<()> {
        match self.find(path) {
            Some(old) if old.is_dir() => return err!(EEXIST, "a directory is there"),
            Some(_) => self.remove(path),
            None => {}
        }
        self.insert(path, perm, content)
    }

    /// Removes what is at a path, with all below it.
    pub fn remove(&self, path: &str) {
        let (folder, name) = split(path);
        if let Some(dir) = self.find(folder)
            && let Ok(directory) = dir.directory()
        {
            directory.remove(name.as_bytes());
        }
    }
}

fn names(path: &str) -> impl Iterator<Item = &[u8]> {
    path.split('/').filter(|name| !name.is_empty()).map(str::as_bytes)
}

/// The directory and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
