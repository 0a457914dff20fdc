// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User namespaces: in which one a task's ids and capabilities count.
//!
//! Credentials have theirs in [`Cred::user_namespace`](crate::Cred::user_namespace), as
//! a capability is worth something in its namespace only. There is one so far, for ever,
//! in which every id stands for itself.
//!
//! Spec: user_namespaces(7).

use abi::namespace::INITIAL_USER;

/// Ids of a namespace that stand for ids of its parent, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The first id in the namespace.
    pub inside: u32,
    /// What it stands for in the parent.
    pub outside: u32,
    /// How many ids there are.
    pub count: u32,
}

/// All ids but -1, which is none.
const IDENTITY: IdRange = IdRange { inside: 0, outside: 0, count: u32::MAX };

/// A user namespace.
#[derive(Debug)]
pub struct UserNamespace {
    ino: u32,
    uids: IdRange,
    gids: IdRange,
}

impl UserNamespace {
    /// That of the first process.
    pub fn initial() -> &'static Self {
        static INITIAL: UserNamespace =
            UserNamespace { ino: INITIAL_USER, uids: IDENTITY, gids: IDENTITY };
        &INITIAL
    }

    /// The inode number that tells it from others.
    pub fn ino(&self) -> u32 {
        self.ino
    }

    /// What its user ids stand for.
    pub fn uid_map(&self) -> &[IdRange] {
        core::slice::from_ref(&self.uids)
    }

    /// What its group ids stand for.
    pub fn gid_map(&self) -> &[IdRange] {
        core::slice::from_ref(&self.gids)
    }
}

/// Two are the same if they have the same number.
impl PartialEq for UserNamespace {
    fn eq(&self, other: &Self) -> bool {
        self.ino == other.ino
    }
}

impl Eq for UserNamespace {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cred;

    #[test]
    fn credentials_start_in_the_first_one() {
        let (root, user) = (Cred::root(), Cred::user(1000, 1000));
        assert_eq!(root.user_namespace, user.user_namespace);
        assert_eq!(root.setuid(1).unwrap().user_namespace, UserNamespace::initial());
        assert_eq!(root.user_namespace.uid_map(), [IDENTITY]);
        assert_eq!(root.user_namespace.gid_map(), [IDENTITY]);
    }
}
