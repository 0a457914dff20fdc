// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The PIT, as what a plain machine measures its other clocks by.
//!
//! Trust: a plain machine's host, which sees all of its memory anyway.

use super::calibrate::{Measured, Moment, PIT_HZ, measure};
use crate::arch::x86::io::port;

/// Moments in a chain, and PIT ticks between two of them: a millisecond.
const MOMENTS: usize = 6;
const INTERVAL: u16 = (PIT_HZ / 1000) as u16;
/// Chains that are tried for one that is exact.
const CHAINS: usize = 100;
/// An error that is small enough at once, and the largest one: parts of the frequency.
const GOOD: u64 = 500;
const BEARABLE: u64 = 20;
/// Looks at the counter, for one that stands still.
const LOOKS: u32 = 1_000_000;

/// Frequencies of the TSC, which `tsc` reads, and of the APIC timer, which `start` starts
/// and `apic` reads.
pub(super) fn calibrate(
    tsc: fn() -> u64,
    start: &impl Fn(),
    apic: &impl Fn() -> u64,
) -> Option<Measured> {
    let mut best: Option<Measured> = None;
    for _ in 0..CHAINS {
        start();
        let Some(found) = chain(tsc, apic)?.and_then(|moments| measure(&moments)) else { continue };
        if best.is_none_or(|best| found.error_khz < best.error_khz) {
            best = Some(found);
        }
        if found.is_within(GOOD) {
            break;
        }
    }
    best.filter(|found| found.is_within(BEARABLE))
}

/// Some moments, one after another; the outer `None` if there is no PIT, the inner one
/// if the host stopped the machine for too long.
fn chain(tsc: fn() -> u64, apic: &impl Fn() -> u64) -> Option<Option<[Moment; MOMENTS]>> {
    // Channel 2, gated by port 0x61, mode 0, from its highest count.
    let gate = port::port_in(0x61);
    for (to, value) in [(0x61, gate & !2 | 1), (0x43, 0xb0), (0x42, 0xff), (0x42, 0xff)] {
        port::port_out(to, 1, value.into());
    }
    let mut moments = [moment(tsc, apic); MOMENTS];
    let mut begin = moments.first().map_or(0, |first| first.pit);
    for slot in moments.iter_mut().skip(1) {
        (0..LOOKS).find(|_| begin.wrapping_sub(count()) >= INTERVAL)?;
        *slot = moment(tsc, apic);
        begin = slot.pit;
    }
    port::port_out(0x61, 1, gate.into());
    // It counts down from the highest: what is above the first was behind a turn.
    let is_one_turn = moments.is_sorted_by(|one, next| one.pit >= next.pit);
    Some(is_one_turn.then_some(moments))
}

/// The sharpest of a few readings: one that the host did not interrupt.
fn moment(tsc: fn() -> u64, apic: &impl Fn() -> u64) -> Moment {
    let read = |_| {
        let before = tsc();
        let (pit, apic) = (count(), apic());
        Moment { before, after: tsc(), pit, apic }
    };
    let first = read(0);
    (0..7).map(read).fold(first, |best, next| if next.blur() < best.blur() { next } else { best })
}

fn count() -> u16 {
    port::port_out(0x43, 1, 0x80);
    let low = port::port_in(0x42);
    u16::from_le_bytes([low, port::port_in(0x42)])
}
