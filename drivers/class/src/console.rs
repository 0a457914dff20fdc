// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A byte stream to and from a person or a program outside.
//!
//! Trust: received bytes are the host's; any value, at any time, at any rate.

use alloc::sync::Arc;

/// A serial line or another console.
pub trait Console: Send + Sync {
    /// The name of its device file, such as `ttyS0`.
    fn name(&self) -> &str;

    /// Sends all bytes, or drops what the device does not take in bounded time.
    ///
    /// Callable in any context: with interrupts off, in an interrupt, while
    /// the kernel stops. The device's own lock is the only one taken.
    fn write(&self, bytes: &[u8]);

    /// Waits, in bounded time, until the device has taken all that was sent.
    fn drain(&self) {}

    /// Names the one taker of received bytes; the first call wins.
    fn set_receiver(&self, receiver: Arc<dyn Receiver>);

    /// The receiver has room again: bytes held back may come.
    fn resume(&self);
}

/// The taker of what a [`Console`] receives. Its methods run in the interrupt:
/// they neither sleep nor allocate.
pub trait Receiver: Send + Sync {
    /// How many bytes [`Self::receive`] takes now; the device holds back the
    /// rest until [`Console::resume`].
    fn room(&self) -> usize;

    /// Takes received bytes; what goes beyond the room is lost.
    fn receive(&self, bytes: &[u8]);
}
