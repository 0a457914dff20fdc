// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ethernet packets out and in, in buffers that the device owns.
//!
//! Out: take a buffer of [`NetDevice::pool`], fill it, [`NetDevice::transmit`] it; it is
//! back in the pool when it was sent. A pool that is used up, and a queue that is full,
//! are the back-pressure.
//!
//! In: the device fills buffers that its driver posted. [`NetListener::ready`] comes
//! once, in the interrupt; then the listener's task takes packets by
//! [`NetDevice::receive`] until there is none, or it has had enough for this turn, and
//! asks for the next notice by [`NetDevice::arm`]. So a flood costs no interrupts.
//! Nothing is allocated for a packet.
//!
//! Trust: received packets are the host's, and may change in the buffer: copy one out
//! once, in the turn that received it, and drop the buffer.

#[cfg(test)]
mod tests;

use alloc::sync::Arc;

use crate::{Buffer, Pool};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MacAddress(pub [u8; 6]);

/// What a device does with packets that others leave to the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetFeatures {
    /// It completes checksums of what it sends: [`Checksum::Partial`].
    pub has_send_checksum: bool,
    /// It may have checked what it received: [`Checksum::Good`].
    pub has_receive_checksum: bool,
    /// It cuts TCP over IPv4 into segments: [`Packet::segment`].
    pub has_tcp4: bool,
    /// It cuts TCP over IPv6 into segments.
    pub has_tcp6: bool,
}

/// What an interface is, and what it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetLimits {
    /// Its address.
    pub mac: MacAddress,
    /// The largest payload of a packet on the wire, in bytes, Ethernet header excluded.
    pub mtu: usize,
    /// What it can do.
    pub features: NetFeatures,
    /// How many packets can be on their way out at once.
    pub depth: usize,
}

/// What is known of a packet's checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// Nothing: it is whole, or to be checked.
    #[default]
    Unknown,
    /// The device says that it is right; the packet is no more to be trusted for that.
    Good,
    /// The device shall sum up the bytes from `start` on and put the sum `offset` bytes
    /// behind that.
    Partial {
        /// The first byte summed up, from the packet's begin.
        start: u16,
        /// Where the sum goes, from `start`.
        offset: u16,
    },
}

/// How TCP data is to be cut into packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Bytes of data in each.
    pub size: u16,
    /// Bytes of headers, which each gets.
    pub header: u16,
}

/// A packet, Ethernet header first: as much of the buffer as counts.
pub struct Packet {
    /// The bytes.
    pub buffer: Buffer,
    /// What is known of its checksum.
    pub checksum: Checksum,
    /// Whether the device shall cut it up; only with the feature for it.
    pub segment: Option<Segment>,
}

/// Why a packet was not queued.
pub enum NotSent {
    /// There is no room now: the packet, to be tried again. [`Pool::changed`] is woken,
    /// and [`NetListener::room`] called, when there is.
    Full(Packet),
    /// It is longer than the interface takes, or asks for what it cannot do.
    Invalid,
    /// The device was shut off.
    ShutOff,
}

/// A network interface. All methods can be called in any context.
pub trait NetDevice: Send + Sync {
    /// What it is and takes; it never changes.
    fn limits(&self) -> &NetLimits;

    /// Whether there is a wire.
    fn is_link_up(&self) -> bool;

    /// The buffers for packets that are sent.
    fn pool(&self) -> &Arc<Pool>;

    /// Queues a packet. It may wait for the next [`NetDevice::kick`].
    ///
    /// # Errors
    /// See [`NotSent`].
    fn transmit(&self, packet: Packet) -> Result<(), NotSent>;

    /// Tells the device of the packets that were queued since the last time.
    fn kick(&self);

    /// Takes a received packet, if there is one.
    fn receive(&self) -> Option<Packet>;

    /// Posts the buffers of packets that were dropped, and asks for the next notice.
    /// Whether there is a packet already: of that no notice comes.
    #[must_use = "no notice comes of what is there already"]
    fn arm(&self) -> bool;

    /// Names the one who is told; the first call wins.
    fn set_listener(&self, listener: Arc<dyn NetListener>);
}

/// Who is told of what happens at an interface. Its methods run in the interrupt, with
/// no lock held: they neither sleep nor allocate.
pub trait NetListener: Send + Sync {
    /// A packet has come, for the first time since [`NetDevice::arm`].
    fn ready(&self);

    /// There is room for a packet again, after [`NotSent::Full`] or an empty pool.
    fn room(&self);

    /// The wire was plugged in or pulled.
    fn link_changed(&self);
}
