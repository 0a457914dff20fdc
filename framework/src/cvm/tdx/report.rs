// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the measurement registers are in a TDREPORT.
//!
//! Spec: Intel TDX module ABI, TDREPORT_STRUCT: REPORTMACSTRUCT (256 bytes),
//! TEE_TCB_INFO (239 + 17), TDINFO_STRUCT (512).

use crate::cvm::Register;

/// Length of a TDREPORT.
pub(super) const LEN: usize = 1024;
/// Where TDINFO_STRUCT has its registers, behind attributes and XFAM.
const FIRST: usize = 512 + 16;
/// Length of a register: SHA-384.
const DIGEST_LEN: usize = 48;

/// The register that has `before` others before it.
const fn register(name: &'static str, before: usize) -> Register {
    Register { name, at: FIRST + before * DIGEST_LEN, len: DIGEST_LEN, extend: None }
}

/// The registers in the order in which Linux makes their files. Of the run-time ones the
/// last belongs to programs, the others to firmware and boot.
pub(super) const REGISTERS: [Register; 8] = [
    register("rtmr0:sha384", 4),
    register("rtmr1:sha384", 5),
    register("rtmr2:sha384", 6),
    Register { extend: Some(3), ..register("rtmr3:sha384", 7) },
    register("mrtd:sha384", 0),
    register("mrconfigid", 1),
    register("mrowner", 2),
    register("mrownerconfig", 3),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_lie_where_the_manual_says() {
        let report: Vec<u8> = (0..LEN).map(|at| (at / 16) as u8).collect();
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

    #[test]
    fn programs_extend_the_last_run_time_register_alone() {
        let open: Vec<_> = REGISTERS.iter().filter_map(|register| register.extend).collect();
        assert_eq!(open, [3]);
    }
}
