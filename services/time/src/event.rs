// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the expiry of a POSIX timer does.
//!
//! Spec: sigevent(3).

use abi::signal::Signal;
use abi::time::{SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID};
use abi::{Result, err};

/// What an expiry does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notify {
    /// SIGEV_NONE: nothing; the timer is read.
    Nothing,
    /// SIGEV_SIGNAL: a signal to the process.
    Process(Signal),
    /// SIGEV_THREAD_ID: a signal to a thread.
    Thread(Signal, task::Tid),
}

/// A decoded `struct sigevent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SigEvent {
    /// What an expiry does.
    pub notify: Notify,
    /// `sigev_value`; None: the timer's number.
    pub value: u64,
}

impl SigEvent {
    /// From the fields a program gave.
    ///
    /// # Errors
    /// `EINVAL` for an unknown kind of notification or a bad signal.
    pub fn from_fields(notify: i32, signo: i32, tid: task::Tid, value: u64) -> Result<Self> {
        let notify = match notify {
            SIGEV_NONE => Notify::Nothing,
            SIGEV_SIGNAL | SIGEV_THREAD => Notify::Process(Signal::new(signo)?),
            SIGEV_THREAD_ID => Notify::Thread(Signal::new(signo)?, tid),
            _ => return err!(EINVAL, "unknown kind of notification"),
        };
        Ok(Self { notify, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events() {
        let event = |n, s| SigEvent::from_fields(n, s, task::Tid::from_raw(5), 7);
        assert_eq!(event(0, 10).map(|e| e.notify), Ok(Notify::Process(Signal::USR1)));
        assert_eq!(event(1, 0).map(|e| e.notify), Ok(Notify::Nothing));
        assert_eq!(
            event(4, 10).map(|e| e.notify),
            Ok(Notify::Thread(Signal::USR1, task::Tid::from_raw(5)))
        );
        assert!(event(0, 0).is_err());
        assert!(event(0, 65).is_err());
        assert!(event(3, 10).is_err());
    }
}
