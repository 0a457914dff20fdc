// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ports that the host of a CVM is asked about.

/// Serial lines that the measured command line names, and with `nacre.control` on it
/// QEMU's debug console and exits.
pub(super) fn may_use(port: u16) -> bool {
    match port {
        0x2e8..=0x2ef | 0x2f8..=0x2ff | 0x3e8..=0x3ef | 0x3f8..=0x3ff => {
            crate::host::is_named(port)
        }
        0xe9 | 0xf4 | 0x604 => crate::cmdline::get().has_control,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::may_use;

    #[test]
    fn none_that_the_command_line_does_not_name() {
        assert!(!(0..=u16::MAX).any(may_use));
    }
}
