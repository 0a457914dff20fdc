// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The boundary to the host: the only way to exchange bytes with it.
//!
//! The host is the adversary. What it can write arrives as [`Untrusted`], which
//! gives the value away only through a check. Port windows are claimed from an
//! allow-list, each by one owner.

mod port;
mod untrusted;

pub use self::port::{PortError, PortRange};
pub use self::untrusted::Untrusted;
