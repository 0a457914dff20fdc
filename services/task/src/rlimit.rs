// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Resource limits of a process.
//!
//! Spec: getrlimit(2).

use abi::{Result, err, error};

framework::pod_struct! {
    /// `struct rlimit64`: a soft and a hard limit.
    #[derive(PartialEq, Eq, Debug)]
    pub struct Rlimit {
        /// The soft limit, which is enforced.
        pub cur: u64,
        /// The hard limit, up to which the soft one may be raised.
        pub max: u64,
    }
}

/// No limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// The limited resources, by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the documentation: getrlimit(2)")]
pub enum Resource {
    Cpu = 0,
    Fsize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Nproc = 6,
    Nofile = 7,
    Memlock = 8,
    As = 9,
    Locks = 10,
    Sigpending = 11,
    Msgqueue = 12,
    Nice = 13,
    Rtprio = 14,
    Rttime = 15,
}

impl Resource {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Cpu,
        Self::Fsize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Rss,
        Self::Nproc,
        Self::Nofile,
        Self::Memlock,
        Self::As,
        Self::Locks,
        Self::Sigpending,
        Self::Msgqueue,
        Self::Nice,
        Self::Rtprio,
        Self::Rttime,
    ];

    /// The resource a program named by number.
    ///
    /// # Errors
    /// `EINVAL` if there is no such resource.
    pub fn from_number(number: u32) -> Result<Self> {
        Self::ALL.get(number as usize).copied().ok_or(error!(EINVAL, "no such resource"))
    }
}

/// The largest number of open files any limit may allow (fs.nr_open).
pub const NR_OPEN: u64 = 1024 * 1024;

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
    /// old one without privilege, or more open files than [`NR_OPEN`].
    pub fn set(&mut self, resource: Resource, new: Rlimit, privileged: Privilege) -> Result<()> {
        if new.cur > new.max {
            return err!(EINVAL, "the soft limit exceeds the hard one");
        }
        if resource == Resource::Nofile && new.max > NR_OPEN {
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
        assert!(limits.set(r, Rlimit { cur: 1, max: NR_OPEN + 1 }, Privilege::Yes).is_err());
        assert!(limits.set(r, Rlimit { cur: 1, max: 5000 }, Privilege::Yes).is_ok());
        assert!(limits.set(r, Rlimit { cur: 1, max: 10 }, Privilege::No).is_ok());
        assert!(limits.set(r, Rlimit { cur: 1, max: 11 }, Privilege::No).is_err());
        assert_eq!(limits.get(Resource::Nproc).cur, 2000);
    }

    #[test]
    fn numbers() {
        assert_eq!(Resource::from_number(3), Ok(Resource::Stack));
        assert!(Resource::from_number(16).is_err());
        for (i, r) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(i, r as usize);
        }
    }
}
