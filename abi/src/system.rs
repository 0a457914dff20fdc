// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine as a whole: names, figures, the kernel log, power, randomness.
//!
//! Spec: uname(2), sysinfo(2), syslog(2), reboot(2), getrandom(2), membarrier(2).

use core::mem::offset_of;

/// The longest host or domain name, without its NUL.
pub const HOST_NAME_MAX: usize = 64;

framework::pod_struct! {
    /// `struct new_utsname` (`man 2 uname`).
    pub struct Utsname {
        /// System, node, release, version, machine, domain; each ends in NUL.
        pub fields: [[u8; 65]; 6],
    }

    /// `struct sysinfo` (`man 2 sysinfo`).
    #[derive(Debug, Default)]
    pub struct Sysinfo {
        /// Seconds since the start.
        pub uptime: i64,
        /// Loads of 1, 5 and 15 minutes, times 65536.
        pub loads: [u64; 3],
        /// Memory in all.
        pub totalram: u64,
        /// Free memory.
        pub freeram: u64,
        /// Shared memory.
        pub sharedram: u64,
        /// Buffers.
        pub bufferram: u64,
        /// Swap in all.
        pub totalswap: u64,
        /// Free swap.
        pub freeswap: u64,
        /// Threads.
        pub procs: u16,
        /// Zero.
        pub pad: [u16; 3],
        /// High memory in all: none.
        pub totalhigh: u64,
        /// Free high memory: none.
        pub freehigh: u64,
        /// Bytes that the memory figures count in.
        pub mem_unit: u32,
        /// Zero.
        pub end_pad: u32,
    }
}

const _: () = assert!(size_of::<Utsname>() == 390);
const _: () = assert!(size_of::<Sysinfo>() == 112);
const _: () = assert!(offset_of!(Sysinfo, totalhigh) == 88);

/// What syslog(2) is asked to do.
pub mod syslog {
    /// Take the oldest records.
    pub const READ: i32 = 2;
    /// Copy the newest records.
    pub const READ_ALL: i32 = 3;
    /// Copy the newest records and clear.
    pub const READ_CLEAR: i32 = 4;
    /// Clear.
    pub const CLEAR: i32 = 5;
    /// Nothing on the console.
    pub const CONSOLE_OFF: i32 = 6;
    /// The console as before.
    pub const CONSOLE_ON: i32 = 7;
    /// Least urgent level on the console.
    pub const CONSOLE_LEVEL: i32 = 8;
    /// Bytes that nobody has taken.
    pub const SIZE_UNREAD: i32 = 9;
    /// Bytes that the log holds.
    pub const SIZE_BUFFER: i32 = 10;
}

/// The magic numbers and commands of reboot(2).
pub mod reboot {
    /// The first argument.
    pub const MAGIC1: u32 = 0xfee1_dead;
    /// What the second argument may be.
    pub const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    /// Control-Alt-Delete restarts at once.
    pub const CAD_ON: u32 = 0x89ab_cdef;
    /// Control-Alt-Delete signals init.
    pub const CAD_OFF: u32 = 0;
    /// Stop.
    pub const HALT: u32 = 0xcdef_0123;
    /// Power off.
    pub const POWER_OFF: u32 = 0x4321_fedc;
    /// Restart.
    pub const RESTART: u32 = 0x0123_4567;
}

/// The commands of membarrier(2).
pub mod membarrier {
    /// Which commands are there?
    pub const QUERY: u32 = 0;
    /// A barrier on every CPU that runs a thread of any process.
    pub const GLOBAL: u32 = 1;
    /// A barrier on every CPU that runs a thread of this process.
    pub const PRIVATE_EXPEDITED: u32 = 8;
    /// Announces the use of the former.
    pub const REGISTER_PRIVATE_EXPEDITED: u32 = 16;
}

bitflags::bitflags! {
    /// `getrandom` (`man 2 getrandom`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RandomFlags: u32 {
        /// Do not wait for the pool.
        const GRND_NONBLOCK = 1;
        /// From the blocking pool of old.
        const GRND_RANDOM = 2;
        /// Even before the pool is ready.
        const GRND_INSECURE = 4;
    }
}
