// SPDX-License-Identifier: GPL-2.0-or-later
//! The longest sections: how many instructions a CPU of the guest's kernel runs without a place where another task
//! could get it.
//!
//! Nacre's kernel can be preempted wherever interrupts are on and its count of locks, one `add` or `dec` of a word in
//! the CPU's own block, is zero. So a section begins at the instruction that turns interrupts off or raises the count
//! from zero, and ends at the one that undoes that; an entry into the kernel turns interrupts off, too. All of that is
//! seen from outside, so that the release kernel is measured, unchanged. What runs with the count raised may take
//! interrupts, but that gives the CPU to no other task.
//!
//! Counted from the first SYSCALL on: the boot has nobody to wait for it. A repeated string instruction counts once. Turns of a
//! loop around PAUSE do not count, with naps in between: there a CPU waits for another, whose section counts, or which the
//! host does not run.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::events::Events;
use crate::ffi::{Block, Cpu, Reg, instructions_of};
use crate::insn::{Kind, Site};

/// What an instruction does to the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The count rises by one: a lock is taken.
    Up,
    /// The count falls by one.
    Down,
    /// An interrupt begins to be handled.
    EnterInterrupt,
    /// An interrupt has been handled.
    LeaveInterrupt,
    /// CLI.
    Off,
    /// STI.
    On,
    /// IRETQ: interrupts become what the frame says.
    Return,
    /// SYSRET: to a program.
    Leave,
    /// SYSCALL in a program.
    Enter,
    /// PAUSE: the CPU waits for another.
    Pause,
    /// `xchg bx, bx` in a program: it says what it does from now on (RSI, RDX: a text).
    Mark,
}

/// What keeps a CPU to itself now.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    locks: i64,
    interrupts: i64,
    is_off: bool,
    /// Where the section began: instructions before it, and the address.
    begin: Option<(u64, u64)>,
    /// The last PAUSE since a lock that was held then was freed, outside and inside of interrupts.
    pauses: [Option<Pause>; 2],
    /// Instructions of the section from a PAUSE to the same one again.
    waited: u64,
}

/// Where and when a CPU waited for another.
#[derive(Clone, Copy, Debug)]
struct Pause {
    at: u64,
    /// Instructions before it.
    now: u64,
    /// What [`State::waited`] was.
    waited: u64,
    /// What [`State::locks`] was: a nap takes locks and frees them, but none of these.
    locks: i64,
}

/// What is known of all sections between two addresses.
#[derive(Clone, Debug, Default)]
struct Found {
    times: u64,
    longest: u64,
    /// The return addresses on the stack at the end of the longest.
    trace: Vec<u64>,
}

#[derive(Default)]
struct Sections {
    has_user: bool,
    cpus: Vec<State>,
    /// What the program does.
    during: String,
    found: HashMap<(String, u64, u64), Found>,
}

static SECTIONS: Mutex<Option<Sections>> = Mutex::new(None);

/// Sections that are reported.
const SHOWN: usize = 200;
/// Sections shorter than this are not looked at closely.
const SHORT: u64 = 2_000;
/// Longer marks are cut off.
const LONGEST_MARK: u64 = 64;
const MOST_FRAMES: usize = 12;
const INTERRUPT_FLAG: u64 = 1 << 9;

impl State {
    fn is_busy(&self) -> bool {
        self.is_off || self.locks > 0 || self.interrupts > 0
    }

    fn apply(&mut self, step: Step, flags: u64) {
        match step {
            Step::Up => self.locks += 1,
            Step::Down => self.locks -= 1,
            Step::EnterInterrupt => self.interrupts += 1,
            Step::LeaveInterrupt => self.interrupts -= 1,
            Step::Off | Step::Enter => self.is_off = true,
            Step::On | Step::Leave => self.is_off = false,
            Step::Mark | Step::Pause => {}
            Step::Return => self.is_off = flags & INTERRUPT_FLAG == 0,
        }
    }

    /// Counts a turn of a loop around PAUSE, with the interrupts that came in it.
    fn wait(&mut self, step: Step, now: u64, at: u64) {
        let (place, locks) = (&mut self.pauses[usize::from(self.interrupts > 0)], self.locks);
        match step {
            Step::Down => *place = place.filter(|before| before.locks <= locks),
            Step::Pause => {
                let is_same = |before: &Pause| (before.at, before.locks) == (at, locks);
                if let Some(before) = place.filter(is_same) {
                    let counted = self.waited.saturating_sub(before.waited);
                    self.waited += now.saturating_sub(before.now + counted);
                }
                *place = Some(Pause { at, now, waited: self.waited, locks });
            }
            _ => {}
        }
    }

    /// Applies `step` after so many instructions; the section that it ends.
    fn advance(&mut self, step: Step, flags: u64, now: u64, pc: u64) -> Option<(u64, u64)> {
        let was_busy = self.is_busy();
        self.apply(step, flags);
        self.wait(step, now, pc);
        match (was_busy, self.is_busy()) {
            (false, true) => {
                (self.begin, self.pauses, self.waited) = (Some((now, pc)), [None; 2], 0);
            }
            (true, false) => {
                let (from, at) = self.begin.take()?;
                return Some((now.saturating_sub(from + self.waited), at));
            }
            _ => {}
        }
        None
    }
}

/// What the bytes of an instruction do, if anything.
fn step_of(bytes: &[u8], is_kernel: bool) -> Option<Step> {
    if !is_kernel {
        return match bytes {
            [0x0f, 0x05] => Some(Step::Enter),
            [0x66, 0x87, 0xdb] => Some(Step::Mark),
            _ => None,
        };
    }
    match bytes {
        [0x65, 0x83, 0x04, 0x25, _, _, _, _, 1] => Some(Step::Up),
        [0x65, 0xff, 0x0c, 0x25, ..] => Some(Step::Down),
        [0x65, 0x81, 0x04, 0x25, _, _, _, _, 0, 0, 0, 0x10] => Some(Step::EnterInterrupt),
        [0x65, 0x81, 0x04, 0x25, _, _, _, _, 0, 0, 0, 0xf0] => Some(Step::LeaveInterrupt),
        [0xfa] => Some(Step::Off),
        [0xfb] => Some(Step::On),
        [0xf3, 0x90] => Some(Step::Pause),
        [0x48, 0xcf] => Some(Step::Return),
        [0x48, 0x0f, 0x07] => Some(Step::Leave),
        _ => None,
    }
}

/// Called for each new block.
pub(crate) fn translated(block: &Block) {
    block.count();
    let len = block.len();
    for index in 0..len {
        let insn = block.insn(index);
        let (vaddr, mut bytes) = (insn.vaddr(), [0; 16]);
        let size = insn.bytes(&mut bytes);
        let Some(step) = step_of(bytes.get(..size).unwrap_or(&[]), vaddr >> 63 == 1) else {
            continue;
        };
        insn.on_exec(Box::leak(Box::new(Site {
            kind: Kind::Section(step),
            vaddr,
            len: size as u8,
            bytes,
            is_first: index == 0,
            is_last: index + 1 == len,
            // The block counts in full from its start on.
            extra: (len - index) as u64,
        })));
    }
}

/// Called before an instruction that [`step_of`] knows.
pub(crate) fn executed(cpu: &Cpu, site: &Site, step: Step) {
    if step == Step::Mark {
        let (at, len) = (cpu.get(Reg::Rsi), cpu.get(Reg::Rdx).min(LONGEST_MARK));
        let mut text = vec![0; len as usize];
        cpu.read_virt(at, &mut text);
        return with(|all| all.during = String::from_utf8_lossy(&text).into_owned());
    }
    let mut flags = [0; 8];
    if step == Step::Return {
        cpu.read_virt(cpu.get(Reg::Rsp).wrapping_add(16), &mut flags);
    }
    let now = instructions_of(cpu).saturating_sub(site.extra);
    with(|all| all.step(cpu, step, u64::from_le_bytes(flags), now, site.vaddr));
}

/// Called when an interrupt or exception has led a CPU away from `from`.
pub(crate) fn entered(cpu: &Cpu, from: u64) {
    let now = instructions_of(cpu);
    with(|all| all.step(cpu, Step::Off, 0, now, from));
}

fn with<R>(work: impl FnOnce(&mut Sections) -> R) -> R {
    let mut all = SECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    work(all.get_or_insert_default())
}

impl Sections {
    fn step(&mut self, cpu: &Cpu, step: Step, flags: u64, now: u64, pc: u64) {
        self.has_user |= step == Step::Enter;
        if self.cpus.len() <= cpu.index() {
            self.cpus.resize(cpu.index() + 1, State::default());
        }
        let Some((length, begin)) = self.cpus[cpu.index()].advance(step, flags, now, pc) else {
            return;
        };
        if !self.has_user || length < SHORT {
            return;
        }
        let found = self.found.entry((self.during.clone(), begin, pc)).or_default();
        found.times += 1;
        if length > found.longest {
            found.longest = length;
            found.trace = trace(cpu);
        }
    }
}

/// The return addresses on the stack of the kernel, which keeps frame pointers.
fn trace(cpu: &Cpu) -> Vec<u64> {
    let mut frame = cpu.get(Reg::Rbp);
    let mut found = Vec::new();
    let mut words = [0; 16];
    while found.len() < MOST_FRAMES && frame >> 63 == 1 && cpu.read_virt(frame, &mut words) {
        let (next, back) = words.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let back = word(back);
        if back >> 63 == 0 {
            break;
        }
        found.push(back);
        frame = word(next);
    }
    found
}

/// Writes an event `section` for each of the longest, the longest first.
pub(crate) fn report(events: &Events) {
    let mut all: Vec<_> = with(|all| all.found.drain().collect());
    all.sort_by_key(|(_, found)| std::cmp::Reverse(found.longest));
    for ((during, begin, end), found) in all.into_iter().take(SHOWN) {
        let Found { times, longest, trace } = found;
        events.write(&json!({"event": "section", "during": during,
            "instructions": longest, "times": times,
            "begin": begin, "end": end, "trace": trace}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_nest_and_end_with_the_outermost() {
        let mut state = State::default();
        assert_eq!(state.advance(Step::Off, 0, 100, 1), None);
        assert_eq!(state.advance(Step::Up, 0, 110, 2), None);
        assert_eq!(state.advance(Step::On, 0, 120, 3), None);
        // An interrupt that the lock lets in belongs to the section.
        assert_eq!(state.advance(Step::Off, 0, 130, 4), None);
        assert_eq!(state.advance(Step::EnterInterrupt, 0, 131, 5), None);
        assert_eq!(state.advance(Step::LeaveInterrupt, 0, 150, 6), None);
        assert_eq!(state.advance(Step::Return, INTERRUPT_FLAG, 151, 7), None);
        assert_eq!(state.advance(Step::Down, 0, 160, 8), Some((60, 1)));
        // A return to what had interrupts off ends nothing.
        assert_eq!(state.advance(Step::Enter, 0, 200, 9), None);
        assert_eq!(state.advance(Step::Return, 0, 210, 10), None);
        assert_eq!(state.advance(Step::Leave, 0, 230, 11), Some((30, 9)));
    }

    #[test]
    fn to_wait_for_another_cpu_does_not_count() {
        let mut state = State::default();
        assert_eq!(state.advance(Step::Pause, 0, 50, 7), None);
        assert_eq!(state.advance(Step::Up, 0, 100, 1), None);
        for (now, pc) in [(110, 7), (114, 7), (118, 7), (130, 8), (140, 7)] {
            assert_eq!(state.advance(Step::Pause, 0, now, pc), None);
        }
        // An interrupt in between is a part of the wait, and may wait itself.
        assert_eq!(state.advance(Step::EnterInterrupt, 0, 142, 2), None);
        for (step, now) in
            [(Step::Up, 143), (Step::Pause, 144), (Step::Pause, 154), (Step::Down, 155)]
        {
            assert_eq!(state.advance(step, 0, now, 9), None);
        }
        assert_eq!(state.advance(Step::LeaveInterrupt, 0, 160, 3), None);
        assert_eq!(state.advance(Step::Pause, 0, 162, 7), None);
        // So many from 110 to 118, from 140 to 162.
        assert_eq!(state.advance(Step::Down, 0, 170, 4), Some((40, 1)));
        // What lies between two locks that were waited for is no wait.
        assert_eq!(state.advance(Step::Up, 0, 200, 1), None);
        assert_eq!(state.advance(Step::Pause, 0, 210, 7), None);
        assert_eq!(state.advance(Step::Up, 0, 212, 1), None);
        assert_eq!(state.advance(Step::Pause, 0, 290, 7), None);
        assert_eq!(state.advance(Step::Down, 0, 295, 4), None);
        assert_eq!(state.advance(Step::Down, 0, 300, 4), Some((100, 1)));
    }

    #[test]
    fn a_nap_is_a_part_of_the_wait() {
        let mut state = State::default();
        let mut turn = |steps: &[(Step, u64)]| {
            let ends = steps.iter().map(|&(step, now)| state.advance(step, 0, now, 7));
            ends.fold(None, Option::or)
        };
        // One lock is held while another CPU is waited for: the timer's is taken and freed.
        let nap = [Step::Up, Step::Pause, Step::Up, Step::Down, Step::Pause, Step::Down];
        let nap: Vec<_> = nap.into_iter().zip((100..).step_by(1000)).collect();
        // All but what lies before the first and behind the last PAUSE.
        assert_eq!(turn(&nap), Some((2000, 7)));
        // Here the lock that was waited for was freed in between, so something was done.
        let work = [Step::Up, Step::Up, Step::Pause, Step::Down, Step::Up, Step::Pause];
        let work = work.into_iter().chain([Step::Down, Step::Down]);
        let work: Vec<_> = work.zip((10_100..).step_by(1000)).collect();
        assert_eq!(turn(&work), Some((7000, 7)));
    }

    #[test]
    fn instructions_are_known_by_their_bytes() {
        assert_eq!(step_of(&[0x65, 0x83, 0x04, 0x25, 8, 0, 0, 0, 1], true), Some(Step::Up));
        let add = |top| step_of(&[0x65, 0x81, 0x04, 0x25, 8, 0, 0, 0, 0, 0, 0, top], true);
        assert_eq!(add(0x10), Some(Step::EnterInterrupt));
        assert_eq!(add(0xf0), Some(Step::LeaveInterrupt));
        assert_eq!(step_of(&[0x65, 0xff, 0x0c, 0x25, 8, 0, 0, 0], true), Some(Step::Down));
        assert_eq!(step_of(&[0x0f, 0x05], false), Some(Step::Enter));
        assert_eq!(step_of(&[0x0f, 0x05], true), None);
        assert_eq!(step_of(&[0xfa], false), None);
        assert_eq!(step_of(&[0xfa], true), Some(Step::Off));
    }
}
