// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Batch`]: frames that are dropped together.

use super::frames::{self, Frames};
use super::local::Initial;
use super::{Frame, meta};

/// Untyped frames whose last reference is gone, to be given back together.
pub(super) struct Batch(Frames<64>);

impl Batch {
    /// No frames yet.
    pub(super) fn new() -> Self {
        Self(Frames::INITIAL)
    }

    /// Drops a reference.
    #[inline]
    pub(super) fn drop(&mut self, frame: Frame) {
        let frame = frame.into_pfn();
        if meta::of(frame).release() {
            if self.0.is_full() {
                frames::give_all(&mut self.0);
            }
            let _ = self.0.push(frame);
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        frames::give_all(&mut self.0);
    }
}
