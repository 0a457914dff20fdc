// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The program that the kernel runs: says hello, and ends with status 0.

#![no_std]
#![no_main]

const WRITE: usize = 1;
const EXIT: usize = 60;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let text = b"hello from user mode\n";
    syscall(WRITE, [1, text.as_ptr().addr(), text.len()]);
    loop {
        syscall(EXIT, [0; 3]);
    }
}

/// A system call by Linux's convention.
fn syscall(number: usize, [a, b, c]: [usize; 3]) -> isize {
    let result;
    // SAFETY: the kernel changes RAX, RCX and R11 alone, and reads memory only.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
