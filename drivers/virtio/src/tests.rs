// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The drivers against the model of a device, honest and lying.

use alloc::sync::Arc;
use std::boxed::Box;
use std::sync::Mutex;
use std::vec;
use std::vec::Vec;

use abi::Errno;
use class::block::Blocking;
use class::{BlockDevice, Console, Entropy, Receiver, Sector};
use framework::host::DeviceError;
use framework::hosted::{allocations_left, before_access, device_write, no_hook};

use crate::blk::{Disk, FEATURES};
use crate::console::HostConsole;
use crate::model::{Lie, Model, disk, disk_config};
use crate::queue::{Direction, Segment, SplitQueue};
use crate::rng::HostEntropy;

const SECTORS: u64 = 1024;
/// Long enough for an honest model on a busy machine.
const TIMEOUT_NS: u64 = 2_000_000_000;
const OFFERED: u64 = FEATURES & !(1 << 5) | 3 << 32;

type Content = Arc<Mutex<Vec<u8>>>;

fn content() -> Content {
    let bytes = (0..SECTORS as usize * 512).map(|n| (n / 512 * 7 + n) as u8);
    Arc::new(Mutex::new(bytes.collect()))
}

fn model_of(content: &Content, lie: Lie) -> Arc<Model> {
    Model::new(OFFERED, &disk_config(SECTORS), lie, disk(content.clone()))
}

fn start(model: &Arc<Model>) -> Result<Arc<Disk>, DeviceError> {
    let transport = model.transport("virtio-blk");
    let features = transport.negotiate(FEATURES)?;
    let disk = Disk::new(transport, features, Some(0), TIMEOUT_NS)?;
    let handler = disk.clone();
    model.on_interrupt(move || handler.service());
    Ok(disk)
}

#[test]
fn a_disk_reads_writes_flushes_and_discards() {
    let content = content();
    let model = model_of(&content, Lie::None);
    let disk = start(&model).unwrap();
    assert_eq!(model.driver_features(), OFFERED);
    let limits = disk.limits();
    assert_eq!((limits.sectors, limits.block_size, limits.is_read_only), (SECTORS, 512, false));
    let mut bytes = vec![0; SECTORS as usize * 512];
    disk.read(Sector(0), &mut bytes).unwrap();
    assert!(bytes == *content.lock().unwrap());
    disk.write(Sector(3), &[9; 1024]).unwrap();
    disk.flush().unwrap();
    assert_eq!(content.lock().unwrap()[3 * 512..5 * 512], [9; 1024]);
    disk.discard(Sector(0), 20).unwrap();
    assert_eq!(content.lock().unwrap()[..20 * 512], [0; 20 * 512]);
    let mut two = [0; 1024];
    assert_eq!(disk.read(Sector(SECTORS - 1), &mut two).unwrap_err().errno(), Errno::EIO);
    assert_eq!(disk.write(Sector(u64::MAX), &two).unwrap_err().errno(), Errno::EIO);
}

#[test]
fn tasks_read_at_once() {
    let content = content();
    let disk = start(&model_of(&content, Lie::None)).unwrap();
    std::thread::scope(|scope| {
        for start in 0..8 {
            let (disk, content) = (&disk, &content);
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut bytes = vec![0; 300 * 512];
                    disk.read(Sector(start), &mut bytes).unwrap();
                    let from = start as usize * 512;
                    assert!(bytes == content.lock().unwrap()[from..from + bytes.len()]);
                }
            });
        }
    });
}

#[test]
fn a_device_that_lies_at_the_start_is_refused() {
    for (lie, word) in [
        (Lie::NoVersion, "VERSION_1"),
        (Lie::FeaturesRefused, "refused"),
        (Lie::ResetLoops, "reset"),
        (Lie::ConfigRestless, "still"),
        (Lie::QueueSize(0), "exist"),
        (Lie::QueueSize(7), "power of two"),
        (Lie::QueueSize(1 << 15 | 1), "power of two"),
        (Lie::QueueSize(2), "too short"),
        (Lie::VectorRefused, "vector"),
        (Lie::NotifyFar, "announced"),
    ] {
        let Err(DeviceError::Fault(fault)) = start(&model_of(&content(), lie)) else {
            unreachable!("{lie:?} is noticed")
        };
        assert!(fault.lie.contains(word), "{lie:?}: {fault}");
    }
}

#[test]
fn a_lack_of_memory_is_not_the_devices_lie() {
    let content = content();
    let mut refused = 0;
    let disk = loop {
        let model = model_of(&content, Lie::None);
        allocations_left(refused);
        let started = start(&model);
        allocations_left(usize::MAX);
        match started {
            Ok(disk) => break disk,
            Err(error) => assert_eq!(error, DeviceError::NoMemory("virtio-blk")),
        }
        assert!(!model.is_reset(), "it is not shut off");
        refused += 1;
    };
    // Rings, headers and two buffers are what it cannot do without.
    assert_eq!(refused, 4);
    let mut bytes = vec![0; SECTORS as usize * 512];
    disk.read(Sector(0), &mut bytes).unwrap();
    assert!(bytes == *content.lock().unwrap());

    let others = |count| {
        let model = Model::new(1 << 32, &[], Lie::None, Box::new(|_, _, _| 0));
        let transport = |name| {
            let transport = model.transport(name);
            transport.negotiate(0).unwrap();
            transport
        };
        let (console, entropy) = (transport("virtio-console"), transport("virtio-rng"));
        allocations_left(count);
        let errors =
            [HostConsole::new(console, Some(0)).err(), HostEntropy::new(entropy, None).err()];
        allocations_left(usize::MAX);
        errors
    };
    let lack = |name| Some(DeviceError::NoMemory(name));
    for count in 0..4 {
        assert_eq!(others(count), ["virtio-console", "virtio-rng"].map(lack), "{count}");
    }
    assert_eq!(others(6), [None, None]);
}

#[test]
fn a_disk_that_lies_later_is_shut_off() {
    for lie in [
        Lie::UsedId(64),
        Lie::UsedId(1 << 16),
        Lie::UsedId(u32::MAX),
        Lie::UsedId(5),
        Lie::UsedTwice,
        Lie::UsedLen(1),
        Lie::UsedLen(-1),
        Lie::UsedLen(0x7fff_ffff),
        Lie::UsedIndex(1),
        Lie::UsedIndex(0x8000),
        Lie::NeverUsed,
        Lie::Status(3),
        Lie::Status(0xff),
        Lie::NoStatus,
    ] {
        let content = content();
        let model = model_of(&content, Lie::None);
        let disk = start(&model).unwrap();
        let mut bytes = [0xaa; 4096];
        disk.read(Sector(8), &mut bytes).unwrap();
        model.lie(lie);
        bytes.fill(0xaa);
        let error = disk.read(Sector(8), &mut bytes).map_err(|error| error.errno());
        // With the second of two answers the first one may have been good.
        if lie != Lie::UsedTwice {
            assert_eq!(error, Err(Errno::EIO), "{lie:?}");
            assert_eq!(bytes, [0xaa; 4096], "{lie:?}: nothing of it reaches the reader");
        }
        model.lie(Lie::None);
        assert!(disk.read(Sector(8), &mut bytes).is_err(), "{lie:?}: it stays shut off");
        assert!(disk.flush().is_err() && model.is_reset(), "{lie:?}");
    }
}

#[test]
fn an_honest_error_is_no_lie() {
    let model = model_of(&content(), Lie::None);
    let disk = start(&model).unwrap();
    let mut bytes = [0; 512];
    for (status, errno) in [(1, Errno::EIO), (2, Errno::EOPNOTSUPP)] {
        model.lie(Lie::Status(status));
        assert_eq!(disk.read(Sector(0), &mut bytes).unwrap_err().errno(), errno);
        model.lie(Lie::None);
        disk.read(Sector(0), &mut bytes).unwrap();
    }
}

#[test]
fn no_shared_word_is_read_twice_for_one_request() {
    // The host changes each byte after it was read: a second read would see it.
    let mut queue = SplitQueue::new(4).unwrap();
    let [_, avail, used] = queue.addresses();
    let segment = Segment { addr: 0, len: 8, direction: Direction::FromDevice };
    let head = queue.submit(&[segment]).unwrap();
    device_write(used + 4, &(u64::from(head) | 8 << 32).to_le_bytes());
    device_write(used + 2, &1u16.to_le_bytes());
    let reads = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = reads.clone();
    before_access(move |addr, len| {
        assert!(addr >= used || addr < avail, "the available ring is only written");
        seen.borrow_mut().push((addr - used, len));
    });
    assert_eq!(queue.pop().unwrap().unwrap().written, 8);
    no_hook();
    assert_eq!(*reads.borrow(), [(2, 2), (4, 8)]);
    assert_eq!(queue.pop(), Ok(None));
}

#[test]
fn a_flip_between_index_and_entry_is_caught() {
    let mut queue = SplitQueue::new(4).unwrap();
    let [_, _, used] = queue.addresses();
    let segment = Segment { addr: 0, len: 8, direction: Direction::FromDevice };
    let head = queue.submit(&[segment]).unwrap();
    device_write(used + 4, &u64::from(head).to_le_bytes());
    device_write(used + 2, &1u16.to_le_bytes());
    before_access(move |addr, _| {
        if addr == used + 4 {
            device_write(addr, &0x9_0000_0003u64.to_le_bytes());
        }
    });
    assert!(queue.pop().is_err());
    no_hook();
}

#[test]
fn a_queue_runs_for_long_and_fills_up() {
    let mut queue = SplitQueue::new(4).unwrap();
    let [_, avail, used] = queue.addresses();
    let segment = |direction| Segment { addr: 1, len: 8, direction };
    let pair = [segment(Direction::ToDevice), segment(Direction::FromDevice)];
    for round in 0..70_000u32 {
        let head = queue.submit(&pair).unwrap();
        assert!(round > 0 || queue.submit(&[pair[0]; 3]).is_none());
        let index = round as u16;
        let mut made = [0; 2];
        framework::hosted::device_read(avail + 4 + 2 * u64::from(index % 4), &mut made);
        assert_eq!(u16::from_le_bytes(made), head);
        let entry = u64::from(head) | u64::from(round % 9) << 32;
        device_write(used + 4 + 8 * u64::from(index % 4), &entry.to_le_bytes());
        device_write(used + 2, &index.wrapping_add(1).to_le_bytes());
        let done = queue.pop().unwrap().unwrap();
        assert_eq!((done.head, done.written), (head, round % 9));
    }
    assert_eq!(queue.outstanding(), 0);
}

/// Descriptors of the chain that starts at `head`, as the device reads them.
fn chain(descriptors: u64, head: u16) -> Vec<u16> {
    let (mut found, mut at) = (vec![], head);
    loop {
        found.push(at);
        let mut bytes = [0; 16];
        framework::hosted::device_read(descriptors + 16 * u64::from(at), &mut bytes);
        if bytes[12] & 1 == 0 {
            return found;
        }
        at = u16::from_le_bytes([bytes[14], bytes[15]]);
    }
}

#[test]
fn chains_of_requests_that_end_in_any_order_never_meet() {
    const SIZE: u16 = 32;
    let mut queue = SplitQueue::new(SIZE).unwrap();
    let [descriptors, _, used] = queue.addresses();
    let segment = Segment { addr: 1, len: 8, direction: Direction::FromDevice };
    let (mut seed, mut ended) = (7u32, 0u16);
    let mut running: Vec<(u16, Vec<u16>)> = vec![];
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let count = 1 + (seed >> 28) as usize % 5;
        let busy: usize = running.iter().map(|(_, chain)| chain.len()).sum();
        if let Some(head) = queue.submit(&[segment; 5][..count]) {
            let made = chain(descriptors, head);
            assert_eq!(made.len(), count);
            assert!(made.iter().all(|n| running.iter().all(|(_, other)| !other.contains(n))));
            running.push((head, made));
        } else {
            assert!(busy + count > usize::from(SIZE));
        }
        if seed >> 24 & 3 != 0 && !running.is_empty() {
            let (head, _) = running.swap_remove((seed >> 8) as usize % running.len());
            let entry = u64::from(head) | 8 << 32;
            device_write(used + 4 + 8 * u64::from(ended % SIZE), &entry.to_le_bytes());
            ended = ended.wrapping_add(1);
            device_write(used + 2, &ended.to_le_bytes());
            assert_eq!(queue.pop().unwrap().unwrap().head, head);
        }
    }
}

#[test]
fn any_used_ring_is_harmless() {
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as u8
    };
    for _ in 0..20_000 {
        let data: Vec<u8> = (0..48).map(|_| next()).collect();
        crate::fuzz::ring(&data);
        crate::fuzz::wire(&data);
    }
    for _ in 0..2000 {
        let data: Vec<u8> = (0..64).map(|_| next()).collect();
        crate::fuzz::disk(&data);
    }
}

#[derive(Default)]
struct Taker(Mutex<(Vec<u8>, usize)>);

impl Receiver for Taker {
    fn room(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn receive(&self, bytes: &[u8]) {
        let mut taker = self.0.lock().unwrap();
        taker.0.extend(bytes);
        taker.1 -= bytes.len();
    }
}

#[test]
fn a_console_sends_and_receives_as_there_is_room() {
    let sent: Content = Arc::default();
    let output = sent.clone();
    let model = Model::new(
        1 << 32,
        &[],
        Lie::None,
        Box::new(move |queue, bytes, room| {
            if queue == 1 {
                output.lock().unwrap().extend(bytes);
                return 0;
            }
            let text = b"typed\n";
            room[..text.len()].copy_from_slice(text);
            text.len()
        }),
    );
    let transport = model.transport("virtio-console");
    transport.negotiate(0).unwrap();
    let console = HostConsole::new(transport, Some(0)).unwrap();
    let long: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    console.write(&long);
    console.drain();
    assert!(*sent.lock().unwrap() == long);

    // All buffers came back with a text when the console started.
    let taker = Arc::new(Taker::default());
    taker.0.lock().unwrap().1 = 8;
    console.set_receiver(taker.clone());
    assert!(taker.0.lock().unwrap().0.is_empty());
    console.service();
    assert_eq!(taker.0.lock().unwrap().0, b"typed\nty");
    taker.0.lock().unwrap().1 = 4;
    console.resume();
    assert_eq!(taker.0.lock().unwrap().0, b"typed\ntyped\n");
    model.lie(Lie::UsedId(99));
    console.write(b"x");
    console.write(b"x");
    assert!(model.is_reset());
}

#[test]
fn random_bytes_come_or_the_device_goes() {
    let serve = || -> crate::model::Serve {
        Box::new(|_, _, room| {
            room.fill(7);
            room.len()
        })
    };
    let model = Model::new(1 << 32, &[], Lie::None, serve());
    let transport = model.transport("virtio-rng");
    transport.negotiate(0).unwrap();
    let entropy = HostEntropy::new(transport, None).unwrap();
    let mut bytes = [0; 100];
    assert_eq!(entropy.read(&mut bytes).unwrap(), 64);
    assert_eq!((bytes[63], bytes[64]), (7, 0));
    for lie in [Lie::UsedLen(1), Lie::UsedLen(-64)] {
        let model = Model::new(1 << 32, &[], lie, serve());
        let transport = model.transport("virtio-rng");
        transport.negotiate(0).unwrap();
        let entropy = HostEntropy::new(transport, None).unwrap();
        assert_eq!(entropy.read(&mut bytes).unwrap_err().errno(), Errno::EIO, "{lie:?}");
        assert!(model.is_reset());
    }
}
