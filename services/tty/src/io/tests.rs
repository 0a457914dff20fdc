// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reading and writing a terminal whose console is a recorder.

use std::sync::Mutex as StdMutex;
use std::time::{Duration, Instant};
use std::{string::String, thread, vec, vec::Vec};

use class::{Console, Receiver};
use vfs::DeviceId;

use super::*;
use crate::termios::Termios;
use abi::termios::{Cc, Input};

#[derive(Default)]
struct Recorder {
    sent: StdMutex<Vec<u8>>,
    resumes: StdMutex<usize>,
}

impl Console for Recorder {
    fn name(&self) -> &str {
        "ttyS9"
    }
    fn write(&self, bytes: &[u8]) {
        self.sent.lock().unwrap().extend_from_slice(bytes);
    }
    fn set_receiver(&self, _: Arc<dyn Receiver>) {}
    fn resume(&self) {
        *self.resumes.lock().unwrap() += 1;
    }
}

fn terminal(change: impl FnOnce(&mut Termios)) -> (Arc<Tty>, Arc<Recorder>) {
    let console = Arc::new(Recorder::default());
    let tty = Tty::new(DeviceId::new(4, 64), console.clone()).unwrap();
    let mut termios = Termios::default();
    change(&mut termios);
    tty.state.lock().ldisc.set_termios(termios);
    (tty, console)
}

fn raw(min: u8, time: u8) -> impl FnOnce(&mut Termios) {
    move |termios| {
        termios.local.remove(Local::ICANON | Local::ECHO);
        termios.cc[Cc::Min as usize] = min;
        termios.cc[Cc::Time as usize] = time;
    }
}

fn read(tty: &Tty, mode: Mode, size: usize) -> Result<String> {
    let mut buffer = vec![0; size];
    let count = tty.read(None, mode, &mut Writer::kernel(&mut buffer))?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

fn write(tty: &Tty, mode: Mode, data: &[u8]) -> Result<usize> {
    tty.write(None, mode, &mut Reader::kernel(data))
}

fn sent(console: &Recorder) -> String {
    String::from_utf8_lossy(&console.sent.lock().unwrap()).into_owned()
}

/// Types after a while, as an interrupt and the input task do.
fn type_later(tty: &Arc<Tty>, wait_ms: u64, bytes: &'static [u8]) -> thread::JoinHandle<()> {
    let tty = tty.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(wait_ms));
        tty.input.receive(bytes);
        tty.pump();
    })
}

#[test]
fn a_line_read_waits_for_the_newline() {
    let (tty, console) = terminal(|_| {});
    tty.input.receive(b"he");
    let typist = type_later(&tty, 30, b"llo\nrest");
    assert_eq!(read(&tty, Mode::Blocking, 100).unwrap(), "hello\n");
    typist.join().unwrap();
    assert_eq!(sent(&console), "hello\r\nrest");
    let again = read(&tty, Mode::Nonblocking, 100).unwrap_err();
    assert_eq!(again.errno(), abi::Errno::EAGAIN);
}

#[test]
fn end_of_file_reads_as_nothing() {
    let (tty, _) = terminal(|_| {});
    tty.input.receive(b"\x04");
    assert_eq!(read(&tty, Mode::Blocking, 100).unwrap(), "");
}

#[test]
fn a_line_longer_than_a_chunk_comes_in_one_read() {
    let (tty, _) = terminal(|t| t.local.remove(Local::ECHO));
    let mut line = vec![b'x'; 1000];
    line.push(b'\n');
    tty.input.receive(&line);
    assert_eq!(read(&tty, Mode::Blocking, 4096).unwrap().len(), 1001);
}

#[test]
fn vmin_waits_for_that_many() {
    let (tty, _) = terminal(raw(5, 0));
    tty.input.receive(b"abc");
    let typist = type_later(&tty, 30, b"defg");
    assert_eq!(read(&tty, Mode::Blocking, 100).unwrap(), "abcdefg");
    typist.join().unwrap();
    tty.input.receive(b"abc");
    assert_eq!(read(&tty, Mode::Blocking, 2).unwrap(), "ab", "the buffer is full first");
}

#[test]
fn vtime_alone_times_out() {
    let (tty, _) = terminal(raw(0, 1));
    let start = Instant::now();
    assert_eq!(read(&tty, Mode::Blocking, 10).unwrap(), "");
    assert!(start.elapsed() >= Duration::from_millis(95));
    // Long enough for a typist on a busy machine.
    let (tty, _) = terminal(raw(0, 200));
    let typist = type_later(&tty, 20, b"a");
    assert_eq!(read(&tty, Mode::Blocking, 10).unwrap(), "a");
    typist.join().unwrap();
}

#[test]
fn vmin_and_vtime_bound_the_gap_between_bytes() {
    let (tty, _) = terminal(raw(10, 1));
    tty.input.receive(b"ab");
    let start = Instant::now();
    assert_eq!(read(&tty, Mode::Blocking, 100).unwrap(), "ab");
    assert!(start.elapsed() >= Duration::from_millis(95));
}

#[test]
fn polling_read_returns_at_once() {
    let (tty, _) = terminal(raw(0, 0));
    assert_eq!(read(&tty, Mode::Blocking, 10).unwrap(), "");
    tty.input.receive(b"xy");
    assert_eq!(read(&tty, Mode::Nonblocking, 10).unwrap(), "xy");
}

#[test]
fn output_is_processed() {
    let (tty, console) = terminal(|_| {});
    let data = "line\n".repeat(300);
    assert_eq!(write(&tty, Mode::Blocking, data.as_bytes()).unwrap(), 1500);
    assert_eq!(sent(&console), data.replace('\n', "\r\n"));
}

#[test]
fn stopped_output_waits_and_goes_on() {
    let (tty, console) = terminal(|_| {});
    tty.input.receive(b"\x13");
    tty.pump();
    assert_eq!(write(&tty, Mode::Nonblocking, b"held").unwrap(), 4);
    assert_eq!(sent(&console), "");
    let full = write(&tty, Mode::Nonblocking, &[b'x'; 8192]).unwrap();
    assert!(full < 8192);
    assert!(write(&tty, Mode::Nonblocking, b"x").is_err());
    assert!(!tty.poll(None, None).contains(PollEvents::OUT));
    let writer = {
        let tty = tty.clone();
        thread::spawn(move || write(&tty, Mode::Blocking, b"end").unwrap())
    };
    thread::sleep(Duration::from_millis(20));
    tty.input.receive(b"\x11");
    tty.pump();
    assert_eq!(writer.join().unwrap(), 3);
    assert!(sent(&console).starts_with("heldxxx") && sent(&console).ends_with("xend"));
    assert_eq!(sent(&console).len(), 4 + full + 3);
}

#[test]
fn a_hang_up_ends_everything() {
    let (tty, _) = terminal(|_| {});
    let generation = Some(tty.hangups.load(Ordering::Acquire));
    let reader = {
        let tty = tty.clone();
        thread::spawn(move || {
            let mut buffer = [0; 10];
            tty.read(generation, Mode::Blocking, &mut Writer::kernel(&mut buffer))
        })
    };
    thread::sleep(Duration::from_millis(20));
    tty.hang_up();
    assert_eq!(reader.join().unwrap().unwrap(), 0);
    let write = tty.write(generation, Mode::Blocking, &mut Reader::kernel(b"x"));
    assert_eq!(write.unwrap_err().errno(), abi::Errno::EIO);
    assert!(tty.poll(generation, None).contains(PollEvents::HUP));
    assert!(!tty.poll(None, None).contains(PollEvents::HUP));
}

#[test]
fn a_full_terminal_holds_back_and_loses_nothing() {
    let (tty, console) = terminal(|termios| {
        raw(1, 0)(termios);
        termios.input = Input::empty();
        termios.local.remove(Local::ISIG);
    });
    let typed: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
    let mut offered = 0;
    let mut offers_refused = 0;
    let mut got = Vec::new();
    while got.len() < typed.len() {
        let room = tty.input.room().min(typed.len() - offered);
        tty.input.receive(&typed[offered..offered + room]);
        offered += room;
        if tty.input.room() == 0 {
            offers_refused += 1;
        }
        tty.pump();
        let mut buffer = [0; 777];
        let count = tty.read(None, Mode::Blocking, &mut Writer::kernel(&mut buffer)).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(got, typed);
    assert!(offers_refused > 0);
    assert_eq!(*console.resumes.lock().unwrap(), offers_refused);
}

#[test]
fn ixoff_asks_the_sender_to_stop() {
    let (tty, console) = terminal(|termios| {
        raw(1, 0)(termios);
        termios.input.insert(Input::IXOFF);
        termios.local.remove(Local::ISIG);
    });
    tty.input.receive(&[b'x'; 4096]);
    tty.pump();
    assert_eq!(sent(&console), "\x13");
    for _ in 0..16 {
        read(&tty, Mode::Blocking, 255).unwrap();
    }
    assert_eq!(sent(&console), "\x13\x11");
}
