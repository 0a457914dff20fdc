// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The user loop: runs a thread's program and serves what it asks for.
//!
//! [`user_entry`] is what `task` starts a thread with; it returns when the
//! thread is to end. Signals are delivered on the way back to the program, which
//! the framework reports as an event, and after a call that one interrupted.

use crate::cx::Context;
use crate::line::Line;
use crate::row::{Outcome, Restart, Row};
use crate::table::INDEX;
use crate::trace;
use crate::unserved::note_unserved;
use abi::Errno;
use alloc::sync::Arc;
use framework::user::{Trap, UserContext};
use task::Thread;
use task::signal::{Flow, Interrupted, deliver};

const EINTR: Outcome = Outcome::Return(-(Errno::EINTR as i64));
const ENOMEM: Outcome = Outcome::Return(-(Errno::ENOMEM as i64));
const ENOSYS: Outcome = Outcome::Return(-(Errno::ENOSYS as i64));

/// Runs a thread's program from the registers in `user` until the thread is to end.
pub fn user_entry(thread: Arc<Thread>, user: UserContext) {
    let Some(mut cx) = Context::new(thread, user) else {
        return;
    };
    loop {
        let flow = match cx.user.run() {
            Trap::Syscall => match serve(&mut cx) {
                None => continue,
                interrupted => deliver_signals(&mut cx, interrupted),
            },
            Trap::PageFault(fault) => {
                cx.serve_page_fault(&fault);
                continue;
            }
            Trap::Fault(fault) => {
                cx.serve_fault(fault);
                continue;
            }
            Trap::Event => deliver_signals(&mut cx, None),
        };
        if flow == Flow::Exit {
            return;
        }
    }
}

#[inline]
fn deliver_signals(cx: &mut Context, interrupted: Option<Interrupted>) -> Flow {
    let (thread, user, vm) = cx.parts();
    deliver(thread, user, vm, interrupted)
}

/// Serves one call; tells how it goes on if a signal interrupted it.
#[inline]
fn serve(cx: &mut Context) -> Option<Interrupted> {
    let number = cx.user.syscall_number() as u32;
    let row = INDEX.get(number as usize).copied().flatten();
    if trace::is_enabled() {
        return serve_traced(cx, number, row);
    }
    let outcome = run(cx, number, row);
    finish(cx, number, row, outcome)
}

#[inline(always)]
fn run(cx: &mut Context, number: u32, row: Option<&'static Row>) -> Outcome {
    match row {
        Some(row) => (row.run)(cx),
        None => {
            note_unserved(number, "unknown");
            ENOSYS
        }
    }
}

/// Stores the result where the program finds it.
#[inline(always)]
fn finish(
    cx: &mut Context,
    number: u32,
    row: Option<&'static Row>,
    outcome: Outcome,
) -> Option<Interrupted> {
    match outcome {
        Outcome::Return(value) if value >= 0 => {
            cx.user.set_result(value as u64);
            None
        }
        other => finish_otherwise(cx, number, row, other),
    }
}

/// As [`finish`], when the call failed, a signal ended it or the handler set the registers.
fn finish_otherwise(
    cx: &mut Context,
    number: u32,
    row: Option<&'static Row>,
    outcome: Outcome,
) -> Option<Interrupted> {
    let restart = match outcome {
        EINTR => row.map_or(Restart::None, |row| row.restart),
        Outcome::Return(value) => {
            if outcome == ENOMEM {
                task::relieve_memory();
            }
            cx.user.set_result(value as u64);
            return None;
        }
        Outcome::Registers => return None,
        Outcome::RestartSys => Restart::Sys,
        Outcome::RestartNoHand => Restart::NoHand,
        Outcome::RestartBlock => Restart::Block,
    };
    if restart == Restart::None {
        cx.user.set_result(-i64::from(Errno::EINTR as i32) as u64);
        return None;
    }
    cx.user.set_result(u64::from(number));
    Some(Interrupted { restart, number: u64::from(number) })
}

/// As [`serve`], with a line in the log.
#[cold]
fn serve_traced(cx: &mut Context, number: u32, row: Option<&'static Row>) -> Option<Interrupted> {
    let regs = cx.arguments();
    let tid = cx.thread.tid().as_raw();
    let begin = |cx: &Context, result| {
        let mut line = Line::new(Some(cx.vm()), result);
        match row {
            Some(row) => line.call(tid, row, regs),
            None => line.unknown(tid, number, regs),
        }
        line.into_text()
    };
    let shown_after = row.is_some_and(|row| row.shown_after);
    let before = if shown_after { None } else { Some(begin(cx, None)) };
    let is_last = row.is_some_and(Row::does_not_return);
    if is_last {
        trace::print(before.as_deref().unwrap_or_default());
    }
    let outcome = run(cx, number, row);
    let result = match outcome {
        Outcome::Return(value) => value,
        Outcome::Registers => cx.user.result() as i64,
        Outcome::RestartSys | Outcome::RestartNoHand | Outcome::RestartBlock => {
            -(Errno::EINTR as i64)
        }
    };
    if !is_last {
        let call = before.unwrap_or_else(|| begin(cx, Some(result)));
        trace::print_result(&call, row.map_or("", |row| row.name), result);
    }
    finish(cx, number, row, outcome)
}
