// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Resource limits of a process.
//!
//! Spec: getrlimit(2).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::resource::{RLIM_INFINITY, Resource, Rlimit};
use abi::{Result, err};
use framework::mm::{PAGE_SIZE, stats};

use crate::ids::PID_MAX;

/// Bytes of memory that one thread may cost: what bounds how many there can be.
const BYTES_PER_THREAD: usize = 128 * 1024;

/// The limits of a process.
#[derive(Clone)]
pub struct Rlimits([Rlimit; 16]);

impl Rlimits {
    /// What the first process starts with on Linux. `max_threads` bounds
    /// RLIMIT_NPROC and RLIMIT_SIGPENDING.
    pub fn initial(max_threads: u64) -> Self {
        let both = |value| Rlimit { cur: value, max: value };
        let mut limits = [both(RLIM_INFINITY); 16];
        for (resource, limit) in Resource::ALL.into_iter().zip(limits.iter_mut()) {
            *limit = match resource {
                Resource::Stack => Rlimit { cur: 8 << 20, max: RLIM_INFINITY },
                Resource::Core => Rlimit { cur: 0, max: RLIM_INFINITY },
                Resource::Nproc | Resource::Sigpending => both(max_threads / 2),
                Resource::Nofile => Rlimit { cur: 1024, max: 4096 },
                Resource::Memlock => both(8 << 20),
                Resource::Msgqueue => both(819_200),
                Resource::Nice | Resource::Rtprio => both(0),
                _ => continue,
            };
        }
        Self(limits)
    }

    /// The limit of `resource`.
    pub fn get(&self, resource: Resource) -> Rlimit {
        let none = Rlimit { cur: RLIM_INFINITY, max: RLIM_INFINITY };
        self.0.get(resource as usize).copied().unwrap_or(none)
    }

    /// Replaces a limit; `privileged` is CAP_SYS_RESOURCE.
    ///
    /// # Errors
    /// `EINVAL` if the soft limit exceeds the hard one; `EPERM` for a hard limit above the
    /// old one without privilege, or more open files than `fs.nr_open`.
    pub fn set(&mut self, resource: Resource, new: Rlimit, privileged: Privilege) -> Result<()> {
        if new.cur > new.max {
            return err!(EINVAL, "the soft limit exceeds the hard one");
        }
        if resource == Resource::Nofile && new.max > vfs::nr_open() as u64 {
            return err!(EPERM, "beyond fs.nr_open");
        }
        let Some(slot) = self.0.get_mut(resource as usize) else {
            return err!(EINVAL);
        };
        if new.max > slot.max && privileged == Privilege::No {
            return err!(EPERM, "only root raises a hard limit");
        }
        *slot = new;
        Ok(())
    }
}

/// Whether the caller may exceed what users may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privilege {
    /// It has the capability.
    Yes,
    /// It has not.
    No,
}

impl From<bool> for Privilege {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// See [`max_threads`]; 0 as long as nobody has set it.
static MAX_THREADS: AtomicU64 = AtomicU64::new(0);

/// `kernel.threads-max`: as many threads as the machine's memory allows for, or as root says.
pub fn max_threads() -> u64 {
    match MAX_THREADS.load(Relaxed) {
        0 => {
            let bytes = stats().total_pages * PAGE_SIZE;
            (bytes / BYTES_PER_THREAD).clamp(20, PID_MAX as usize) as u64
        }
        most => most,
    }
}

/// Sets `kernel.threads-max`, from 1 on.
pub(crate) fn set_max_threads(most: u64) {
    MAX_THREADS.store(most, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_setrlimit() {
        let mut limits = Rlimits::initial(4000);
        let r = Resource::Nofile;
        assert_eq!(limits.get(r), Rlimit { cur: 1024, max: 4096 });
        assert!(limits.set(r, Rlimit { cur: 9, max: 8 }, Privilege::Yes).is_err());
        assert!(limits.set(r, Rlimit { cur: 1, max: 5000 }, Privilege::No).is_err());
        assert!(limits.set(r, Rlimit { cur: 1, max: (1 << 20) + 1 }, Privilege::Yes).is_err());
        assert!(limits.set(r, Rlimit { cur: 1, max: 5000 }, Privilege::Yes).is_ok());
        assert!(limits.set(r, Rlimit { cur: 1, max: 10 }, Privilege::No).is_ok());
        assert!(limits.set(r, Rlimit { cur: 1, max: 11 }, Privilege::No).is_err());
        assert_eq!(limits.get(Resource::Nproc).cur, 2000);
    }
}
