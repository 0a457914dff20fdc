// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A line of the trace, which the types of arguments print themselves into.
//!
//! Trust: what is read through `vm` is the program's; how much of it is shown is bounded.

use alloc::string::String;
use bitflags::Flags;
use core::fmt::{LowerHex, Write};
use framework::mm::VmSpace;

/// How much of a buffer or string is shown.
pub(crate) const SHOWN_BYTES: usize = 32;
/// How many strings of an argument vector are shown.
const SHOWN_STRINGS: usize = 16;

/// One line of the trace while it is put together.
pub struct Line<'a> {
    text: String,
    vm: Option<&'a VmSpace>,
    result: Option<i64>,
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.text.try_reserve(text.len()).map_err(|_| core::fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// An empty line; without `vm` pointers are shown as addresses.
    pub const fn new(vm: Option<&'a VmSpace>, result: Option<i64>) -> Self {
        Self { text: String::new(), vm, result }
    }

    /// What the call returned, when it is over.
    pub const fn result(&self) -> Option<i64> {
        self.result
    }

    /// The line.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) {
        let _ = self.write_str(text);
    }

    /// Appends an address, or `NULL`.
    pub fn pointer(&mut self, addr: usize) {
        let _ = if addr == 0 { self.write_str("NULL") } else { write!(self, "{addr:#x}") };
    }

    /// Appends the flags by name behind `prefix`, with the rest in hex, or `0`.
    pub fn flags<F: Flags>(&mut self, flags: &F, prefix: &str)
    where
        F::Bits: LowerHex,
    {
        let mut separator = "";
        let mut names = flags.iter_names();
        for (name, _) in names.by_ref() {
            let _ = write!(self, "{separator}{prefix}{name}");
            separator = "|";
        }
        let rest = names.remaining().bits();
        if rest != F::empty().bits() {
            let _ = write!(self, "{separator}{rest:#x}");
        } else if separator.is_empty() {
            self.text("0");
        }
    }

    /// Appends the C string at `addr`, quoted, or the address if it cannot be read.
    pub fn string(&mut self, addr: usize) {
        match self.vm.and_then(|vm| vm.read_cstr(addr, abi::limits::PATH_MAX).ok()) {
            Some(bytes) => self.quoted(&bytes, bytes.len()),
            None => self.pointer(addr),
        }
    }

    /// Appends the `len` bytes at `addr`, quoted and cut, or the address.
    pub fn bytes(&mut self, addr: usize, len: usize) {
        let mut buffer = [0_u8; SHOWN_BYTES];
        let shown = buffer.get_mut(..len.min(SHOWN_BYTES)).unwrap_or_default();
        match self.vm.map(|vm| vm.read(addr, shown)) {
            Some(Ok(())) => self.quoted(shown, len),
            _ => self.pointer(addr),
        }
    }

    /// Appends the null-terminated array of strings at `addr`.
    pub fn strings(&mut self, addr: usize) {
        let Some(vm) = self.vm.filter(|_| addr != 0) else {
            return self.pointer(addr);
        };
        self.text("[");
        for index in 0..SHOWN_STRINGS {
            let slot = addr.wrapping_add(index * size_of::<u64>());
            match vm.read_val::<u64>(slot) {
                Ok(0) => return self.text("]"),
                Ok(string) => {
                    self.text(if index == 0 { "" } else { ", " });
                    self.string(string as usize);
                }
                Err(_) => break,
            }
        }
        self.text(", ...]");
    }

    fn quoted(&mut self, bytes: &[u8], len: usize) {
        self.text("\"");
        for &byte in bytes {
            let _ = match byte {
                b'"' | b'\\' => write!(self, "\\{}", char::from(byte)),
                b'\n' => self.write_str("\\n"),
                b'\r' => self.write_str("\\r"),
                b'\t' => self.write_str("\\t"),
                0x20..0x7f => self.write_char(char::from(byte)),
                _ => write!(self, "\\{byte:o}"),
            };
        }
        self.text(if bytes.len() < len { "\"..." } else { "\"" });
    }
}
