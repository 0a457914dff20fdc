// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The error type every service returns: a number and a reason.
//!
//! A service fails with an [`Error`]: the [`Errno`] a program will see and a
//! short lower-case reason for people. Framework and driver errors are lifted
//! into it by `From`; `syscalls` alone turns it into a return value.

use crate::Errno;

/// The result type of services.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a service refused: the number for the program, the reason for people.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    errno: Errno,
    why: &'static str,
}

impl Error {
    /// An error with a lower-case reason without a full stop.
    pub const fn new(errno: Errno, why: &'static str) -> Self {
        Self { errno, why }
    }

    /// The number that the program sees.
    pub const fn errno(self) -> Errno {
        self.errno
    }

    /// The reason, for the log and the trace.
    pub const fn why(self) -> &'static str {
        self.why
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::new(errno, "")
    }
}

impl From<framework::mm::NoMemory> for Error {
    fn from(_: framework::mm::NoMemory) -> Self {
        Self::new(Errno::ENOMEM, "out of memory")
    }
}

impl From<framework::mm::UserFault> for Error {
    fn from(_: framework::mm::UserFault) -> Self {
        Self::new(Errno::EFAULT, "bad user address")
    }
}

impl From<framework::sync::WaitError> for Error {
    fn from(why: framework::sync::WaitError) -> Self {
        match why {
            framework::sync::WaitError::Interrupted => Self::new(Errno::EINTR, "interrupted"),
            framework::sync::WaitError::TimedOut => Self::new(Errno::ETIMEDOUT, "timed out"),
        }
    }
}

impl core::fmt::Debug for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.why.is_empty() {
            write!(f, "{:?}", self.errno)
        } else {
            write!(f, "{:?} ({})", self.errno, self.why)
        }
    }
}

/// `err!(EINVAL)` or `err!(EINVAL, "reason")`: an `Err` of [`Error`].
#[macro_export]
macro_rules! err {
    ($errno:ident) => {
        Err($crate::Error::new($crate::Errno::$errno, ""))
    };
    ($errno:ident, $why:expr) => {
        Err($crate::Error::new($crate::Errno::$errno, $why))
    };
}

/// `error!(EINVAL, "reason")`: an [`Error`] value, for `ok_or` and `map_err`.
#[macro_export]
macro_rules! error {
    ($errno:ident) => {
        $crate::Error::new($crate::Errno::$errno, "")
    };
    ($errno:ident, $why:expr) => {
        $crate::Error::new($crate::Errno::$errno, $why)
    };
}
