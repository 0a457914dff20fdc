// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Making processes, and what belongs to one.
//!
//! Spec: clone(2), set_robust_list(2), personality(2).

/// The first published size of `struct clone_args`.
pub const CLONE_ARGS_SIZE_VER0: usize = 64;
/// Asks personality(2) without changing anything.
pub const PERSONALITY_QUERY: u32 = u32::MAX;

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
