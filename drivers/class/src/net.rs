// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ethernet frames out and in.
//!
//! Trust: received frames are the host's.

use abi::Result;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MacAddress(pub [u8; 6]);

/// A network interface.
pub trait NetDevice: Send + Sync {
    /// The interface's address.
    fn mac(&self) -> MacAddress;

    /// The largest payload of a frame.
    fn mtu(&self) -> usize;

    /// Queues one frame, header included; `EAGAIN` when the queue is full.
    fn send(&self, frame: &[u8]) -> Result<()>;

    /// Takes one received frame, header included; `None`: none waits.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>>;
}
