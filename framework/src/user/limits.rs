// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program's state must not be.

/// The FPU state given to [`super::UserContext::load_fpu`] is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFpu;

/// Whether `addr` is canonical and in the lower half.
#[inline]
pub fn is_user_address(addr: u64) -> bool {
    addr < 1 << 47
}
