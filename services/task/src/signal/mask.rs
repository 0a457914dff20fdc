// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A thread's own signal calls: masks, actions, pending, stacks, and waits for signals.
//!
//! Spec: sigprocmask(2), sigaction(2), sigpending(2), sigaltstack(2), sigsuspend(2),
//! sigtimedwait(2).

use alloc::vec::Vec;
use core::ops::ControlFlow;

use abi::signal::{RawAltStack, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SigInfo, SigSet, Signal};
use abi::{Result, err};
use framework::sync::{Wait, WaitError};

use crate::{
    process::Thread,
    signal::{AltStack, Disposition, SigAction},
};

/// The `how` of sigprocmask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaskChange {
    /// SIG_BLOCK: add.
    Block,
    /// SIG_UNBLOCK: take away.
    Unblock,
    /// SIG_SETMASK: replace.
    Set,
}

impl MaskChange {
    /// From the number a program gave.
    ///
    /// # Errors
    /// `EINVAL` for an unknown number.
    pub fn from_number(how: i32) -> Result<Self> {
        match how {
            SIG_BLOCK => Ok(Self::Block),
            SIG_UNBLOCK => Ok(Self::Unblock),
            SIG_SETMASK => Ok(Self::Set),
            _ => err!(EINVAL, "unknown mask change"),
        }
    }

    fn apply(self, old: SigSet, set: SigSet) -> SigSet {
        let new = match self {
            Self::Block => old.union(set),
            Self::Unblock => old.without(set),
            Self::Set => set,
        };
        SigSet::mask_from_bits(new.bits())
    }
}

impl Thread {
    /// The signal mask.
    pub fn blocked(&self) -> SigSet {
        self.signals.lock().blocked
    }

    /// Changes the mask; returns the old one. Only the thread itself may.
    pub fn change_mask(&self, how: MaskChange, set: SigSet) -> SigSet {
        let group = self.process().signals.lock();
        let old = {
            let mut own = self.signals.lock();
            let old = own.blocked;
            own.blocked = how.apply(old, set);
            old
        };
        if self.must_act(&group) {
            drop(group);
            self.interrupt();
        }
        old
    }

    /// Replaces the mask for one call (sigsuspend, ppoll, pselect). The old one
    /// comes back by [`Thread::end_temporary_mask`], or after the handler of
    /// the signal that ended the call.
    pub fn set_temporary_mask(&self, mask: SigSet) {
        let old = self.change_mask(MaskChange::Set, mask);
        self.signals.lock().saved = Some(old);
    }

    /// Ends a temporary mask, unless the call was interrupted: then delivery does.
    pub fn end_temporary_mask(&self) {
        let saved = self.signals.lock().saved.take();
        if let Some(mask) = saved {
            self.change_mask(MaskChange::Set, mask);
        }
    }

    /// What waits although it is blocked (sigpending).
    pub fn pending_blocked(&self) -> SigSet {
        let group = self.process().signals.lock();
        let mut own = self.signals.lock();
        own.catch_up(group.flushes);
        own.pending.set().union(group.pending.set()).intersection(own.blocked)
    }

    /// The action of `signal`.
    pub fn action(&self, signal: Signal) -> SigAction {
        self.process().with_actions(|actions| actions.get(signal))
    }

    /// Replaces the action of `signal`; returns the old one. One that ignores
    /// the signal drops what waits of it.
    ///
    /// # Errors
    /// `EINVAL` for SIGKILL and SIGSTOP.
    pub fn set_action(&self, signal: Signal, action: SigAction) -> Result<SigAction> {
        if signal.is_unblockable() {
            return err!(EINVAL, "cannot be caught or ignored");
        }
        let process = self.process();
        // Dropped at the end, without a lock, as far as there is memory to keep them until then.
        let mut gone = Vec::new();
        let mut group = process.signals.lock();
        let old = process.with_actions(|actions| actions.set(signal, action));
        if action.disposition(signal) == Disposition::Ignore {
            let of_group = group.pending.take_all(signal);
            drop(group);
            drop(of_group);
            // Which thread takes one before the walk comes to it drops it as well.
            process.for_threads(|_, thread| {
                let now = process.with_actions(|actions| actions.get(signal));
                if now.disposition(signal) != Disposition::Ignore {
                    return ControlFlow::Break(());
                }
                if let Some(line) = thread.signals.lock().pending.take_all(signal)
                    && gone.try_reserve(1).is_ok()
                {
                    gone.push(line);
                }
                ControlFlow::Continue(())
            });
        }
        Ok(old)
    }

    /// Whether a signal from the terminal for a background process is useless:
    /// blocked or ignored.
    pub fn is_blocked_or_ignored(&self, signal: Signal) -> bool {
        self.blocked().contains(signal)
            || self.action(signal).disposition(signal) == Disposition::Ignore
    }

    /// sigaltstack(2): installs `new` if given, with the stack pointer at `sp`;
    /// returns the old one.
    ///
    /// # Errors
    /// `EPERM` while the thread runs on the old one, `EINVAL` for unknown flags, `ENOMEM`
    /// for one that is too small.
    pub fn sigaltstack(&self, new: Option<&RawAltStack>, sp: u64) -> Result<RawAltStack> {
        let mut own = self.signals.lock();
        let old = own.alt_stack.to_raw(sp);
        if let Some(raw) = new {
            if own.alt_stack.contains(sp) {
                return err!(EPERM, "the signal stack is in use");
            }
            own.alt_stack = AltStack::from_raw(raw)?;
        }
        Ok(old)
    }

    /// Puts back the stack that a signal frame saved; bad ones are ignored.
    pub(crate) fn restore_altstack(&self, raw: &RawAltStack, sp: u64) {
        let mut own = self.signals.lock();
        if own.alt_stack.contains(sp) {
            return;
        }
        if let Ok(stack) = AltStack::from_raw(raw) {
            own.alt_stack = stack;
        }
    }

    /// sigsuspend(2): sleeps with `mask` until a signal is delivered. The call must end with [`crate::Restart::NoHand`].
    ///
    /// # Errors
    /// `EINTR` always.
    pub fn sigsuspend(&self, mask: SigSet) -> Result<()> {
        self.set_temporary_mask(mask);
        loop {
            let never = || None::<()>;
            if self.park.wait(Wait::interruptible(), never) == Err(WaitError::Interrupted) {
                return err!(EINTR);
            }
        }
    }

    /// pause(2): sleeps until a signal is delivered.
    ///
    /// # Errors
    /// `EINTR` always.
    pub fn pause(&self) -> Result<()> {
        let never = || None::<()>;
        let _ = self.park.wait(Wait::interruptible(), never);
        err!(EINTR)
    }

    /// sigtimedwait(2): takes a signal of `set`, waiting for one until the
    /// deadline.
    ///
    /// # Errors
    /// `EAGAIN` at the deadline, `EINTR` if another signal is to be handled.
    pub fn sigtimedwait(&self, set: SigSet, deadline_ns: Option<u64>) -> Result<SigInfo> {
        let set = set.without(SigSet::UNBLOCKABLE);
        let take = || {
            let mut group = self.process().signals.lock();
            let mut own = self.signals.lock();
            own.catch_up(group.flushes);
            let taken = match own.pending.take_any(set) {
                Some(taken) => Some(taken),
                None => group.pending.take_any(set),
            };
            own.awaited = if taken.is_some() { SigSet::EMPTY } else { set };
            taken.map(|(_, info)| info)
        };
        if let Some(info) = take() {
            return Ok(info);
        }
        let mut how = Wait::interruptible();
        if let Some(deadline) = deadline_ns {
            how = how.deadline_ns(deadline);
        }
        let waited = self.park.wait(how, take);
        let result = match waited {
            Ok(info) => Ok(info),
            Err(why) => match (take(), why) {
                (Some(info), _) => Ok(info),
                (None, WaitError::TimedOut) => err!(EAGAIN, "no signal in time"),
                (None, WaitError::Interrupted) => err!(EINTR),
            },
        };
        self.signals.lock().awaited = SigSet::EMPTY;
        self.recalculate_interrupt();
        result
    }

    /// Drops the interrupt flag if nothing is left to act upon.
    fn recalculate_interrupt(&self) {
        let Some(task) = self.task() else { return };
        task.clear_interrupt();
        if self.signal_pending() {
            task.raise_interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_changes() {
        let int = SigSet::of(&[Signal::INT]);
        let both = SigSet::of(&[Signal::INT, Signal::TERM]);
        assert_eq!(MaskChange::Block.apply(int, both), both);
        assert_eq!(MaskChange::Unblock.apply(both, int), SigSet::of(&[Signal::TERM]));
        assert_eq!(
            MaskChange::Set.apply(both, SigSet::ALL),
            SigSet::ALL.without(SigSet::UNBLOCKABLE)
        );
        assert!(MaskChange::from_number(3).is_err());
        assert!(MaskChange::from_number(-1).is_err());
    }
}
