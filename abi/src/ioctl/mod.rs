// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The numbers of device controls, and how they are made.
//!
//! Spec: ioctl(2), asm-generic/ioctl.h.

pub mod block;
pub mod file;
pub mod tdx_guest;
pub mod tty;

const WRITE: u32 = 1;
const READ: u32 = 2;

const fn encode(direction: u32, kind: u8, number: u8, size: usize) -> u32 {
    assert!(size < 1 << 14, "the size field has 14 bits");
    direction << 30 | (size as u32) << 16 | (kind as u32) << 8 | number as u32
}

/// `_IOR`: the kernel fills a `T`.
const fn ior<T>(kind: u8, number: u8) -> u32 {
    encode(READ, kind, number, size_of::<T>())
}

/// `_IOW`: the kernel reads a `T`.
const fn iow<T>(kind: u8, number: u8) -> u32 {
    encode(WRITE, kind, number, size_of::<T>())
}

/// `_IOWR`: the kernel reads a `T` and fills it.
const fn iowr<T>(kind: u8, number: u8) -> u32 {
    encode(READ | WRITE, kind, number, size_of::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_linux() {
        assert_eq!(tty::TCGETS2, 0x802c_542a);
        assert_eq!(tty::TCSETSF2, 0x402c_542d);
        assert_eq!(tty::TIOCGDEV, 0x8004_5432);
        assert_eq!(tty::TIOCGEXCL, 0x8004_5440);
        assert_eq!(block::BLKBSZGET, 0x8008_1270);
        assert_eq!(block::BLKBSZSET, 0x4008_1271);
        assert_eq!(block::BLKGETSIZE64, 0x8008_1272);
        assert_eq!(file::RNDGETENTCNT, 0x8004_5200);
        assert_eq!(tdx_guest::TDX_CMD_GET_REPORT0, 0xc440_5401);
    }
}
