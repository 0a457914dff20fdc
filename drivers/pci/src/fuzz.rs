// SPDX-License-Identifier: Apache-2.0 OR MIT
//! For the fuzzer: any bytes as what configuration space says.
//!
//! A function takes whatever bytes there are, must not panic, checks what the
//! parsers promise, and returns a number that tells outcomes apart.

use framework::host::Untrusted;

use crate::wire::{Bar, Header, Id, LARGEST_BAR, Msix, next_capability};

/// Configuration words: headers, BARs, capabilities, MSI-X.
pub fn config(data: &[u8]) -> u64 {
    let mut outcome = 0;
    let mut words = data.chunks_exact(4).filter_map(|word| word.try_into().ok());
    let mut next = || words.next().map(u32::from_le_bytes);
    while let (Some(a), Some(b)) = (next(), next()) {
        outcome |= u64::from(Id::parse(Untrusted::new(a)).is_some());
        outcome |= u64::from(Header::parse(Untrusted::new(a)).is_endpoint) << 1;
        if let Ok(Some(at)) = next_capability(Untrusted::new(a as u8)) {
            assert!((0x40..0x100).contains(&at), "capabilities lie behind the header");
            outcome |= 4;
        }
        if let Ok(bar) = Bar::parse((b % 6) as u8, Untrusted::new(a), Untrusted::new(b)) {
            assert!(bar.size.is_power_of_two() && bar.size <= LARGEST_BAR, "sizes are bounded");
            outcome |= 8;
        }
        if let Ok(msix) = Msix::parse(Untrusted::new(a as u16), Untrusted::new(b)) {
            let fits = msix.check(u64::from(a), usize::from(msix.entries));
            outcome |= if fits.is_ok() { 16 } else { 32 };
        }
    }
    outcome
}
