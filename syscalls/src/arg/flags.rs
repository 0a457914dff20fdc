// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Flag sets as arguments.

use super::{FromArg, Regs};
use crate::line::Line;
use abi::fcntl::{AtFlags, CloseRangeFlags};
use abi::fs::AccessMode;
use abi::stat::StatxMask;
use abi::system::{RandomFlags, membarrier};
use abi::{Result, error};

/// Makes bitflags types arguments: `refuse` gives `EINVAL` for a bit without a
/// name (`refuse_long` also among the high ones of a `long`), `ignore` drops it; which of the two is Linux's choice for each call.
macro_rules! flag_arg {
    ($($type:ty: $raw:ty, $rule:ident $(, $prefix:literal)?;)*) => {$(
        impl $crate::arg::FromArg for $type {
            #[inline(always)]
            fn from_regs(regs: &mut $crate::arg::Regs) -> abi::Result<Self> {
                let bits = regs.take() as $raw;
                $crate::arg::flag_arg!(@$rule $type, bits)
            }

            fn show(&self, line: &mut $crate::line::Line<'_>) {
                line.flags(self, concat!($($prefix)?));
            }
        }
    )*};
    (@refuse $type:ty, $bits:expr) => {
        <$type>::from_bits($bits as _).ok_or(abi::error!(EINVAL, "unknown flag"))
    };
    (@refuse_long $type:ty, $bits:expr) => {
        match u32::try_from($bits).map(<$type>::from_bits) {
            Ok(Some(flags)) => Ok(flags),
            _ => Err(abi::error!(EINVAL, "unknown flag")),
        }
    };
    (@ignore $type:ty, $bits:expr) => {
        Ok(<$type>::from_bits_truncate($bits as _))
    };
}

pub(crate) use flag_arg;

flag_arg! {
    AtFlags: u32, refuse;
    AccessMode: u32, refuse;
    RandomFlags: u32, refuse;
    CloseRangeFlags: u32, refuse;
    StatxMask: u32, ignore;
    abi::fs::RenameFlags: u32, refuse, "RENAME_";
    abi::mman::Prot: u32, ignore, "PROT_";
    abi::mman::MapFlags: u32, ignore, "MAP_";
    abi::mman::RemapFlags: u64, refuse_long, "MREMAP_";
    abi::mman::SyncFlags: u32, refuse, "MS_";
}

impl FromArg for abi::fcntl::OpenFlags {
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

/// A flag set in an `unsigned long` whose unknown bits the handler refuses, after other arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<F>(pub F);

impl<F: bitflags::Flags<Bits = u32> + FromArg> FromArg for Kept<F> {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        /// Stands for all bits that do not fit.
        const HIGH: u32 = 1 << 31;
        Ok(Self(F::from_bits_retain(u32::try_from(regs.take()).unwrap_or(HIGH))))
    }

    fn show(&self, line: &mut Line<'_>) {
        self.0.show(line);
    }
}

/// Refuses flags that this call does not take.
///
/// # Errors
/// `EINVAL` if there is another one than those in `allowed`.
pub fn only(flags: AtFlags, allowed: AtFlags) -> Result<()> {
    if allowed.contains(flags) { Ok(()) } else { Err(error!(EINVAL, "flag of another call")) }
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
            membarrier::QUERY => Ok(Self::Query),
            membarrier::GLOBAL => Ok(Self::Global),
            membarrier::PRIVATE_EXPEDITED => Ok(Self::PrivateExpedited),
            membarrier::REGISTER_PRIVATE_EXPEDITED => Ok(Self::RegisterPrivateExpedited),
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
        assert!(only(flags, AtFlags::AT_REMOVEDIR).is_ok());
        assert!(only(flags, AtFlags::AT_SYMLINK_NOFOLLOW).is_err());
    }
}
