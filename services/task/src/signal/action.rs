// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program wants done with each signal: `sigaction` and its table.
//!
//! Spec: sigaction(2); the kernel's `struct sigaction` on x86-64 is handler,
//! flags, restorer, mask: 32 bytes.

use crate::signal::{DefaultAction, SigSet, Signal};

/// The default action.
pub const SIG_DFL: u64 = 0;
/// Ignore it.
pub const SIG_IGN: u64 = 1;

bitflags::bitflags! {
    /// `sa_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct SaFlags: u64 {
        /// No SIGCHLD when a child stops or continues.
        const NOCLDSTOP = 1;
        /// Children leave no zombies.
        const NOCLDWAIT = 2;
        /// The handler takes three arguments.
        const SIGINFO = 4;
        /// A restorer is given; x86-64 needs it.
        const RESTORER = 0x0400_0000;
        /// Run on the alternate stack.
        const ONSTACK = 0x0800_0000;
        /// Restart interrupted calls.
        const RESTART = 0x1000_0000;
        /// Do not block the signal while its handler runs.
        const NODEFER = 0x4000_0000;
        /// Back to the default once the handler starts.
        const RESETHAND = 0x8000_0000;
        /// Whatever else a program set is kept and given back.
        const _ = !0;
    }
}

framework::pod_struct! {
    /// `struct sigaction` as the kernel takes it.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct RawSigAction {
        /// `sa_handler` or `sa_sigaction`.
        pub handler: u64,
        /// `sa_flags`.
        pub flags: u64,
        /// `sa_restorer`.
        pub restorer: u64,
        /// `sa_mask`.
        pub mask: u64,
    }
}

/// One signal's action.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SigAction {
    /// The handler's address, [`SIG_DFL`] or [`SIG_IGN`].
    pub handler: u64,
    /// How to call it.
    pub flags: SaFlags,
    /// Where the handler returns to.
    pub restorer: u64,
    /// What is blocked while it runs.
    pub mask: SigSet,
}

/// What is to be done with a signal, decided from its action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Drop it.
    Ignore,
    /// Do what the kernel does by default.
    Default(DefaultAction),
    /// Call the program's handler.
    Handle,
}

/// Flags Linux knows; it clears the rest, so programs can probe for support.
const KNOWN_FLAGS: u64 = 1 | 2 | 4 | 0x800 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0xC000_0000;

impl SigAction {
    /// The action that `raw` asks for.
    pub fn from_raw(raw: &RawSigAction) -> Self {
        Self {
            handler: raw.handler,
            flags: SaFlags::from_bits_retain(raw.flags & KNOWN_FLAGS),
            restorer: raw.restorer,
            mask: SigSet::mask_from_bits(raw.mask),
        }
    }

    /// As the program sees it.
    pub fn to_raw(self) -> RawSigAction {
        RawSigAction {
            handler: self.handler,
            flags: self.flags.bits(),
            restorer: self.restorer,
            mask: self.mask.bits(),
        }
    }

    /// What this action does with `signal`.
    pub fn disposition(&self, signal: Signal) -> Disposition {
        match self.handler {
            SIG_IGN => Disposition::Ignore,
            SIG_DFL => match signal.default_action() {
                DefaultAction::Ignore | DefaultAction::Continue => Disposition::Ignore,
                action => Disposition::Default(action),
            },
            _ => Disposition::Handle,
        }
    }
}

/// The actions of all signals.
#[derive(Clone)]
pub struct SigActions([SigAction; Signal::COUNT]);

impl SigActions {
    /// All default.
    pub fn new() -> Self {
        Self([SigAction::default(); Signal::COUNT])
    }

    /// The action of `signal`.
    pub fn get(&self, signal: Signal) -> SigAction {
        self.0.get(signal.index()).copied().unwrap_or_default()
    }

    /// Replaces the action of `signal`; returns the old one.
    pub fn set(&mut self, signal: Signal, action: SigAction) -> SigAction {
        match self.0.get_mut(signal.index()) {
            Some(slot) => core::mem::replace(slot, action),
            None => SigAction::default(),
        }
    }

    /// What exec leaves: ignored stays ignored, all else is the default.
    #[must_use]
    pub fn after_exec(&self) -> Self {
        let mut fresh = Self::new();
        for (new, old) in fresh.0.iter_mut().zip(self.0.iter()) {
            if old.handler == SIG_IGN {
                new.handler = SIG_IGN;
            }
        }
        fresh
    }

    /// What CLONE_CLEAR_SIGHAND leaves: the same rule as exec's.
    #[must_use]
    pub fn cleared(&self) -> Self {
        self.after_exec()
    }

    /// The sets of ignored and of caught signals, for procfs.
    pub fn ignored_and_caught(&self) -> (SigSet, SigSet) {
        let (mut ignored, mut caught) = (0, 0);
        for (i, action) in self.0.iter().enumerate() {
            match action.handler {
                SIG_DFL => {}
                SIG_IGN => ignored |= 1 << i,
                _ => caught |= 1 << i,
            }
        }
        (SigSet::from_bits(ignored), SigSet::from_bits(caught))
    }
}

impl Default for SigActions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_keeps_only_ignored() {
        let mut actions = SigActions::new();
        actions.set(Signal::INT, SigAction { handler: SIG_IGN, ..Default::default() });
        actions.set(Signal::TERM, SigAction { handler: 0x1000, ..Default::default() });
        let (ignored, caught) = actions.ignored_and_caught();
        assert_eq!(ignored, SigSet::of(&[Signal::INT]));
        assert_eq!(caught, SigSet::of(&[Signal::TERM]));
        let after = actions.after_exec();
        assert_eq!(after.get(Signal::INT).handler, SIG_IGN);
        assert_eq!(after.get(Signal::TERM).handler, SIG_DFL);
    }

    #[test]
    fn raw_is_sanitised() {
        let raw = RawSigAction { handler: 5, flags: u64::MAX, restorer: 6, mask: u64::MAX };
        let action = SigAction::from_raw(&raw);
        assert!(!action.mask.contains(Signal::KILL));
        assert_eq!(action.to_raw().flags, KNOWN_FLAGS);
        assert_eq!(size_of::<RawSigAction>(), 32);
    }

    #[test]
    fn dispositions() {
        let default = SigAction::default();
        assert_eq!(default.disposition(Signal::CHLD), Disposition::Ignore);
        assert_eq!(default.disposition(Signal::CONT), Disposition::Ignore);
        assert_eq!(default.disposition(Signal::TSTP), Disposition::Default(DefaultAction::Stop));
        let handled = SigAction { handler: 2, ..default };
        assert_eq!(handled.disposition(Signal::CHLD), Disposition::Handle);
    }
}
