// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Checks, in debug builds, that locks are taken in one order.
//!
//! A lock's class is the source line that makes it. Taking class B while holding
//! A records "A before B"; finding the opposite record, or sleeping locks under
//! spinning ones, stops the kernel with both places. Release builds pay nothing.

#[cfg(debug_assertions)]
pub(super) use checked::{LockClass, acquire, acquire_tried, release, want};
#[cfg(not(debug_assertions))]
pub(super) use unchecked::{LockClass, acquire, acquire_tried, release, want};

/// Whether waiters of a lock spin or sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(debug_assertions), allow(dead_code))]
pub(super) enum Kind {
    Spin,
    Sleep,
}

#[cfg(not(debug_assertions))]
mod unchecked {
    use super::Kind;

    pub(crate) struct LockClass;

    impl LockClass {
        pub(crate) const fn here() -> Self {
            Self
        }
    }

    #[inline(always)]
    pub(crate) fn want(_: &LockClass, _: Kind) {}
    #[inline(always)]
    pub(crate) fn acquire(_: &LockClass, _: Kind) {}
    #[inline(always)]
    pub(crate) fn acquire_tried(_: &LockClass, _: Kind) {}
    #[inline(always)]
    pub(crate) fn release(_: &LockClass) {}
}

#[cfg(debug_assertions)]
mod checked {
    use core::panic::Location;

    use super::Kind;
    use crate::arch;
    use crate::panic::{STOPPED, Stop, stop_for};
    use crate::sync::held::Place;

    #[derive(Clone, Copy)]
    pub(crate) struct LockClass {
        made_at: &'static Location<'static>,
    }

    impl LockClass {
        #[track_caller]
        pub(crate) const fn here() -> Self {
            Self { made_at: Location::caller() }
        }
    }

    /// Before waiting for a lock in which an interrupt may come: checks its order against all
    /// that are held, but what the interrupt takes is not taken after it.
    pub(crate) fn want(class: &LockClass, kind: Kind) {
        check(class.made_at, kind == Kind::Sleep);
    }

    /// Before waiting for a lock: checks its order against all that are held.
    pub(crate) fn acquire(class: &LockClass, kind: Kind) {
        want(class, kind);
        arch::with_held(|held| held.push(class.made_at, kind == Kind::Spin));
    }

    /// After taking a lock without waiting: no order to check, but it is held.
    pub(crate) fn acquire_tried(class: &LockClass, kind: Kind) {
        arch::with_held(|held| held.push(class.made_at, kind == Kind::Spin));
    }

    pub(crate) fn release(class: &LockClass) {
        arch::with_held(|held| held.pop(class.made_at));
    }

    /// Stops the kernel if taking a lock made at `wanted` now breaks the order.
    fn check(wanted: Place, sleeps: bool) {
        let wrong = arch::with_held(|held| {
            let wrong = held.objection(wanted, sleeps);
            wrong.inspect(|_| held.clear())
        });
        if let Some((place, why)) = wrong.flatten() {
            let reason = format_args!("{why}: {place}, then {wanted}");
            stop_for(&Stop { reason, text: why, code: STOPPED, place: wanted })
        }
    }
}
