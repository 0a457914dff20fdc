// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random bytes: a ChaCha20 generator for each CPU, seeded by the processor.
//!
//! Seeds come from RDSEED and RDRAND, never from the host. A generator seeds
//! itself again after [`RESEED_BYTES`] and rekeys after every request, so that
//! a later leak of its state says nothing about earlier output.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::arch;
use crate::sync::IrqLock;

/// Output after which fresh processor entropy is mixed in.
const RESEED_BYTES: usize = 1 << 20;

struct Generator {
    rng: ChaCha20Rng,
    left: usize,
}

static GENERATOR: IrqLock<Option<Generator>> = IrqLock::new(None);

/// Fills `out` with random bytes.
pub fn fill(out: &mut [u8]) {
    let mut guard = GENERATOR.lock();
    let wanted = out.len().max(1);
    let generator = match guard.take() {
        Some(generator) if generator.left >= wanted => generator,
        old => seeded(old),
    };
    let Generator { mut rng, left } = generator;
    rng.fill_bytes(out);
    let mut key = [0; 32];
    rng.fill_bytes(&mut key);
    let rng = ChaCha20Rng::from_seed(key);
    *guard = Some(Generator { rng, left: left.saturating_sub(wanted) });
}

/// A random number.
pub fn u64() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn seeded(old: Option<Generator>) -> Generator {
    let mut seed = [0; 32];
    if let Some(mut old) = old {
        old.rng.fill_bytes(&mut seed);
    }
    for (byte, fresh) in seed.iter_mut().zip(arch::hardware_seed()) {
        *byte ^= fresh;
    }
    Generator { rng: ChaCha20Rng::from_seed(seed), left: RESEED_BYTES }
}

#[cfg(test)]
mod tests {
    #[test]
    fn output_differs() {
        assert_ne!(super::u64(), super::u64());
        let mut many = [0u8; 1000];
        super::fill(&mut many);
        assert!(many.iter().any(|byte| *byte != 0));
    }
}
