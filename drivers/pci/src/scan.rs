// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The scan of the root bus.

use alloc::sync::Arc;
use alloc::vec::Vec;

use framework::host::Mmio;

use crate::bus::{Bus, Windows};
use crate::function::Function;
use crate::wire::{HEADER, Header, ID, Id};

/// The functions of the root bus that `wanted` names; all others are left alone.
pub fn enumerate(
    ecam: Mmio,
    windows: Arc<dyn Windows>,
    mut wanted: impl FnMut(Id) -> bool,
) -> Vec<Function> {
    let bus = Arc::new(Bus::new(ecam, windows));
    let mut found = Vec::new();
    for device in 0..32u64 {
        let mut functions = 1;
        let mut function = 0;
        while function < functions {
            let base = device << 15 | function << 12;
            if let Some(id) = Id::parse(bus.ecam.read_u32(base + ID)) {
                let header = Header::parse(bus.ecam.read_u32(base + HEADER));
                if function == 0 && header.has_more_functions {
                    functions = 8;
                }
                if header.is_endpoint && wanted(id) {
                    found.push(Function::new(bus.clone(), base, id));
                }
            }
            function += 1;
        }
    }
    found
}
