// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A session and its controlling terminal.
//!
//! The terminal itself is another service's: it installs a [`Terminal`] with
//! [`Session::set_terminal`] when a leader acquires it.
//!
//! Locks: `terminal` is a leaf (preemption off); the terminal is told outside of it.

use alloc::sync::Arc;

use framework::sync::SpinLock;

use crate::ids::{Pgid, Sid};

/// What a session needs of its controlling terminal.
pub trait Terminal: Send + Sync + core::any::Any {
    /// The device number, for /proc/pid/stat.
    fn device_number(&self) -> u64;
    /// The foreground process group.
    fn foreground(&self) -> Option<Pgid>;
    /// The session's leader has ended or given the terminal up: nobody owns it.
    fn released(&self, session: Sid);
}

/// A session: process groups that share a controlling terminal.
pub struct Session {
    id: Sid,
    terminal: SpinLock<Option<Arc<dyn Terminal>>>,
}

impl Session {
    pub(crate) fn new(id: Sid) -> Arc<Self> {
        Arc::new(Self { id, terminal: SpinLock::new(None) })
    }

    /// Its number.
    pub fn id(&self) -> Sid {
        self.id
    }

    /// The controlling terminal.
    pub fn terminal(&self) -> Option<Arc<dyn Terminal>> {
        self.terminal.lock().clone()
    }

    /// Makes `terminal` the controlling one; false if there is one already.
    pub fn set_terminal(&self, terminal: Arc<dyn Terminal>) -> bool {
        let mut slot = self.terminal.lock();
        if slot.is_some() {
            return false;
        }
        *slot = Some(terminal);
        true
    }

    /// Takes the terminal away; the caller tells the terminal.
    pub fn take_terminal(&self) -> Option<Arc<dyn Terminal>> {
        self.terminal.lock().take()
    }
}
