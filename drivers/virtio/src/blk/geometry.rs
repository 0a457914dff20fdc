// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a disk says of itself, and what this driver makes of it.
//!
//! Trust: the configuration is the host's, read once.
//! Spec: OASIS virtio 1.2, section 5.2.4.

use class::block::Limits;
use framework::host::HostFault;

use crate::Transport;
use crate::wire::any;

/// Feature bits.
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;
/// The features that are used where offered.
pub const FEATURES: u64 = READ_ONLY | BLOCK_SIZE | FLUSH | DISCARD;

/// How long a request may take, in nanoseconds, unless the command line says otherwise.
pub const TIMEOUT_NS: u64 = 30_000_000_000;

/// Requests under way at once.
pub(super) const SLOTS: usize = 16;
/// Data of one request, in bytes.
pub(super) const DATA: usize = 128 * 1024;
/// How often a lost interrupt is looked for.
const LOOK_NS: u64 = 500_000_000;

/// Reads the configuration.
///
/// # Errors
/// Values that cannot be.
pub(super) fn read(
    transport: &Transport,
    features: u64,
    timeout_ns: u64,
) -> Result<Limits, HostFault> {
    let [low, high, size, discard] = transport.config([0, 4, 20, 36])?;
    let lie = |lie| transport.lie(lie);
    let sectors = low.zip(high).check(|(low, high)| {
        let sectors = u64::from(*high) << 32 | u64::from(*low);
        if sectors < 1 << 54 { Ok(sectors) } else { Err(lie("a disk larger than any")) }
    })?;
    let block_size = size.check(|size| match *size {
        _ if features & BLOCK_SIZE == 0 => Ok(512),
        512 | 1024 | 2048 | 4096 => Ok(*size),
        _ => Err(lie("an absurd block size")),
    })?;
    Ok(Limits {
        sectors,
        block_size,
        is_read_only: features & READ_ONLY != 0,
        request_bytes: DATA,
        depth: SLOTS,
        has_cache: features & FLUSH != 0,
        discard_sectors: if features & DISCARD == 0 { 0 } else { any(discard) },
        look_ns: LOOK_NS.min(timeout_ns.max(1)),
    })
}
