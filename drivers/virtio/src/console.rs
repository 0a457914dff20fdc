// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`HostConsole`]: a virtio console with one port, `hvc0`.
//!
//! Sending copies into one of [`SENDS`] buffers and does not wait for the device
//! unless all are under way. What is received is handed on in the interrupt, as far
//! as the receiver has room; the rest stays in its buffers until [`Console::resume`].
//!
//! Locks: `state` (interrupts off), never held while the receiver is called.
//! Spec: OASIS virtio 1.2, section 5.3.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use class::{Console, Receiver};
use framework::host::{DeviceError, SharedBuf};
use framework::irq::IrqHandler;
use framework::mm::NoMemory;
use framework::sync::{IrqLock, Once};
use framework::time;

use crate::Transport;
use crate::queue::{Direction, Segment, SplitQueue};

const RECEIVE: u16 = 0;
const SEND: u16 = 1;
/// Buffers for what comes, and their size.
const RECEIVES: usize = 16;
const RECEIVE_SIZE: usize = 64;
/// Buffers for what goes, and their size.
const SENDS: usize = 16;
const SEND_SIZE: usize = 1024;
/// Time until a full queue counts as stuck, in nanoseconds.
const PATIENCE_NS: u64 = 2_000_000_000;

/// Received bytes that wait in a buffer.
#[derive(Clone, Copy)]
struct Waiting {
    buffer: usize,
    from: usize,
    to: usize,
}

struct State {
    receive: SplitQueue,
    send: SplitQueue,
    /// Which buffer a request has, by its number.
    receiving: Vec<Option<usize>>,
    sending: Vec<Option<usize>>,
    free: Vec<usize>,
    waiting: VecDeque<Waiting>,
    /// Somebody hands bytes on; then whoever else would, asks for another look.
    is_handing_on: bool,
    look_again: bool,
    is_stuck: bool,
}

/// A virtio console.
pub struct HostConsole {
    transport: Transport,
    incoming: SharedBuf,
    outgoing: SharedBuf,
    state: IrqLock<State>,
    receiver: Once<Arc<dyn Receiver>>,
}

/// The interrupt of a console that may not be there yet.
#[derive(Default)]
pub struct Interrupt(pub Once<Arc<HostConsole>>);

impl IrqHandler for Interrupt {
    fn handle(&self) {
        if let Some(console) = self.0.get() {
            console.service();
        }
    }
}

impl HostConsole {
    /// A console on a negotiated device, which runs from now on. `vector` is the
    /// MSI-X entry for its interrupts.
    ///
    /// # Errors
    /// Queues that cannot be, or no memory.
    pub fn new(transport: Transport, vector: Option<u16>) -> Result<Arc<Self>, DeviceError> {
        let no_memory = |NoMemory| transport.no_memory();
        let receive = transport.queue(RECEIVE, RECEIVES as u16, vector)?;
        let send = transport.queue(SEND, SENDS as u16, None)?;
        send.want_no_interrupts();
        let incoming = SharedBuf::new(RECEIVES * RECEIVE_SIZE).map_err(no_memory)?;
        let outgoing = SharedBuf::new(SENDS * SEND_SIZE).map_err(no_memory)?;
        let state = State {
            receiving: alloc::vec![None; receive.size().into()],
            sending: alloc::vec![None; send.size().into()],
            free: (0..SENDS.min(send.size().into())).collect(),
            waiting: VecDeque::with_capacity(RECEIVES),
            is_handing_on: false,
            look_again: false,
            is_stuck: false,
            receive,
            send,
        };
        let (state, receiver) = (IrqLock::new(state), Once::new());
        let console = Arc::new(Self { transport, incoming, outgoing, state, receiver });
        console.transport.start();
        let mut state = console.state.lock();
        for buffer in 0..RECEIVES.min(state.receive.size().into()) {
            console.offer(&mut state, buffer);
        }
        drop(state);
        console.transport.notify(RECEIVE);
        Ok(console)
    }

    /// Gives the device a buffer for what comes.
    fn offer(&self, state: &mut State, buffer: usize) {
        let addr = self.incoming.device_addr() + (buffer * RECEIVE_SIZE) as u64;
        let direction = Direction::FromDevice;
        let segment = Segment { addr, len: RECEIVE_SIZE as u32, direction };
        let head = state.receive.submit(&[segment]);
        if let Some(slot) = head.and_then(|head| state.receiving.get_mut(usize::from(head))) {
            *slot = Some(buffer);
        }
    }

    /// Takes what has come: the interrupt's work.
    pub fn service(&self) {
        let mut state = self.state.lock();
        // As many as can be outstanding.
        for _ in 0..RECEIVES {
            if self.transport.is_fenced() {
                return;
            }
            match state.receive.pop() {
                Ok(Some(used)) => {
                    let slot = state.receiving.get_mut(usize::from(used.head));
                    if let Some(buffer) = slot.and_then(Option::take) {
                        let to = used.written as usize;
                        state.waiting.push_back(Waiting { buffer, from: 0, to });
                    }
                }
                Ok(None) => break,
                Err(lie) => {
                    drop(state);
                    return self.transport.fence(lie);
                }
            }
        }
        drop(state);
        self.hand_on();
    }

    /// Hands received bytes on, as far as there is room.
    fn hand_on(&self) {
        let Some(receiver) = self.receiver.get() else { return };
        let mut state = self.state.lock();
        if core::mem::replace(&mut state.is_handing_on, true) {
            state.look_again = true;
            return;
        }
        loop {
            state.look_again = false;
            drop(state);
            let mut bytes = [0; RECEIVE_SIZE];
            let room = receiver.room();
            state = self.state.lock();
            let count =
                self.take(&mut state, bytes.get_mut(..room.min(RECEIVE_SIZE)).unwrap_or_default());
            if count > 0 {
                drop(state);
                receiver.receive(bytes.get(..count).unwrap_or_default());
                state = self.state.lock();
            } else if !state.look_again {
                state.is_handing_on = false;
                return;
            }
        }
    }

    /// Copies bytes out of the first buffer that has some; an empty one goes back
    /// to the device.
    fn take(&self, state: &mut State, out: &mut [u8]) -> usize {
        let Some(waiting) = state.waiting.front_mut() else { return 0 };
        let count = out.len().min(waiting.to - waiting.from);
        let from = waiting.buffer * RECEIVE_SIZE + waiting.from;
        let copied = out.get_mut(..count).map(|part| self.incoming.read_into(from, part));
        waiting.from += count;
        let is_empty = waiting.from == waiting.to;
        let buffer = waiting.buffer;
        if is_empty {
            state.waiting.pop_front();
            self.offer(state, buffer);
            self.transport.notify(RECEIVE);
        }
        if matches!(copied, Some(Ok(()))) { count } else { 0 }
    }

    /// Takes back the buffers that the device has sent.
    fn reclaim(state: &mut State) -> Result<(), &'static str> {
        for _ in 0..SENDS {
            let Some(used) = state.send.pop()? else { break };
            let slot = state.sending.get_mut(usize::from(used.head));
            if let Some(buffer) = slot.and_then(Option::take) {
                state.free.push(buffer);
            }
        }
        Ok(())
    }

    /// Sends the start of `bytes`: how much of it, 0 if no buffer is free.
    fn send_part(&self, bytes: &[u8]) -> Result<usize, &'static str> {
        let mut state = self.state.lock();
        Self::reclaim(&mut state)?;
        let Some(buffer) = state.free.pop() else { return Ok(0) };
        let part = bytes.get(..bytes.len().min(SEND_SIZE)).unwrap_or_default();
        let at = buffer * SEND_SIZE;
        let copied = self.outgoing.write(at, part);
        let segment = Segment {
            addr: self.outgoing.device_addr() + at as u64,
            len: part.len() as u32,
            direction: Direction::ToDevice,
        };
        let head = copied.ok().and_then(|()| state.send.submit(&[segment]));
        match head.and_then(|head| state.sending.get_mut(usize::from(head))) {
            Some(slot) => *slot = Some(buffer),
            None => state.free.push(buffer),
        }
        state.is_stuck = false;
        drop(state);
        self.transport.notify(SEND);
        Ok(part.len())
    }
}

impl Console for HostConsole {
    fn name(&self) -> &str {
        "hvc0"
    }

    fn write(&self, bytes: &[u8]) {
        let mut rest = bytes;
        let mut until = None;
        while !rest.is_empty() && !self.transport.is_fenced() {
            match self.send_part(rest) {
                Ok(0) => {
                    let now = time::monotonic_ns();
                    let until = *until.get_or_insert(now + PATIENCE_NS);
                    let mut state = self.state.lock();
                    state.is_stuck |= now >= until;
                    if state.is_stuck {
                        return;
                    }
                    drop(state);
                    core::hint::spin_loop();
                }
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    until = None;
                }
                Err(lie) => self.transport.fence(lie),
            }
        }
    }

    fn drain(&self) {
        let until = time::monotonic_ns() + PATIENCE_NS;
        while !self.transport.is_fenced() && time::monotonic_ns() < until {
            let mut state = self.state.lock();
            let reclaimed = Self::reclaim(&mut state);
            let is_empty = state.send.outstanding() == 0;
            drop(state);
            match reclaimed {
                Ok(()) if is_empty => return,
                Ok(()) => core::hint::spin_loop(),
                Err(lie) => self.transport.fence(lie),
            }
        }
    }

    fn set_receiver(&self, receiver: Arc<dyn Receiver>) {
        if self.receiver.set(receiver).is_ok() {
            self.hand_on();
        }
    }

    fn resume(&self) {
        self.hand_on();
    }
}
