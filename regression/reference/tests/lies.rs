// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A lying device: our drivers shut it off with an error; what `virtio-drivers` does is written down.
//!
//! That crate is made for hosts that one trusts, and may wait for ever or panic here: each of its turns is a process of
//! its own with a time limit.

#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use class::block::Blocking;
use class::{Console, Entropy, Receiver, Sector};
use virtio::blk::{Disk, FEATURES};
use virtio::console::HostConsole;
use virtio::model::{Lie, Model, Serve, disk, disk_config};
use virtio::rng::HostEntropy;
use virtio_drivers::device::blk::VirtIOBlk;
use virtio_drivers::device::console::VirtIOConsole;
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::DeviceType;
use virtio_reference::{Bounce, Window};

const SECTORS: u64 = 64;
const OFFERED: u64 = FEATURES & !(1 << 5) | 3 << 32;
const VERSION_1: u64 = 1 << 32;
const TIMEOUT_NS: u64 = 500_000_000;
/// How long a turn of the other crate may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Each lie with what `virtio-drivers` 0.13.0 makes of it: of two requests while the device lies, and of a third one to a
/// device that has come to its [`senses`].
const DISK: [(Lie, &str); 10] = [
    (Lie::UsedId(9), "WrongToken, WrongToken, WrongToken"),
    (Lie::UsedId(1 << 16), "right, right, right"),
    (Lie::UsedId(u32::MAX), "WrongToken, WrongToken, WrongToken"),
    (Lie::UsedTwice, "right, right, WRONG"),
    (Lie::UsedLen(1 << 20), "right, right, right"),
    (Lie::UsedLen(-1), "right, right, right"),
    (Lie::UsedIndex(1), "right, right, WRONG"),
    (Lie::UsedIndex(0x8000), "right, right, WRONG"),
    (Lie::NeverUsed, "hangs"),
    (Lie::NoStatus, "right, right, right"),
];
const ENTROPY: [(Lie, &str); 4] = [
    (Lie::UsedId(9), "WrongToken, WrongToken, WrongToken"),
    (Lie::UsedTwice, "right, right, WRONG"),
    (Lie::UsedLen(1), "WRONG, WRONG, right"),
    (Lie::UsedIndex(1), "right, right, WRONG"),
];
const CONSOLE: [(Lie, &str); 4] = [
    (Lie::UsedId(9), "right, nothing, nothing"),
    (Lie::UsedTwice, "right, right, nothing"),
    (Lie::UsedLen(1 << 20), "panics"),
    (Lie::UsedIndex(1), "right, right, nothing"),
];

fn disk_model() -> Arc<Model> {
    let bytes = (0..SECTORS as usize * 512).map(|at| (at / 512) as u8 + 1).collect();
    let content = Arc::new(Mutex::new(bytes));
    Model::new(OFFERED, &disk_config(SECTORS), Lie::None, disk(content))
}

fn stream_model() -> Arc<Model> {
    let serve: Serve = Box::new(|queue, _, room| {
        if queue == 1 {
            return 0;
        }
        let len = room.len().min(16);
        room.iter_mut().take(len).for_each(|byte| *byte = 7);
        len
    });
    Model::new(VERSION_1, &[], Lie::None, serve)
}

#[test]
fn our_disk_is_shut_off() {
    for (lie, _) in DISK {
        let model = disk_model();
        let transport = model.transport("virtio-blk");
        let features = transport.negotiate(FEATURES).unwrap();
        let disk = Disk::new(transport, features, Some(0), TIMEOUT_NS).unwrap();
        let handler = disk.clone();
        model.on_interrupt(move || handler.service());
        let mut bytes = [0; 512];
        disk.read(Sector(1), &mut bytes).unwrap();
        model.lie(lie);
        let first = disk.read(Sector(2), &mut bytes).is_ok();
        // Of two completions the first one may have been good.
        assert!(!first || lie == Lie::UsedTwice && bytes == [3; 512], "{lie:?}");
        assert!(disk.read(Sector(3), &mut bytes).is_err(), "{lie:?}");
        model.lie(Lie::None);
        assert!(disk.read(Sector(4), &mut bytes).is_err() && model.is_reset(), "{lie:?}");
    }
}

#[test]
fn our_entropy_device_is_shut_off() {
    for (lie, _) in ENTROPY {
        let model = stream_model();
        let transport = model.transport("virtio-rng");
        transport.negotiate(0).unwrap();
        let entropy = HostEntropy::new(transport, None).unwrap();
        let mut bytes = [0; 16];
        assert_eq!(entropy.read(&mut bytes).unwrap(), 16);
        model.lie(lie);
        let first = entropy.read(&mut bytes).is_ok();
        assert!(!first || lie == Lie::UsedTwice, "{lie:?}");
        assert!(entropy.read(&mut bytes).is_err() && model.is_reset(), "{lie:?}");
    }
}

#[derive(Default)]
struct Taker(Mutex<Vec<u8>>);

impl Receiver for Taker {
    fn room(&self) -> usize {
        4096
    }

    fn receive(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend(bytes);
    }
}

#[test]
fn our_console_is_shut_off() {
    for (lie, _) in CONSOLE {
        let model = stream_model();
        let transport = model.transport("virtio-console");
        transport.negotiate(0).unwrap();
        let console = HostConsole::new(transport, Some(0)).unwrap();
        let taker = Arc::new(Taker::default());
        console.set_receiver(taker.clone());
        console.service();
        assert!(!taker.0.lock().unwrap().is_empty());
        model.lie(lie);
        // What was received honestly goes back as buffers, and those come with the lie.
        console.service();
        console.service();
        assert!(model.is_reset(), "{lie:?}");
        assert!(taker.0.lock().unwrap().iter().all(|byte| *byte == 7), "only what was sent");
    }
}

/// What a device does after its lie: it is honest, or it is slow if it said too much before. Then what a driver gets
/// at once is what it made up.
fn senses(lie: Lie) -> Lie {
    match lie {
        Lie::UsedTwice | Lie::UsedIndex(_) => Lie::NeverUsed,
        _ => Lie::None,
    }
}

/// What came of a request of the other crate.
fn word<E: std::fmt::Debug>(result: Result<bool, E>) -> String {
    match result {
        Ok(true) => "right".to_owned(),
        Ok(false) => "WRONG".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

fn their_disk(model: &Arc<Model>, lie: Lie) -> Vec<String> {
    let window = Window::new(model.clone(), DeviceType::Block);
    let mut disk = VirtIOBlk::<Bounce, _>::new(window).unwrap();
    let mut read = |sector: usize| {
        let mut bytes = [0; 512];
        word(disk.read_blocks(sector, &mut bytes).map(|()| bytes == [sector as u8 + 1; 512]))
    };
    assert_eq!(read(1), "right");
    model.lie(lie);
    let mut said = vec![read(2), read(3)];
    model.lie(senses(lie));
    said.push(read(4));
    said
}

fn their_entropy(model: &Arc<Model>, lie: Lie) -> Vec<String> {
    let window = Window::new(model.clone(), DeviceType::EntropySource);
    let mut entropy = VirtIORng::<Bounce, _>::new(window).unwrap();
    let mut read = || {
        let mut bytes = [0; 16];
        word(entropy.request_entropy(&mut bytes).map(|count| count == 16 && bytes == [7; 16]))
    };
    assert_eq!(read(), "right");
    model.lie(lie);
    let mut said = vec![read(), read()];
    model.lie(senses(lie));
    said.push(read());
    said
}

fn their_console(model: &Arc<Model>, lie: Lie) -> Vec<String> {
    let window = Window::new(model.clone(), DeviceType::Console);
    let mut console = VirtIOConsole::<Bounce, _>::new(window).unwrap();
    model.lie(lie);
    // The first buffer was filled honestly.
    let mut read = |count: usize| {
        let bytes: Result<Option<Vec<_>>, _> = (0..count).map(|_| console.recv(true)).collect();
        match bytes {
            Ok(None) => "nothing".to_owned(),
            bytes => {
                word(bytes.map(|bytes| bytes.is_some_and(|bytes| bytes.iter().all(|b| *b == 7))))
            }
        }
    };
    let mut said = vec![read(16), read(16)];
    model.lie(senses(lie));
    said.push(read(5000));
    said
}

const DEVICE: &str = "REFERENCE_DEVICE";
const NUMBER: &str = "REFERENCE_LIE";

/// The process that is a turn of the other crate; nothing when it is run as a test.
#[test]
fn turn() {
    let (Ok(device), Ok(number)) = (std::env::var(DEVICE), std::env::var(NUMBER)) else { return };
    let number: usize = number.parse().unwrap();
    let said = catch_unwind(AssertUnwindSafe(|| match device.as_str() {
        "disk" => their_disk(&disk_model(), DISK[number].0),
        "entropy" => their_entropy(&stream_model(), ENTROPY[number].0),
        _ => their_console(&stream_model(), CONSOLE[number].0),
    }));
    let said = said.map_or_else(|_| "panics".to_owned(), |said| said.join(", "));
    println!("\nsaid: {said}");
}

/// Lets a process of this program take the turn.
fn ask(device: &str, number: usize) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "turn", "--nocapture", "--test-threads=1"]);
    command.env(DEVICE, device).env(NUMBER, number.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    if child.try_wait().unwrap().is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
        return "hangs".to_owned();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.strip_prefix("said: "));
    said.map_or_else(|| format!("dies: {:?}", output.status), str::to_owned)
}

fn compare(device: &str, table: &[(Lie, &str)]) {
    let mut wrong = Vec::new();
    for (number, (lie, expected)) in table.iter().enumerate() {
        let said = ask(device, number);
        if said != *expected {
            wrong.push(format!("{device} {lie:?}: {said:?}, written down is {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_the_other_crate_does_with_a_disk() {
    compare("disk", &DISK);
}

#[test]
fn what_the_other_crate_does_with_an_entropy_device() {
    compare("entropy", &ENTROPY);
}

#[test]
fn what_the_other_crate_does_with_a_console() {
    compare("console", &CONSOLE);
}
