// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Requests that nobody waits for, several at once.

use alloc::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use class::block::{BlockError, Blocking, Completion, Finished, Operation, Refused, Request};
use class::{BlockDevice, Buffer, Holder, Sector};
use framework::hosted::device_write;
use framework::mm::Frame;

use super::{DATA, Disk, FEATURES, SLOTS};
use crate::model::{Lie, Model, disk, disk_config};

const SECTORS: u64 = 4096;

/// A disk whose sector n holds n in every byte, and its model.
fn start(timeout_ns: u64) -> (Arc<Model>, Arc<Disk>) {
    let bytes = (0..SECTORS as usize * 512).map(|at| (at / 512) as u8).collect();
    let content = Arc::new(Mutex::new(bytes));
    let offered = FEATURES & !(1 << 5) | 3 << 32;
    let model = Model::new(offered, &disk_config(SECTORS), Lie::None, disk(content));
    let transport = model.transport("virtio-blk");
    let features = transport.negotiate(FEATURES).unwrap();
    let disk = Disk::new(transport, features, Some(0), timeout_ns).unwrap();
    (model, disk)
}

fn interrupts(model: &Model, disk: &Arc<Disk>) {
    let handler = disk.clone();
    model.on_interrupt(move || handler.service());
}

/// A request's token, what became of it, and its page.
type Told = (usize, Result<(), BlockError>, Option<Frame>);

/// Copies each buffer to a page where it is told, as a page cache would.
#[derive(Default)]
struct Pages(Mutex<Vec<Told>>);

impl Completion for Pages {
    fn complete(&self, finished: Finished) {
        let frame = finished.buffer.map(|buffer| {
            let frame = Frame::zeroed().unwrap();
            buffer.copy_to_frame(0, &frame, 0, buffer.len()).unwrap();
            frame
        });
        self.0.lock().unwrap().push((finished.token, finished.result, frame));
    }
}

fn buffer(disk: &Disk, len: usize) -> Buffer {
    let mut buffer = disk.pool().take(Holder::NeverFaults).unwrap();
    buffer.set_len(len);
    buffer
}

fn read(disk: &Disk, pages: &Arc<Pages>, token: usize) -> Request {
    let (start, buffer) = (Sector(8 * token as u64), buffer(disk, 4096));
    Request { operation: Operation::Read { start, buffer }, done: pages.clone(), token }
}

#[test]
fn many_requests_are_under_way_and_a_full_queue_gives_them_back() {
    let (model, disk) = start(u64::MAX);
    interrupts(&model, &disk);
    model.lie(Lie::NeverUsed);
    let pages = Arc::new(Pages::default());
    for token in 0..SLOTS {
        assert!(disk.submit(read(&disk, &pages, token)).is_ok());
    }
    disk.kick();
    // Neither a buffer nor a place is left; nothing is lost by asking.
    assert!(disk.pool().take(Holder::NeverFaults).is_none());
    let flush = || Request { operation: Operation::Flush, done: pages.clone(), token: 99 };
    let Err(Refused::Full(flush)) = disk.submit(flush()) else { unreachable!("it is full") };
    assert!(pages.0.lock().unwrap().is_empty());

    model.lie(Lie::None);
    model.notified(0);
    assert!(disk.submit(flush).is_ok());
    disk.kick();
    let done = pages.0.lock().unwrap();
    let tokens: Vec<_> = done.iter().map(|(token, ..)| *token).collect();
    assert_eq!(tokens, (0..SLOTS).chain([99]).collect::<Vec<_>>());
    for (token, result, frame) in done.iter() {
        assert_eq!(*result, Ok(()));
        let mut bytes = [0; 4096];
        let Some(frame) = frame else { continue };
        frame.read(0, &mut bytes);
        assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (8 * token + at / 512) as u8));
    }
    // All buffers are back.
    let all: Vec<_> = (0..SLOTS).map(|_| disk.pool().take(Holder::NeverFaults)).collect();
    assert!(all.iter().all(Option::is_some));
}

#[test]
fn what_is_no_request_is_refused_at_once() {
    let (_model, disk) = start(u64::MAX);
    let pages = Arc::new(Pages::default());
    let refused =
        |operation| match disk.submit(Request { operation, done: pages.clone(), token: 0 }) {
            Err(Refused::Invalid(error)) => Some(error),
            _ => None,
        };
    let read = |start, len| Operation::Read { start: Sector(start), buffer: buffer(&disk, len) };
    assert_eq!(refused(read(0, 0)), Some(BlockError::OutOfRange));
    assert_eq!(refused(read(0, 511)), Some(BlockError::OutOfRange));
    assert_eq!(refused(read(SECTORS - 1, 1024)), Some(BlockError::OutOfRange));
    assert_eq!(refused(read(u64::MAX, 512)), Some(BlockError::OutOfRange));
    let discard = |sectors| Operation::Discard { start: Sector(0), sectors };
    assert_eq!(refused(discard(9)), Some(BlockError::Unsupported));
    assert!(pages.0.lock().unwrap().is_empty(), "no completion is told of these");
    assert_eq!(buffer(&disk, usize::MAX).len(), DATA, "no more than there is room for");
}

#[test]
fn what_a_device_has_when_it_is_shut_off_is_never_used_again() {
    let (model, disk) = start(1_000_000);
    model.lie(Lie::NeverUsed);
    let pages = Arc::new(Pages::default());
    let request = read(&disk, &pages, 3);
    let Operation::Read { buffer, .. } = &request.operation else { unreachable!("a read") };
    let addr = buffer.memory().unwrap().device_addr();
    assert!(disk.submit(request).is_ok());
    disk.kick();
    while !model.is_reset() {
        thread::sleep(Duration::from_millis(1));
        disk.look();
    }
    let done = pages.0.lock().unwrap();
    assert!(matches!(done[..], [(3, Err(BlockError::ShutOff), None)]));
    // A device that goes on all the same writes to nobody's memory.
    let left: Vec<_> = std::iter::from_fn(|| disk.pool().take(Holder::NeverFaults)).collect();
    assert_eq!(left.len(), SLOTS - 1);
    assert!(left.iter().all(|other| other.memory().unwrap().device_addr() != addr));
    assert!(device_write(addr, &[0xaa; 4096]));
    assert_eq!(disk.buffer(Holder::NeverFaults).err(), Some(BlockError::ShutOff));
}

#[test]
fn looks_count_once_for_many_that_wait() {
    // A hundred looks in no time are one.
    let (model, disk) = start(10_000_000_000);
    model.lie(Lie::NeverUsed);
    let pages = Arc::new(Pages::default());
    assert!(disk.submit(read(&disk, &pages, 0)).is_ok());
    disk.kick();
    (0..100).for_each(|_| disk.look());
    assert!(!model.is_reset());
    model.lie(Lie::None);
    model.notified(0);
    disk.look();
    assert!(matches!(pages.0.lock().unwrap()[..], [(0, Ok(()), Some(_))]));
}

#[test]
fn a_lost_interrupt_costs_a_look() {
    let (_model, disk) = start(100_000_000);
    let mut bytes = vec![0; 3 * DATA];
    disk.read(Sector(5), &mut bytes).unwrap();
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (5 + at / 512) as u8));
}

#[test]
fn who_brings_a_page_gets_a_buffer_while_others_hold_theirs_in_a_fault() {
    let (model, disk) = start(u64::MAX);
    interrupts(&model, &disk);
    let take = || disk.pool().take(Holder::MayFault);
    let mut held: Vec<_> = std::iter::from_fn(take).collect();
    assert_eq!(held.len(), SLOTS - SLOTS / 4);
    // The page that they wait for.
    let mut page = [0; 4096];
    disk.read(Sector(8), &mut page).unwrap();
    assert_eq!((page[0], page[4095]), (8, 15));

    // One more that may fault waits until a buffer comes back.
    let (sender, receiver) = channel();
    let other = disk.clone();
    let waiting = thread::spawn(move || {
        let buffer = other.buffer(Holder::MayFault).map(|buffer| buffer.capacity());
        sender.send(buffer).unwrap();
    });
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    held.pop();
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(Ok(DATA)));
    waiting.join().unwrap();
}
