// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The classes of bytes, as Linux's N_TTY sees them.

/// Linux's `iscntrl`.
pub(super) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}

/// A byte inside a UTF-8 character.
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Linux's `isalnum`, with the letters of Latin-1.
pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

/// Linux's `tolower`, with the letters of Latin-1.
pub(super) fn to_lower(byte: u8) -> u8 {
    let is_upper = byte.is_ascii_uppercase() || ((0xc0..=0xde).contains(&byte) && byte != 0xd7);
    if is_upper { byte + 32 } else { byte }
}

/// Linux's `toupper`, with the letters of Latin-1.
pub(super) fn to_upper(byte: u8) -> u8 {
    let is_lower = byte.is_ascii_lowercase() || (byte >= 0xdf && byte != 0xf7);
    if is_lower { byte - 32 } else { byte }
}
