// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Making processes and threads.
//!
//! Spec: clone(2).

#![allow(missing_docs, reason = "the names are the documentation: clone(2)")]

/// In the flags of clone(2): the signal at the end of the child.
pub const CSIGNAL: u64 = 0xff;

bitflags::bitflags! {
    /// The flags of clone (`man 2 clone`), without the exit signal in the low byte.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct CloneFlags: u64 {
        const VM = 0x100;
        const FS = 0x200;
        const FILES = 0x400;
        const SIGHAND = 0x800;
        const PIDFD = 0x1000;
        const PTRACE = 0x2000;
        const VFORK = 0x4000;
        const PARENT = 0x8000;
        const THREAD = 0x1_0000;
        const NEWNS = 0x2_0000;
        const SYSVSEM = 0x4_0000;
        const SETTLS = 0x8_0000;
        const PARENT_SETTID = 0x10_0000;
        const CHILD_CLEARTID = 0x20_0000;
        const DETACHED = 0x40_0000;
        const UNTRACED = 0x80_0000;
        const CHILD_SETTID = 0x100_0000;
        const NEWCGROUP = 0x200_0000;
        const NEWUTS = 0x400_0000;
        const NEWIPC = 0x800_0000;
        const NEWUSER = 0x1000_0000;
        const NEWPID = 0x2000_0000;
        const NEWNET = 0x4000_0000;
        const IO = 0x8000_0000;
        /// clone3 only: handlers become the default.
        const CLEAR_SIGHAND = 0x1_0000_0000;
    }
}

/// The first published size of `struct clone_args`.
pub const CLONE_ARGS_SIZE_VER0: usize = 64;

framework::pod_struct! {
    /// `struct clone_args` (`man 2 clone3`).
    #[derive(Debug, Default)]
    pub struct CloneArgs {
        /// `CLONE_*`.
        pub flags: u64,
        /// Where to put the pidfd.
        pub pidfd: u64,
        /// Where the child stores its id.
        pub child_tid: u64,
        /// Where the parent stores the child's id.
        pub parent_tid: u64,
        /// What to send the parent at the end.
        pub exit_signal: u64,
        /// Lowest byte of the stack.
        pub stack: u64,
        /// Its size.
        pub stack_size: u64,
        /// The new FS base.
        pub tls: u64,
        /// Wanted ids.
        pub set_tid: u64,
        /// How many.
        pub set_tid_size: u64,
        /// The cgroup.
        pub cgroup: u64,
    }
}

const _: () = assert!(size_of::<CloneArgs>() == 88);
