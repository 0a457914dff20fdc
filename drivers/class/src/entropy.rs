// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random bytes from outside.
//!
//! Trust: the host knows or chooses them; they are mixed in, never credited.

use abi::Result;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the start of `buffer`; returns how much of it.
    ///
    /// # Errors
    /// `EIO` if the device failed or was shut off.
    fn read(&self, buffer: &mut [u8]) -> Result<usize>;
}
