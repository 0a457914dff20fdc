// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The driver against simulated chips: an honest one and liars.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::{vec, vec::Vec};

use super::*;

#[derive(Default)]
struct Chip {
    scratch: u8,
    line_control: u8,
    interrupt_enable: u8,
    iir: u8,
    input: VecDeque<u8>,
    output: Vec<u8>,
    status_reads: usize,
    /// What LSR shows besides the input's state.
    status: u8,
    is_endless: bool,
    enables: usize,
}

struct Simulated(Arc<Mutex<Chip>>);

impl Ports for Simulated {
    fn read(&self, register: Register) -> Untrusted<u8> {
        let mut chip = self.0.lock().unwrap();
        Untrusted::new(match register {
            Register::Data if chip.is_endless => 0xff,
            Register::Data => chip.input.pop_front().unwrap_or(0),
            Register::FifoControl => chip.iir,
            Register::LineStatus => {
                chip.status_reads += 1;
                chip.status | u8::from(chip.is_endless || !chip.input.is_empty())
            }
            Register::Scratch => chip.scratch,
            _ => 0xff,
        })
    }

    fn write(&self, register: Register, value: u8) {
        let mut chip = self.0.lock().unwrap();
        match register {
            Register::Data if chip.line_control & LCR_DLAB == 0 => chip.output.push(value),
            Register::InterruptEnable if chip.line_control & LCR_DLAB == 0 => {
                chip.enables += usize::from(value != 0);
                chip.interrupt_enable = value;
            }
            Register::LineControl => chip.line_control = value,
            Register::Scratch => chip.scratch = value,
            _ => {}
        }
    }
}

struct Taker(Mutex<(Vec<u8>, usize)>);

impl Receiver for Taker {
    fn room(&self) -> usize {
        let state = self.0.lock().unwrap();
        state.1 - state.0.len()
    }
    fn receive(&self, bytes: &[u8]) {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
    }
}

fn setup(room: usize) -> (Arc<Mutex<Chip>>, Uart<Simulated>, Arc<Taker>) {
    let chip = Arc::new(Mutex::new(Chip { status: 0x60, iir: 0xc1, ..Chip::default() }));
    let uart = Uart::probe(Simulated(chip.clone())).expect("a chip");
    let taker = Arc::new(Taker(Mutex::new((vec![], room))));
    uart.set_receiver(taker.clone());
    chip.lock().unwrap().status_reads = 0;
    (chip, uart, taker)
}

#[test]
fn nothing_answers() {
    struct Absent;
    impl Ports for Absent {
        fn read(&self, _: Register) -> Untrusted<u8> {
            Untrusted::new(0xff)
        }
        fn write(&self, _: Register, _: u8) {}
    }
    assert!(Uart::probe(Absent).is_none());
}

#[test]
fn sends_a_fifo_per_status_read() {
    let (chip, uart, _) = setup(99);
    uart.send(&[7; 100]);
    let chip = chip.lock().unwrap();
    assert_eq!(chip.output, [7; 100]);
    assert_eq!(chip.status_reads, 7);
}

#[test]
fn without_a_fifo_sends_byte_by_byte() {
    let chip = Arc::new(Mutex::new(Chip { status: 0x60, ..Chip::default() }));
    let uart = Uart::probe(Simulated(chip.clone())).expect("a chip");
    chip.lock().unwrap().status_reads = 0;
    uart.send(b"abc");
    assert_eq!(chip.lock().unwrap().status_reads, 3);
}

#[test]
fn a_stuck_line_costs_one_long_wait() {
    let (chip, uart, _) = setup(99);
    chip.lock().unwrap().status = 0;
    uart.send(&[7; 1600]);
    assert_eq!(chip.lock().unwrap().output, []);
    chip.lock().unwrap().status_reads = 0;
    uart.send(&[7; 1600]);
    assert_eq!(chip.lock().unwrap().status_reads, STUCK_BUDGET);
    chip.lock().unwrap().status = 0x60;
    uart.send(b"x");
    assert_eq!(chip.lock().unwrap().output, b"x");
}

#[test]
fn receives_all_that_waits() {
    let (chip, uart, taker) = setup(1000);
    for count in [0, 1, 15, 16, 17, 200] {
        chip.lock().unwrap().input.extend((0..count).map(|n| n as u8));
        taker.0.lock().unwrap().0.clear();
        uart.receive();
        let want: Vec<u8> = (0..count).map(|n| n as u8).collect();
        assert_eq!(taker.0.lock().unwrap().0, want);
        assert_eq!(chip.lock().unwrap().interrupt_enable, IER_RECEIVE);
    }
}

#[test]
fn an_endless_sender_is_cut_off() {
    let (chip, uart, taker) = setup(100_000);
    chip.lock().unwrap().is_endless = true;
    let before = chip.lock().unwrap().enables;
    uart.receive();
    assert_eq!(taker.0.lock().unwrap().0.len(), RECEIVE_BUDGET);
    assert_eq!(chip.lock().unwrap().enables, before + 1, "the interrupt is asked for again");
}

#[test]
fn no_room_holds_back_until_resumed() {
    let (chip, uart, taker) = setup(20);
    chip.lock().unwrap().input.extend([1; 30]);
    uart.receive();
    assert_eq!(taker.0.lock().unwrap().0.len(), 20);
    assert_eq!(chip.lock().unwrap().interrupt_enable, 0);
    assert_eq!(chip.lock().unwrap().input.len(), 10, "nothing is lost");
    taker.0.lock().unwrap().1 = 100;
    uart.resume();
    assert_eq!(chip.lock().unwrap().interrupt_enable, IER_RECEIVE);
    uart.receive();
    assert_eq!(taker.0.lock().unwrap().0.len(), 30);
}

#[test]
fn interrupts_before_a_receiver_are_silenced() {
    let chip = Arc::new(Mutex::new(Chip { status: 0x61, iir: 0xc1, ..Chip::default() }));
    let uart = Uart::probe(Simulated(chip.clone())).expect("a chip");
    uart.receive();
    assert_eq!(chip.lock().unwrap().interrupt_enable, 0);
}

#[test]
fn what_was_typed_before_is_kept() {
    let chip = Arc::new(Mutex::new(Chip { status: 0x60, iir: 0xc1, ..Chip::default() }));
    chip.lock().unwrap().input.extend(b"ab");
    let uart = Uart::probe(Simulated(chip.clone())).expect("a chip");
    let taker = Arc::new(Taker(Mutex::new((vec![], 99))));
    uart.set_receiver(taker.clone());
    uart.receive();
    assert_eq!(taker.0.lock().unwrap().0, b"ab");
}
