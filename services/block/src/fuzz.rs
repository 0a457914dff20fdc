// SPDX-License-Identifier: Apache-2.0 OR MIT
//! For the fuzzer: any bytes as the content of a disk.

use crate::table;

/// A disk of these bytes; returns how many partitions it has.
pub fn partitions(data: &[u8]) -> u64 {
    let blocks = (data.len() / 512) as u64;
    let mut read = |block: u64| {
        let start = usize::try_from(block).ok()?.checked_mul(512)?;
        data.get(start..start.checked_add(512)?).map(<[u8]>::to_vec)
    };
    let found = table::partitions(blocks, &mut read);
    let is_good = |p: &table::Partition| table::fits(p, blocks) && p.number as usize <= table::MOST;
    assert!(found.iter().all(is_good), "bounded");
    found.len() as u64
}
