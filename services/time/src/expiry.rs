// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arithmetic of timers: when they expire next and how often they have.

/// A running timer, in nanoseconds of its clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expiry {
    pub(crate) next_ns: u64,
    /// 0: it expires once.
    pub(crate) interval_ns: u64,
}

/// What [`Expiry::advance`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Not yet.
    NotYet,
    /// Expired, and `missed` times more; goes on as `then`.
    Expired { missed: u64, then: Option<Expiry> },
}

impl Expiry {
    /// Whether it has expired at `now_ns`, and how it goes on.
    pub(crate) fn advance(self, now_ns: u64) -> Due {
        if now_ns < self.next_ns {
            return Due::NotYet;
        }
        if self.interval_ns == 0 {
            return Due::Expired { missed: 0, then: None };
        }
        let missed = (now_ns - self.next_ns) / self.interval_ns;
        let step = self.interval_ns.saturating_mul(missed + 1);
        let next_ns = self.next_ns.saturating_add(step);
        Due::Expired { missed, then: Some(Self { next_ns, ..self }) }
    }

    /// What is left at `now_ns`: never 0 while it runs.
    pub(crate) fn remaining(self, now_ns: u64) -> u64 {
        self.next_ns.saturating_sub(now_ns).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once() {
        let e = Expiry { next_ns: 100, interval_ns: 0 };
        assert_eq!(e.advance(99), Due::NotYet);
        assert_eq!(e.advance(100), Due::Expired { missed: 0, then: None });
        assert_eq!(e.remaining(40), 60);
        assert_eq!(e.remaining(400), 1);
    }

    #[test]
    fn again_and_again() {
        let e = Expiry { next_ns: 100, interval_ns: 10 };
        let then = |next_ns| Some(Expiry { next_ns, interval_ns: 10 });
        assert_eq!(e.advance(100), Due::Expired { missed: 0, then: then(110) });
        assert_eq!(e.advance(109), Due::Expired { missed: 0, then: then(110) });
        assert_eq!(e.advance(135), Due::Expired { missed: 3, then: then(140) });
        let far = Expiry { next_ns: 1, interval_ns: u64::MAX };
        assert!(matches!(far.advance(5), Due::Expired { missed: 0, .. }));
    }
}
