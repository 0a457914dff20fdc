// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The text of a file while it is made.

use alloc::vec::Vec;
use core::fmt;

use abi::{Result, err};

/// Room for a line with a path in it.
const LINE_ROOM: usize = 8192;

/// Text that grows by what fits into memory; running out is remembered and
/// reported by [`Text::finish`].
#[derive(Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    is_out_of_memory: bool,
}

impl Text {
    /// Appends bytes as they are.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.try_reserve(bytes.len()).is_ok() {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.is_out_of_memory = true;
        }
    }

    /// Appends bytes with those of `special` as `\ooo`, as seq_file escapes.
    pub(crate) fn push_escaped(&mut self, bytes: &[u8], special: &[u8]) {
        for byte in bytes {
            if special.contains(byte) {
                self.put(format_args!("\\{byte:03o}"));
            } else {
                self.push(&[*byte]);
            }
        }
    }

    /// Appends formatted text: what `write!` calls, without a result to look at.
    pub(crate) fn put(&mut self, arguments: fmt::Arguments<'_>) {
        // Running out of memory is remembered.
        let _ = fmt::Write::write_fmt(self, arguments);
    }

    /// Lets `fill` append up to about [`LINE_ROOM`] bytes to the plain vector;
    /// false if there is no memory for that.
    pub(crate) fn with(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.bytes.try_reserve(LINE_ROOM).is_err() {
            self.is_out_of_memory = true;
            return false;
        }
        fill(&mut self.bytes);
        true
    }

    /// The bytes so far.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes).unwrap_or("not UTF-8")
    }

    /// The finished text; `ENOMEM` if a part is missing.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
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
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        $text.put(format_args!($($arguments)*))
    };
}

pub(crate) use put;
