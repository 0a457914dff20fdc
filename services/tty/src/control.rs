// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who has a terminal, and its window.

use alloc::sync::Arc;

use abi::termios::Winsize;
use task::{Pgid, PidNamespace, Process, Sid};

/// Who has a terminal.
#[derive(Clone)]
pub(crate) struct Owner {
    /// The session whose controlling terminal it is.
    pub(crate) session: Sid,
    /// The process group that gets the keys' signals.
    pub(crate) foreground: Pgid,
    /// The namespace of both numbers.
    pub(crate) numbers: Arc<PidNamespace>,
}

impl Owner {
    /// The leader of that session, while it lives.
    pub(crate) fn leader(&self) -> Option<Arc<Process>> {
        self.numbers.process(self.session.leader())
    }
}

/// What the `control` lock protects.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) owner: Option<Owner>,
    pub(crate) window: Winsize,
    /// TIOCEXCL: nobody but root opens it.
    pub(crate) is_exclusive: bool,
}
