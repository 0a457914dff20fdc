// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Scheduling classes and their parameters, as the `sched_*` calls know them.

use core::ops::RangeInclusive;

use abi::err;
use abi::sched::*;

use crate::Result;

/// A scheduling policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// `SCHED_OTHER`: fair.
    #[default]
    Other,
    /// `SCHED_FIFO`: real-time, until it blocks or yields.
    Fifo,
    /// `SCHED_RR`: real-time, in turn with its equals.
    RoundRobin,
    /// `SCHED_BATCH`: fair, never preempts on waking.
    Batch,
    /// `SCHED_IDLE`: fair, with hardly any weight.
    Idle,
}

impl Policy {
    /// The policy of Linux's number (without `SCHED_RESET_ON_FORK`).
    pub const fn from_raw(raw: i32) -> Option<Self> {
        Some(match raw {
            SCHED_OTHER => Self::Other,
            SCHED_FIFO => Self::Fifo,
            SCHED_RR => Self::RoundRobin,
            SCHED_BATCH => Self::Batch,
            SCHED_IDLE => Self::Idle,
            _ => return None,
        })
    }

    /// Linux's number.
    pub const fn raw(self) -> i32 {
        match self {
            Self::Other => SCHED_OTHER,
            Self::Fifo => SCHED_FIFO,
            Self::RoundRobin => SCHED_RR,
            Self::Batch => SCHED_BATCH,
            Self::Idle => SCHED_IDLE,
        }
    }

    /// True for the classes above the fair one.
    pub const fn is_realtime(self) -> bool {
        matches!(self, Self::Fifo | Self::RoundRobin)
    }
}

/// The policy of a task and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Params {
    /// The policy.
    pub policy: Policy,
    /// Real-time priority: 1 to 99, 0 in the fair class.
    pub priority: u8,
    /// Children start as `SCHED_OTHER`.
    pub reset_on_fork: bool,
}

/// Set in packed [`Params`] of real-time policies.
const REALTIME: u64 = 1 << 17;

/// True when packed [`Params`] are of a real-time policy.
#[inline]
pub(crate) const fn is_packed_realtime(word: u64) -> bool {
    word & REALTIME != 0
}

impl Params {
    pub(crate) fn pack(self) -> u64 {
        let reset = u64::from(self.reset_on_fork);
        let realtime = if self.policy.is_realtime() { REALTIME } else { 0 };
        self.policy.raw() as u64 | u64::from(self.priority) << 8 | reset << 16 | realtime
    }

    pub(crate) fn unpack(word: u64) -> Self {
        Self {
            policy: Policy::from_raw((word & 0xff) as i32).unwrap_or_default(),
            priority: (word >> 8) as u8,
            reset_on_fork: word >> 16 & 1 != 0,
        }
    }

    /// What sched_getscheduler(2) returns.
    pub const fn raw_policy(self) -> i32 {
        self.policy.raw() | if self.reset_on_fork { SCHED_RESET_ON_FORK } else { 0 }
    }
}

/// The valid priorities of a policy, for sched_get_priority_min(2) and _max(2).
pub const fn priority_range(policy: Policy) -> RangeInclusive<i32> {
    if policy.is_realtime() { 1..=99 } else { 0..=0 }
}

/// Decodes the arguments of sched_setscheduler(2).
///
/// # Errors
/// `EINVAL` for an unknown policy, or a priority outside of [`priority_range`].
pub fn check_params(raw_policy: i32, priority: i32) -> Result<Params> {
    let Some(policy) = Policy::from_raw(raw_policy & !SCHED_RESET_ON_FORK) else {
        return err!(EINVAL, "unknown policy");
    };
    if !priority_range(policy).contains(&priority) {
        return err!(EINVAL, "priority out of range");
    }
    let reset_on_fork = raw_policy & SCHED_RESET_ON_FORK != 0;
    Ok(Params { policy, priority: priority as u8, reset_on_fork })
}

/// What the caller of sched_setscheduler(2) may do.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// It has `CAP_SYS_NICE`.
    pub has_sys_nice: bool,
    /// Its effective user id is the real or effective one of the target.
    pub is_owner: bool,
    /// The target's `RLIMIT_RTPRIO`.
    pub rtprio_limit: u64,
    /// The target's `RLIMIT_NICE`, as the lowest nice value it allows.
    pub lowest_nice: i32,
    /// The target's nice value.
    pub nice: i8,
}

/// Linux's permission rules for changing from `old` to `new`.
///
/// # Errors
/// `EPERM` without CAP_SYS_NICE for somebody else's task, for a real-time policy or a
/// higher priority beyond RLIMIT_RTPRIO, to leave the idle policy with a nice value beyond
/// RLIMIT_NICE, or to clear reset-on-fork.
pub fn may_set(old: Params, new: Params, caller: &Caller) -> Result<()> {
    if caller.has_sys_nice {
        return Ok(());
    }
    if !caller.is_owner {
        return err!(EPERM, "somebody else's task");
    }
    if new.policy.is_realtime() {
        if new.policy != old.policy && caller.rtprio_limit == 0 {
            return err!(EPERM, "real-time policy");
        }
        if new.priority > old.priority && u64::from(new.priority) > caller.rtprio_limit {
            return err!(EPERM, "real-time priority");
        }
    }
    let leaves_idle = old.policy == Policy::Idle && new.policy != Policy::Idle;
    if leaves_idle && i32::from(caller.nice) < caller.lowest_nice {
        return err!(EPERM, "leaving SCHED_IDLE");
    }
    if old.reset_on_fork && !new.reset_on_fork {
        return err!(EPERM, "clearing SCHED_RESET_ON_FORK");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Errno;

    #[test]
    fn params_pack_and_check() {
        for raw in [0, 1, 2, 3, 5] {
            for reset in [0, SCHED_RESET_ON_FORK] {
                let priority = *priority_range(Policy::from_raw(raw).unwrap()).end();
                let params = check_params(raw | reset, priority).unwrap();
                assert_eq!(Params::unpack(params.pack()), params);
                assert_eq!(params.raw_policy(), raw | reset);
            }
        }
        for (policy, priority) in [(4, 0), (0, 1), (1, 0), (1, 100), (2, -1), (6, 0), (-1, 0)] {
            assert_eq!(check_params(policy, priority).unwrap_err().errno(), Errno::EINVAL);
        }
    }

    #[test]
    fn permissions() {
        let caller = Caller {
            has_sys_nice: false,
            is_owner: true,
            rtprio_limit: 10,
            lowest_nice: 0,
            nice: 0,
        };
        let fair = Params::default();
        let fifo = |priority| Params { policy: Policy::Fifo, priority, reset_on_fork: false };
        assert!(may_set(fair, fifo(10), &caller).is_ok());
        assert!(may_set(fair, fifo(11), &caller).is_err());
        assert!(may_set(fifo(50), fifo(20), &caller).is_ok());
        assert!(may_set(fair, fifo(1), &Caller { rtprio_limit: 0, ..caller }).is_err());
        assert!(may_set(fair, fair, &Caller { is_owner: false, ..caller }).is_err());
        let reset = Params { reset_on_fork: true, ..fair };
        assert!(may_set(reset, fair, &caller).is_err());
        assert!(may_set(reset, fair, &Caller { has_sys_nice: true, ..caller }).is_ok());
    }
}
