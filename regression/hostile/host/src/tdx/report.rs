// SPDX-License-Identifier: GPL-2.0-or-later
//! Measurements, TDREPORT and quote.
//!
//! The hashes are real. The keys are not: TDREPORT's MAC is HMAC-SHA-256 under [`MAC_KEY`], and a quote is a version 4
//! quote whose signature part is the word `NACRE-TEST-QUOTE`, then HMAC-SHA-384 under [`QUOTE_KEY`] of all before it.

use sha2::{Digest, Sha256, Sha384};

/// Key of TDREPORT's MAC.
pub const MAC_KEY: &[u8] = b"Nacre simulated TDX module: no secret";
/// Key of a quote's signature.
pub const QUOTE_KEY: &[u8] = b"Nacre simulated quoting enclave: no secret";

/// A SHA-384 digest.
pub type Hash = [u8; 48];

/// Length of a TDREPORT.
pub const REPORT_LEN: usize = 1024;

/// The TD's measurement registers.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// The image.
    pub mrtd: Hash,
    /// Extended at run time.
    pub rtmr: [Hash; 4],
}

impl Default for Measurements {
    fn default() -> Self {
        Self { mrtd: [0; 48], rtmr: [[0; 48]; 4] }
    }
}

impl Measurements {
    /// Extends a register: the hash of what it was and `value`. False if there is no such register.
    pub fn extend(&mut self, index: usize, value: &Hash) -> bool {
        let Some(register) = self.rtmr.get_mut(index) else { return false };
        *register = sha384(&[register.as_slice(), value].concat());
        true
    }

    /// A TDREPORT.
    pub fn report(&self, attributes: u64, data: &[u8; 64]) -> [u8; REPORT_LEN] {
        let mut report = [0; REPORT_LEN];
        let (mac, rest) = report.split_at_mut(256);
        let (tcb, info) = rest.split_at_mut(256);
        // TEE_TCB_INFO: which fields hold, then TEE_TCB_SVN.
        tcb[..8].copy_from_slice(&0x301ffu64.to_le_bytes());
        tcb[8..24].copy_from_slice(&[3, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        info[..8].copy_from_slice(&attributes.to_le_bytes());
        info[8..16].copy_from_slice(&XFAM.to_le_bytes());
        info[16..64].copy_from_slice(&self.mrtd);
        for (register, at) in self.rtmr.iter().zip((208..).step_by(48)) {
            info[at..at + 48].copy_from_slice(register);
        }
        // REPORTMACSTRUCT: type (TDX, subtype 0, version 0), CPU_SVN, hashes, data, MAC.
        mac[0] = 0x81;
        mac[16..32].fill(7);
        mac[32..80].copy_from_slice(&sha384(&tcb[..239]));
        mac[80..128].copy_from_slice(&sha384(info));
        mac[128..192].copy_from_slice(data);
        let tag = hmac::<Sha256>(MAC_KEY, &mac[..224]);
        mac[224..].copy_from_slice(&tag);
        report
    }
}

/// x87, SSE and AVX.
const XFAM: u64 = 7;

/// Whether a REPORTMACSTRUCT came from [`Measurements::report`].
pub fn verify(mac_struct: &[u8; 256]) -> bool {
    hmac::<Sha256>(MAC_KEY, &mac_struct[..224]) == mac_struct[224..]
}

/// A quote for a report.
pub fn quote(report: &[u8; REPORT_LEN]) -> Vec<u8> {
    let mut quote = Vec::with_capacity(1024);
    // Header: version 4, key type 2 (ECDSA P-256), TEE type, reserved, vendor id, user data.
    quote.extend(4u16.to_le_bytes());
    quote.extend(2u16.to_le_bytes());
    quote.extend(0x81u32.to_le_bytes());
    quote.extend([0; 4]);
    quote.extend([
        0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06,
        0x07,
    ]);
    quote.extend([0; 20]);
    // Body: TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAM attributes, then TDINFO's fields, then the data.
    quote.extend(&report[264..280]);
    quote.extend([0; 48 + 48 + 8]);
    quote.extend(&report[512..512 + 400]);
    quote.extend(&report[128..192]);
    const WORD: &[u8] = b"NACRE-TEST-QUOTE";
    quote.extend(((WORD.len() + 48) as u32).to_le_bytes());
    quote.extend(WORD);
    let tag = hmac::<Sha384>(QUOTE_KEY, &quote);
    quote.extend(tag);
    quote
}

/// SHA-384.
pub fn sha384(bytes: &[u8]) -> Hash {
    Sha384::digest(bytes).into()
}

fn hmac<D: Digest>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    /// Longer than any block, and both keys are shorter than the shortest one.
    const BLOCKS: [usize; 2] = [64, 128];
    let block = if <D as Digest>::output_size() > 32 { BLOCKS[1] } else { BLOCKS[0] };
    let pad = |with: u8| -> Vec<u8> {
        (0..block).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect()
    };
    let inner = D::new().chain_update(pad(0x36)).chain_update(bytes).finalize();
    D::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_rfc_4231s() {
        let tag = hmac::<Sha256>(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        let tag = hmac::<Sha384>(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(tag[..4], [0xaf, 0x45, 0xd2, 0xe3]);
    }

    #[test]
    fn report_and_quote() {
        let mut measurements = Measurements { mrtd: [1; 48], ..Measurements::default() };
        assert!(measurements.extend(3, &[2; 48]) && !measurements.extend(4, &[2; 48]));
        let report = measurements.report(0x1000_0000, &[9; 64]);
        assert_eq!((report[0], &report[528..576]), (0x81, [1; 48].as_slice()));
        assert_eq!(report[864..912], sha384(&[[0; 48], [2; 48]].concat()));
        let mut mac: [u8; 256] = report[..256].try_into().unwrap();
        assert!(verify(&mac));
        mac[130] ^= 1;
        assert!(!verify(&mac));
        let quote = quote(&report);
        assert_eq!(quote.len(), 48 + 584 + 4 + 16 + 48);
        assert_eq!(quote[48 + 136..48 + 184], [1; 48]);
        assert_eq!(quote[48 + 520..48 + 584], [9; 64]);
    }
}
