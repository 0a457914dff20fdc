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

bitflags::bitflags! {
    /// The events of poll(2), same bits as epoll's.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct PollEvents: u32 {
        /// Readable.
        const IN = 0x1;
        /// Urgent data.
        const PRI = 0x2;
        /// Writable.
        const OUT = 0x4;
        /// Error; always reported.
        const ERR = 0x8;
        /// The other end is gone; always reported.
        const HUP = 0x10;
        /// Not an open descriptor; always reported.
        const NVAL = 0x20;
        /// Normal data readable.
        const RDNORM = 0x40;
        /// Band data readable.
        const RDBAND = 0x80;
        /// Normal data writable.
        const WRNORM = 0x100;
        /// Band data writable.
        const WRBAND = 0x200;
        /// The other end will not write any more.
        const RDHUP = 0x2000;
    }
}

impl PollEvents {
    /// What is always ready: regular files, null.
    pub const ALWAYS: Self = Self::IN.union(Self::OUT).union(Self::RDNORM).union(Self::WRNORM);
    /// Readable in both spellings.
    pub const READABLE: Self = Self::IN.union(Self::RDNORM);
    /// Writable in both spellings.
    pub const WRITABLE: Self = Self::OUT.union(Self::WRNORM);
    /// Reported whether asked for or not.
    pub const UNASKED: Self = Self::ERR.union(Self::HUP).union(Self::NVAL);
}
