// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What each real user has of limited things: threads and queued signals.
//!
//! RLIMIT_NPROC and RLIMIT_SIGPENDING are limits of a user, not of a process.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::Result;
use vfs::PerUser;

/// The counts of one user.
pub struct UserCount {
    uid: u32,
    threads: AtomicU64,
    signals: AtomicU64,
}

static USERS: PerUser<UserCount> = PerUser::new();

/// The threads of all users.
static ALL_THREADS: AtomicU64 = AtomicU64::new(0);

/// How many threads all users have.
pub(crate) fn all_threads() -> u64 {
    ALL_THREADS.load(Relaxed)
}

impl UserCount {
    /// Counts that start at zero.
    pub(crate) fn new(uid: u32) -> Self {
        Self { uid, threads: AtomicU64::new(0), signals: AtomicU64::new(0) }
    }

    /// The counts of user `uid`. The thread that takes them is charged for more than they
    /// are.
    ///
    /// # Errors
    /// `ENOMEM` for a user who has no counts yet.
    pub(crate) fn of(uid: u32) -> Result<Arc<Self>> {
        USERS.of(uid, || Self::new(uid))
    }

    /// Whose counts they are.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// How many threads the user has.
    pub fn threads(&self) -> u64 {
        self.threads.load(Relaxed)
    }

    /// How many queued signals and timers the user's processes have.
    pub fn signals(&self) -> u64 {
        self.signals.load(Relaxed)
    }

    pub(crate) fn add_thread(&self) -> u64 {
        ALL_THREADS.fetch_add(1, Relaxed);
        self.threads.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn remove_thread(&self) {
        ALL_THREADS.fetch_sub(1, Relaxed);
        self.threads.fetch_sub(1, Relaxed);
    }

    /// Counts one more queued signal unless that exceeds `limit`.
    pub(crate) fn charge_signal(&self, limit: u64) -> bool {
        if self.signals.fetch_add(1, Relaxed) < limit {
            return true;
        }
        self.release_signal();
        false
    }

    pub(crate) fn release_signal(&self) {
        self.signals.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_holds() {
        let user = UserCount::new(7);
        assert!(user.charge_signal(2));
        assert!(user.charge_signal(2));
        assert!(!user.charge_signal(2));
        user.release_signal();
        assert!(user.charge_signal(2));
        assert_eq!((user.uid(), user.signals()), (7, 2));
    }
}
