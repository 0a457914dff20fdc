// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Frames, address spaces and user copies.

/// There is no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// A user address space.
pub struct VmSpace;
