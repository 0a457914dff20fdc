// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Root, working directory and umask of a process.
//!
//! Locks: `inner` is a leaf (preemption off); paths that leave are dropped outside of it.

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::capability::Caps;
use abi::stat::S_IRWXUGO;
use abi::{Result, err};
use cred::Cred;
use framework::sync::SpinLock;

use crate::{May, Path, perm};

/// Root, working directory and umask; shared by tasks made with CLONE_FS.
pub struct FsContext {
    inner: SpinLock<Inner>,
    /// Threads that have it.
    users: AtomicUsize,
}

#[derive(Clone)]
struct Inner {
    root: Path,
    cwd: Path,
    umask: u32,
}

impl FsContext {
    /// A context with root and working directory at `root` and Linux's first umask.
    pub fn new(root: Path) -> Self {
        let cwd = root.clone();
        Self { inner: SpinLock::new(Inner { root, cwd, umask: 0o022 }), users: AtomicUsize::new(0) }
    }

    /// Counts a thread that has it from now on.
    pub fn add_user(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes back [`FsContext::add_user`].
    pub fn remove_user(&self) {
        self.users.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many threads have it.
    pub fn users(&self) -> usize {
        self.users.load(Ordering::Relaxed)
    }

    /// All three at once.
    pub(crate) fn snapshot(&self) -> (Path, Path, u32) {
        let inner = self.inner.lock();
        (inner.root.clone(), inner.cwd.clone(), inner.umask)
    }

    /// The root.
    pub fn root(&self) -> Path {
        self.inner.lock().root.clone()
    }

    /// The working directory.
    pub fn cwd(&self) -> Path {
        self.inner.lock().cwd.clone()
    }

    /// The umask.
    pub fn umask(&self) -> u32 {
        self.inner.lock().umask
    }

    /// umask(2): sets the umask and returns the old one.
    pub fn set_umask(&self, umask: u32) -> u32 {
        core::mem::replace(&mut self.inner.lock().umask, umask & S_IRWXUGO)
    }

    /// chdir(2) and fchdir(2).
    ///
    /// # Errors
    /// `ENOENT` if the place has no inode, `ENOTDIR` if it is no directory, `EACCES` if
    /// `cred` may not search it.
    pub fn chdir(&self, path: Path, cred: &Cred) -> Result<()> {
        check_dir(&path, cred)?;
        let old = core::mem::replace(&mut self.inner.lock().cwd, path);
        drop(old);
        Ok(())
    }

    /// chroot(2).
    ///
    /// # Errors
    /// Those of [`Self::chdir`], then `EPERM` without CAP_SYS_CHROOT.
    pub fn chroot(&self, path: Path, cred: &Cred) -> Result<()> {
        check_dir(&path, cred)?;
        if !cred.capable(Caps::SYS_CHROOT) {
            return err!(EPERM, "chroot needs CAP_SYS_CHROOT");
        }
        self.set_root(path);
        Ok(())
    }

    /// Sets the root unchecked (init, switching roots).
    pub fn set_root(&self, path: Path) {
        let old = core::mem::replace(&mut self.inner.lock().root, path);
        drop(old);
    }
}

impl Clone for FsContext {
    fn clone(&self) -> Self {
        let inner = self.inner.lock().clone();
        Self { inner: SpinLock::new(inner), users: AtomicUsize::new(0) }
    }
}

fn check_dir(path: &Path, cred: &Cred) -> Result<()> {
    let inode = path.inode()?;
    if !inode.base().is_dir() {
        return err!(ENOTDIR, "not a directory");
    }
    perm::check(inode, cred, May::EXEC)
}
