// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The text of a file while it is made.

use alloc::vec::Vec;
use core::fmt;

use abi::{Result, err};

/// The longest text; it is far beyond the list of areas of any program that is known.
const MOST: usize = 64 << 20;
/// As long as a part of a text needs to be.
const PART: usize = 4096;

/// Text that grows by what fits into memory, up to 64 MiB; running out is remembered
/// and reported by [`Text::finish`].
#[derive(Default)]
pub struct Text {
    bytes: Vec<u8>,
    is_out_of_memory: bool,
}

impl Text {
    /// Appends bytes as they are.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Appends bytes with those of `special` as `\ooo`, as seq_file escapes.
    pub fn push_escaped(&mut self, bytes: &[u8], special: &[u8]) {
        for byte in bytes {
            if special.contains(byte) {
                self.put(format_args!("\\{byte:03o}"));
            } else {
                self.push(&[*byte]);
            }
        }
    }

    /// Appends formatted text: what `write!` calls, without a result to look at.
    pub fn put(&mut self, arguments: fmt::Arguments<'_>) {
        // Running out of memory is remembered.
        let _ = fmt::Write::write_fmt(self, arguments);
    }

    /// The length in bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether there is enough for a part of a long text: a page, as on Linux.
    pub fn is_part(&self) -> bool {
        self.bytes.len() >= PART || self.is_out_of_memory
    }

    /// Whether a part is missing already: there is no use in going on.
    pub fn has_failed(&self) -> bool {
        self.is_out_of_memory
    }

    /// Whether `more` bytes fit; notes it if not.
    fn has_room(&mut self, more: usize) -> bool {
        let fits = more <= MOST.saturating_sub(self.bytes.len());
        let has_room = fits && self.bytes.try_reserve(more).is_ok();
        self.is_out_of_memory |= !has_room;
        has_room
    }

    /// What there is so far, up to the first byte that is not UTF-8.
    pub fn as_str(&self) -> &str {
        self.bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }

    /// The finished text.
    ///
    /// # Errors
    /// `ENOMEM` if a part is missing.
    pub fn finish(self) -> Result<Vec<u8>> {
        if self.is_out_of_memory {
            return err!(ENOMEM, "no memory for the text");
        }
        Ok(self.bytes)
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// `put!(text, "…", …)`: appends formatted text to a [`Text`].
#[macro_export]
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        $text.put(format_args!($($arguments)*))
    };
}
