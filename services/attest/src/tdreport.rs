// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the registers are in a TDREPORT.
//!
//! Spec: Intel TDX module ABI, TDREPORT_STRUCT: REPORTMACSTRUCT (256 bytes),
//! TEE_TCB_INFO (239 + 17), TDINFO_STRUCT (512).

use crate::platform::{DIGEST_LEN, REPORT_LEN};

/// Begin of TDINFO_STRUCT.
const TDINFO: usize = 512;
/// Attributes and XFAM come before the registers.
const FIRST: usize = TDINFO + 16;

/// A register of a TDREPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    /// Its file's name: with the hash, where there is one.
    pub(crate) name: &'static str,
    /// How many registers come before it in TDINFO_STRUCT.
    position: usize,
    /// Its number among the run-time registers.
    pub(crate) runtime: Option<usize>,
}

const fn fixed(name: &'static str, position: usize) -> Register {
    Register { name, position, runtime: None }
}

const fn runtime(name: &'static str, index: usize) -> Register {
    Register { name, position: 4 + index, runtime: Some(index) }
}

/// The registers in the order in which Linux makes their files.
pub(crate) const REGISTERS: [Register; 8] = [
    runtime("rtmr0:sha384", 0),
    runtime("rtmr1:sha384", 1),
    runtime("rtmr2:sha384", 2),
    runtime("rtmr3:sha384", 3),
    fixed("mrtd:sha384", 0),
    fixed("mrconfigid", 1),
    fixed("mrowner", 2),
    fixed("mrownerconfig", 3),
];

impl Register {
    /// Its value.
    pub(crate) fn value(self, report: &[u8; REPORT_LEN]) -> Option<&[u8; DIGEST_LEN]> {
        report.get(FIRST + self.position * DIGEST_LEN..)?.first_chunk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_lie_where_the_manual_says() {
        let report: std::vec::Vec<u8> = (0..REPORT_LEN).map(|at| (at / 16) as u8).collect();
        let report = report.try_into().unwrap();
        let at = |name: &str| {
            let register = REGISTERS.iter().find(|register| register.name == name).unwrap();
            usize::from(register.value(&report).unwrap()[0]) * 16
        };
        assert_eq!(at("mrtd:sha384"), 528);
        assert_eq!(at("mrconfigid"), 576);
        assert_eq!(at("mrownerconfig"), 672);
        assert_eq!(at("rtmr0:sha384"), 720);
        assert_eq!(at("rtmr3:sha384"), 864);
    }
}
