// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Capabilities, securebits, and the structs of capget and capset.
//!
//! Spec: capget(2), capabilities(7).

#![allow(missing_docs, reason = "the constants are documented in capabilities(7)")]

/// 32 capabilities in one block of data.
pub const VERSION_1: u32 = 0x1998_0330;
/// 64 in two; the first try at it.
pub const VERSION_2: u32 = 0x2007_1026;
/// 64 in two.
pub const VERSION_3: u32 = 0x2008_0522;

framework::pod_struct! {
    /// `struct __user_cap_header_struct` (`man 2 capget`).
    #[derive(Debug, Default)]
    pub struct CapHeader {
        /// Layout of the data.
        pub version: u32,
        /// Whose capabilities; zero: one's own.
        pub pid: i32,
    }

    /// Two of `struct __user_cap_data_struct` (`man 2 capget`): low and high half of each set.
    #[derive(Debug, Default)]
    pub struct CapData {
        /// Low halves: effective, permitted, inheritable.
        pub low: [u32; 3],
        /// High halves: effective, permitted, inheritable.
        pub high: [u32; 3],
    }
}

const _: () = assert!(size_of::<CapHeader>() == 8);
const _: () = assert!(size_of::<CapData>() == 24);

bitflags::bitflags! {
    /// A set of Linux capabilities; bit n is capability number n.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Caps: u64 {
        const CHOWN = 1;
        const DAC_OVERRIDE = 1 << 1;
        const DAC_READ_SEARCH = 1 << 2;
        const FOWNER = 1 << 3;
        const FSETID = 1 << 4;
        const KILL = 1 << 5;
        const SETGID = 1 << 6;
        const SETUID = 1 << 7;
        const SETPCAP = 1 << 8;
        const LINUX_IMMUTABLE = 1 << 9;
        const NET_BIND_SERVICE = 1 << 10;
        const NET_BROADCAST = 1 << 11;
        const NET_ADMIN = 1 << 12;
        const NET_RAW = 1 << 13;
        const IPC_LOCK = 1 << 14;
        const IPC_OWNER = 1 << 15;
        const SYS_MODULE = 1 << 16;
        const SYS_RAWIO = 1 << 17;
        const SYS_CHROOT = 1 << 18;
        const SYS_PTRACE = 1 << 19;
        const SYS_PACCT = 1 << 20;
        const SYS_ADMIN = 1 << 21;
        const SYS_BOOT = 1 << 22;
        const SYS_NICE = 1 << 23;
        const SYS_RESOURCE = 1 << 24;
        const SYS_TIME = 1 << 25;
        const SYS_TTY_CONFIG = 1 << 26;
        const MKNOD = 1 << 27;
        const LEASE = 1 << 28;
        const AUDIT_WRITE = 1 << 29;
        const AUDIT_CONTROL = 1 << 30;
        const SETFCAP = 1 << 31;
        const MAC_OVERRIDE = 1 << 32;
        const MAC_ADMIN = 1 << 33;
        const SYSLOG = 1 << 34;
        const WAKE_ALARM = 1 << 35;
        const BLOCK_SUSPEND = 1 << 36;
        const AUDIT_READ = 1 << 37;
        const PERFMON = 1 << 38;
        const BPF = 1 << 39;
        const CHECKPOINT_RESTORE = 1 << 40;
    }
}

/// The highest capability number.
pub const LAST_CAP: u32 = 40;

impl Caps {
    /// The capabilities that follow the file-system user id.
    pub const FS: Self = Self::CHOWN
        .union(Self::DAC_OVERRIDE)
        .union(Self::DAC_READ_SEARCH)
        .union(Self::FOWNER)
        .union(Self::FSETID)
        .union(Self::MKNOD)
        .union(Self::LINUX_IMMUTABLE)
        .union(Self::MAC_OVERRIDE);

    /// The one-element set of capability `number`, or `None` beyond [`LAST_CAP`].
    pub const fn from_number(number: u32) -> Option<Self> {
        if number <= LAST_CAP { Some(Self::from_bits_truncate(1 << number)) } else { None }
    }
}

bitflags::bitflags! {
    /// The securebits of prctl(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct SecureBits: u32 {
        const NOROOT = 1;
        const NOROOT_LOCKED = 1 << 1;
        const NO_SETUID_FIXUP = 1 << 2;
        const NO_SETUID_FIXUP_LOCKED = 1 << 3;
        const KEEP_CAPS = 1 << 4;
        const KEEP_CAPS_LOCKED = 1 << 5;
        const NO_CAP_AMBIENT_RAISE = 1 << 6;
        const NO_CAP_AMBIENT_RAISE_LOCKED = 1 << 7;
    }
}
