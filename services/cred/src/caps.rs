// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The five capability sets of a task.
//!
//! Spec: capabilities(7).

use abi::capability::Caps;

/// The capability sets of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapSets {
    /// What checks look at.
    pub effective: Caps,
    /// What may be made effective.
    pub permitted: Caps,
    /// What a file may pass on over exec.
    pub inheritable: Caps,
    /// What exec can grant at most.
    pub bounding: Caps,
    /// What survives exec of an unprivileged file.
    pub ambient: Caps,
}

impl CapSets {
    /// The sets of the first process: everything but inheritable.
    pub const fn full() -> Self {
        Self {
            effective: Caps::all(),
            permitted: Caps::all(),
            inheritable: Caps::empty(),
            bounding: Caps::all(),
            ambient: Caps::empty(),
        }
    }

    /// No capabilities at all, with a full bounding set.
    pub const fn none() -> Self {
        Self {
            effective: Caps::empty(),
            permitted: Caps::empty(),
            inheritable: Caps::empty(),
            bounding: Caps::all(),
            ambient: Caps::empty(),
        }
    }
}
