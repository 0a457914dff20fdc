// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs the in-guest tests and tells the host, line by line.

#![cfg(feature = "ktest")]

use core::fmt::Write;

use super::serial::Control;
use crate::test::KernelTest;

unsafe extern "C" {
    static __ktests_start: KernelTest;
    static __ktests_end: KernelTest;
}

pub(crate) fn run_kernel_tests() -> bool {
    let (start, end) = (&raw const __ktests_start, &raw const __ktests_end);
    let len = (end.addr() - start.addr()) / size_of::<KernelTest>();
    // SAFETY: the linker script collects exactly these statics between the symbols.
    let tests = unsafe { core::slice::from_raw_parts(start, len) };
    let (mut passed, mut failed) = (0, 0);
    for test in tests {
        match (test.run)() {
            Ok(()) => {
                passed += 1;
                let _ = writeln!(Control, "test {} ok", test.name);
            }
            Err(why) => {
                failed += 1;
                let _ = writeln!(Control, "test {} FAILED {why}", test.name);
            }
        }
    }
    let _ = writeln!(Control, "tests-done {passed} {failed}");
    failed == 0
}
