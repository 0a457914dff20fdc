// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can go wrong with memory.

/// There is no memory left for this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// The program has no such right at that address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserFault;
