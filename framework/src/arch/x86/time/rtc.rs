// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wall clock at boot, from a plain machine's CMOS clock.
//!
//! Trust: the host's word, within range; nothing but the wall clock depends on it.
//! Spec: MC146818A datasheet.

use super::cmos;
use crate::arch::x86::io::port;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;
/// How often a reading is tried; an update takes about 2 ms every second.
const TRIES: usize = 10_000;

/// Seconds, minutes, hours, day, month, year, century.
const REGISTERS: [u8; 7] = [0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32];
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;

fn register(index: u8) -> u8 {
    port::port_out(INDEX, 1, (index | 0x80).into());
    port::port_in(DATA)
}

/// Nanoseconds since 1970-01-01 UTC, if the clock shows a sensible time.
pub(crate) fn now_ns() -> Option<u64> {
    let is_quiet = |_: &usize| register(STATUS_A) & 0x80 == 0;
    let stable = |_| {
        let first = REGISTERS.map(register);
        (first == REGISTERS.map(register)).then_some(first)
    };
    let reading = (0..TRIES).filter(is_quiet).take(100).find_map(stable)?;
    cmos::wall_clock_ns(reading, register(STATUS_B))
}
