// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The boundary to the host: the only way to exchange bytes with it.
//!
//! The host is the adversary. What it can write arrives as [`Untrusted`], which
//! gives the value away only through a check. Port windows are claimed from an
//! allow-list, each by one owner; windows of device registers lie outside of RAM;
//! memory that both sides see is a [`SharedBuf`].

mod arena;
mod fault;
mod lines;
mod mmio;
mod port;
mod untrusted;

pub use self::arena::{OutOfRange, SharedBuf};
pub(crate) use self::arena::{init as init_arena, region as arena_region};
pub use self::fault::{DeviceError, HostFault};
pub(crate) use self::lines::is_named;
pub(crate) use self::mmio::set_machine;
pub use self::mmio::{Mmio, MmioError, device_hole, ecam};
pub use self::port::{PortError, PortRange};
pub use self::untrusted::Untrusted;
