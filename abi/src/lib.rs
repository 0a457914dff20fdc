// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Linux's numbers and layouts, as programs see them.
//!
//! The lowest safe crate: error numbers and the [`Error`] that every driver
//! class and service returns. It decides nothing.

#![no_std]
#![forbid(unsafe_code)]

mod errno;
mod error;

pub use errno::Errno;
pub use error::{Error, Result};
