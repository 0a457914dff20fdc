// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for processes, and the personality of one.
//!
//! Spec: waitid(2), personality(2).

bitflags::bitflags! {
    /// The options of wait4 and waitid (`man 2 waitid`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct WaitOptions: u32 {
        /// WNOHANG: do not sleep.
        const NOHANG = 1;
        /// WUNTRACED, WSTOPPED: report stops.
        const STOPPED = 2;
        /// WEXITED: report ends; implied by wait4.
        const EXITED = 4;
        /// WCONTINUED: report continuations.
        const CONTINUED = 8;
        /// WNOWAIT: leave the child waitable.
        const NOWAIT = 0x0100_0000;
        /// __WNOTHREAD: only children of this thread.
        const NOTHREAD = 0x2000_0000;
        /// __WALL: all children, whatever their exit signal.
        const ALL = 0x4000_0000;
        /// __WCLONE: only children whose exit signal is not SIGCHLD.
        const CLONE = 0x8000_0000;
    }
}

/// `idtype` of waitid(2): any child.
pub const P_ALL: i32 = 0;
/// `idtype` of waitid(2): the child with this number.
pub const P_PID: i32 = 1;
/// `idtype` of waitid(2): any child in this group.
pub const P_PGID: i32 = 2;

/// A flag of each process in /proc/PID/stat: its addresses are random.
pub const PF_RANDOMIZE: u32 = 0x0040_0000;

/// What personality(2) sets.
pub mod personality {
    /// No random addresses.
    pub const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;
    /// Page zero is mapped.
    pub const MMAP_PAGE_ZERO: u32 = 0x010_0000;
    /// The layout of address spaces of old.
    pub const ADDR_COMPAT_LAYOUT: u32 = 0x020_0000;
    /// Readable is executable.
    pub const READ_IMPLIES_EXEC: u32 = 0x040_0000;
    /// What a set-id program does not inherit.
    pub const CLEAR_ON_SETID: u32 =
        ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO | ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC;
    /// Only asks.
    pub const QUERY: u32 = u32::MAX;
}
