// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a signal carries: `siginfo_t`, kept in its final layout.
//!
//! Spec: sigaction(2); x86-64 `siginfo_t` is 128 bytes, its union at offset 16.

use super::Signal;

/// Sent by kill(2).
pub const SI_USER: i32 = 0;
/// Sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// `si_code`: an asynchronous name lookup of glibc ended.
pub const SI_ASYNCNL: i32 = -60;
/// Sent by sigqueue(3).
pub const SI_QUEUE: i32 = -1;
/// A POSIX timer expired.
pub const SI_TIMER: i32 = -2;
/// Sent by tkill(2) or tgkill(2).
pub const SI_TKILL: i32 = -6;

/// Child exited.
pub const CLD_EXITED: i32 = 1;
/// Child was killed.
pub const CLD_KILLED: i32 = 2;
/// Child was killed and would have dumped core.
pub const CLD_DUMPED: i32 = 3;
/// Child stopped.
pub const CLD_STOPPED: i32 = 5;
/// Child continued.
pub const CLD_CONTINUED: i32 = 6;

/// SIGFPE: integer division by zero.
pub const FPE_INTDIV: i32 = 1;
/// SIGFPE: division by zero.
pub const FPE_FLTDIV: i32 = 3;
/// SIGFPE: overflow.
pub const FPE_FLTOVF: i32 = 4;
/// SIGFPE: underflow.
pub const FPE_FLTUND: i32 = 5;
/// SIGFPE: inexact result.
pub const FPE_FLTRES: i32 = 6;
/// SIGFPE: invalid operation.
pub const FPE_FLTINV: i32 = 7;

/// SIGSEGV: nothing is mapped there.
pub const SEGV_MAPERR: i32 = 1;
/// SIGSEGV: what is mapped there does not allow it.
pub const SEGV_ACCERR: i32 = 2;
/// SIGBUS: alignment.
pub const BUS_ADRALN: i32 = 1;
/// SIGBUS: beyond the end of the mapped file, or no memory for it.
pub const BUS_ADRERR: i32 = 2;
/// SIGILL: illegal operand.
pub const ILL_ILLOPN: i32 = 2;
/// SIGTRAP: a breakpoint.
pub const TRAP_BRKPT: i32 = 1;
/// SIGTRAP: single step.
pub const TRAP_TRACE: i32 = 2;

framework::pod_struct! {
    /// A `siginfo_t` (`man 2 sigaction`). The words are the union from offset 16 on.
    #[derive(PartialEq, Eq, Debug)]
    pub struct SigInfo {
        /// `si_signo`.
        pub signo: i32,
        /// `si_errno`.
        pub errno: i32,
        /// `si_code`.
        pub code: i32,
        /// Padding, kept as a program gave it.
        pub pad: i32,
        /// The union.
        pub words: [u64; 14],
    }
}

const _: () = assert!(size_of::<SigInfo>() == 128);

/// Bytes of a `siginfo_t` that waitid(2) fills in: up to and with `si_status`.
pub const WAITID_INFO_LEN: usize = core::mem::offset_of!(SigInfo, words) + 12;

/// Bytes before `si_pid` that no field takes; waitid(2) leaves them alone.
pub const WAITID_GAP: core::ops::Range<usize> = 12..core::mem::offset_of!(SigInfo, words);

const fn pair(low: i32, high: u32) -> u64 {
    low as u32 as u64 | (high as u64) << 32
}

impl SigInfo {
    fn with(signal: Signal, code: i32, first: &[u64]) -> Self {
        let mut words = [0; 14];
        for (to, from) in words.iter_mut().zip(first) {
            *to = *from;
        }
        Self { signo: signal.number(), errno: 0, code, pad: 0, words }
    }

    /// From the kernel itself.
    pub fn kernel(signal: Signal) -> Self {
        Self::with(signal, SI_KERNEL, &[])
    }

    /// From the program `pid` of user `uid`, by kill(2).
    pub fn user(signal: Signal, pid: i32, uid: u32) -> Self {
        Self::with(signal, SI_USER, &[pair(pid, uid)])
    }

    /// From the program `pid` of user `uid`, by tkill(2).
    pub fn tkill(signal: Signal, pid: i32, uid: u32) -> Self {
        Self::with(signal, SI_TKILL, &[pair(pid, uid)])
    }

    /// From the CPU, about address `addr`.
    pub fn fault(signal: Signal, code: i32, addr: u64) -> Self {
        Self::with(signal, code, &[addr])
    }

    /// About a child; times in clock ticks.
    pub fn child(
        signal: Signal,
        code: i32,
        pid: i32,
        uid: u32,
        status: i32,
        ticks: (u64, u64),
    ) -> Self {
        Self::with(signal, code, &[pair(pid, uid), pair(status, 0), ticks.0, ticks.1])
    }

    /// From POSIX timer `id` with its overrun count and `sigev_value`.
    pub fn timer(signal: Signal, id: i32, overrun: i32, value: u64) -> Self {
        Self::with(signal, SI_TIMER, &[pair(id, overrun as u32), value])
    }

    /// From the kernel about a file descriptor (`SIGIO`, `SIGPIPE` has none).
    pub fn poll(signal: Signal, code: i32, band: u64, fd: i32) -> Self {
        Self::with(signal, code, &[band, pair(fd, 0)])
    }

    /// `si_pid`, where the code has one.
    pub fn pid(&self) -> i32 {
        self.words.first().map_or(0, |w| *w as i32)
    }

    /// `si_uid`, where the code has one.
    pub fn uid(&self) -> u32 {
        self.words.first().map_or(0, |w| (*w >> 32) as u32)
    }

    /// `si_timerid` of a timer's signal.
    pub fn timer_id(&self) -> i32 {
        self.pid()
    }

    /// The same, with the overrun count of a timer's signal replaced.
    #[must_use]
    pub fn with_overrun(mut self, overrun: i32) -> Self {
        let id = self.timer_id();
        if let Some(first) = self.words.first_mut() {
            *first = pair(id, overrun as u32);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_union_is_filled() {
        let info = SigInfo::child(Signal::CHLD, CLD_EXITED, 77, 1000, 3, (5, 6));
        assert_eq!(info.pid(), 77);
        assert_eq!(info.uid(), 1000);
        assert_eq!(info.words[1], 3);
        assert_eq!(info.words[2..4], [5, 6]);
        let timer = SigInfo::timer(Signal::ALRM, 4, 0, 9).with_overrun(7);
        assert_eq!(timer.words[0], 4 | 7 << 32);
        assert_eq!(timer.words[1], 9);
    }
}
