// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Numbers as programs write them to files, and as names of entries.

use abi::{Result, error};

/// A number as programs write one: spaces around it, maybe a sign; in base 16 behind `0x`,
/// in base 8 behind `0`.
///
/// # Errors
/// `EINVAL` if it is none, or beyond the range of the type.
pub fn parse_i64(data: &[u8]) -> Result<i64> {
    let bad = error!(EINVAL, "not a number");
    let text = data.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    match parse_prefix(text) {
        Some((number, len)) if len == text.len() => i64::try_from(number).map_err(|_| bad),
        _ => Err(bad),
    }
}

/// The number that a text begins with, maybe negative, and how many bytes it has; bases as
/// in [`parse_i64`]. None if there is none within 64 bits.
pub fn parse_prefix(text: &[u8]) -> Option<(i128, usize)> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_negative = digits.len() < text.len();
    let is_hex = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_hexdigit);
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if is_hex(rest) => (16, rest),
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let len = digits.iter().position(|byte| !is_digit(byte)).unwrap_or(digits.len());
    let number = core::str::from_utf8(digits.get(..len)?).ok()?;
    let number = i128::from(u64::from_str_radix(number, radix).ok()?);
    let used = text.len() - digits.len() + len;
    Some((if is_negative { -number } else { number }, used))
}

/// A decimal number without sign or leading zeros, as names of processes and descriptors are.
pub fn parse_id(name: &[u8]) -> Option<i32> {
    let is_number = name.first() != Some(&b'0') || name.len() == 1;
    if !is_number || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_programs_write_them() {
        assert_eq!(parse_i64(b" -17\n").unwrap(), -17);
        assert_eq!(parse_i64(b"5\0").unwrap(), 5);
        assert_eq!(parse_i64(b"0x1F").unwrap(), 31);
        assert_eq!(parse_i64(b"-010").unwrap(), -8);
        assert_eq!(parse_i64(b"+3").unwrap(), 3);
        for bad in [&b""[..], b"\n", b"1 2", b"0x", b"08", b"--1", b"\xff"] {
            assert!(parse_i64(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_of_processes() {
        assert_eq!(parse_id(b"1"), Some(1));
        assert_eq!(parse_id(b"0"), Some(0));
        for bad in [&b""[..], b"01", b"+1", b"-1", b"1a", b"99999999999"] {
            assert_eq!(parse_id(bad), None, "{bad:?}");
        }
    }
}
