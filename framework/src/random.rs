// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random bytes: a ChaCha20 generator, seeded by the processor.
//!
//! Seeds come from RDSEED and RDRAND, never from the host. The generator rekeys
//! with every block of output and erases what it has handed out, so that a later
//! leak of its state says nothing about earlier output; it seeds itself again
//! after a mebibyte of output.
//!
//! Locks: `GENERATOR` (interrupts off), then the health tests'.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::arch;
use crate::sync::IrqLock;

/// Output after which fresh processor entropy is mixed in.
const RESEED_BYTES: usize = 1 << 20;

/// What the cipher makes in one go, and how much of it is the next key.
const BLOCK: usize = 256;
const KEY: usize = 32;

struct Generator {
    key: [u8; KEY],
    /// Output not handed out yet: the last `ready` bytes; the rest is zero.
    pool: [u8; BLOCK - KEY],
    ready: usize,
    /// Bytes until the next seeding.
    left: usize,
}

static GENERATOR: IrqLock<Option<Generator>> = IrqLock::new(None);

impl Generator {
    /// A generator with fresh entropy, mixed with the state of `old`.
    fn seeded(old: Option<Self>) -> Self {
        let mut key = old.map_or([0; KEY], |mut old| {
            old.refill();
            old.key
        });
        for (byte, fresh) in key.iter_mut().zip(arch::hardware_seed()) {
            *byte ^= fresh;
        }
        Self { key, pool: [0; BLOCK - KEY], ready: 0, left: RESEED_BYTES }
    }

    /// Makes a new key and a full pool from the old key.
    fn refill(&mut self) {
        let mut rng = ChaCha20Rng::from_seed(self.key);
        rng.fill_bytes(&mut self.key);
        rng.fill_bytes(&mut self.pool);
        self.ready = self.pool.len();
    }

    fn fill(&mut self, out: &mut [u8]) {
        for piece in out.chunks_mut(self.pool.len()) {
            if self.ready < piece.len() {
                self.refill();
            }
            let from = self.pool.len() - self.ready;
            if let Some(bytes) = self.pool.get_mut(from..from + piece.len()) {
                piece.copy_from_slice(bytes);
                bytes.fill(0);
            }
            self.ready -= piece.len();
            self.left = self.left.saturating_sub(piece.len());
        }
    }
}

/// Fills `out` with random bytes.
pub fn fill(out: &mut [u8]) {
    let mut guard = GENERATOR.lock();
    let wanted = out.len().max(1);
    if guard.as_ref().is_none_or(|generator| generator.left < wanted) {
        let old = guard.take();
        *guard = Some(Generator::seeded(old));
    }
    if let Some(generator) = guard.as_mut() {
        generator.fill(out);
    }
}

/// Stirs bytes from outside into the generator. They add to what the processor
/// gave and never stand in for it, so it does no harm that the host knows them.
pub fn mix(bytes: &[u8]) {
    let mut guard = GENERATOR.lock();
    let mut generator = guard.take().unwrap_or_else(|| Generator::seeded(None));
    for piece in bytes.chunks(KEY) {
        generator.refill();
        for (byte, fresh) in generator.key.iter_mut().zip(piece) {
            *byte ^= fresh;
        }
    }
    generator.refill();
    *guard = Some(generator);
}

/// A random number.
pub fn u64() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_differs() {
        assert_ne!(super::u64(), super::u64());
        let mut many = [0u8; 1000];
        super::fill(&mut many);
        assert!(many.chunks(8).all(|bytes| bytes.iter().any(|byte| *byte != 0)));
    }

    #[test]
    fn mixing_changes_the_output_only() {
        let mut out = [0; 32];
        super::mix(&[7; 100]);
        super::fill(&mut out);
        assert_ne!(out, [7; 32]);
    }

    #[test]
    fn output_is_erased_and_keys_change() {
        let mut generator = Generator::seeded(None);
        let mut out = [0; 40];
        generator.fill(&mut out);
        assert!(generator.pool.iter().take(40).all(|byte| *byte == 0));
        let key = generator.key;
        let mut more = [0; BLOCK];
        generator.fill(&mut more);
        assert_ne!(generator.key, key);
        assert!(!more.windows(40).any(|window| window == out));
        assert_eq!(generator.left, RESEED_BYTES - 40 - BLOCK);
    }
}
