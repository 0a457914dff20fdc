// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Numbers as programs write them to files, and as names of entries.

use abi::{Result, error};

/// A decimal number as programs write one: spaces around it, maybe a sign.
///
/// # Errors
/// `EINVAL` if it is none, or beyond the range of the type.
pub fn parse_i64(data: &[u8]) -> Result<i64> {
    let text = core::str::from_utf8(data).map_err(|_| error!(EINVAL, "not a number"))?;
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
    text.parse().map_err(|_| error!(EINVAL, "not a number"))
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
        for bad in [&b""[..], b"\n", b"1 2", b"0x1", b"\xff"] {
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
