// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sets of signals: `sigset_t`.
//!
//! Spec: sigsetops(3), signal(7).

use super::Signal;

/// A set of signals: bit n-1 is signal n, as in `sigset_t`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SigSet(u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: SigSet = SigSet(0);
    /// All 64.
    pub const ALL: SigSet = SigSet(u64::MAX);
    /// KILL and STOP.
    pub const UNBLOCKABLE: SigSet = SigSet::of(&[Signal::KILL, Signal::STOP]);
    /// What stops a process by default.
    pub const STOPPING: SigSet =
        SigSet::of(&[Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU]);

    /// A set from its members.
    pub const fn of(mut signals: &[Signal]) -> Self {
        let mut bits = 0;
        while let [first, rest @ ..] = signals {
            bits |= 1 << first.index();
            signals = rest;
        }
        Self(bits)
    }

    /// A set from the bits a program gave.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A mask from the bits a program gave, without KILL and STOP.
    pub const fn mask_from_bits(bits: u64) -> Self {
        Self(bits & !Self::UNBLOCKABLE.0)
    }

    /// The bits as a program sees them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `signal` is a member.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & (1 << signal.index()) != 0
    }

    /// Makes `signal` a member.
    pub fn add(&mut self, signal: Signal) {
        self.0 |= 1 << signal.index();
    }

    /// Takes `signal` out.
    pub fn remove(&mut self, signal: Signal) {
        self.0 &= !(1 << signal.index());
    }

    /// Members of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Members of both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Members of this set that `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The lowest member.
    pub const fn first(self) -> Option<Signal> {
        match self.0 {
            0 => None,
            bits => Some(Signal(bits.trailing_zeros() as u8 + 1)),
        }
    }
}

impl core::fmt::Debug for SigSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut rest = *self;
        let members = core::iter::from_fn(|| {
            let signal = rest.first()?;
            rest.remove(signal);
            Some(signal)
        });
        f.debug_set().entries(members).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_algebra() {
        let mut set = SigSet::of(&[Signal::HUP, Signal::SEGV]);
        assert_eq!(set.bits(), 1 | 1 << 10);
        assert_eq!(set.first(), Some(Signal::HUP));
        set.remove(Signal::SEGV);
        assert!(!set.contains(Signal::SEGV));
        set.add(Signal::KILL);
        assert_eq!(SigSet::mask_from_bits(set.bits()), SigSet::of(&[Signal::HUP]));
        assert_eq!(SigSet::ALL.without(SigSet::ALL), SigSet::EMPTY);
        assert!(SigSet::ALL.contains(Signal(64)));
    }
}
