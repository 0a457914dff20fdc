// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Resource limits and usage.
//!
//! Spec: getrlimit(2), getrusage(2).

use core::mem::offset_of;

use crate::time::Timeval;
use crate::{Result, error};

/// Usage of the children that were waited for.
pub const RUSAGE_CHILDREN: i32 = -1;
/// Usage of the process.
pub const RUSAGE_SELF: i32 = 0;
/// Usage of the thread.
pub const RUSAGE_THREAD: i32 = 1;

framework::pod_struct! {
    /// `struct rusage` (`man 2 getrusage`).
    #[derive(Debug, Default)]
    pub struct Rusage {
        /// Time in user mode.
        pub utime: Timeval,
        /// Time in the kernel.
        pub stime: Timeval,
        /// Largest resident size in KiB.
        pub maxrss: i64,
        /// Always zero, as on Linux.
        pub unused: [i64; 3],
        /// Faults that needed no reading.
        pub minflt: i64,
        /// Faults that needed reading.
        pub majflt: i64,
        /// Swaps, block input and output, messages, signals: zero.
        pub zero: [i64; 6],
        /// Times it gave up the CPU.
        pub nvcsw: i64,
        /// Times the CPU was taken.
        pub nivcsw: i64,
    }
}

const _: () = assert!(size_of::<Rusage>() == 144);
const _: () = assert!(offset_of!(Rusage, nvcsw) == 128);

framework::pod_struct! {
    /// `struct rlimit64` (`man 2 prlimit`): a soft and a hard limit.
    #[derive(PartialEq, Eq, Debug)]
    pub struct Rlimit {
        /// The soft limit, which is enforced.
        pub cur: u64,
        /// The hard limit, up to which the soft one may be raised.
        pub max: u64,
    }
}

const _: () = assert!(size_of::<Rlimit>() == 16);

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
    /// `EINVAL` above 15.
    ///
    /// # Errors
    /// `EINVAL` if there is no such resource.
    pub fn from_number(number: u32) -> Result<Self> {
        Self::ALL.get(number as usize).copied().ok_or(error!(EINVAL, "no such resource"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(Resource::from_number(3), Ok(Resource::Stack));
        assert!(Resource::from_number(16).is_err());
        for (i, r) in Resource::ALL.into_iter().enumerate() {
            assert_eq!(i, r as usize);
        }
    }
}
