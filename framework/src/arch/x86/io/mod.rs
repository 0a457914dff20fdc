// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Port I/O, and the serial lines behind it.

pub(super) mod port;
pub(super) mod serial;
