// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who is whose parent, in which process group and in which session.
//!
//! [`Tree`] holds the relations by number only, generic over what it keeps for
//! each process, so its rules (reparenting, setpgid, setsid, orphaned groups,
//! freeing of numbers) are tested without any process. Each pid namespace has one,
//! behind its lock, which spins: so each step takes a time that does not grow with
//! the number of processes. Children and members have places, numbers that rise in the order
//! they came, so that who walks through them can let the lock go and go on behind a place.
//!
//! More than 400 lines: each change of one relation is here beside what it owes the others.
//!
//! Spec: setpgid(2), setsid(2), credentials(7).

use alloc::collections::BTreeMap;

use abi::{Result, err, error};

use crate::ids::{Pgid, Pid, PidAllocator, Sid, Tid};

mod links;
mod news;
#[cfg(test)]
mod tests;

use links::Links;
use news::News;

/// Groups that are left with the tree locked once.
const GROUPS: usize = 32;

/// One process in the tree.
pub(crate) struct Node<P> {
    pub(crate) process: P,
    pub(crate) parent: Pid,
    pub(crate) group: Pgid,
    pub(crate) session: Sid,
    /// It has called execve since its fork: setpgid by the parent is refused.
    pub(crate) has_execed: bool,
    /// It adopts the orphans among its descendants (PR_SET_CHILD_SUBREAPER).
    pub(crate) is_subreaper: bool,
    /// All its threads have ended; only its status remains.
    pub(crate) is_zombie: bool,
    /// Its place among all processes.
    pub(crate) born_at: u64,
    /// Its place among the children of its parent.
    child_at: u64,
    /// Its place among the members of its group.
    member_at: u64,
    /// It is in `Tree::news`.
    has_news: bool,
    /// It counts in `Tree::links`: it has not begun to end.
    is_linked: bool,
    child_count: usize,
    /// Of the children, those that are linked and in the same group, which they do not connect.
    kin_count: usize,
}

/// All processes and their relations.
pub(crate) struct Tree<P> {
    pids: PidAllocator,
    nodes: BTreeMap<Pid, Node<P>>,
    /// Threads that do not lead their process: thread number to process number.
    threads: BTreeMap<Tid, Pid>,
    children: BTreeMap<(Pid, u64), Pid>,
    news: News,
    members: BTreeMap<(Pgid, u64), Pid>,
    /// What connects groups to the rest of their sessions.
    links: Links,
    /// Sessions: number to count of member processes.
    sessions: BTreeMap<Sid, usize>,
    last_place: u64,
}

/// A child that has got another parent.
pub(crate) struct Orphan {
    pub(crate) child: Pid,
    /// Its group is orphaned by that.
    pub(crate) orphaned: Option<Pgid>,
}

impl<P> Tree<P> {
    pub(crate) const fn new() -> Self {
        Self {
            pids: PidAllocator::new(),
            nodes: BTreeMap::new(),
            threads: BTreeMap::new(),
            children: BTreeMap::new(),
            news: News::new(),
            members: BTreeMap::new(),
            links: Links::new(),
            sessions: BTreeMap::new(),
            last_place: 0,
        }
    }

    /// Takes a number that nothing uses; None if that is none of the next few. It is used
    /// only once something is inserted under it, so the caller keeps the lock until then.
    pub(crate) fn allocate(&mut self) -> Option<Tid> {
        let Self { pids, nodes, threads, members, sessions, .. } = self;
        pids.allocate(|number| {
            nodes.contains_key(&Pid::from_raw(number))
                || threads.contains_key(&Tid::from_raw(number))
                || next_in(members, Pgid::from_raw(number), 0).is_some()
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

    /// The place of the process that came last.
    pub(crate) fn last_place(&self) -> u64 {
        self.last_place
    }

    /// The first process with a number of at least `from`.
    pub(crate) fn first_from(&self, from: Pid) -> Option<(Pid, &Node<P>)> {
        self.nodes.range(from..).next().map(|(pid, node)| (*pid, node))
    }

    /// The first member of `group` behind a place (0: of all), and its place.
    pub(crate) fn next_member(&self, group: Pgid, behind: u64) -> Option<(u64, &Node<P>)> {
        let (place, pid) = next_in(&self.members, group, behind)?;
        Some((place, self.nodes.get(&pid)?))
    }

    /// The first child of `parent` behind a place (0: of all), and its place.
    pub(crate) fn next_child(&self, parent: Pid, behind: u64) -> Option<(u64, &Node<P>)> {
        let (place, pid) = next_in(&self.children, parent, behind)?;
        Some((place, self.nodes.get(&pid)?))
    }

    /// Whether process `pid` has children.
    pub(crate) fn has_children(&self, pid: Pid) -> bool {
        self.nodes.get(&pid).is_some_and(|node| node.child_count > 0)
    }

    /// The same as [`Tree::next_child`] of the children that have stopped or ended.
    pub(crate) fn next_news(&self, parent: Pid, behind: u64) -> Option<(u64, &Node<P>)> {
        let (place, pid) = self.news.next(parent, behind)?;
        Some((place, self.nodes.get(&pid)?))
    }

    /// The same of the children that have ended.
    pub(crate) fn next_ended(&self, parent: Pid, behind: u64) -> Option<(u64, &Node<P>)> {
        let (place, pid) = self.news.next_ended(parent, behind)?;
        Some((place, self.nodes.get(&pid)?))
    }

    /// Notes whether process `pid` has something that its parent can wait for.
    pub(crate) fn set_news(&mut self, pid: Pid, has_news: bool) {
        if let Some(node) = self.nodes.get_mut(&pid) {
            note(&mut self.news, pid, node, has_news);
        }
    }

    /// Process `pid` is a zombie from now on, which is news for its parent: who that is.
    pub(crate) fn set_zombie(&mut self, pid: Pid) -> Option<Pid> {
        let node = self.nodes.get_mut(&pid)?;
        note(&mut self.news, pid, node, false);
        node.is_zombie = true;
        note(&mut self.news, pid, node, true);
        Some(node.parent)
    }

    /// The process that thread `tid` belongs to.
    pub(crate) fn process_of_thread(&self, tid: Tid) -> Option<Pid> {
        if self.nodes.contains_key(&tid.as_pid()) {
            return Some(tid.as_pid());
        }
        self.threads.get(&tid).copied()
    }

    pub(crate) fn insert_thread(&mut self, tid: Tid, process: Pid) {
        self.pids.note(tid.as_raw());
        self.threads.insert(tid, process);
    }

    pub(crate) fn remove_thread(&mut self, tid: Tid) {
        self.threads.remove(&tid);
    }

    fn new_place(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
    }

    /// Inserts process `pid` as a child of `parent`, in the group and session
    /// of `like`. Without `like` it starts its own of both. Returns the two.
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
        self.pids.note(pid.as_raw());
        let place = self.new_place();
        self.members.insert((group, place), pid);
        self.children.insert((parent, place), pid);
        *self.sessions.entry(session).or_insert(0) += 1;
        if let Some(above) = self.nodes.get_mut(&parent) {
            above.child_count += 1;
        }
        let is_linked = self.count_link(parent, group, session);
        let node = Node {
            process,
            parent,
            group,
            session,
            has_execed: false,
            is_subreaper: false,
            is_zombie: false,
            born_at: place,
            child_at: place,
            member_at: place,
            has_news: false,
            is_linked,
            child_count: 0,
            kin_count: 0,
        };
        self.nodes.insert(pid, node);
        Ok((group, session))
    }

    /// Removes process `pid`; its number becomes free unless it still names a
    /// group or session.
    pub(crate) fn remove(&mut self, pid: Pid) -> Option<Node<P>> {
        let node = self.nodes.remove(&pid)?;
        if node.is_linked {
            self.uncount_link(node.parent, node.group);
        }
        if node.has_news {
            self.news.remove(node.parent, node.is_zombie, node.child_at);
        }
        self.children.remove(&(node.parent, node.child_at));
        if let Some(above) = self.nodes.get_mut(&node.parent) {
            above.child_count -= 1;
        }
        self.members.remove(&(node.group, node.member_at));
        self.leave_session(node.session);
        Some(node)
    }

    fn leave_session(&mut self, session: Sid) {
        if let Some(count) = self.sessions.get_mut(&session) {
            *count -= 1;
            if *count == 0 {
                self.sessions.remove(&session);
            }
        }
    }

    /// Looks, at most `steps` up from the process at `from`, for who adopts the children
    /// of one below: its nearest ancestor that is a subreaper and lives, else the first
    /// process.
    ///
    /// # Errors
    /// Where to go on, if that was not enough.
    pub(crate) fn reaper_above(&self, from: Pid, steps: usize) -> Result<Pid, Pid> {
        let mut at = from;
        for _ in 0..steps {
            let Some(parent) = self.nodes.get(&at).map(|node| node.parent) else {
                return Ok(Pid::INIT);
            };
            if self.is_reaper(parent) {
                return Ok(parent);
            }
            at = parent;
        }
        Err(at)
    }

    fn is_reaper(&self, pid: Pid) -> bool {
        self.nodes.get(&pid).is_some_and(|node| node.is_subreaper && !node.is_zombie)
    }

    /// Gives the first child of `pid` to `reaper`, or to the first process if that has
    /// ended meanwhile.
    pub(crate) fn reparent_child(&mut self, pid: Pid, reaper: Pid) -> Option<Orphan> {
        let (place, child) = next_in(&self.children, pid, 0)?;
        let reaper = if self.is_reaper(reaper) { reaper } else { Pid::INIT };
        if reaper == pid {
            return None;
        }
        let was_linked = self.nodes.get(&child).is_some_and(|node| node.is_linked);
        let orphaned = self.unlink(child);
        let has_news = self.nodes.get(&child).is_some_and(|node| node.has_news);
        self.set_news(child, false);
        self.children.remove(&(pid, place));
        let place = self.new_place();
        self.children.insert((reaper, place), child);
        if let Some(above) = self.nodes.get_mut(&pid) {
            above.child_count -= 1;
        }
        if let Some(above) = self.nodes.get_mut(&reaper) {
            above.child_count += 1;
        }
        if let Some(node) = self.nodes.get_mut(&child) {
            node.parent = reaper;
            node.child_at = place;
        }
        self.set_news(child, has_news);
        if was_linked {
            self.link(child);
        }
        let orphaned = orphaned.filter(|group| self.is_orphaned(*group));
        Some(Orphan { child, orphaned })
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
        // All members of a group are in one session.
        let is_here = || self.session_of(group).is_some_and(|of_group| of_group == session);
        if group != pid.own_group() && !is_here() {
            return err!(EPERM, "no such group in this session");
        }
        self.move_to_group(pid, group);
        Ok(())
    }

    /// The session of a group's members.
    pub(crate) fn session_of(&self, group: Pgid) -> Option<Sid> {
        self.next_member(group, 0).map(|(_, node)| node.session)
    }

    fn move_to_group(&mut self, pid: Pid, group: Pgid) {
        let place = self.new_place();
        let Some(node) = self.nodes.get(&pid) else { return };
        if node.group == group {
            return;
        }
        let old = node.group;
        let was_linked = node.is_linked;
        self.unlink(pid);
        if let Some(node) = self.nodes.get_mut(&pid) {
            self.members.remove(&(old, node.member_at));
            self.members.insert((group, place), pid);
            node.group = group;
            node.member_at = place;
        }
        if was_linked {
            self.link(pid);
        }
        // Its children in the old group connect that now, those in the new one no more.
        let kin = self.links.take(pid, group);
        if let Some(node) = self.nodes.get_mut(&pid) {
            let before = core::mem::replace(&mut node.kin_count, kin);
            self.links.put(pid, old, before);
        }
    }

    /// setsid(2): a new session and group of which `pid` is the only member. The caller
    /// owes calls of [`Tree::leave_groups`] until there are no more.
    pub(crate) fn set_session(&mut self, pid: Pid) -> Result<()> {
        if self.session_of(pid.own_group()).is_some() {
            return err!(EPERM, "already leads a process group");
        }
        self.move_to_group(pid, pid.own_group());
        self.unlink(pid);
        let Some(node) = self.nodes.get_mut(&pid) else { return err!(ESRCH) };
        let old = core::mem::replace(&mut node.session, pid.own_session());
        *self.sessions.entry(pid.own_session()).or_insert(0) += 1;
        self.leave_session(old);
        self.link(pid);
        Ok(())
    }

    /// A few of the groups that `pid` has children in are connected by that no more, since
    /// it has left the session: those from `first` on. Where to go on, if there are more.
    pub(crate) fn leave_groups(&mut self, pid: Pid, first: Pgid) -> Option<Pgid> {
        self.links.disconnect_from(pid, first, GROUPS)
    }

    /// Whether no member of `group` has a living parent in the same session
    /// but another group.
    pub(crate) fn is_orphaned(&self, group: Pgid) -> bool {
        !self.links.are_in(group)
    }

    /// Process `pid` begins to end: it connects its group no more. Returns that group if
    /// nothing else connects it. A child of the first process never did, so its end is
    /// no news for its group, however many of them end there one after the other.
    pub(crate) fn begin_end(&mut self, pid: Pid) -> Option<Pgid> {
        self.unlink(pid)
    }

    /// Counts the link from process `pid` to its parent.
    fn link(&mut self, pid: Pid) {
        let Some(node) = self.nodes.get(&pid) else { return };
        let (parent, group, session) = (node.parent, node.group, node.session);
        if node.is_zombie {
            return;
        }
        let is_linked = self.count_link(parent, group, session);
        if let Some(node) = self.nodes.get_mut(&pid) {
            node.is_linked = is_linked;
        }
    }

    /// Counts a link to `parent` from a member of `group` in `session`, if there is one.
    fn count_link(&mut self, parent: Pid, group: Pgid, session: Sid) -> bool {
        if parent == Pid::INIT {
            return false;
        }
        let Some(above) = self.nodes.get_mut(&parent) else { return false };
        if above.group == group {
            above.kin_count += 1;
        } else {
            self.links.add(parent, group, above.session == session);
        }
        true
    }

    /// Counts such a link less; whether it was the last that connected the group.
    fn uncount_link(&mut self, parent: Pid, group: Pgid) -> bool {
        match self.nodes.get_mut(&parent) {
            Some(above) if above.group == group => {
                above.kin_count -= 1;
                false
            }
            _ => self.links.remove(parent, group),
        }
    }

    /// Takes back what [`Tree::link`] did; the group, if that was its last connection.
    fn unlink(&mut self, pid: Pid) -> Option<Pgid> {
        let node = self.nodes.get_mut(&pid).filter(|node| node.is_linked)?;
        node.is_linked = false;
        let (parent, group) = (node.parent, node.group);
        self.uncount_link(parent, group).then_some(group)
    }
}

/// The first entry of `key` behind a place, and its place.
fn next_in<K: Ord + Copy>(
    map: &BTreeMap<(K, u64), Pid>,
    key: K,
    behind: u64,
) -> Option<(u64, Pid)> {
    let rest = (key, behind.saturating_add(1))..=(key, u64::MAX);
    map.range(rest).next().map(|((_, place), pid)| (*place, *pid))
}

/// Notes in `news` whether process `pid`, that of `node`, has something to wait for.
fn note<P>(news: &mut News, pid: Pid, node: &mut Node<P>, has_news: bool) {
    if core::mem::replace(&mut node.has_news, has_news) == has_news {
        return;
    }
    if has_news {
        news.insert(node.parent, node.is_zombie, node.child_at, pid);
    } else {
        news.remove(node.parent, node.is_zombie, node.child_at);
    }
}
