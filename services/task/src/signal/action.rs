// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program wants done with each signal: its actions, and what follows.
//!
//! Spec: sigaction(2).

use alloc::vec::Vec;

use abi::signal::{DefaultAction, RawSigAction, SIG_DFL, SIG_IGN, SaFlags, SigSet, Signal};
use abi::{Result, error};

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

impl SigAction {
    /// The action that `raw` asks for.
    pub fn from_raw(raw: &RawSigAction) -> Self {
        Self {
            handler: raw.handler,
            flags: SaFlags::from_bits_retain(raw.flags & SaFlags::KNOWN),
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
///
/// # Invariants
/// Those behind the end are the default; there is room for all.
pub struct SigActions(Vec<SigAction>);

impl SigActions {
    /// All default.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        let mut actions = Vec::new();
        actions.try_reserve_exact(Signal::COUNT).map_err(|_| error!(ENOMEM))?;
        Ok(Self(actions))
    }

    /// Becomes like `other`.
    pub fn copy_from(&mut self, other: &Self) {
        self.0.clear();
        self.0.extend_from_slice(&other.0);
    }

    /// The action of `signal`.
    #[inline]
    pub fn get(&self, signal: Signal) -> SigAction {
        self.0.get(signal.index()).copied().unwrap_or_default()
    }

    /// The action of `signal`, which is about to be delivered: a handler that is to
    /// run once is gone afterwards.
    pub fn take(&mut self, signal: Signal) -> SigAction {
        let action = self.get(signal);
        if action.flags.contains(SaFlags::RESETHAND)
            && action.disposition(signal) == Disposition::Handle
        {
            // Flags and mask stay, as on Linux.
            self.set(signal, SigAction { handler: SIG_DFL, ..action });
        }
        action
    }

    /// Replaces the action of `signal`; returns the old one.
    pub fn set(&mut self, signal: Signal, action: SigAction) -> SigAction {
        let index = signal.index();
        if self.0.len() <= index {
            // Within the room that there is.
            self.0.resize(index + 1, SigAction::default());
        }
        match self.0.get_mut(index) {
            Some(slot) => core::mem::replace(slot, action),
            None => SigAction::default(),
        }
    }

    /// What exec and CLONE_CLEAR_SIGHAND do: ignored stays ignored, all else becomes the
    /// default.
    pub fn clear(&mut self) {
        for action in &mut self.0 {
            let handler = if action.handler == SIG_IGN { SIG_IGN } else { SIG_DFL };
            *action = SigAction { handler, ..SigAction::default() };
        }
        let used = self.0.iter().rposition(|action| action.handler != SIG_DFL);
        self.0.truncate(used.map_or(0, |last| last + 1));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_keeps_only_ignored() {
        let mut actions = SigActions::new().unwrap();
        actions.set(Signal::INT, SigAction { handler: SIG_IGN, ..Default::default() });
        actions.set(Signal::TERM, SigAction { handler: 0x1000, ..Default::default() });
        let (ignored, caught) = actions.ignored_and_caught();
        assert_eq!(ignored, SigSet::of(&[Signal::INT]));
        assert_eq!(caught, SigSet::of(&[Signal::TERM]));
        let mut copy = SigActions::new().unwrap();
        copy.copy_from(&actions);
        actions.clear();
        assert_eq!(actions.get(Signal::INT).handler, SIG_IGN);
        assert_eq!(actions.get(Signal::TERM), SigAction::default());
        assert_eq!(copy.get(Signal::TERM).handler, 0x1000);
        assert_eq!(copy.get(Signal::new(64).unwrap()), SigAction::default());
    }

    #[test]
    fn raw_is_sanitised() {
        let raw = RawSigAction { handler: 5, flags: u64::MAX, restorer: 6, mask: u64::MAX };
        let action = SigAction::from_raw(&raw);
        assert!(!action.mask.contains(Signal::KILL));
        assert_eq!(action.to_raw().flags, SaFlags::KNOWN);
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
