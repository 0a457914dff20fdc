// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Lazy`]: a value made at its first use.
//!
//! Locks: `make` is a leaf: freed before the value is made.

use core::ops::Deref;

use super::{Once, SpinLock};

/// A value made at its first use.
pub struct Lazy<T, F = fn() -> T> {
    cell: Once<T>,
    make: SpinLock<Option<F>>,
}

impl<T, F: FnOnce() -> T> Lazy<T, F> {
    /// A value that `make` will make.
    #[track_caller]
    pub const fn new(make: F) -> Self {
        Self { cell: Once::new(), make: SpinLock::new(Some(make)) }
    }
}

impl<T, F: FnOnce() -> T> Deref for Lazy<T, F> {
    type Target = T;
    fn deref(&self) -> &T {
        self.cell.call_once(|| {
            let make = self.make.lock().take();
            match make {
                Some(make) => make(),
                None => crate::fatal("a Lazy value depends on itself"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lazy_is_made_once() {
        let lazy = Lazy::new(|| 5);
        assert_eq!(*lazy + *lazy, 10);
    }
}
