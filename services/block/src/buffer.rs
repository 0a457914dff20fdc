// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory for what is less than a block.

use alloc::vec::Vec;

use abi::{Result, error};

/// Zeros to be overwritten.
pub(crate) fn buffer(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| error!(ENOMEM, "no buffer"))?;
    bytes.resize(len, 0);
    Ok(bytes)
}
