// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Device numbers: how two become one, and those that are the same on every Linux.
//!
//! Spec: makedev(3), Documentation/admin-guide/devices.txt of Linux.

/// One number of two, as stat(2) shows it (`new_encode_dev`, widened).
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff_ff00) << 12)
}

/// The major number in the 32 bits that mknod(2) takes.
pub const fn major(dev: u32) -> u32 {
    (dev >> 8) & 0xfff
}

/// The minor number in the 32 bits that mknod(2) takes.
pub const fn minor(dev: u32) -> u32 {
    (dev & 0xff) | ((dev >> 12) & 0xf_ff00)
}

/// Major number of the memory devices.
pub const MEM_MAJOR: u32 = 1;
/// Their minor numbers.
#[allow(missing_docs, reason = "the names are the documentation: mem(4), null(4), random(4)")]
pub mod mem {
    pub const NULL: u32 = 3;
    pub const ZERO: u32 = 5;
    pub const FULL: u32 = 7;
    pub const RANDOM: u32 = 8;
    pub const URANDOM: u32 = 9;
    pub const KMSG: u32 = 11;
}

/// Major number of virtual terminals and serial lines.
pub const TTY_MAJOR: u32 = 4;
/// The first minor number of serial lines.
pub const SERIAL_MINOR: u32 = 64;
/// Major number of /dev/tty (minor number 0) and /dev/console (1).
pub const TTYAUX_MAJOR: u32 = 5;
/// Major number of miscellaneous devices.
pub const MISC_MAJOR: u32 = 10;
/// Major number of a hypervisor's consoles.
pub const HVC_MAJOR: u32 = 229;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_linux() {
        assert_eq!(makedev(1, 3), 0x103);
        assert_eq!(makedev(5, 0x12345), 0x1230_0545);
        assert_eq!((major(0x1230_0545), minor(0x1230_0545)), (5, 0x12345));
    }
}
