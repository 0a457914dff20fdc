// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The serial lines of a PC, and which of them a confidential VM's command line names.

use crate::cmdline::{self, CommandLine};

/// Ports that drivers may claim: first, count, Linux's name of what is there. No DMA
/// and no PCI configuration.
pub(super) const ALLOWED: [(u16, u16, &str); 4] =
    [(0x3f8, 8, "ttyS0"), (0x2f8, 8, "ttyS1"), (0x3e8, 8, "ttyS2"), (0x2e8, 8, "ttyS3")];

/// Whether the command line names the serial line that `port` belongs to: as the
/// console, or in the list `nacre.serial=ttyS0,ttyS1`.
pub(crate) fn is_named(port: u16) -> bool {
    names(cmdline::get(), port)
}

fn names(words: &CommandLine<'_>, port: u16) -> bool {
    let line = ALLOWED.iter().find(|(first, count, _)| (*first..*first + *count).contains(&port));
    line.is_some_and(|(.., name)| {
        let is_listed = || words.serial.is_some_and(|list| list.iter().any(|one| one == *name));
        words.console == Some(name) || is_listed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_by_console_or_list() {
        let names = |words: &str, port| names(&CommandLine::parse(words), port);
        let list = "nacre.serial=ttyS1,ttyS3";
        for (port, name) in [(0x3f8, "ttyS0"), (0x2ff, "ttyS1"), (0x3ef, "ttyS2")] {
            assert!(names(&alloc::format!("console={name}"), port));
            assert!(names(&alloc::format!("nacre.serial={name}"), port));
            assert_eq!(names(&alloc::format!("console=hvc0 {list}"), port), name == "ttyS1");
            assert!(!names("console=ttyS nacre.serial=ttyS,", port) && !names("", port));
        }
        assert!(!names("console=ttyS0", 0x400) && !names("console=ttyS0", 0x3f7));
    }
}
