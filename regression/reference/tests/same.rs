// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An honest device: both drivers must ask it the same and get the same.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};

use class::block::Blocking;
use class::{BlockDevice, Console, Entropy, Receiver, Sector};
use virtio::blk::{Disk, FEATURES};
use virtio::console::HostConsole;
use virtio::model::{Lie, Model, Serve, disk, disk_config};
use virtio::rng::HostEntropy;
use virtio_drivers::device::blk::VirtIOBlk;
use virtio_drivers::device::console::VirtIOConsole;
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::DeviceType;
use virtio_reference::{Bounce, Window};

const SECTORS: u64 = 2048;
/// One request of ours carries so much; with no more both drivers cut alike.
const MOST: usize = 64 * 1024;
const OFFERED: u64 = FEATURES & !(1 << 5) | 3 << 32;
const VERSION_1: u64 = 1 << 32;
const TIMEOUT_NS: u64 = 5_000_000_000;

type Bytes = Arc<Mutex<Vec<u8>>>;
/// Of each request what the driver wrote, and how much room it gave.
type Trace = Arc<Mutex<Vec<(u16, Vec<u8>, usize)>>>;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}

/// The same device for either driver, with all that it is asked.
fn traced(mut serve: Serve) -> (Trace, Serve) {
    let trace = Trace::default();
    let kept = trace.clone();
    let serve: Serve = Box::new(move |queue, request, room| {
        kept.lock().unwrap().push((queue, request.to_vec(), room.len()));
        serve(queue, request, room)
    });
    (trace, serve)
}

fn disk_model() -> (Bytes, Trace, Arc<Model>) {
    let bytes = (0..SECTORS as usize * 512).map(|at| (at / 512 * 7 + at) as u8).collect();
    let content = Arc::new(Mutex::new(bytes));
    let (trace, serve) = traced(disk(content.clone()));
    (content, trace, Model::new(OFFERED, &disk_config(SECTORS), Lie::None, serve))
}

#[test]
fn disks() {
    let (our_content, our_trace, model) = disk_model();
    let transport = model.transport("virtio-blk");
    let features = transport.negotiate(FEATURES).unwrap();
    let ours = Disk::new(transport, features, Some(0), TIMEOUT_NS).unwrap();
    let handler = ours.clone();
    model.on_interrupt(move || handler.service());
    let (their_content, their_trace, model) = disk_model();
    let mut theirs = VirtIOBlk::<Bounce, _>::new(Window::new(model, DeviceType::Block)).unwrap();
    let limits = ours.limits();
    assert_eq!((limits.sectors, limits.is_read_only), (theirs.capacity(), theirs.readonly()));

    let mut random = Random(1);
    for round in 0..3000 {
        let len = 512 * (1 + random.below(MOST / 512));
        let sector = random.below(SECTORS as usize + 40);
        let is_inside = sector + len / 512 <= SECTORS as usize;
        match random.below(8) {
            0 => {
                ours.flush().unwrap();
                theirs.flush().unwrap();
            }
            1..4 if is_inside => {
                let data: Vec<u8> = (0..len).map(|at| (at + round) as u8).collect();
                ours.write(Sector(sector as u64), &data).unwrap();
                theirs.write_blocks(sector, &data).unwrap();
            }
            _ => {
                let (mut our_data, mut their_data) = (vec![1; len], vec![2; len]);
                let our = ours.read(Sector(sector as u64), &mut our_data);
                if is_inside {
                    our.unwrap();
                    theirs.read_blocks(sector, &mut their_data).unwrap();
                    assert!(our_data == their_data, "round {round}");
                } else {
                    // Ours does not ask for what is beyond the end; the other lets the device say no.
                    assert!(our.is_err() && theirs.read_blocks(sector, &mut their_data).is_err());
                    their_trace.lock().unwrap().pop();
                }
            }
        }
    }
    assert!(*our_content.lock().unwrap() == *their_content.lock().unwrap());
    let (our_trace, their_trace) = (our_trace.lock().unwrap(), their_trace.lock().unwrap());
    assert_eq!(our_trace.len(), their_trace.len());
    assert!(our_trace.len() > 2500);
    for (number, (our, their)) in our_trace.iter().zip(their_trace.iter()).enumerate() {
        assert!(our == their, "request {number}: {:?}, {:?}", our.1.get(..16), their.1.get(..16));
    }
}

/// A console: keeps what it is sent, and types without end in pieces of all sizes.
fn console_model() -> (Bytes, Arc<Model>) {
    let sent = Bytes::default();
    let kept = sent.clone();
    let (mut typed, mut random) = (0usize, Random(7));
    let serve: Serve = Box::new(move |queue, bytes, room| {
        if queue == 1 {
            kept.lock().unwrap().extend(bytes);
            return 0;
        }
        let count = 1 + random.below(room.len().min(64));
        room.iter_mut().take(count).for_each(|byte| {
            *byte = key(typed);
            typed += 1;
        });
        count
    });
    (sent, Model::new(VERSION_1, &[], Lie::None, serve))
}

/// The n-th byte typed.
fn key(number: usize) -> u8 {
    (number * 31 + number / 256) as u8
}

struct Taker(Bytes, usize);

impl Receiver for Taker {
    fn room(&self) -> usize {
        self.1 - self.0.lock().unwrap().len()
    }

    fn receive(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend(bytes);
    }
}

#[test]
fn consoles() {
    const TYPED: usize = 20_000;
    let (our_sent, model) = console_model();
    let transport = model.transport("virtio-console");
    transport.negotiate(0).unwrap();
    let ours = HostConsole::new(transport, Some(0)).unwrap();
    let (their_sent, model) = console_model();
    let mut theirs =
        VirtIOConsole::<Bounce, _>::new(Window::new(model, DeviceType::Console)).unwrap();

    let mut random = Random(3);
    for _ in 0..300 {
        let text: Vec<u8> = (0..1 + random.below(3000)).map(|at| at as u8).collect();
        ours.write(&text);
        theirs.send_bytes(&text).unwrap();
    }
    ours.drain();
    assert!(*our_sent.lock().unwrap() == *their_sent.lock().unwrap());

    let our_keys = Bytes::default();
    ours.set_receiver(Arc::new(Taker(our_keys.clone(), TYPED)));
    while our_keys.lock().unwrap().len() < TYPED {
        let before = our_keys.lock().unwrap().len();
        ours.service();
        assert!(our_keys.lock().unwrap().len() > before, "it goes on");
    }
    let their_keys: Vec<u8> = (0..TYPED).map(|_| theirs.recv(true).unwrap().unwrap()).collect();
    assert!(*our_keys.lock().unwrap() == their_keys);
    assert!(their_keys.iter().enumerate().all(|(number, byte)| *byte == key(number)));
}

fn entropy_model() -> (Trace, Arc<Model>) {
    let mut given = 0usize;
    let (trace, serve) = traced(Box::new(move |_, _, room| {
        // Now and then less than there is room for.
        let count = room.len().div_ceil(1 + given % 3);
        room.iter_mut().take(count).for_each(|byte| {
            *byte = key(given);
            given += 1;
        });
        count
    }));
    (trace, Model::new(VERSION_1, &[], Lie::None, serve))
}

#[test]
fn entropy() {
    let (our_trace, model) = entropy_model();
    let transport = model.transport("virtio-rng");
    transport.negotiate(0).unwrap();
    let ours = HostEntropy::new(transport, None).unwrap();
    let (their_trace, model) = entropy_model();
    let mut theirs =
        VirtIORng::<Bounce, _>::new(Window::new(model, DeviceType::EntropySource)).unwrap();
    let mut random = Random(5);
    for _ in 0..2000 {
        // Ours asks for at most 64 bytes at a time.
        let len = 1 + random.below(64);
        let (mut our_bytes, mut their_bytes) = ([0; 64], [0; 64]);
        let count = ours.read(&mut our_bytes[..len]).unwrap();
        assert_eq!(theirs.request_entropy(&mut their_bytes[..len]).unwrap(), count);
        assert_eq!(our_bytes, their_bytes);
    }
    assert_eq!(*our_trace.lock().unwrap(), *their_trace.lock().unwrap());
}
