// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Storage in sectors of 512 bytes.
//!
//! A [`BlockDevice`] takes [`Request`]s, several at once, and tells each one's
//! [`Completion`] when it is done. Back-pressure is in two places: the device's
//! [`Pool`](crate::Pool) has no buffer left, or [`BlockDevice::submit`] gives the request back.
//! [`Blocking`] is for a task that waits.
//!
//! Trust: the content read is the host's; integrity is the job of the layers
//! above.

mod batch;
mod blocking;
mod device;
mod request;

pub use self::blocking::{Blocking, Filled};
pub use self::device::{BlockDevice, Limits};
pub use self::request::{BlockError, Completion, Finished, Operation, Refused, Request, Sector};
