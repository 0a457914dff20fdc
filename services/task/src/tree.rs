// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who is whose parent, in which process group and in which session.
//!
//! [`Tree`] holds the relations by number only, generic over what it keeps for
//! each process, so its rules (reparenting, setpgid, setsid, orphaned groups,
//! freeing of numbers) are tested without any process. Each pid namespace has one,
//! behind its lock.

use alloc::{collections::BTreeMap, vec::Vec};

use abi::{Result, err, error};

use crate::ids::{Pgid, Pid, PidAllocator, Sid, Tid};

/// One process in the tree.
pub(crate) struct Node<P> {
    pub(crate) process: P,
    pub(crate) parent: Pid,
    pub(crate) children: Vec<Pid>,
    pub(crate) group: Pgid,
    pub(crate) session: Sid,
    /// It has called execve since its fork: setpgid by the parent is refused.
    pub(crate) has_execed: bool,
    /// It adopts the orphans among its descendants (PR_SET_CHILD_SUBREAPER).
    pub(crate) is_subreaper: bool,
    /// All its threads have ended; only its status remains.
    pub(crate) is_zombie: bool,
}

/// All processes and their relations.
pub(crate) struct Tree<P> {
    pids: PidAllocator,
    nodes: BTreeMap<Pid, Node<P>>,
    /// Threads that do not lead their process: thread number to process number.
    threads: BTreeMap<Tid, Pid>,
    groups: BTreeMap<Pgid, Vec<Pid>>,
    /// Sessions: number to count of member processes.
    sessions: BTreeMap<Sid, usize>,
}

impl<P> Tree<P> {
    pub(crate) const fn new() -> Self {
        Self {
            pids: PidAllocator::new(),
            nodes: BTreeMap::new(),
            threads: BTreeMap::new(),
            groups: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// Takes a number that nothing uses. It is used only once something is
    /// inserted under it, so the caller keeps the lock until then.
    pub(crate) fn allocate(&mut self) -> Result<Tid> {
        let Self { pids, nodes, threads, groups, sessions } = self;
        pids.allocate(|number| {
            nodes.contains_key(&Pid::from_raw(number))
                || threads.contains_key(&Tid::from_raw(number))
                || groups.contains_key(&Pgid::from_raw(number))
                || sessions.contains_key(&Sid::from_raw(number))
        })
    }

    pub(crate) fn last_number(&self) -> i32 {
        self.pids.last()
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<&Node<P>> {
        self.nodes.get(&pid)
    }

    pub(crate) fn get_mut(&mut self, pid: Pid) -> Option<&mut Node<P>> {
        self.nodes.get_mut(&pid)
    }

    /// All processes, by rising number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Pid, &Node<P>)> {
        self.nodes.iter().map(|(pid, node)| (*pid, node))
    }

    /// Processes with a number of at least `from`.
    pub(crate) fn iter_from(&self, from: Pid) -> impl Iterator<Item = (Pid, &Node<P>)> {
        self.nodes.range(from..).map(|(pid, node)| (*pid, node))
    }

    /// The members of a process group.
    pub(crate) fn group(&self, group: Pgid) -> &[Pid] {
        self.groups.get(&group).map_or(&[], Vec::as_slice)
    }

    /// The process that thread `tid` belongs to.
    pub(crate) fn process_of_thread(&self, tid: Tid) -> Option<Pid> {
        if self.nodes.contains_key(&tid.as_pid()) {
            return Some(tid.as_pid());
        }
        self.threads.get(&tid).copied()
    }

    pub(crate) fn insert_thread(&mut self, tid: Tid, process: Pid) {
        self.threads.insert(tid, process);
    }

    pub(crate) fn remove_thread(&mut self, tid: Tid) {
        self.threads.remove(&tid);
    }

    /// Inserts process `pid` as a child of `parent`, in the group and session
    /// of `like`. Without `like` it starts its own of both. Returns the two. ENOMEM
    /// if a list cannot grow; nothing has changed then.
    pub(crate) fn insert(
        &mut self,
        pid: Pid,
        parent: Pid,
        like: Option<Pid>,
        process: P,
    ) -> Result<(Pgid, Sid)> {
        let (group, session) = match like {
            Some(like) => {
                let node = self.nodes.get(&like).ok_or(error!(ESRCH))?;
                (node.group, node.session)
            }
            None => (pid.own_group(), pid.own_session()),
        };
        let no_memory = |_| error!(ENOMEM, "process lists cannot grow");
        let members = self.groups.entry(group).or_default();
        members.try_reserve(1).map_err(no_memory)?;
        if let Some(parent) = self.nodes.get_mut(&parent) {
            parent.children.try_reserve(1).map_err(no_memory)?;
            parent.children.push(pid);
        }
        members.push(pid);
        *self.sessions.entry(session).or_insert(0) += 1;
        let node = Node {
            process,
            parent,
            children: Vec::new(),
            group,
            session,
            has_execed: false,
            is_subreaper: false,
            is_zombie: false,
        };
        self.nodes.insert(pid, node);
        Ok((group, session))
    }

    /// Removes process `pid`; its number becomes free unless it still names a
    /// group or session.
    pub(crate) fn remove(&mut self, pid: Pid) -> Option<Node<P>> {
        let node = self.nodes.remove(&pid)?;
        if let Some(parent) = self.nodes.get_mut(&node.parent) {
            parent.children.retain(|child| *child != pid);
        }
        self.leave_group(pid, node.group);
        self.leave_session(node.session);
        Some(node)
    }

    fn leave_group(&mut self, pid: Pid, group: Pgid) {
        if let Some(members) = self.groups.get_mut(&group) {
            members.retain(|member| *member != pid);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    fn leave_session(&mut self, session: Sid) {
        if let Some(count) = self.sessions.get_mut(&session) {
            *count -= 1;
            if *count == 0 {
                self.sessions.remove(&session);
            }
        }
    }

    /// Who adopts the children of `pid`: its nearest ancestor that is a
    /// subreaper and lives, else the first process.
    pub(crate) fn reaper_of(&self, pid: Pid) -> Pid {
        let mut at = pid;
        while let Some(node) = self.nodes.get(&at) {
            if at != pid && node.is_subreaper && !node.is_zombie {
                return at;
            }
            at = node.parent;
        }
        Pid::INIT
    }

    /// Gives the children of `pid` to `reaper`; returns them.
    pub(crate) fn reparent_children(&mut self, pid: Pid, reaper: Pid) -> Vec<Pid> {
        let Some(node) = self.nodes.get_mut(&pid) else { return Vec::new() };
        let orphans = core::mem::take(&mut node.children);
        for child in &orphans {
            if let Some(child) = self.nodes.get_mut(child) {
                child.parent = reaper;
            }
        }
        match self.nodes.get_mut(&reaper) {
            Some(reaper) if pid != Pid::INIT => reaper.children.extend_from_slice(&orphans),
            _ => {}
        }
        orphans
    }

    /// setpgid(2) by process `caller`.
    pub(crate) fn set_group(&mut self, caller: Pid, pid: Pid, group: Pgid) -> Result<()> {
        let session = self.nodes.get(&caller).ok_or(error!(ESRCH))?.session;
        let node = self.nodes.get(&pid).ok_or(error!(ESRCH, "no such process"))?;
        if node.is_zombie && pid != caller && node.parent != caller {
            return err!(ESRCH);
        }
        if node.parent == caller {
            if node.session != session {
                return err!(EPERM, "the child is in another session");
            }
            if node.has_execed {
                return err!(EACCES, "the child has called execve");
            }
        } else if pid != caller {
            return err!(ESRCH, "neither the caller nor its child");
        }
        if node.session == pid.own_session() {
            return err!(EPERM, "a session leader stays in its group");
        }
        if group != pid.own_group() {
            let mut members = self.group(group).iter();
            let in_session = |m: &Pid| self.nodes.get(m).is_some_and(|n| n.session == session);
            if !members.any(in_session) {
                return err!(EPERM, "no such group in this session");
            }
        }
        self.move_to_group(pid, group)
    }

    fn move_to_group(&mut self, pid: Pid, group: Pgid) -> Result<()> {
        let Some(node) = self.nodes.get_mut(&pid) else { return err!(ESRCH) };
        let old = node.group;
        if old == group {
            return Ok(());
        }
        let members = self.groups.entry(group).or_default();
        if members.try_reserve(1).is_err() {
            return err!(ENOMEM);
        }
        members.push(pid);
        node.group = group;
        self.leave_group(pid, old);
        Ok(())
    }

    /// setsid(2): a new session and group of which `pid` is the only member.
    pub(crate) fn set_session(&mut self, pid: Pid) -> Result<()> {
        if self.groups.contains_key(&pid.own_group()) {
            return err!(EPERM, "already leads a process group");
        }
        self.move_to_group(pid, pid.own_group())?;
        let Some(node) = self.nodes.get_mut(&pid) else { return err!(ESRCH) };
        let old = core::mem::replace(&mut node.session, pid.own_session());
        *self.sessions.entry(pid.own_session()).or_insert(0) += 1;
        self.leave_session(old);
        Ok(())
    }

    /// Whether no member of `group` has a living parent in the same session
    /// but another group. `ignoring` is a process about to end.
    pub(crate) fn is_orphaned(&self, group: Pgid, ignoring: Option<Pid>) -> bool {
        !self.group(group).iter().any(|pid| {
            let Some(node) = self.nodes.get(pid) else { return false };
            if Some(*pid) == ignoring || node.is_zombie || node.parent == Pid::INIT {
                return false;
            }
            let parent = self.nodes.get(&node.parent);
            parent.is_some_and(|p| p.group != group && p.session == node.session)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(number: i32) -> Pid {
        Pid::from_raw(number)
    }

    fn g(number: i32) -> Pgid {
        Pgid::from_raw(number)
    }

    fn t(number: i32) -> Tid {
        Tid::from_raw(number)
    }

    /// 1 is init; 2 a shell leading a session; 3 and 4 its children.
    fn family() -> Tree<()> {
        let mut tree = Tree::new();
        tree.insert(p(1), p(0), None, ()).unwrap();
        tree.insert(p(2), p(1), Some(p(1)), ()).unwrap();
        tree.set_session(p(2)).unwrap();
        tree.insert(p(3), p(2), Some(p(2)), ()).unwrap();
        tree.insert(p(4), p(2), Some(p(2)), ()).unwrap();
        tree
    }

    #[test]
    fn groups_are_made_and_left() {
        let mut tree = family();
        tree.set_group(p(2), p(3), g(3)).unwrap();
        tree.set_group(p(4), p(4), g(3)).unwrap();
        assert_eq!(tree.group(g(3)), [p(3), p(4)]);
        assert_eq!(tree.group(g(2)), [p(2)]);
        // No such group; another session's group; the leader; not a child.
        assert_eq!(tree.set_group(p(2), p(3), g(99)), err!(EPERM, "no such group in this session"));
        assert_eq!(tree.set_group(p(2), p(3), g(1)).unwrap_err().errno(), abi::Errno::EPERM);
        assert_eq!(tree.set_group(p(2), p(2), g(3)).unwrap_err().errno(), abi::Errno::EPERM);
        assert_eq!(tree.set_group(p(3), p(4), g(4)).unwrap_err().errno(), abi::Errno::ESRCH);
        tree.get_mut(p(3)).unwrap().has_execed = true;
        assert_eq!(tree.set_group(p(2), p(3), g(2)).unwrap_err().errno(), abi::Errno::EACCES);
        tree.set_group(p(3), p(3), g(2)).unwrap();
    }

    #[test]
    fn sessions() {
        let mut tree = family();
        assert!(tree.set_session(p(2)).is_err());
        tree.set_session(p(3)).unwrap();
        assert_eq!(tree.get(p(3)).unwrap().session, p(3).own_session());
        assert_eq!(tree.get(p(3)).unwrap().group, g(3));
        assert_eq!(tree.set_group(p(2), p(3), g(2)).unwrap_err().errno(), abi::Errno::EPERM);
    }

    #[test]
    fn numbers_stay_used_while_they_name_a_group() {
        let mut tree = family();
        tree.set_group(p(2), p(3), g(3)).unwrap();
        tree.set_group(p(2), p(4), g(3)).unwrap();
        tree.remove(p(3));
        tree.pids = PidAllocator::new();
        for expected in [5, 6] {
            assert_eq!(tree.allocate(), Ok(t(expected)));
        }
        tree.remove(p(4));
        tree.pids = PidAllocator::new();
        assert_eq!(tree.allocate(), Ok(t(3)));
        assert_eq!(tree.get(p(2)).unwrap().children, []);
    }

    #[test]
    fn orphans_go_to_the_subreaper_or_init() {
        let mut tree = family();
        tree.insert(p(5), p(3), Some(p(3)), ()).unwrap();
        tree.insert(p(6), p(5), Some(p(5)), ()).unwrap();
        assert_eq!(tree.reaper_of(p(5)), Pid::INIT);
        tree.get_mut(p(3)).unwrap().is_subreaper = true;
        assert_eq!(tree.reaper_of(p(5)), p(3));
        assert_eq!(tree.reparent_children(p(5), p(3)), [p(6)]);
        assert_eq!(tree.get(p(6)).unwrap().parent, p(3));
        assert_eq!(tree.get(p(3)).unwrap().children, [p(5), p(6)]);
        tree.get_mut(p(3)).unwrap().is_zombie = true;
        assert_eq!(tree.reaper_of(p(6)), Pid::INIT);
    }

    #[test]
    fn orphaned_groups() {
        let mut tree = family();
        tree.set_group(p(2), p(3), g(3)).unwrap();
        assert!(!tree.is_orphaned(g(3), None));
        assert!(tree.is_orphaned(g(2), None));
        assert!(tree.is_orphaned(g(3), Some(p(3))));
        tree.reparent_children(p(2), Pid::INIT);
        assert!(tree.is_orphaned(g(3), None));
    }

    #[test]
    fn threads_use_numbers() {
        let mut tree = family();
        tree.insert_thread(t(5), p(4));
        assert_eq!(tree.process_of_thread(t(5)), Some(p(4)));
        assert_eq!(tree.process_of_thread(t(4)), Some(p(4)));
        tree.pids = PidAllocator::new();
        assert_eq!(tree.allocate(), Ok(t(6)));
        tree.remove_thread(t(5));
        assert_eq!(tree.process_of_thread(t(5)), None);
        assert_eq!(tree.iter().count(), 4);
        assert_eq!(tree.iter_from(p(3)).count(), 2);
        assert_eq!(tree.last_number(), 6);
    }
}
