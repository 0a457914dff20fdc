// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the kernel keeps for each user, as long as somebody has it.
//!
//! Root can be any number of users at a time. So who has gone is looked for a few at a time.
//!
//! Locks: the one lock is a leaf (preemption off); what goes is dropped outside of it.

use alloc::{collections::BTreeMap, sync::Arc};

use abi::Result;
use framework::sync::SpinLock;

/// Users that are looked at when one comes: more than come, so that who has gone is found
/// before the list has grown for long.
const LOOKS: usize = 4;

/// A `T` for each user.
pub struct PerUser<T>(SpinLock<Users<T>>);

struct Users<T> {
    known: BTreeMap<u32, Arc<T>>,
    /// Where the next look for users that have gone begins.
    swept: u32,
}

impl<T> PerUser<T> {
    /// Nobody's.
    #[track_caller]
    pub const fn new() -> Self {
        Self(SpinLock::new(Users { known: BTreeMap::new(), swept: 0 }))
    }

    /// Bytes that are kept for a user. Who has it is charged for them: there may be as many
    /// users as there are who have one.
    pub const BYTES: usize = size_of::<(u32, Arc<T>)>() * 3 / 2 + size_of::<(T, [usize; 2])>();

    /// That of user `uid`; what `make` gives if nobody has it now.
    ///
    /// # Errors
    /// `ENOMEM` without memory for what `make` gives.
    pub fn of(&self, uid: u32, make: impl FnOnce() -> T) -> Result<Arc<T>> {
        if let Some(known) = self.0.lock().known.get(&uid) {
            return Ok(known.clone());
        }
        framework::mm::admit()?;
        let new = Arc::new(make());
        let mut users = self.0.lock();
        let gone = users.sweep();
        let found = users.known.entry(uid).or_insert(new).clone();
        drop(users);
        drop(gone);
        Ok(found)
    }
}

impl<T> Default for PerUser<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Users<T> {
    /// Takes out some of those that nobody else has.
    fn sweep(&mut self) -> [Option<Arc<T>>; LOOKS] {
        let mut gone = [const { None }; LOOKS];
        for slot in &mut gone {
            let Some((&uid, user)) = self.known.range(self.swept..).next() else {
                self.swept = 0;
                break;
            };
            self.swept = uid.wrapping_add(1);
            if Arc::strong_count(user) == 1 {
                *slot = self.known.remove(&uid);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_user_has_one_until_it_has_gone() {
        let users = PerUser::new();
        let many: Vec<_> = (0..100).map(|uid| users.of(uid, || uid).unwrap()).collect();
        for (uid, one) in (0..).zip(&many) {
            assert!(Arc::ptr_eq(one, &users.of(uid, || unreachable!()).unwrap()));
        }
        drop(many);
        for uid in 1000..1000 + 100 / 2 {
            users.of(uid, || uid).unwrap();
        }
        assert!(users.0.lock().known.len() <= LOOKS);
        assert_eq!(*users.of(7, || 70).unwrap(), 70);
    }
}
