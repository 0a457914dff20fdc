// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many pages the pipes of each user may hold.
//!
//! A pipe is charged for all pages that it may hold, to who made it, as long as it
//! lives. A user beyond [`SOFT_PAGES`] gets small pipes and cannot grow one;
//! CAP_SYS_RESOURCE and CAP_SYS_ADMIN lift that.
//!
//! Spec: pipe(7), "/proc files".

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use abi::capability::Caps;
use abi::{Result, err};
use cred::Cred;
use vfs::{PerUser, hooks::current_account};

/// Pages of a user's pipes beyond which new ones are small (fs.pipe-user-pages-soft); 0
/// is no limit.
pub(crate) static SOFT_PAGES: AtomicUsize = AtomicUsize::new(16_384);
/// The most pages of a user's pipes (fs.pipe-user-pages-hard); 0 is no limit.
pub(crate) static HARD_PAGES: AtomicUsize = AtomicUsize::new(0);
/// Pages of a new pipe.
const DEFAULT_PAGES: usize = 16;
/// Pages of a new pipe of a user beyond [`SOFT_PAGES`].
const LEAST_PAGES: usize = 2;

/// Pages of all pipes of a user.
type Pages = Arc<AtomicUsize>;

static USERS: PerUser<AtomicUsize> = PerUser::new();

/// Sets one of the limits.
///
/// # Errors
/// `EINVAL` for a negative number.
pub(crate) fn set_limit(limit: &AtomicUsize, pages: i128) -> Result<()> {
    let Ok(pages) = usize::try_from(pages) else { return err!(EINVAL, "a negative limit") };
    limit.store(pages, Ordering::Relaxed);
    Ok(())
}

/// What is kept for a user.
const USER_BYTES: usize = PerUser::<AtomicUsize>::BYTES;

/// What one pipe is charged for.
pub(crate) struct Charge {
    user: Pages,
    pages: usize,
    /// The maker's process is charged for the user's count.
    _user: vfs::Charge<USER_BYTES>,
}

impl Charge {
    /// The charge of a new pipe of the real user of `cred`: its size is chosen here.
    ///
    /// # Errors
    /// `ENOMEM`; `ENFILE` beyond [`HARD_PAGES`].
    pub(crate) fn new(cred: &Cred) -> Result<Self> {
        framework::mm::admit()?;
        let user = USERS.of(cred.uid, AtomicUsize::default)?;
        let used = user.fetch_add(DEFAULT_PAGES, Ordering::Relaxed) + DEFAULT_PAGES;
        let _user = vfs::Charge::new(current_account());
        let mut charge = Self { user, pages: DEFAULT_PAGES, _user };
        if is_beyond(&SOFT_PAGES, used) && !is_exempt(cred) {
            charge.set(LEAST_PAGES);
        }
        let used = charge.user.load(Ordering::Relaxed);
        if is_beyond(&HARD_PAGES, used) && !is_exempt(cred) {
            return err!(ENFILE, "the user's pipes hold too much");
        }
        Ok(charge)
    }

    /// How many pages the pipe may hold.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// Charges for `pages` pages from now on.
    ///
    /// # Errors
    /// `EPERM` if that is more than now and the user would be beyond a limit.
    pub(crate) fn change(&mut self, pages: usize, cred: &Cred) -> Result<()> {
        let others = self.user.load(Ordering::Relaxed) - self.pages;
        let is_beyond = |limit| is_beyond(limit, others.saturating_add(pages));
        let is_much = is_beyond(&SOFT_PAGES) || is_beyond(&HARD_PAGES);
        if pages > self.pages && is_much && !is_exempt(cred) {
            return err!(EPERM, "the user's pipes hold too much");
        }
        self.set(pages);
        Ok(())
    }

    /// Charges for `pages` pages, whatever the limits say.
    pub(crate) fn set(&mut self, pages: usize) {
        self.user.fetch_add(pages, Ordering::Relaxed);
        self.user.fetch_sub(self.pages, Ordering::Relaxed);
        self.pages = pages;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.user.fetch_sub(self.pages, Ordering::Relaxed);
    }
}

fn is_beyond(limit: &AtomicUsize, pages: usize) -> bool {
    let limit = limit.load(Ordering::Relaxed);
    limit != 0 && pages > limit
}

fn is_exempt(cred: &Cred) -> bool {
    cred.capable(Caps::SYS_RESOURCE) || cred.capable(Caps::SYS_ADMIN)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use abi::Errno;

    use super::*;

    fn user(uid: u32) -> Cred {
        Cred::root().setresuid(uid, uid, uid).unwrap()
    }

    #[test]
    fn beyond_the_soft_limit_pipes_are_small() {
        let cred = user(4711);
        let mut pipes: Vec<_> =
            (0..16_384 / DEFAULT_PAGES).map(|_| Charge::new(&cred).unwrap()).collect();
        assert!(pipes.iter().all(|charge| charge.pages() == DEFAULT_PAGES));
        let mut small = Charge::new(&cred).unwrap();
        assert_eq!(small.pages(), LEAST_PAGES);
        assert_eq!(small.change(4, &cred).unwrap_err().errno(), Errno::EPERM);
        small.change(1, &cred).unwrap();
        small.change(4, &Cred::root()).unwrap();
        assert_eq!(Charge::new(&user(4712)).unwrap().pages(), DEFAULT_PAGES);
        pipes.pop();
        assert_eq!(Charge::new(&cred).unwrap().pages(), LEAST_PAGES);
        pipes.pop();
        assert_eq!(Charge::new(&cred).unwrap().pages(), DEFAULT_PAGES);
    }
}
