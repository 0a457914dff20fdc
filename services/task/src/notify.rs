// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Telling a parent what became of its child: SIGCHLD and a wake-up of wait.

use crate::{
    process::{NS_PER_TICK, Process},
    signal::send,
};
use abi::signal::{CLD_CONTINUED, CLD_STOPPED, SigInfo, Signal};

/// What became of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChildEvent {
    Stopped(Signal),
    Continued,
}

/// Tells the parent of a stop or continuation.
pub(crate) fn parent(child: &Process, event: ChildEvent) {
    let mut table = child.pid_namespace().lock();
    table.set_news(child.pid(), true);
    let parent = table.get(child.pid()).map(|node| node.parent);
    let parent = parent.and_then(|parent| table.get(parent)).map(|node| node.process.clone());
    drop(table);
    let Some(parent) = parent else { return };
    let (code, status) = match event {
        ChildEvent::Stopped(signal) => (CLD_STOPPED, signal.number()),
        ChildEvent::Continued => (CLD_CONTINUED, Signal::CONT.number()),
    };
    if send::child_policy(&parent).wants_stops {
        let _ = send::to_process(&parent, Signal::CHLD, info(child, Signal::CHLD, code, status));
    }
    parent.child_wait.wake_all();
}

/// The `siginfo` about a child, also what waitid(2) reports.
pub(crate) fn info(child: &Process, signal: Signal, code: i32, status: i32) -> SigInfo {
    let uid = child.owner_uid();
    let usage = child.rusage();
    let ticks = (usage.user_ns / NS_PER_TICK, usage.system_ns / NS_PER_TICK);
    SigInfo::child(signal, code, child.pid().as_raw(), uid, status, ticks)
}
