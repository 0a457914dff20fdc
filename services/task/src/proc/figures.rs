// SPDX-License-Identifier: Apache-2.0 OR MIT
//! stat, statm, status and what else counts a process's doings.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Result;
use abi::process::PF_RANDOMIZE;
use abi::resource::Resource;
use framework::cpu;
use framework::mm::PAGE_SIZE;
use pseudofs::{Text, put};

use super::stat::{MemoryStat, ProcessStat};
use super::status::{MemoryStatus, Status};
use super::target::Target;
use crate::{NS_PER_TICK, Pgid, Process, Thread};

/// The name of the thread or process, a zombie's included.
pub(super) fn name(target: &Target) -> Result<Vec<u8>> {
    let process = target.process()?;
    let comm = match target.thread() {
        Ok(thread) => thread.comm(),
        Err(_) => process.comm(),
    };
    Ok(comm.iter().copied().take_while(|byte| *byte != 0).collect())
}

/// The letter for what a thread does; `Z` when there is none any more.
fn state(process: &Process, thread: Option<&Thread>) -> char {
    let Some(thread) = thread else { return 'Z' };
    if process.stopped_by().is_some() {
        return 'T';
    }
    match thread.task() {
        None => 'X',
        Some(task) if task.is_parked() => 'S',
        Some(_) => 'R',
    }
}

/// /proc/PID/stat.
pub(crate) fn stat(target: &Target, out: &mut Text) -> Result<()> {
    let process = target.process()?;
    let thread = target.thread().ok();
    let thread = thread.as_deref();
    let comm = name(target)?;
    let used = match thread {
        Some(thread) if target.is_thread() => thread.rusage(),
        _ => process.rusage(),
    };
    let of_children = process.children_rusage();
    let terminal = process.session().terminal();
    let mut s = ProcessStat {
        pid: target.shown_id(),
        comm: &comm,
        state: state(&process, thread),
        parent: process.parent_pid().as_raw(),
        group: process.group_id().as_raw(),
        session: process.session_id().as_raw(),
        terminal: terminal.as_ref().map_or(0, |terminal| terminal.device_number() as i32),
        foreground: terminal.and_then(|terminal| terminal.foreground()).map_or(-1, Pgid::as_raw),
        flags: PF_RANDOMIZE,
        minor_faults: used.minor_faults,
        children_minor_faults: of_children.minor_faults,
        major_faults: used.major_faults,
        children_major_faults: of_children.major_faults,
        user_time: used.user_ns / NS_PER_TICK,
        system_time: used.system_ns / NS_PER_TICK,
        children_user_time: of_children.user_ns / NS_PER_TICK,
        children_system_time: of_children.system_ns / NS_PER_TICK,
        nice: i32::from(process.nice()),
        priority: 20 + i32::from(process.nice()),
        threads: process.thread_count(),
        start_time: process.start_ns() / NS_PER_TICK,
        memory: memory_stat(target, &process),
        exit_signal: process.exit_signal().map_or(0, |signal| signal.number()),
        ..ProcessStat::default()
    };
    if let Some(thread) = thread {
        let sets = thread.signal_sets();
        s.pending = sets.pending.bits();
        s.blocked = sets.blocked.bits();
        s.ignored = sets.ignored.bits();
        s.caught = sets.caught.bits();
        add_scheduling(&mut s, thread);
    }
    if target.may_inspect() && process.is_zombie() {
        s.exit_code = process.exit_status().as_raw();
    }
    super::stat::stat(out, &s);
    Ok(())
}

fn add_scheduling(s: &mut ProcessStat<'_>, thread: &Thread) {
    let Some(task) = thread.task() else { return };
    let params = sched::params(&task);
    s.processor = task.cpu().index();
    s.policy = params.policy.raw().unsigned_abs();
    s.nice = i32::from(task.sched().nice());
    s.priority = 20 + s.nice;
    if params.policy.is_realtime() {
        s.realtime_priority = params.priority as u32;
        s.priority = -1 - params.priority as i32;
    }
    s.is_waiting = task.is_parked();
}

fn memory_stat(target: &Target, process: &Process) -> MemoryStat {
    let resident_limit = process.rlimit(Resource::Rss).cur;
    let Some(mm) = process.mm() else { return MemoryStat::default() };
    let usage = mm.usage();
    let mut memory = MemoryStat {
        size: usage.size,
        resident: usage.resident / PAGE_SIZE,
        resident_limit,
        ..MemoryStat::default()
    };
    if target.may_inspect() {
        let program = mm.program();
        memory.code = (program.code.start, program.code.end);
        memory.data = (program.data.start, program.data.end);
        memory.start_stack = program.start_stack;
        memory.start_brk = mm.heap().start;
        memory.args = (program.args.start, program.args.end);
        memory.env = (program.env.start, program.env.end);
    }
    memory
}

/// /proc/PID/statm.
pub(crate) fn statm(target: &Target, out: &mut Text) -> Result<()> {
    let usage = target.process()?.mm().map(|mm| mm.usage()).unwrap_or_default();
    let bytes = [usage.size, usage.resident, 0, usage.text, usage.data + usage.stack];
    super::stat::statm(out, bytes.map(|bytes| bytes / PAGE_SIZE));
    Ok(())
}

/// /proc/PID/status.
pub(crate) fn status(target: &Target, out: &mut Text) -> Result<()> {
    let process = target.process()?;
    let thread = target.thread().ok();
    let name = name(target)?;
    let cred = match &thread {
        Some(thread) => Some(thread.cred()),
        None => process.cred(),
    };
    let mut s = Status {
        name: &name,
        state: state(&process, thread.as_deref()),
        pid: process.pid().as_raw(),
        tid: target.shown_id(),
        parent: process.parent_pid().as_raw(),
        group: process.group_id().as_raw(),
        session: process.session_id().as_raw(),
        memory: memory_status(&process),
        threads: process.thread_count().max(1),
        cpus: 1,
        cpu_count: cpu::count(),
        ..Status::default()
    };
    if let Some(cred) = &cred {
        s.uids = [cred.uid, cred.euid, cred.suid, cred.fsuid];
        s.gids = [cred.gid, cred.egid, cred.sgid, cred.fsgid];
        s.groups = cred.groups();
        let caps = &cred.caps;
        s.caps = [caps.inheritable, caps.permitted, caps.effective, caps.bounding, caps.ambient]
            .map(|set| set.bits());
        s.no_new_privs = cred.no_new_privs;
    }
    if let Some(thread) = &thread {
        add_thread(&mut s, thread);
    }
    super::status::status(out, &s);
    Ok(())
}

fn add_thread(s: &mut Status<'_>, thread: &Arc<Thread>) {
    s.umask = Some(thread.fs().umask());
    s.fd_slots = thread.files().capacity();
    let limit = thread.process().rlimit(Resource::Sigpending).cur;
    s.queued_signals = (thread.user().signals(), limit);
    let sets = thread.signal_sets();
    s.signals = [sets.pending, sets.shared_pending, sets.blocked, sets.ignored, sets.caught]
        .map(|set| set.bits());
    if let Some(task) = thread.task() {
        let all = cpu::all().fold(0, |bits, cpu| bits | 1 << cpu.index());
        s.cpus = task.sched().affinity().bits() & all;
        s.switches = task.sched().switches();
    }
}

fn memory_status(process: &Process) -> Option<MemoryStatus> {
    let usage = process.mm()?.usage();
    Some(MemoryStatus {
        peak: usage.peak_size,
        size: usage.size,
        locked: usage.locked,
        peak_resident: usage.peak_resident,
        resident: usage.resident,
        resident_anonymous: usage.resident,
        resident_file: 0,
        resident_shared: 0,
        data: usage.data,
        stack: usage.stack,
        text: usage.text,
        library: usage.library,
        tables: process.mm()?.table_bytes(),
    })
}

/// /proc/PID/io: nothing is counted.
pub(crate) fn io(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?;
    put!(out, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\n");
    put!(out, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    Ok(())
}

/// /proc/PID/schedstat.
pub(crate) fn schedstat(target: &Target, out: &mut Text) -> Result<()> {
    let task = target.thread().ok().and_then(|thread| thread.task());
    sched::show_schedstat(task.as_deref(), out);
    Ok(())
}

/// /proc/PID/wchan: where it sleeps is not told.
pub(crate) fn wchan(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?;
    put!(out, "0");
    Ok(())
}
