// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A pid namespace: the numbers of its processes, and who is whose parent.
//!
//! Every look-up of a process by number goes through the namespace of who asks. This file
//! knows nothing of processes, so that a process can hold its namespace:
//! [`PidNamespaceOf`] is generic over what is kept for each, as [`Tree`] is. The type with
//! processes in it is [`PidNamespace`](crate::PidNamespace), its look-ups are in
//! `process_table.rs`.
//!
//! Locks: `tree`, the process table, is outermost of this crate's; it may be taken where
//! nothing sleeps and no signal lock is held.
//! Spec: pid_namespaces(7).

use abi::{Result, err};
use framework::sync::{Once, SpinLock, SpinLockGuard};
use procfs::Instance;

use crate::ids::{PidAllocator, Tid};
use crate::tree::Tree;

/// A pid namespace that keeps a `P` for each process.
pub struct PidNamespaceOf<P> {
    ino: u32,
    tree: SpinLock<Tree<P>>,
    /// Its /proc, once that is mounted.
    proc: Once<Instance>,
}

impl<P> PidNamespaceOf<P> {
    /// One without processes, whose file has inode number `ino`.
    pub(crate) const fn new(ino: u32) -> Self {
        Self { ino, tree: SpinLock::new(Tree::new()), proc: Once::new() }
    }

    /// The inode number that tells it from others.
    pub const fn ino(&self) -> u32 {
        self.ino
    }

    /// Locks the tree of its processes.
    #[inline]
    pub(crate) fn lock(&self) -> SpinLockGuard<'_, Tree<P>> {
        self.tree.lock()
    }

    /// Locks the tree and takes a number that nothing uses; there may be many that are
    /// used, so the tree is locked for a few at a time.
    ///
    /// # Errors
    /// `EAGAIN` if no number is free.
    pub(crate) fn lock_with_number(&self) -> Result<(SpinLockGuard<'_, Tree<P>>, Tid)> {
        for _ in 0..PidAllocator::turns() {
            let mut tree = self.tree.lock();
            if let Some(number) = tree.allocate() {
                return Ok((tree, number));
            }
        }
        err!(EAGAIN, "no process number is free")
    }

    /// Its instance of /proc: what `make` gives at the first call.
    pub(crate) fn proc_or(&self, make: impl FnOnce() -> Instance) -> &Instance {
        self.proc.call_once(make)
    }

    /// The number handed out last, for /proc/loadavg.
    pub fn last_number(&self) -> i32 {
        self.lock().last_number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Pid;

    #[test]
    fn each_has_numbers_of_its_own() {
        let (one, other) = (PidNamespaceOf::new(1), PidNamespaceOf::new(2));
        for namespace in [&one, &other] {
            let (mut tree, number) = namespace.lock_with_number().unwrap();
            assert_eq!(number, Pid::INIT.leading_thread());
            tree.insert(Pid::INIT, Pid::NONE, None, namespace.ino()).unwrap();
        }
        assert_eq!(one.lock().allocate().map(Tid::as_raw), Some(2));
        assert_eq!((one.last_number(), other.last_number()), (2, 1));
        assert_eq!(other.lock().get(Pid::INIT).map(|node| node.process), Some(2));
    }
}
