// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which locks, cells and guards are `Send` and `Sync`: checked in each build.

use alloc::rc::Rc;
use core::cell::Cell;

use super::{
    IrqLock, IrqLockGuard, Lazy, Mutex, MutexGuard, Once, PerCpu, RwLock, RwLockReadGuard,
    RwLockWriteGuard, SpinLock, SpinLockGuard,
};

/// Compiles only if the type has the traits, or has none of them.
macro_rules! claims {
    ($($ty:ty: $($trait:ident)*, not $($missing:ident)*;)+) => {$(
        const _: () = {
            $({
                const fn has<T: ?Sized + $trait>() {}
                has::<$ty>();
            })*
            $({
                // Two candidates, so that nothing can be inferred, if the trait is there.
                trait Either<A> {
                    const IT: () = ();
                }
                struct Missing;
                impl<T: ?Sized> Either<()> for T {}
                impl<T: ?Sized + $missing> Either<Missing> for T {}
                <$ty as Either<_>>::IT
            })*
        };
    )+};
}

/// `Send`, but not `Sync`.
type Moved = Cell<u8>;
/// Neither.
type Local = Rc<u8>;
/// `Sync`, but not `Send`.
type Stays<'a> = MutexGuard<'a, u8>;

claims! {
    Moved: Send, not Sync;
    Local: , not Send Sync;
    Stays<'_>: Sync, not Send;

    SpinLock<Moved>: Send Sync, not;
    SpinLock<Local>: , not Send Sync;
    SpinLock<Stays<'_>>: , not Send Sync;
    IrqLock<Moved>: Send Sync, not;
    IrqLock<Local>: , not Send Sync;
    IrqLock<Stays<'_>>: , not Send Sync;
    Mutex<Moved>: Send Sync, not;
    Mutex<Local>: , not Send Sync;
    Mutex<Stays<'_>>: , not Send Sync;
    RwLock<u8>: Send Sync, not;
    RwLock<Moved>: Send, not Sync;
    RwLock<Local>: , not Send Sync;
    RwLock<Stays<'_>>: , not Send Sync;
    Once<u8>: Send Sync, not;
    Once<Moved>: Send, not Sync;
    Once<Local>: , not Send Sync;
    Once<Stays<'_>>: , not Send Sync;
    Lazy<u8>: Send Sync, not;
    Lazy<Moved>: Send, not Sync;
    Lazy<Stays<'_>>: , not Send Sync;
    PerCpu<u8>: Send Sync, not;
    PerCpu<Moved>: Send, not Sync;
    PerCpu<Local>: , not Send Sync;

    SpinLockGuard<'_, u8>: Sync, not Send;
    SpinLockGuard<'_, Moved>: , not Send Sync;
    IrqLockGuard<'_, u8>: Sync, not Send;
    IrqLockGuard<'_, Moved>: , not Send Sync;
    MutexGuard<'_, u8>: Sync, not Send;
    MutexGuard<'_, Moved>: , not Send Sync;
    RwLockReadGuard<'_, u8>: Sync, not Send;
    RwLockReadGuard<'_, Moved>: , not Send Sync;
    RwLockWriteGuard<'_, u8>: Sync, not Send;
    RwLockWriteGuard<'_, Moved>: , not Send Sync;
}
