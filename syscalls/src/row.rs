// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a row of the system-call table holds, and the macro that reads rows.
//!
//! `syscall_table!` turns the rows of `table.rs` into the array that dispatch
//! indexes, the printers of the trace and the entries of the compatibility page.

use crate::arg::Regs;
use crate::cx::Context;
use crate::trace::Line;
use abi::{Errno, Error};
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

/// Reads the rows; see `table.rs` for their form.
macro_rules! syscall_table {
    ($(
        $number:literal $name:ident $($handler:ident)::* ($($type:ty),*)
        $level:ident $(($detail:tt))? $restart:ident;
    )*) => {
        /// Every call that has a row, sorted by number.
        pub static ROWS: &[$crate::row::Row] = &[$(
            $crate::row::Row {
                number: $number,
                name: stringify!($name),
                level: $crate::row::syscall_table!(@level $level $(($detail))?),
                restart: $crate::row::Restart::$restart,
                shown_after: false $(|| <$type as $crate::arg::FromArg>::SHOWN_AFTER)*,
                run: $crate::row::syscall_table!(
                    @run $number $name $level $(($detail))?, [$($handler)::*], $($type),*),
                show: $crate::row::syscall_table!(@show $level, $($type),*),
            },
        )*];
    };
    (@level Full) => { $crate::row::Level::Full };
    (@level Partial($missing:tt)) => { $crate::row::Level::Partial($missing) };
    (@level Stub($errno:tt)) => { $crate::row::Level::Stub(abi::Errno::$errno) };
    (@run $number:literal $name:ident Stub(ENOSYS), $($rest:tt)*) => {
        |_| {
            $crate::dispatch::note_unserved($number, stringify!($name));
            $crate::row::Outcome::Return(-(abi::Errno::ENOSYS as i64))
        }
    };
    (@run $number:literal $name:ident Stub($errno:tt), $($rest:tt)*) => {
        |_| $crate::row::Outcome::Return(-(abi::Errno::$errno as i64))
    };
    (@run $number:literal $name:ident $level:ident $(($detail:tt))?, [$($handler:ident)::*], $($type:ty),*) => {
        |cx| {
            #[allow(unused_mut, unused_variables, reason = "a call without arguments")]
            let mut regs = cx.arguments();
            $crate::row::syscall_table!(@call cx, regs, [$($handler)::*], [], $($type,)*)
        }
    };
    (@call $cx:ident, $regs:ident, [$($handler:ident)::*], [$($value:ident)*],) => {
        $crate::row::IntoOutcome::into_outcome($crate::calls::$($handler)::*($cx $(, $value)*))
    };
    (@call $cx:ident, $regs:ident, $handler:tt, [$($value:ident)*], $type:ty, $($rest:ty,)*) => {
        match <$type as $crate::arg::FromArg>::from_regs(&mut $regs) {
            Ok(value) => $crate::row::syscall_table!(
                @call $cx, $regs, $handler, [$($value)* value], $($rest,)*),
            Err(error) => $crate::row::Outcome::from(error),
        }
    };
    (@show Stub, $($type:ty),*) => {
        |mut regs, line| $crate::trace::show_raw(&mut regs, line)
    };
    (@show $level:ident, $($type:ty),*) => {
        |mut regs, line| {
            let _ = (&mut regs, &line);
            $($crate::row::show_arg::<$type>(&mut regs, line);)*
        }
    };
}

pub(crate) use syscall_table;

/// Prints one argument, raw if it does not decode.
pub fn show_arg<T: crate::arg::FromArg>(regs: &mut Regs, line: &mut Line<'_>) {
    use core::fmt::Write;
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
