// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Numbers as arguments: C integers, descriptors, process ids, modes.

use super::{FromArg, Regs};
use crate::line::Line;
use abi::Result;
use abi::fcntl::AT_FDCWD;
use abi::signal::Signal;
use core::fmt::Write;

/// Integers: `int` and `unsigned` see the low 32 bits, `long` and `size_t` all.
macro_rules! integer_arg {
    ($($int:ty)*) => {$(
        impl FromArg for $int {
            #[inline(always)]
            fn from_regs(regs: &mut Regs) -> Result<Self> {
                Ok(regs.take() as $int)
            }

            fn show(&self, line: &mut Line<'_>) {
                let _ = write!(line, "{self}");
            }
        }
    )*};
}

integer_arg!(i32 u32 i64 u64 usize);

/// Newtypes of `int` that differ in how they are shown and used.
macro_rules! int_newtype {
    ($($(#[$doc:meta])* $name:ident($int:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $int);

        impl FromArg for $name {
            #[inline(always)]
            fn from_regs(regs: &mut Regs) -> Result<Self> {
                Ok(Self(regs.take() as $int))
            }

            fn show(&self, line: &mut Line<'_>) {
                self.show_value(line);
            }
        }
    )*};
}

int_newtype! {
    /// A file descriptor, checked when it is looked up.
    Fd(i32);
    /// The directory that a relative path starts from, or `AT_FDCWD`.
    DirFd(i32);
    /// A process, thread or group id as a program passes it: zero and below may mean
    /// more. A handler that has looked at the sign makes one of task's ids of it.
    RawPid(i32);
    /// File permission bits; the handler masks what its call ignores.
    Mode(u32);
    /// A signal number, checked where Linux checks it: after its target, say.
    SigNum(i32);
    /// An address, or what else is read best in hex.
    Addr(usize);
}

impl DirFd {
    /// The current directory.
    pub const CWD: Self = Self(AT_FDCWD);

    /// Whether relative paths start from the current directory.
    pub const fn is_cwd(self) -> bool {
        self.0 == Self::CWD.0
    }
}

impl Fd {
    fn show_value(self, line: &mut Line<'_>) {
        let _ = write!(line, "{}", self.0);
    }
}

impl RawPid {
    fn show_value(self, line: &mut Line<'_>) {
        let _ = write!(line, "{}", self.0);
    }
}

impl DirFd {
    fn show_value(self, line: &mut Line<'_>) {
        let _ = if self.is_cwd() { write!(line, "AT_FDCWD") } else { write!(line, "{}", self.0) };
    }
}

impl SigNum {
    fn show_value(self, line: &mut Line<'_>) {
        let _ = match Signal::new(self.0) {
            Ok(signal) => write!(line, "{signal:?}"),
            Err(_) => write!(line, "{}", self.0),
        };
    }
}

impl Addr {
    fn show_value(self, line: &mut Line<'_>) {
        line.pointer(self.0);
    }
}

impl Mode {
    fn show_value(self, line: &mut Line<'_>) {
        let _ = write!(line, "0{:03o}", self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regs(first: u64) -> Regs {
        Regs::new([first, 0, 0, 0, 0, 0])
    }

    #[test]
    fn int_sees_the_low_half_with_its_sign() {
        assert_eq!(i32::from_regs(&mut regs(0xdead_beef_ffff_ffff)).unwrap(), -1);
        assert_eq!(u32::from_regs(&mut regs(0xdead_beef_ffff_ffff)).unwrap(), u32::MAX);
        assert_eq!(i64::from_regs(&mut regs(u64::MAX)).unwrap(), -1);
        assert_eq!(usize::from_regs(&mut regs(u64::MAX)).unwrap(), usize::MAX);
    }

    #[test]
    fn descriptors_ignore_the_high_half() {
        assert_eq!(Fd::from_regs(&mut regs(0xffff_ffff_0000_0003)).unwrap(), Fd(3));
        assert!(DirFd::from_regs(&mut regs(0xffff_ff9c)).unwrap().is_cwd());
        assert!(DirFd::from_regs(&mut regs(-100_i64 as u64)).unwrap().is_cwd());
    }
}
