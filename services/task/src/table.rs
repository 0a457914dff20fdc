// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The process table: the one [`Tree`] of the running system and look-ups in it.
//!
//! Locks: the table's lock is outermost of this crate's; it may be taken where
//! nothing sleeps and no signal lock is held.

use alloc::{sync::Arc, vec::Vec};

use framework::sync::{SpinLock, SpinLockGuard};

use crate::{
    ids::{Pgid, Pid, Tid},
    process::Process,
    thread::Thread,
    tree::Tree,
};

pub(crate) type Table = Tree<Arc<Process>>;

static TABLE: SpinLock<Table> = SpinLock::new(Tree::new());

/// Locks the table.
pub(crate) fn lock() -> SpinLockGuard<'static, Table> {
    TABLE.lock()
}

/// The process with number `pid`, zombies included.
pub fn process(pid: Pid) -> Option<Arc<Process>> {
    lock().get(pid).map(|node| node.process.clone())
}

/// The thread with number `tid` that has not ended.
pub fn thread(tid: Tid) -> Option<Arc<Thread>> {
    let process = {
        let table = lock();
        let pid = table.process_of_thread(tid)?;
        table.get(pid)?.process.clone()
    };
    let signals = process.signals.lock();
    signals.threads.iter().find(|t| t.tid() == tid).cloned()
}

/// The first process with a number of at least `from`, zombies included; for
/// walking through all of them without holding the table.
pub fn next_process(from: Pid) -> Option<Arc<Process>> {
    lock().iter_from(from).next().map(|(_, node)| node.process.clone())
}

/// All processes, zombies included, by rising number.
pub fn processes() -> Vec<Arc<Process>> {
    lock().iter().map(|(_, node)| node.process.clone()).collect()
}

/// The members of a process group.
pub(crate) fn members(group: Pgid) -> Vec<Arc<Process>> {
    let table = lock();
    let members = table.group(group).iter().filter_map(|pid| table.get(*pid));
    members.map(|node| node.process.clone()).collect()
}

/// The numbers of a process's children.
pub fn children(pid: Pid) -> Vec<Pid> {
    lock().get(pid).map_or_else(Vec::new, |node| node.children.clone())
}

/// The number handed out last, for /proc/loadavg.
pub fn last_number() -> i32 {
    lock().last_number()
}
