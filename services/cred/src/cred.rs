// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Cred`]: who a task is, and what it may do.
//!
//! Spec: credentials(7), capabilities(7), kill(2).

use abi::capability::{Caps, SecureBits};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{CapSets, UserNamespace};

/// A user id.
pub type Uid = u32;
/// A group id.
pub type Gid = u32;

/// Who a task is: ids, groups, capabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cred {
    /// Real user id.
    pub uid: Uid,
    /// Effective user id.
    pub euid: Uid,
    /// Saved user id.
    pub suid: Uid,
    /// User id for file access.
    pub fsuid: Uid,
    /// Real group id.
    pub gid: Gid,
    /// Effective group id.
    pub egid: Gid,
    /// Saved group id.
    pub sgid: Gid,
    /// Group id for file access.
    pub fsgid: Gid,
    /// Supplementary groups, sorted.
    pub(crate) groups: Arc<Vec<Gid>>,
    /// Capability sets.
    pub caps: CapSets,
    /// Switches of prctl(PR_SET_SECUREBITS).
    pub securebits: SecureBits,
    /// Set by prctl(PR_SET_NO_NEW_PRIVS), for ever.
    pub no_new_privs: bool,
    /// Where the ids and the capabilities count.
    pub user_namespace: &'static UserNamespace,
}

impl Cred {
    /// The credentials of the first process: root with everything.
    pub fn root() -> Self {
        Self::of(0, 0, CapSets::full())
    }

    /// An unprivileged user without supplementary groups.
    pub fn user(uid: Uid, gid: Gid) -> Self {
        Self::of(uid, gid, CapSets::none())
    }

    fn of(uid: Uid, gid: Gid, caps: CapSets) -> Self {
        Self {
            uid,
            euid: uid,
            suid: uid,
            fsuid: uid,
            gid,
            egid: gid,
            sgid: gid,
            fsgid: gid,
            groups: Arc::new(Vec::new()),
            caps,
            securebits: SecureBits::empty(),
            no_new_privs: false,
            user_namespace: UserNamespace::initial(),
        }
    }

    /// Whether all of `caps` are effective.
    #[inline]
    pub fn capable(&self, caps: Caps) -> bool {
        self.caps.effective.contains(caps)
    }

    /// The supplementary groups, sorted.
    pub fn groups(&self) -> &[Gid] {
        &self.groups
    }

    /// Whether the task acts on files as a member of `gid`.
    #[inline]
    pub fn in_group(&self, gid: Gid) -> bool {
        gid == self.fsgid || (!self.groups.is_empty() && self.groups.binary_search(&gid).is_ok())
    }

    /// Whether these act as somebody else than `old`, or may do more: what the memory of a
    /// process holds may then be more than they should see.
    pub fn is_other_than(&self, old: &Cred) -> bool {
        let acting = |cred: &Cred| (cred.euid, cred.egid, cred.fsuid, cred.fsgid);
        acting(self) != acting(old) || !old.caps.permitted.contains(self.caps.permitted)
    }

    /// The credentials access(2) checks with: real ids, and capabilities as a
    /// program of the real user would have them.
    pub fn with_real_ids(&self) -> Self {
        let mut new = self.clone();
        new.fsuid = self.uid;
        new.fsgid = self.gid;
        if !self.securebits.contains(SecureBits::NO_SETUID_FIXUP) {
            new.caps.effective = if self.uid == 0 { self.caps.permitted } else { Caps::empty() };
        }
        new
    }

    /// Linux's rule for sending a signal without CAP_KILL: the sender's real
    /// or effective id equals the target's real or saved id.
    pub fn may_signal(&self, target: &Cred) -> bool {
        self.euid == target.suid
            || self.euid == target.uid
            || self.uid == target.suid
            || self.uid == target.uid
            || self.capable(Caps::KILL)
    }
}
