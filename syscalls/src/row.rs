// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a row of the system-call table holds.

use crate::arg::Regs;
use crate::cx::Context;
use crate::line::Line;
use abi::{Errno, Error};
use core::fmt::Write;
pub use task::Restart;

/// One more than the largest number a row can have.
pub const NUMBERS: usize = 512;

/// How well a call is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As on Linux, as far as anybody knows.
    Full,
    /// Usable; the text says what is missing.
    Partial(&'static str),
    /// Always this error.
    Stub(Errno),
}

/// What a call leaves behind. Two registers hold it, so it costs no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value for RAX: a result, or a negated errno.
    Return(i64),
    /// The handler has set all registers itself: `rt_sigreturn`, `execve`.
    Registers,
    /// Ended by a signal, to go on by [`Restart::Sys`] whatever the row says.
    RestartSys,
    /// Ended by a signal, to go on by [`Restart::NoHand`] whatever the row says.
    RestartNoHand,
    /// Ended by a signal, to go on by [`Restart::Block`] whatever the row says.
    RestartBlock,
}

impl From<Error> for Outcome {
    #[inline(always)]
    fn from(error: Error) -> Self {
        Self::Return(-i64::from(error.errno() as i32))
    }
}

/// The result types that a handler may have.
pub trait IntoOutcome {
    /// The result as what the program sees.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for abi::Result<usize> {
    #[inline(always)]
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(value) => Outcome::Return(value as i64),
            Err(error) => error.into(),
        }
    }
}

impl IntoOutcome for abi::Result<()> {
    #[inline(always)]
    fn into_outcome(self) -> Outcome {
        self.map(|()| 0_usize).into_outcome()
    }
}

impl IntoOutcome for abi::Result<Outcome> {
    #[inline(always)]
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(outcome) => outcome,
            Err(error) => error.into(),
        }
    }
}

impl IntoOutcome for usize {
    #[inline(always)]
    fn into_outcome(self) -> Outcome {
        Outcome::Return(self as i64)
    }
}

/// The handler of a row, with its arguments still in registers.
pub type Run = fn(&mut Context) -> Outcome;

/// The printer of a row's arguments.
pub type Show = fn(Regs, &mut Line<'_>);

/// One row of the table.
pub struct Row {
    /// The call's number.
    pub number: u16,
    /// Its name, as in the manual.
    pub name: &'static str,
    /// How well it is served.
    pub level: Level,
    /// What a signal does to it while it waits.
    pub restart: Restart,
    /// Whether the trace shows its arguments when the call is over.
    pub shown_after: bool,
    /// Decodes and handles.
    pub run: Run,
    /// Prints the arguments.
    pub show: Show,
}

impl Row {
    /// Whether the program that called never sees a result.
    pub fn does_not_return(&self) -> bool {
        matches!(self.name, "exit" | "exit_group")
    }
}

/// The rows by number, for dispatch.
pub type Index = [Option<&'static Row>; NUMBERS];

/// Spreads the rows over their numbers.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub const fn index(rows: &'static [Row]) -> Index {
    let mut index: Index = [None; NUMBERS];
    let mut at = 0;
    while at < rows.len() {
        index[rows[at].number as usize] = Some(&rows[at]);
        at += 1;
    }
    index
}

/// Prints one argument, raw if it does not decode.
pub fn show_arg<T: crate::arg::FromArg>(regs: &mut Regs, line: &mut Line<'_>) {
    if regs.taken() > 0 {
        line.text(", ");
    }
    let mut raw = *regs;
    match T::from_regs(regs) {
        Ok(value) => value.show(line),
        Err(_) => {
            let _ = write!(line, "{:#x}", raw.take());
        }
    }
}

/// Prints all six registers: nobody knows what they mean.
pub fn show_raw(regs: &mut Regs, line: &mut Line<'_>) {
    for index in 0..6 {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(line, "{separator}{:#x}", regs.take());
    }
}
