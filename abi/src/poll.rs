// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for files.
//!
//! Spec: poll(2), select(2).

/// Bits of one word of an `fd_set`.
pub const NFDBITS: usize = 64;

framework::pod_struct! {
    /// `struct pollfd` (`man 2 poll`).
    #[derive(Debug, Default)]
    pub struct PollFd {
        /// The descriptor; negative: skip.
        pub fd: i32,
        /// What to wait for.
        pub events: i16,
        /// What there is.
        pub revents: i16,
    }

    /// The last argument of `pselect6`: a signal mask and its size. `man 2 pselect6`.
    #[derive(Debug, Default)]
    pub struct SigsetArg {
        /// Address of the mask.
        pub addr: u64,
        /// Its size in bytes.
        pub size: u64,
    }
}

const _: () = assert!(size_of::<PollFd>() == 8);
const _: () = assert!(size_of::<SigsetArg>() == 16);
