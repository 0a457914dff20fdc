// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Flag sets as arguments, and the ones that belong to no service.

use super::{FromArg, Regs};
use crate::trace::Line;
use abi::{Result, error};
use bitflags::bitflags;

/// Makes bitflags types arguments: `refuse` gives `EINVAL` for a bit without a
/// name, `ignore` drops it; which of the two is Linux's choice for each call.
macro_rules! flag_arg {
    ($($type:ty: $raw:ty, $rule:ident $(, $prefix:literal)?;)*) => {$(
        impl $crate::arg::FromArg for $type {
            #[inline(always)]
            fn from_regs(regs: &mut $crate::arg::Regs) -> abi::Result<Self> {
                let bits = regs.take() as $raw;
                $crate::arg::flag_arg!(@$rule $type, bits)
            }

            fn show(&self, line: &mut $crate::trace::Line<'_>) {
                line.flags(self, concat!($($prefix)?));
            }
        }
    )*};
    (@refuse $type:ty, $bits:expr) => {
        <$type>::from_bits($bits as _).ok_or(abi::error!(EINVAL, "unknown flag"))
    };
    (@ignore $type:ty, $bits:expr) => {
        Ok(<$type>::from_bits_truncate($bits as _))
    };
}

pub(crate) use flag_arg;

bitflags! {
    /// How the `*at` calls treat their path.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AtFlags: u32 {
        /// Do not follow a symbolic link at the end.
        const AT_SYMLINK_NOFOLLOW = 0x100;
        /// `unlinkat`: remove a directory; `faccessat2`: use the effective ids.
        const AT_REMOVEDIR = 0x200;
        /// `linkat`: follow a symbolic link at the end.
        const AT_SYMLINK_FOLLOW = 0x400;
        /// Do not mount at the end; nothing here does.
        const AT_NO_AUTOMOUNT = 0x800;
        /// An empty path means the descriptor itself.
        const AT_EMPTY_PATH = 0x1000;
        /// `statx`: fetch fresh attributes.
        const AT_STATX_FORCE_SYNC = 0x2000;
        /// `statx`: cached attributes will do.
        const AT_STATX_DONT_SYNC = 0x4000;
    }

    /// What `access` asks for; empty means existence.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AccessMode: u32 {
        /// Execute or search.
        const X_OK = 1;
        /// Write.
        const W_OK = 2;
        /// Read.
        const R_OK = 4;
    }

    /// `getrandom`; one pool serves them all.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RandomFlags: u32 {
        /// Do not wait for the pool.
        const GRND_NONBLOCK = 1;
        /// From the blocking pool of old.
        const GRND_RANDOM = 2;
        /// Even before the pool is ready.
        const GRND_INSECURE = 4;
    }

    /// `close_range`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloseRangeFlags: u32 {
        /// Unshare the table first.
        const CLOSE_RANGE_UNSHARE = 2;
        /// Set close-on-exec instead of closing.
        const CLOSE_RANGE_CLOEXEC = 4;
    }

    /// `statx`: fields asked for; unknown bits mean nothing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatxMask: u32 {
        /// What `stat` gives.
        const STATX_BASIC_STATS = 0x7ff;
        /// The creation time.
        const STATX_BTIME = 0x800;
        /// The mount's number.
        const STATX_MNT_ID = 0x1000;
        /// Reserved by Linux: refused.
        const STATX__RESERVED = 0x8000_0000;
    }
}

flag_arg! {
    AtFlags: u32, refuse;
    AccessMode: u32, refuse;
    RandomFlags: u32, refuse;
    CloseRangeFlags: u32, refuse;
    StatxMask: u32, ignore;
    vfs::RenameFlags: u32, refuse, "RENAME_";
    mm::Prot: u32, ignore, "PROT_";
    mm::MapFlags: u32, ignore, "MAP_";
    mm::RemapFlags: u32, refuse, "MREMAP_";
    mm::SyncFlags: u32, refuse, "MS_";
}

impl FromArg for vfs::OpenFlags {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self::from_bits_truncate(regs.take() as u32))
    }

    fn show(&self, line: &mut Line<'_>) {
        if !self.intersects(Self::ACCMODE) {
            line.text(if self.is_empty() { "O_RDONLY" } else { "O_RDONLY|" });
        }
        if !self.is_empty() {
            line.flags(self, "O_");
        }
    }
}

/// A flag set whose unknown bits this call refuses, though other calls do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strict<F>(pub F);

impl<F: bitflags::Flags<Bits = u32> + FromArg> FromArg for Strict<F> {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        match F::from_bits(regs.take() as u32) {
            Some(flags) => Ok(Self(flags)),
            None => Err(error!(EINVAL, "unknown flag")),
        }
    }

    fn show(&self, line: &mut Line<'_>) {
        self.0.show(line);
    }
}

impl AtFlags {
    /// Refuses flags that this call does not take.
    pub fn only(self, allowed: Self) -> Result<Self> {
        if allowed.contains(self) { Ok(self) } else { Err(error!(EINVAL, "flag of another call")) }
    }
}

/// The commands of `membarrier`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembarrierCommand {
    /// Which commands are there?
    Query,
    /// A barrier on every CPU that runs a thread of any process.
    Global,
    /// A barrier on every CPU that runs a thread of this process.
    PrivateExpedited,
    /// Announces the use of the former.
    RegisterPrivateExpedited,
}

impl FromArg for MembarrierCommand {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        match regs.take() as u32 {
            0 => Ok(Self::Query),
            1 => Ok(Self::Global),
            8 => Ok(Self::PrivateExpedited),
            16 => Ok(Self::RegisterPrivateExpedited),
            _ => Err(error!(EINVAL)),
        }
    }

    fn show(&self, line: &mut Line<'_>) {
        line.text(match self {
            Self::Query => "MEMBARRIER_CMD_QUERY",
            Self::Global => "MEMBARRIER_CMD_GLOBAL",
            Self::PrivateExpedited => "MEMBARRIER_CMD_PRIVATE_EXPEDITED",
            Self::RegisterPrivateExpedited => "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bits: u64) -> Result<AtFlags> {
        AtFlags::from_regs(&mut Regs::new([bits, 0, 0, 0, 0, 0]))
    }

    #[test]
    fn unknown_bits_are_refused() {
        assert_eq!(at(0x100).unwrap(), AtFlags::AT_SYMLINK_NOFOLLOW);
        assert!(at(1).is_err());
        assert!(at(0x1_0000_0000).unwrap().is_empty());
    }

    #[test]
    fn flags_of_other_calls_are_refused() {
        let flags = AtFlags::AT_REMOVEDIR;
        assert!(flags.only(AtFlags::AT_REMOVEDIR).is_ok());
        assert!(flags.only(AtFlags::AT_SYMLINK_NOFOLLOW).is_err());
    }
}
