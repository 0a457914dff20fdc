// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program says about a signal: action, mask change, alternate stack.
//!
//! Spec: sigaction(2), sigprocmask(2), sigaltstack(2).

/// The default action.
pub const SIG_DFL: u64 = 0;
/// Ignore it.
pub const SIG_IGN: u64 = 1;

bitflags::bitflags! {
    /// `sa_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct SaFlags: u64 {
        /// No SIGCHLD when a child stops or continues.
        const NOCLDSTOP = 1;
        /// Children leave no zombies.
        const NOCLDWAIT = 2;
        /// The handler takes three arguments.
        const SIGINFO = 4;
        /// A restorer is given; x86-64 needs it.
        const RESTORER = 0x0400_0000;
        /// Run on the alternate stack.
        const ONSTACK = 0x0800_0000;
        /// Restart interrupted calls.
        const RESTART = 0x1000_0000;
        /// Do not block the signal while its handler runs.
        const NODEFER = 0x4000_0000;
        /// Back to the default once the handler starts.
        const RESETHAND = 0x8000_0000;
        /// Whatever else a program set is kept and given back.
        const _ = !0;
    }
}

impl SaFlags {
    /// Flags Linux knows (`0x800` is SA_EXPOSE_TAGBITS); it clears the rest, so
    /// programs can probe for support.
    pub const KNOWN: u64 = 0x800
        | Self::NOCLDSTOP.bits()
        | Self::NOCLDWAIT.bits()
        | Self::SIGINFO.bits()
        | Self::RESTORER.bits()
        | Self::ONSTACK.bits()
        | Self::RESTART.bits()
        | Self::NODEFER.bits()
        | Self::RESETHAND.bits();
}

framework::pod_struct! {
    /// `struct sigaction` as the kernel takes it (`man 2 sigaction`, "C library/kernel differences").
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct RawSigAction {
        /// `sa_handler` or `sa_sigaction`.
        pub handler: u64,
        /// `sa_flags`.
        pub flags: u64,
        /// `sa_restorer`.
        pub restorer: u64,
        /// `sa_mask`.
        pub mask: u64,
    }
}

const _: () = assert!(size_of::<RawSigAction>() == 32);

/// The size of `sigset_t` as the kernel sees it, in bytes.
pub const SIGSET_SIZE: usize = 8;

/// `how` of sigprocmask(2): add.
pub const SIG_BLOCK: i32 = 0;
/// `how` of sigprocmask(2): take away.
pub const SIG_UNBLOCK: i32 = 1;
/// `how` of sigprocmask(2): replace.
pub const SIG_SETMASK: i32 = 2;

/// The thread runs on it.
pub const SS_ONSTACK: i32 = 1;
/// There is none.
pub const SS_DISABLE: i32 = 2;
/// A handler that starts on it disarms it.
pub const SS_AUTODISARM: i32 = i32::MIN;
/// The least size that the kernel takes, in bytes.
pub const MINSIGSTKSZ: u64 = 2048;

framework::pod_struct! {
    /// `stack_t` (`man 2 sigaltstack`).
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct RawAltStack {
        /// `ss_sp`.
        pub sp: u64,
        /// `ss_flags`.
        pub flags: i32,
        /// Padding.
        pub pad: i32,
        /// `ss_size`.
        pub size: u64,
    }
}

const _: () = assert!(size_of::<RawAltStack>() == 24);
