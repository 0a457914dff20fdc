// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Untrusted`]: a value that the host chose.

use core::fmt;

/// A value that the host chose: copied out once, opaque until it is checked.
///
/// It has no `Deref`, no comparison and no way out but [`Untrusted::check`].
#[derive(Clone, Copy)]
#[must_use = "an unchecked value says nothing"]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks a value as the host's.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// What `check` makes of the value, if it accepts it.
    ///
    /// # Errors
    /// Whatever `check` refuses it with.
    #[inline]
    pub fn check<U, E>(self, check: impl FnOnce(&T) -> Result<U, E>) -> Result<U, E> {
        check(&self.0)
    }

    /// A value made of this one: as untrusted as it.
    #[inline]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Untrusted<U> {
        Untrusted(f(self.0))
    }

    /// Two values in one, to be checked together.
    #[inline]
    pub fn zip<U>(self, other: Untrusted<U>) -> Untrusted<(T, U)> {
        Untrusted((self.0, other.0))
    }
}

/// Shows the type only: even a log line is not the host's to write.
impl<T> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Untrusted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_check_gives_the_value() {
        let claim = Untrusted::new(200u8).map(u16::from).zip(Untrusted::new(3u8));
        let checked = claim.check(|&(a, b)| if a < 256 { Ok(a + u16::from(b)) } else { Err(()) });
        assert_eq!(checked, Ok(203));
        assert_eq!(Untrusted::new(9).check(|_| Err::<(), _>("no")), Err("no"));
        assert_eq!(std::format!("{:?}", Untrusted::new(9)), "Untrusted");
    }
}
