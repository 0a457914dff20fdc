// SPDX-License-Identifier: Apache-2.0 OR MIT
//! System calls printed in strace's form.
//!
//! The command line turns it on (`nacre.trace=1`); then each call becomes one
//! line of the control channel when it is over, or when it starts if it never
//! returns. The argument types of the table's row print themselves through [`Line`].

use crate::arg::Regs;
use crate::errno_text::describe;
use crate::line::Line;
use crate::row::{Row, show_raw};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};

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

impl Line<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::SHOWN_BYTES;
    use crate::table::INDEX;
    use alloc::string::{String, ToString};
    use alloc::sync::Arc;
    use framework::mm::{Cow, Frame, PAGE_SIZE, Perms, VmSpace};

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
