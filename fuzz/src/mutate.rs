// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random numbers and mutations.

/// A small random number generator (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Numbers that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// Numbers at which code goes wrong.
const ODD: [u64; 20] = [
    0,
    1,
    2,
    3,
    7,
    8,
    0x10,
    0x20,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xfff,
    0x1000,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes `input` at one to eight places; `other` is a second input to take parts from.
pub(crate) fn mutate(random: &mut Random, input: &mut Vec<u8>, other: &[u8], max_len: usize) {
    for _ in 0..=random.below(8) {
        once(random, input, other, max_len);
    }
}

fn once(random: &mut Random, input: &mut Vec<u8>, other: &[u8], max_len: usize) {
    let at = random.below(input.len());
    match random.below(12) {
        0 | 1 => {
            let bit = 1 << random.below(8);
            change(input, at, |byte| byte ^ bit);
        }
        2 => {
            let new = random.next() as u8;
            change(input, at, |_| new);
        }
        3 => {
            let step = (random.below(33) as u8).wrapping_sub(16);
            change(input, at, |byte| byte.wrapping_add(step));
        }
        4..=6 => {
            let width = 1 << random.below(4);
            let at = if random.below(2) == 0 { at } else { at & !(width - 1) };
            let odd = ODD.get(random.below(ODD.len())).copied().unwrap_or(0);
            let near = odd.wrapping_add(random.below(3) as u64).wrapping_sub(1);
            let bytes = near.to_le_bytes();
            for (to, from) in input.iter_mut().skip(at).take(width).zip(bytes) {
                *to = from;
            }
        }
        7 => {
            // One number's value elsewhere: addresses and lengths that meet.
            let (width, from) = (1 << random.below(4), random.below(input.len()));
            let copied: Vec<u8> = input.iter().skip(from).take(width).copied().collect();
            for (to, from) in input.iter_mut().skip(at).zip(copied) {
                *to = from;
            }
        }
        8 => {
            let end = (at + 1 + random.below(32)).min(input.len());
            if at < end {
                input.drain(at..end);
            }
        }
        9 => {
            let count = 1 + random.below(32);
            let from = random.below(input.len());
            let copied: Vec<u8> = input.iter().skip(from).take(count).copied().collect();
            input.splice(at..at, copied);
        }
        10 => {
            let from = random.below(other.len());
            let count = 1 + random.below(64);
            for (to, from) in input.iter_mut().skip(at).zip(other.iter().skip(from).take(count)) {
                *to = *from;
            }
        }
        _ => {
            if random.below(4) == 0 {
                input.truncate(at);
            } else {
                let count = random.below(16);
                input.extend((0..count).map(|_| random.next() as u8));
            }
        }
    }
    input.truncate(max_len);
}

fn change(input: &mut [u8], at: usize, how: impl FnOnce(u8) -> u8) {
    if let Some(byte) = input.get_mut(at) {
        *byte = how(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_stay_within_the_limit_and_repeat() {
        let all = |seed| {
            let mut random = Random::new(seed);
            let mut input = vec![];
            for _ in 0..10_000 {
                mutate(&mut random, &mut input, b"another input", 100);
                assert!(input.len() <= 100);
            }
            input
        };
        assert_eq!(all(5), all(5));
        assert_ne!(all(5), all(6));
    }
}
