// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stands behind a parameter below /proc/sys: numbers in bounds, or a word.
//!
//! [`Numbers`] and [`Word`] keep what is written; [`Live`] asks and tells its owner.
//! A write of numbers counts from the start of the file only, and what follows the last
//! number is left for the next write, as on Linux.
//!
//! Locks: the text of a [`Word`] is a leaf.
//!
//! Spec: proc_dointvec_minmax, proc_doulongvec_minmax and proc_dostring of Linux 6.12.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Result, err, error};
use framework::sync::SpinLock;
use pseudofs::{Text, parse_prefix, put};

/// Something below /proc/sys that is read and written.
pub trait Parameter: Sync {
    /// Makes its text.
    ///
    /// # Errors
    /// What the owner says.
    fn show(&self, out: &mut Text) -> Result<()>;

    /// Obeys one write at `offset` of the file; returns how many bytes count.
    ///
    /// # Errors
    /// `EINVAL` for what is no value of the parameter; what the owner says.
    fn store(&self, offset: u64, data: &[u8]) -> Result<usize>;
}

/// `N` numbers that are kept, with common bounds: programs read back what they set, though
/// nothing else looks at it.
pub struct Numbers<const N: usize> {
    /// Two's complement where `least` is negative.
    values: [AtomicU64; N],
    least: i128,
    most: i128,
}

impl<const N: usize> Numbers<N> {
    /// Numbers of `least` to `most`, at most 64 bits wide.
    #[expect(clippy::indexing_slicing, reason = "below both lengths; runs at compile time")]
    pub const fn new(first: [i128; N], least: i128, most: i128) -> Self {
        let mut values = [const { AtomicU64::new(0) }; N];
        let mut at = 0;
        while at < N {
            values[at] = AtomicU64::new(first[at] as u64);
            at += 1;
        }
        Self { values, least, most }
    }

    fn number(&self, value: &AtomicU64) -> i128 {
        let bits = value.load(Ordering::Relaxed);
        if self.least < 0 { i128::from(bits as i64) } else { i128::from(bits) }
    }
}

impl<const N: usize> Parameter for Numbers<N> {
    fn show(&self, out: &mut Text) -> Result<()> {
        for (index, value) in self.values.iter().enumerate() {
            put!(out, "{}{}", if index == 0 { "" } else { "\t" }, self.number(value));
        }
        put!(out, "\n");
        Ok(())
    }

    fn store(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let mut places = self.values.iter();
        store_numbers(offset, data, N, |number| {
            check_bounds(number, self.least, self.most)?;
            if let Some(place) = places.next() {
                place.store(number as u64, Ordering::Relaxed);
            }
            Ok(())
        })
    }
}

/// A number that its owner has.
pub struct Live {
    /// What it is now.
    pub get: fn() -> i128,
    /// Makes it something in bounds.
    pub set: fn(i128) -> Result<()>,
    /// The least that can be set.
    pub least: i128,
    /// The most that can be set.
    pub most: i128,
}

impl Parameter for Live {
    fn show(&self, out: &mut Text) -> Result<()> {
        put!(out, "{}\n", (self.get)());
        Ok(())
    }

    fn store(&self, offset: u64, data: &[u8]) -> Result<usize> {
        store_numbers(offset, data, 1, |number| {
            check_bounds(number, self.least, self.most)?;
            (self.set)(number)
        })
    }
}

/// A line of text of at most `MOST` - 1 bytes that is kept, though nothing looks at it.
pub struct Word<const MOST: usize>(SpinLock<([u8; MOST], usize)>);

impl<const MOST: usize> Word<MOST> {
    /// A parameter that begins as `text`; what is too long is cut off.
    #[expect(clippy::indexing_slicing, reason = "below both lengths; runs at compile time")]
    pub const fn new(text: &[u8]) -> Self {
        let mut bytes = [0; MOST];
        let mut len = 0;
        while len < text.len() && len + 1 < MOST {
            bytes[len] = text[len];
            len += 1;
        }
        Self(SpinLock::new((bytes, len)))
    }
}

impl<const MOST: usize> Parameter for Word<MOST> {
    fn show(&self, out: &mut Text) -> Result<()> {
        let (bytes, len) = *self.0.lock();
        out.push(bytes.get(..len).unwrap_or_default());
        put!(out, "\n");
        Ok(())
    }

    /// Replaces the text from `offset` on, up to the end of the line.
    fn store(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let line = data.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default();
        let mut text = self.0.lock();
        let (bytes, len) = &mut *text;
        let start = usize::try_from(offset).ok().filter(|start| start <= len);
        let Some(start) = start else { return Ok(data.len()) };
        *len = start;
        for byte in line.iter().take(MOST.saturating_sub(1 + start)) {
            if let Some(place) = bytes.get_mut(*len) {
                *place = *byte;
                *len += 1;
            }
        }
        Ok(data.len())
    }
}

fn check_bounds(number: i128, least: i128, most: i128) -> Result<()> {
    if (least..=most).contains(&number) { Ok(()) } else { err!(EINVAL, "out of range") }
}

/// Gives up to `most` numbers of a write to `set`; returns how many bytes count.
fn store_numbers(
    offset: u64,
    data: &[u8],
    most: usize,
    mut set: impl FnMut(i128) -> Result<()>,
) -> Result<usize> {
    if data.is_empty() || offset > 0 {
        return Ok(data.len());
    }
    let mut rest = data.trim_ascii_start();
    let mut count = 0;
    while count < most && !rest.is_empty() {
        let (number, len) = parse_prefix(rest).ok_or(error!(EINVAL, "not a number"))?;
        rest = rest.get(len..).unwrap_or_default();
        if !matches!(rest.first(), None | Some(b' ' | b'\t' | b'\n' | 0)) {
            return err!(EINVAL, "a number with something behind it");
        }
        set(number)?;
        count += 1;
        rest = rest.trim_ascii_start();
    }
    if count == 0 {
        return err!(EINVAL, "no number");
    }
    Ok(data.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    fn text(parameter: &dyn Parameter) -> String {
        let mut out = Text::default();
        parameter.show(&mut out).unwrap();
        out.as_str().to_string()
    }

    #[test]
    fn numbers_in_bounds_are_kept() {
        let one = Numbers::new([60], 0, 200);
        assert_eq!(one.store(0, b"100\n"), Ok(4));
        for bad in [&b"201"[..], b"-1", b"x", b"\n", b" ", b"5x", b"08", b"99999999999999999999"] {
            assert!(one.store(0, bad).is_err(), "{bad:?}");
        }
        assert_eq!(text(&one), "100\n");
        assert_eq!(one.store(0, b" 0x10 7\n"), Ok(6), "the second number is for another write");
        assert_eq!(text(&one), "16\n");
        assert_eq!(one.store(2, b"9"), Ok(1), "not from the start");
        assert_eq!((one.store(0, b"010"), text(&one).as_str()), (Ok(3), "8\n"));
    }

    #[test]
    fn several_numbers_are_set_one_by_one() {
        let four = Numbers::new([4, 4, 1, 7], i128::from(i32::MIN), i128::from(i32::MAX));
        assert_eq!(four.store(0, b"-8 9\t10"), Ok(7));
        assert_eq!(text(&four), "-8\t9\t10\t7\n");
        assert!(four.store(0, b"1 x").is_err());
        assert_eq!(text(&four), "1\t9\t10\t7\n");
        let wide = Numbers::new([u64::MAX as i128], 0, u64::MAX as i128);
        assert_eq!(text(&wide), "18446744073709551615\n");
    }

    #[test]
    fn words_end_with_the_line() {
        let word = Word::<8>::new(b"core");
        assert_eq!(word.store(0, b"a\nb"), Ok(3));
        assert_eq!(text(&word), "a\n");
        assert_eq!(word.store(1, b"long enough"), Ok(11));
        assert_eq!(text(&word), "along e\n");
        assert_eq!(word.store(9, b"x"), Ok(1));
        assert_eq!(word.store(0, b"\n"), Ok(1));
        assert_eq!(text(&word), "\n");
    }
}
