// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The alternate signal stack.
//!
//! Spec: sigaltstack(2).

use abi::signal::{MINSIGSTKSZ, RawAltStack, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK};
use abi::{Result, err};

/// A thread's alternate stack; size 0 means none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AltStack {
    sp: u64,
    size: u64,
    auto_disarm: bool,
}

impl AltStack {
    /// Whether `sp` lies on it.
    pub fn contains(&self, sp: u64) -> bool {
        // An armed auto-disarm stack is never in use: entering it disarmed it.
        !self.auto_disarm && sp > self.sp && sp - self.sp <= self.size
    }

    /// Its highest address, if there is one and `sp` is not on it yet.
    pub(crate) fn top_for(&self, sp: u64) -> Option<u64> {
        (self.size != 0 && !self.contains(sp)).then(|| self.sp.wrapping_add(self.size))
    }

    /// Whether a frame at `sp` fits, when the handler runs on this stack.
    pub(crate) fn holds(&self, sp: u64) -> bool {
        sp > self.sp && sp - self.sp <= self.size
    }

    /// As the program sees it when its stack pointer is `sp`.
    pub fn to_raw(&self, sp: u64) -> RawAltStack {
        let state = match () {
            () if self.size == 0 => SS_DISABLE,
            () if self.contains(sp) => SS_ONSTACK,
            () => 0,
        };
        let disarm = if self.auto_disarm { SS_AUTODISARM } else { 0 };
        RawAltStack { sp: self.sp, flags: state | disarm, pad: 0, size: self.size }
    }

    /// What a program asks for.
    pub(super) fn from_raw(raw: &RawAltStack) -> Result<Self> {
        match raw.flags & !SS_AUTODISARM {
            SS_DISABLE => Ok(Self::default()),
            0 | SS_ONSTACK if raw.size < MINSIGSTKSZ => err!(ENOMEM, "signal stack too small"),
            0 | SS_ONSTACK => {
                Ok(Self { sp: raw.sp, size: raw.size, auto_disarm: raw.flags & SS_AUTODISARM != 0 })
            }
            _ => err!(EINVAL, "unknown signal stack flags"),
        }
    }

    /// What remains when a handler starts on it.
    pub(crate) fn disarmed(self) -> Self {
        if self.auto_disarm { Self::default() } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Errno;

    fn raw(sp: u64, size: u64, flags: i32) -> RawAltStack {
        RawAltStack { sp, flags, pad: 0, size }
    }

    #[test]
    fn rules() {
        let parse = |r| AltStack::from_raw(&r);
        assert_eq!(parse(raw(0x1000, 2047, 0)).unwrap_err().errno(), Errno::ENOMEM);
        assert_eq!(parse(raw(0x1000, 4096, 4)).unwrap_err().errno(), Errno::EINVAL);
        assert_eq!(parse(raw(1, 1, SS_DISABLE)), Ok(AltStack::default()));
        let stack = parse(raw(0x1000, 4096, 0)).unwrap();
        assert!(stack.contains(0x2000) && stack.contains(0x1001));
        assert!(!stack.contains(0x1000) && !stack.contains(0x2001));
        assert_eq!(stack.top_for(0x9000), Some(0x2000));
        assert_eq!(stack.top_for(0x1800), None);
        assert_eq!(stack.to_raw(0x1800).flags, SS_ONSTACK);
        assert_eq!(stack.to_raw(0).flags, 0);
        assert_eq!(AltStack::default().to_raw(0).flags, SS_DISABLE);
        assert_eq!(AltStack::default().top_for(5), None);
    }

    #[test]
    fn auto_disarm() {
        let stack = AltStack::from_raw(&raw(0x1000, 4096, SS_AUTODISARM)).unwrap();
        assert!(!stack.contains(0x1800));
        assert_eq!(stack.disarmed(), AltStack::default());
        assert_eq!(stack.to_raw(0).flags, SS_AUTODISARM);
    }
}
