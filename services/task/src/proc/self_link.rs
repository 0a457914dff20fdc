// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/self and /proc/thread-self: links that lead where the reader is.

use alloc::format;
use alloc::vec::Vec;

use abi::{Result, error};
use pseudofs::Link;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SelfLink {
    /// /proc/self.
    Process,
    /// /proc/thread-self.
    Thread,
}

impl Link for SelfLink {
    /// `ENOENT` in a kernel task.
    fn text(&self) -> Result<Vec<u8>> {
        let thread = crate::current().ok_or(error!(ENOENT, "not a process"))?;
        let text = match self {
            Self::Process => format!("{}", thread.pid()),
            Self::Thread => format!("{}/task/{}", thread.pid(), thread.tid()),
        };
        Ok(text.into_bytes())
    }
}
