// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What clone(2) is asked for, and which combinations are refused.
//!
//! Spec: clone(2).

use abi::clone::{CSIGNAL, CloneFlags};
use abi::signal::Signal;
use abi::{Result, err};

/// Namespaces and pidfds: known, and refused.
const UNSUPPORTED: CloneFlags = CloneFlags::NEWNS
    .union(CloneFlags::NEWCGROUP)
    .union(CloneFlags::NEWUTS)
    .union(CloneFlags::NEWIPC)
    .union(CloneFlags::NEWUSER)
    .union(CloneFlags::NEWPID)
    .union(CloneFlags::NEWNET)
    .union(CloneFlags::PIDFD);

/// The arguments of clone(2) and clone3(2).
#[derive(Clone, Copy, Debug, Default)]
pub struct CloneArgs {
    /// What is shared, and how.
    pub flags: CloneFlags,
    /// The signal that the child's end sends to the parent.
    pub exit_signal: Option<Signal>,
    /// The child's stack pointer; the parent's if None.
    pub stack: Option<u64>,
    /// Where PARENT_SETTID stores the child's number.
    pub parent_tid: usize,
    /// Where CHILD_SETTID stores and CHILD_CLEARTID clears it.
    pub child_tid: usize,
    /// The FS base for SETTLS.
    pub tls: u64,
}

impl CloneArgs {
    /// The arguments of fork(2).
    pub fn fork() -> Self {
        Self { exit_signal: Some(Signal::CHLD), ..Self::default() }
    }

    /// The arguments of vfork(2).
    pub fn vfork() -> Self {
        Self { flags: CloneFlags::VM | CloneFlags::VFORK, ..Self::fork() }
    }

    /// From the first argument of clone(2), whose low byte is the signal; as on Linux one that
    /// does not exist is no error, and is never sent.
    pub fn from_flags_word(word: u64) -> Self {
        let flags = CloneFlags::from_bits_truncate(word & 0xffff_ff00);
        let exit_signal = Signal::new((word & CSIGNAL) as i32).ok();
        Self { flags, exit_signal, ..Self::default() }
    }
}

/// Refuses combinations that Linux refuses.
pub(crate) fn validate(args: &CloneArgs) -> Result<()> {
    let flags = args.flags;
    let has = |f| flags.contains(f);
    if has(CloneFlags::FS) && flags.intersects(CloneFlags::NEWNS | CloneFlags::NEWUSER) {
        return err!(EINVAL, "namespaces and CLONE_FS exclude each other");
    }
    if has(CloneFlags::THREAD) && !has(CloneFlags::SIGHAND) {
        return err!(EINVAL, "CLONE_THREAD needs CLONE_SIGHAND");
    }
    if has(CloneFlags::SIGHAND) && !has(CloneFlags::VM) {
        return err!(EINVAL, "CLONE_SIGHAND needs CLONE_VM");
    }
    if has(CloneFlags::SIGHAND) && has(CloneFlags::CLEAR_SIGHAND) {
        return err!(EINVAL, "handlers are shared or cleared");
    }
    if has(CloneFlags::THREAD) && flags.intersects(CloneFlags::NEWPID | CloneFlags::NEWUSER) {
        return err!(EINVAL, "a thread stays in its namespaces");
    }
    if flags.intersects(UNSUPPORTED) {
        return err!(EINVAL, "no namespaces and no pidfds");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Errno;

    fn check(word: u64) -> Option<Errno> {
        validate(&CloneArgs::from_flags_word(word)).err().map(abi::Error::errno)
    }

    #[test]
    fn combinations() {
        assert_eq!(check(17), None);
        assert_eq!(check(0x4100 | 17), None);
        assert_eq!(check(0x1_0000), Some(Errno::EINVAL));
        assert_eq!(check(0x800), Some(Errno::EINVAL));
        assert_eq!(check(0x1_0800), Some(Errno::EINVAL));
        assert_eq!(check(0x1_0900), None);
        assert_eq!(check(0x3d_0f00), None);
        assert_eq!(check(0x2_0000 | 17), Some(Errno::EINVAL));
        assert_eq!(check(0x2000_0000), Some(Errno::EINVAL));
        assert_eq!(CloneArgs::from_flags_word(65).exit_signal, None);
        assert_eq!(CloneArgs::from_flags_word(0x100).exit_signal, None);
        let args = CloneArgs {
            flags: CloneFlags::CLEAR_SIGHAND | CloneFlags::SIGHAND | CloneFlags::VM,
            ..CloneArgs::fork()
        };
        assert!(validate(&args).is_err());
    }
}
