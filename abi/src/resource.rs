// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Resource usage.
//!
//! Spec: getrusage(2).

use core::mem::offset_of;

use crate::time::Timeval;

/// Usage of the children that were waited for.
pub const RUSAGE_CHILDREN: i32 = -1;
/// Usage of the process.
pub const RUSAGE_SELF: i32 = 0;
/// Usage of the thread.
pub const RUSAGE_THREAD: i32 = 1;

framework::pod_struct! {
    /// `struct rusage` (`man 2 getrusage`).
    #[derive(Debug, Default)]
    pub struct Rusage {
        /// Time in user mode.
        pub utime: Timeval,
        /// Time in the kernel.
        pub stime: Timeval,
        /// Largest resident size in KiB.
        pub maxrss: i64,
        /// Always zero, as on Linux.
        pub unused: [i64; 3],
        /// Faults that needed no reading.
        pub minflt: i64,
        /// Faults that needed reading.
        pub majflt: i64,
        /// Swaps, block input and output, messages, signals: zero.
        pub zero: [i64; 6],
        /// Times it gave up the CPU.
        pub nvcsw: i64,
        /// Times the CPU was taken.
        pub nivcsw: i64,
    }
}

const _: () = assert!(size_of::<Rusage>() == 144);
const _: () = assert!(offset_of!(Rusage, nvcsw) == 128);
