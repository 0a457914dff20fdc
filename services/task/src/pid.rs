// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Choosing process and thread numbers.

use abi::{Result, err};

/// A process, thread, group or session number; positive where one exists.
pub type Pid = i32;

/// The default of kernel.pid_max: numbers stay below.
pub const PID_MAX: Pid = 32768;
/// Numbers below are not used again after the first round.
const RESERVED: Pid = 300;

/// Hands out numbers in rising order, from the start again at the end.
pub(crate) struct PidAllocator {
    last: Pid,
}

impl PidAllocator {
    pub(crate) const fn new() -> Self {
        Self { last: 0 }
    }

    /// The last number handed out, for /proc/loadavg.
    pub(crate) fn last(&self) -> Pid {
        self.last
    }

    /// The next number for which `in_use` says no; EAGAIN if there is none.
    pub(crate) fn allocate(&mut self, in_use: impl Fn(Pid) -> bool) -> Result<Pid> {
        let next = if self.last + 1 >= PID_MAX { RESERVED } else { self.last + 1 };
        let low = if self.last >= RESERVED { RESERVED } else { 1 };
        let candidates = (next..PID_MAX).chain(low..next);
        match candidates.into_iter().find(|pid| !in_use(*pid)) {
            Some(pid) => {
                self.last = pid;
                Ok(pid)
            }
            None => err!(EAGAIN, "no process number is free"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn rises_wraps_and_skips() {
        let mut pids = PidAllocator::new();
        assert_eq!(pids.allocate(|_| false), Ok(1));
        assert_eq!(pids.allocate(|_| false), Ok(2));
        assert_eq!(pids.allocate(|p| p < 5), Ok(5));
        pids.last = PID_MAX - 2;
        assert_eq!(pids.allocate(|_| false), Ok(PID_MAX - 1));
        assert_eq!(pids.allocate(|_| false), Ok(RESERVED));
        assert_eq!(pids.allocate(|p| p == RESERVED + 1), Ok(RESERVED + 2));
    }

    #[test]
    fn full_is_eagain() {
        let mut pids = PidAllocator::new();
        let mut used = BTreeSet::new();
        while let Ok(pid) = pids.allocate(|p| used.contains(&p)) {
            assert!(used.insert(pid));
        }
        assert!(used.len() >= (PID_MAX - RESERVED) as usize);
        used.remove(&1000);
        assert_eq!(pids.allocate(|p| used.contains(&p)), Ok(1000));
    }
}
