// SPDX-License-Identifier: Apache-2.0 OR MIT
//! System calls printed in strace's form.
//!
//! The command line turns it on (`nacre.trace=1`); then each call becomes one
//! line of the control channel when it is over, or when it starts if it never
//! returns. The argument types of the table's row print themselves through [`Line`].

use crate::arg::Regs;
use crate::errno_text::describe;
use crate::row::Row;
use alloc::string::String;
use bitflags::Flags;
use core::fmt::{LowerHex, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use framework::mm::VmSpace;

/// How much of a buffer or string is shown.
const SHOWN_BYTES: usize = 32;
/// How many strings of an argument vector are shown.
const SHOWN_STRINGS: usize = 16;
/// Calls that return an address.
const RETURNS_ADDRESS: [&str; 3] = ["mmap", "brk", "mremap"];

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Turns the trace of all processes on or off.
pub fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether calls are traced.
#[inline(always)]
pub fn is_enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

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
        match self.vm.and_then(|vm| vm.read_cstr(addr, vfs::PATH_MAX).ok()) {
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

    /// Starts the line of one call.
    pub fn call(&mut self, tid: i32, row: &Row, regs: Regs) {
        let _ = write!(self, "[{tid}] {}(", row.name);
        (row.show)(regs, self);
        self.text(")");
    }

    /// Starts the line of a number that no row has.
    pub fn unknown(&mut self, tid: i32, number: u32, mut regs: Regs) {
        let _ = write!(self, "[{tid}] syscall_{number:#x}(");
        show_raw(&mut regs, self);
        self.text(")");
    }
}

/// Prints a call without a result.
pub fn print(call: &str) {
    emit(format_args!("{call} = ?"));
}

/// Prints a call with its result.
pub fn print_result(call: &str, name: &str, result: i64) {
    match describe(result.wrapping_neg()) {
        Some((errno, text)) => emit(format_args!("{call} = -1 {} ({text})", errno.name())),
        None if RETURNS_ADDRESS.contains(&name) => emit(format_args!("{call} = {result:#x}")),
        None => emit(format_args!("{call} = {result}")),
    }
}

/// Sends a finished line to whoever started the machine.
fn emit(line: core::fmt::Arguments<'_>) {
    let mut text = Line::new(None, None);
    if text.write_fmt(line).is_ok() {
        framework::control::trace(&text.into_text());
    }
}

/// Prints all six registers: nobody knows what they mean.
pub fn show_raw(regs: &mut Regs, line: &mut Line<'_>) {
    for index in 0..6 {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(line, "{separator}{:#x}", regs.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::INDEX;
    use alloc::string::ToString;
    use alloc::sync::Arc;
    use framework::mm::{Cow, Frame, PAGE_SIZE, Perms};

    const AT: usize = 0x40_0000;

    /// One page of user memory that starts with `bytes`.
    fn memory(bytes: &[u8]) -> Arc<VmSpace> {
        let vm = VmSpace::new().unwrap();
        let frame = Frame::zeroed().unwrap();
        frame.write(0, bytes);
        assert!(vm.map(AT, frame, Perms::READ | Perms::WRITE, Cow::No).unwrap());
        vm
    }

    fn shown(vm: &VmSpace, number: usize, args: [u64; 6], result: Option<i64>) -> String {
        let mut line = Line::new(Some(vm), result);
        line.call(7, INDEX[number].unwrap(), Regs::new(args));
        line.into_text()
    }

    #[test]
    fn calls_look_like_strace() {
        let vm = memory(b"/etc/pass\"wd\n\0");
        let at = AT as u64;
        assert_eq!(
            shown(&vm, 257, [-100_i64 as u64, at, 0x8_0041, 0o644, 0, 0], None),
            "[7] openat(AT_FDCWD, \"/etc/pass\\\"wd\\n\", O_WRONLY|O_CREAT|O_CLOEXEC, 0644)"
        );
        assert_eq!(shown(&vm, 1, [1, at, 4, 0, 0, 0], None), "[7] write(1, \"/etc\", 4)");
        assert_eq!(shown(&vm, 0, [0, at, 64, 0, 0, 0], Some(4)), "[7] read(0, \"/etc\", 64)");
        assert_eq!(shown(&vm, 0, [0, at, 64, 0, 0, 0], Some(-11)), "[7] read(0, 0x400000, 64)");
        assert_eq!(shown(&vm, 39, [0; 6], None), "[7] getpid()");
        assert_eq!(shown(&vm, 62, [5, 9, 0, 0, 0, 0], None), "[7] kill(5, SIGKILL)");
    }

    #[test]
    fn what_does_not_decode_is_raw() {
        let vm = memory(b"f\0");
        assert_eq!(
            shown(&vm, 263, [3, AT as u64, 0x8000_0000, 0, 0, 0], None),
            "[7] unlinkat(3, \"f\", 0x80000000)"
        );
        let gone = (AT + 2 * PAGE_SIZE) as u64;
        assert_eq!(shown(&vm, 87, [gone, 0, 0, 0, 0, 0], None), "[7] unlink(0x402000)");
        assert_eq!(shown(&vm, 87, [0; 6], None), "[7] unlink(NULL)");
    }

    #[test]
    fn long_buffers_are_cut() {
        let vm = memory(&[b'x'; 100]);
        let cut = alloc::format!("[7] write(1, \"{}\"..., 100)", "x".repeat(SHOWN_BYTES));
        assert_eq!(shown(&vm, 1, [1, AT as u64, 100, 0, 0, 0], None), cut);
    }

    #[test]
    fn string_arrays() {
        let mut bytes = [0_u8; 40];
        bytes[..8].copy_from_slice(&(AT as u64 + 32).to_le_bytes());
        bytes[8..16].copy_from_slice(&(AT as u64 + 32).to_le_bytes());
        bytes[32..34].copy_from_slice(b"sh");
        let vm = memory(&bytes);
        let mut line = Line::new(Some(&vm), None);
        line.strings(AT);
        assert_eq!(line.into_text(), "[\"sh\", \"sh\"]");
    }

    #[test]
    fn unknown_numbers_show_everything() {
        let mut line = Line::new(None, None);
        line.unknown(1, 999, Regs::new([1, 2, 3, 4, 5, 6]));
        assert_eq!(line.into_text(), "[1] syscall_0x3e7(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)".to_string());
    }
}
