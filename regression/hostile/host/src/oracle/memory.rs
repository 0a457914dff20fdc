// SPDX-License-Identifier: GPL-2.0-or-later
//! What memory oracles remember: which shared bytes were read, which pages were taken away, what is secret.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::config::Guest;
use crate::ffi::{Access, Cpu};
use crate::host;
use crate::tdx::SHARED;
use crate::tdx::pages::{PAGE, State};
use crate::vmm::{VmCall, function};

/// Bytes of a secret's word that all its words share.
const MARK_LEN: usize = 6;

/// Length of Linux's `memcpy`, which reads the end of a buffer twice where it overlaps the middle, and uses it once.
const COPY_LEN: u64 = 0x100;

/// The memory oracles' state.
#[derive(Debug, Default)]
pub struct Memory {
    watches: bool,
    /// Shared bytes that were read since the guest last gave control away, with the reader.
    read: HashMap<u64, u64>,
    /// Addresses that the guest polls: read over and over by design.
    polled: HashSet<u64>,
    removed: HashSet<u64>,
    accepted: HashSet<u64>,
    /// Pages that code was fetched from.
    code: HashSet<u64>,
    secret: Option<[u8; MARK_LEN]>,
    is_ended: bool,
}

impl Memory {
    /// Without anything seen.
    pub fn new(watches: bool) -> Self {
        Self { watches, ..Self::default() }
    }

    /// A page may not be used any more.
    pub fn remove(&mut self, page: u64) {
        self.removed.insert(page);
    }

    /// The first of these pages that the guest has accepted itself.
    pub fn accepted_before(&self, gpa: u64, len: u64) -> Option<u64> {
        pages_of(gpa, len).find(|page| self.accepted.contains(page))
    }

    /// The guest has accepted these pages.
    pub fn accept(&mut self, gpa: u64, len: u64) {
        self.accepted.extend(pages_of(gpa, len));
    }

    /// The guest converts these pages between private and shared: what becomes private is to be accepted anew.
    pub fn convert(&mut self, gpa: u64, len: u64) {
        pages_of(gpa, len.min(1 << 32)).for_each(|page| {
            self.accepted.remove(&page);
        });
    }

    /// Remembers what the words of a secret begin with.
    pub fn add_secret(&mut self, bytes: &[u8]) {
        self.secret = bytes.get(2..8).and_then(|mark| mark.try_into().ok());
    }

    /// Whether a word of the secret is in one of these registers.
    pub fn has_secret(&self, registers: &[u64; 16]) -> bool {
        let Some(secret) = self.secret else { return false };
        registers.iter().any(|value| value.to_le_bytes()[2..] == secret)
    }

    /// Control went to the host: what it wrote may be read anew.
    pub fn new_epoch(&mut self) {
        self.read.clear();
    }

    /// Words that are polled, such as a ring's index.
    pub fn set_polled(&mut self, polled: Vec<u64>) {
        self.polled = polled.into_iter().collect();
    }

    /// Whether the guest goes on after its last word.
    pub fn is_after_the_end(&mut self, call: &VmCall) -> bool {
        let is_last = call.is_standard() && call.function() == function::FATAL;
        if is_last {
            self.is_ended = true;
            return false;
        }
        // Halting, and telling its own tools, is no going on.
        let is_quiet = call.is_standard()
            && (call.function() == function::HLT
                || call.function() == function::IO
                    && matches!(call.input[14], 0xe9 | 0xf4 | 0x3f8..=0x3ff));
        self.is_ended && !is_quiet
    }

    /// Looks at the address that code is fetched from, in a page of this state where it is known; names a violation.
    pub fn on_fetch(&mut self, phys: u64, state: Option<State>) -> Option<&'static str> {
        let is_shared = phys & SHARED != 0;
        if !is_shared {
            self.code.insert(phys & !(PAGE - 1));
        }
        match state {
            _ if is_shared => Some("shared_fetch"),
            Some(State::Shared) => Some("shared_fetch"),
            Some(State::Pending) => Some("private_not_accepted"),
            _ => None,
        }
    }

    /// The pages of `range` that code was fetched from: not any more.
    pub fn take_code(&mut self, range: Range<u64>) -> Vec<u64> {
        self.code.extract_if(|page| range.contains(page)).collect()
    }

    /// Looks at a load or store of RAM; names a violation.
    pub fn on_access(&mut self, pc: u64, phys: u64, access: &Access) -> Option<&'static str> {
        if !self.watches {
            return None;
        }
        let gpa = phys & !SHARED;
        let pages = &host().module.pages;
        if self.removed.contains(&(gpa & !(PAGE - 1))) {
            return Some("removed");
        }
        let is_shared = phys & SHARED != 0;
        if pages.are_known() {
            match (is_shared, pages.state(gpa)) {
                (false, State::Pending | State::Shared) => return Some("private_not_accepted"),
                (true, State::Pending | State::Accepted) => return Some("shared_to_private"),
                _ => {}
            }
        }
        // Linux's firmware has its tables in memory that Linux takes for a device's: no page that was ever converted.
        if !is_shared || pages.state(gpa) != State::Shared {
            return None;
        }
        let bytes = gpa..gpa + access.size as u64;
        if access.is_store {
            // What the guest wrote itself it may read once more, as the host may have changed it since.
            bytes.for_each(|at| {
                self.read.remove(&at);
            });
            let word = access.value().to_le_bytes();
            return (access.size == 8 && self.secret.is_some_and(|mark| word[2..] == mark))
                .then_some("leak");
        }
        if self.polled.contains(&gpa) {
            return None;
        }
        let reach = if host().config.guest == Guest::Linux { COPY_LEN } else { 0 };
        let mut is_again = false;
        for at in bytes {
            let before = self.read.insert(at, pc);
            is_again |= before.is_some_and(|reader| pc.abs_diff(reader) >= reach);
        }
        is_again.then_some("double_fetch")
    }

    /// Searches all shared memory for a secret.
    pub fn search(&self, cpu: &Cpu) -> Option<u64> {
        let secret = self.secret?;
        let pages = &host().module.pages;
        let mut bytes = vec![0; PAGE as usize];
        pages.of(State::Shared).find_map(|gpa| {
            cpu.read_phys(gpa, &mut bytes);
            let at = bytes.windows(MARK_LEN).position(|window| window == secret)?;
            Some(gpa + at as u64)
        })
    }
}

fn pages_of(gpa: u64, len: u64) -> impl Iterator<Item = u64> {
    (gpa..gpa.saturating_add(len)).step_by(PAGE as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_fetched_from_private_memory_alone() {
        let mut memory = Memory::new(false);
        assert_eq!(memory.on_fetch(0x20_0123, Some(State::Accepted)), None);
        // Firmware, before there is a table of pages.
        assert_eq!(memory.on_fetch(0xffff_0000, None), None);
        assert_eq!(
            memory.on_fetch(SHARED | 0x20_0000, Some(State::Accepted)),
            Some("shared_fetch")
        );
        assert_eq!(memory.on_fetch(SHARED | 0x20_0000, None), Some("shared_fetch"));
        assert_eq!(memory.on_fetch(0x30_0000, Some(State::Shared)), Some("shared_fetch"));
        assert_eq!(memory.on_fetch(0x40_0000, Some(State::Pending)), Some("private_not_accepted"));
        assert_eq!(memory.take_code(0x20_0000..0x20_1000), [0x20_0000]);
        assert!(memory.take_code(0x20_0000..0x20_1000).is_empty());
    }

    #[test]
    fn a_secret_is_found_in_registers() {
        let mut memory = Memory::new(false);
        let word = 0x5ec7_e75e_c7e7_0001_u64;
        let mut registers = [0; 16];
        registers[13] = word ^ 0xfe;
        assert!(!memory.has_secret(&registers), "there is none yet");
        memory.add_secret(&word.to_le_bytes());
        assert!(memory.has_secret(&registers));
        registers[13] = word ^ 1 << 63;
        assert!(!memory.has_secret(&registers));
    }
}
