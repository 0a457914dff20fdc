// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Two interfaces and a wire between them, in memory: the trait in use.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::vec::Vec;

use framework::mm::{Reader, Writer};
use framework::sync::WaitQueue;

use super::*;
use crate::Holder;

const DEPTH: usize = 4;
const POSTED: usize = 3;
const MTU: usize = 1500;

/// What a device and its driver have between them.
#[derive(Default)]
struct Queues {
    sent: VecDeque<Packet>,
    is_news: bool,
    posted: Vec<Buffer>,
    received: VecDeque<Packet>,
    is_armed: bool,
    wants_room: bool,
    notices: usize,
}

/// An interface at one end of the wire.
struct End {
    limits: NetLimits,
    out: Arc<Pool>,
    into: Arc<Pool>,
    queues: Mutex<Queues>,
    listener: OnceLock<Arc<dyn NetListener>>,
    /// Rings for the host.
    bell: Sender<()>,
}

impl End {
    fn new(last: u8, bell: Sender<()>) -> Arc<Self> {
        let mac = MacAddress([2, 0, 0, 0, 0, last]);
        let limits = NetLimits { mac, mtu: MTU, features: NetFeatures::default(), depth: DEPTH };
        let (out, into) = (Pool::new(DEPTH + 2, 2048).unwrap(), Pool::new(POSTED, 2048).unwrap());
        let (queues, listener) = (Mutex::default(), OnceLock::new());
        let end = Arc::new(Self { limits, out, into, queues, listener, bell });
        assert!(!end.arm());
        end
    }

    /// The host takes packets from here to `other`, as far as buffers are posted there.
    fn carry(&self, other: &Self) {
        loop {
            let mut theirs = other.queues.lock().unwrap();
            let Some(mut place) = theirs.posted.pop() else { return };
            let mut mine = self.queues.lock().unwrap();
            let Some(packet) = mine.sent.pop_front() else {
                theirs.posted.push(place);
                return;
            };
            let wants_room = std::mem::take(&mut mine.wants_room);
            drop(mine);
            let mut bytes = [0; 2048];
            let len = packet.buffer.len();
            packet.buffer.copy_to(0, len, &mut Writer::kernel(&mut bytes)).unwrap();
            place.set_len(0);
            place.fill(&mut Reader::kernel(&bytes[..len]), len).unwrap();
            let packet = Packet { buffer: place, checksum: Checksum::Unknown, segment: None };
            theirs.received.push_back(packet);
            let is_first = std::mem::take(&mut theirs.is_armed);
            theirs.notices += usize::from(is_first);
            drop(theirs);
            // The interrupts; the packet that was sent is dropped, its buffer free.
            if let Some(listener) = other.listener.get().filter(|_| is_first) {
                listener.ready();
            }
            if let Some(listener) = self.listener.get().filter(|_| wants_room) {
                listener.room();
            }
        }
    }
}

impl NetDevice for End {
    fn limits(&self) -> &NetLimits {
        &self.limits
    }

    fn is_link_up(&self) -> bool {
        true
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.out
    }

    fn transmit(&self, packet: Packet) -> Result<(), NotSent> {
        if packet.buffer.len() > MTU + 14 || packet.segment.is_some() {
            return Err(NotSent::Invalid);
        }
        let mut queues = self.queues.lock().unwrap();
        if queues.sent.len() == DEPTH {
            queues.wants_room = true;
            return Err(NotSent::Full(packet));
        }
        queues.sent.push_back(packet);
        queues.is_news = true;
        Ok(())
    }

    fn kick(&self) {
        if std::mem::take(&mut self.queues.lock().unwrap().is_news) {
            let _ = self.bell.send(());
        }
    }

    fn receive(&self) -> Option<Packet> {
        self.queues.lock().unwrap().received.pop_front()
    }

    fn arm(&self) -> bool {
        let mut queues = self.queues.lock().unwrap();
        while let Some(buffer) = self.into.take(Holder::NeverFaults) {
            queues.posted.push(buffer);
        }
        let is_there = !queues.received.is_empty();
        queues.is_armed = !is_there;
        drop(queues);
        let _ = self.bell.send(());
        is_there
    }

    fn set_listener(&self, listener: Arc<dyn NetListener>) {
        let _ = self.listener.set(listener);
    }
}

/// Wakes a task.
#[derive(Default)]
struct Wakes {
    queue: WaitQueue,
    ready: Mutex<bool>,
    room: Mutex<usize>,
}

impl NetListener for Wakes {
    fn ready(&self) {
        *self.ready.lock().unwrap() = true;
        self.queue.wake_all();
    }

    fn room(&self) {
        *self.room.lock().unwrap() += 1;
        self.queue.wake_all();
    }

    fn link_changed(&self) {}
}

/// The host's thread: carries what there is when a bell rings; ends with both ends.
fn host(ends: [Weak<End>; 2], bells: Receiver<()>) {
    while bells.recv().is_ok() {
        let [Some(a), Some(b)] = ends.each_ref().map(Weak::upgrade) else { return };
        a.carry(&b);
        b.carry(&a);
    }
}

fn pair() -> [Arc<End>; 2] {
    let (bell, bells) = channel();
    let ends = [End::new(1, bell.clone()), End::new(2, bell)];
    let weak = ends.each_ref().map(Arc::downgrade);
    thread::spawn(move || host(weak, bells));
    ends
}

/// Sends the numbers up to `count`, one a packet, as fast as there is room.
fn send_all(device: &dyn NetDevice, wakes: &Wakes, count: u32) {
    for number in 0..count {
        // A task that waits for a buffer.
        let take = || device.pool().take(Holder::NeverFaults);
        let mut buffer = device.pool().changed().wait_until(take);
        let len = 64 + number as usize % 1000;
        let mut bytes = [0; 2048];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        assert_eq!(buffer.fill(&mut Reader::kernel(&bytes), len), Ok(len));
        let mut packet = Packet { buffer, checksum: Checksum::Unknown, segment: None };
        loop {
            let rooms = *wakes.room.lock().unwrap();
            match device.transmit(packet) {
                Ok(()) => break,
                Err(NotSent::Full(back)) => packet = back,
                Err(NotSent::Invalid | NotSent::ShutOff) => unreachable!("a good packet"),
            }
            device.kick();
            // Back-pressure, and the wake-up from it.
            wakes.queue.wait_until(|| (*wakes.room.lock().unwrap() > rooms).then_some(()));
        }
        device.kick();
    }
}

/// Receives `count` packets in turns of at most `budget`: the numbers and lengths.
fn receive_all(device: &dyn NetDevice, wakes: &Wakes, count: usize, budget: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        wakes.queue.wait_until(|| std::mem::take(&mut *wakes.ready.lock().unwrap()).then_some(()));
        let mut has_more = true;
        while has_more {
            for _ in 0..budget {
                let Some(packet) = device.receive() else { break };
                let mut bytes = [0; 2048];
                let len = packet.buffer.len();
                packet.buffer.copy_to(0, len, &mut Writer::kernel(&mut bytes)).unwrap();
                let number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                assert_eq!(len, 64 + number as usize % 1000);
                numbers.push(number);
            }
            has_more = device.arm();
        }
    }
    numbers
}

#[test]
fn a_flood_goes_both_ways_with_few_buffers_and_nothing_lost() {
    const COUNT: u32 = 5000;
    let ends = pair();
    let wakes = [Arc::new(Wakes::default()), Arc::new(Wakes::default())];
    for (end, wakes) in ends.iter().zip(&wakes) {
        end.set_listener(wakes.clone());
    }
    thread::scope(|scope| {
        for (end, wakes) in ends.iter().zip(&wakes) {
            scope.spawn(|| send_all(&**end, wakes, COUNT));
            scope.spawn(|| {
                let numbers = receive_all(&**end, wakes, COUNT as usize, 2);
                assert!(numbers.into_iter().eq(0..COUNT), "in order, each once");
            });
        }
    });
    for end in &ends {
        let queues = end.queues.lock().unwrap();
        assert!(queues.sent.is_empty() && queues.received.is_empty());
        assert!(queues.notices <= COUNT as usize, "no notice while a turn goes on");
    }
    // Every buffer is where it was.
    for end in ends {
        let out: Vec<_> = std::iter::from_fn(|| end.out.take(Holder::NeverFaults)).collect();
        assert_eq!(out.len(), DEPTH + 2);
        assert_eq!(end.queues.lock().unwrap().posted.len(), POSTED);
    }
}

#[test]
fn a_full_queue_gives_the_packet_back_and_a_bad_one_is_refused() {
    let (bell, _bells) = channel();
    let end = End::new(1, bell);
    let packet = |len| {
        let mut buffer = end.pool().take(Holder::NeverFaults)?;
        buffer.set_len(len);
        Some(Packet { buffer, checksum: Checksum::Unknown, segment: None })
    };
    assert!(matches!(end.transmit(packet(MTU + 15).unwrap()), Err(NotSent::Invalid)));
    for _ in 0..DEPTH {
        assert!(end.transmit(packet(MTU + 14).unwrap()).is_ok());
    }
    let Err(NotSent::Full(back)) = end.transmit(packet(60).unwrap()) else {
        unreachable!("it is full")
    };
    assert_eq!(back.buffer.len(), 60);
    let spare = packet(60);
    assert!(spare.is_some() && packet(60).is_none(), "the pool is the other limit");
    assert_eq!(end.limits().mac, MacAddress([2, 0, 0, 0, 0, 1]));
}
