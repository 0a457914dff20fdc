// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Health tests of the processor's random numbers.
//!
//! The repetition count test runs over words, the adaptive proportion test over
//! bytes. In a CVM a generator that fails ends the machine: there is no other
//! source that the host cannot watch.
//! Locks: `HEALTH` is a leaf (interrupts off), inside of the random generator's.
//!
//! Spec: NIST SP 800-90B, section 4.4, for a false alarm every 2^30 windows.

use crate::sync::IrqLock;

/// Bytes in a window, and how often its first may occur in it if a byte has at
/// least 4 bits of entropy. An odd number: so each byte of a word comes first in turn.
const WINDOW: u32 = 511;
const CUTOFF: u32 = 72;
/// Words drawn and thrown away before the first use in a CVM: eight windows.
const STARTUP: usize = WINDOW as usize;

struct Health {
    last: u64,
    symbol: u8,
    count: u32,
    left: u32,
    has_started: bool,
}

impl Health {
    const NEW: Self = Self { last: 0, symbol: 0, count: 0, left: 0, has_started: false };

    /// Whether `word` may come from a good generator, after those before it.
    fn accepts(&mut self, word: u64) -> bool {
        let is_repeated = word == self.last || word == 0 || word == u64::MAX;
        self.last = word;
        let mut is_good = !is_repeated;
        for byte in word.to_le_bytes() {
            if self.left == 0 {
                (self.symbol, self.count, self.left) = (byte, 0, WINDOW);
            }
            self.left -= 1;
            self.count += u32::from(byte == self.symbol);
            is_good &= self.count < CUTOFF;
        }
        is_good
    }

    /// A word that passes, if `draw` has one.
    fn draw(&mut self, draw: &impl Fn() -> Option<u64>) -> Option<u64> {
        draw().filter(|word| self.accepts(*word))
    }

    /// The tests before the first use.
    fn start(&mut self, draw: &impl Fn() -> Option<u64>) -> bool {
        self.has_started = self.has_started || (0..STARTUP).all(|_| self.draw(draw).is_some());
        self.has_started
    }
}

static HEALTH: IrqLock<Health> = IrqLock::new(Health::NEW);

/// A tested word of the processor's. Without one a CVM stops.
pub(crate) fn word(draw: impl Fn() -> Option<u64>) -> Option<u64> {
    let mut health = HEALTH.lock();
    if !super::is_confidential() {
        return health.draw(&draw);
    }
    let word = if health.start(&draw) { health.draw(&draw) } else { None };
    if word.is_none() {
        crate::fatal("RDSEED and RDRAND fail, or fail their health tests");
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    /// What a generator is found to be after `words` words.
    fn is_good(words: usize, next: impl Fn(u64) -> u64) -> bool {
        let n = Cell::new(0);
        let draw = || {
            n.set(n.get() + 1);
            Some(next(n.get()))
        };
        let mut health = Health::NEW;
        health.start(&draw) && (0..words).all(|_| health.draw(&draw).is_some())
    }

    fn mixed(n: u64) -> u64 {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) ^ n >> 31
    }

    #[test]
    fn a_good_generator_passes() {
        assert!(is_good(if cfg!(miri) { 100 } else { 100_000 }, mixed));
    }

    #[test]
    fn bad_ones_do_not() {
        assert!(!is_good(0, |_| 0));
        assert!(!is_good(0, |_| u64::MAX));
        assert!(!is_good(0, |_| 0x1234_5678_9abc_def0));
        assert!(!is_good(0, |n| n));
        assert!(!is_good(0, |n| mixed(n) & 0x0101_0101_0101_0101));
        assert!(!is_good(2000, |n| if n < 1000 { mixed(n) } else { 7 }));
        let mut health = Health::NEW;
        assert!(!health.start(&|| None));
    }
}
