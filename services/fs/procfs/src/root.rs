// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The root directory: fixed entries, links to oneself, processes by number.

use alloc::format;
use alloc::vec::Vec;

use abi::{Result, error};
use task::table;
use vfs::DirSink;

use crate::inode::{Node, emit};
use crate::process::{self, Target};
use crate::{global, tree};

/// The cookie of process 0; fixed entries are below.
const FIRST_PROCESS: u64 = 256;

/// The inode number from which those of fixed entries count.
const NUMBER: u32 = 1;

/// Links that lead where the reader is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SelfLink {
    /// /proc/self.
    Process,
    /// /proc/thread-self.
    Thread,
    /// /proc/mounts.
    Mounts,
}

/// The links by name.
const LINKS: [(&str, SelfLink); 3] =
    [("self", SelfLink::Process), ("thread-self", SelfLink::Thread), ("mounts", SelfLink::Mounts)];

impl SelfLink {
    /// The text for whoever reads it; `ENOENT` in a kernel task.
    pub(crate) fn text(self) -> Result<Vec<u8>> {
        if self == Self::Mounts {
            return Ok(b"self/mounts".to_vec());
        }
        let thread = task::current().ok_or(error!(ENOENT, "not a process"))?;
        Ok(match self {
            Self::Thread => format!("{}/task/{}", thread.pid(), thread.tid()),
            _ => format!("{}", thread.pid()),
        }
        .into_bytes())
    }
}

/// How many directories there are: processes and sys.
pub(crate) fn count_directories() -> u32 {
    process::all().count() as u32 + 1
}

/// Finds an entry of /proc.
pub(crate) fn lookup(name: &[u8]) -> Result<Node> {
    if let Some(number) = process::parse_number(name) {
        // A thread's own number works too, though it is not listed.
        let of_thread = || table::thread(number).map(|thread| thread.process().clone());
        let process = table::process(number).or_else(of_thread);
        let process = process.ok_or(error!(ENOENT, "no such process"))?;
        return Ok(Node::Process(Target::of_process(&process, number)));
    }
    if let Some((_, link)) = LINKS.iter().find(|(known, _)| known.as_bytes() == name) {
        return Ok(Node::SelfLink(*link));
    }
    tree::lookup(global::ITEMS, NUMBER, name)
}

/// Reports links, fixed entries, then processes.
pub(crate) fn list(cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
    let links = LINKS.len() as u64;
    let mut at = cookie.max(2);
    while at < 2 + links {
        let Some((name, link)) = LINKS.get((at - 2) as usize) else { break };
        at += 1;
        if emit(sink, name.as_bytes(), &Node::SelfLink(*link), at).is_break() {
            return Ok(());
        }
    }
    let mut is_full = false;
    if at < FIRST_PROCESS {
        tree::list(global::ITEMS, NUMBER, at - links, &mut |entry| {
            let flow = sink(&vfs::DirEntry { next: entry.next + links, ..*entry });
            is_full |= flow.is_break();
            flow
        })?;
        at = FIRST_PROCESS;
    }
    if is_full {
        return Ok(());
    }
    list_processes(at - FIRST_PROCESS, sink);
    Ok(())
}

fn list_processes(from: u64, sink: &mut DirSink<'_>) {
    let mut from = i32::try_from(from).unwrap_or(i32::MAX);
    while let Some(process) = table::next_process(from) {
        let pid = process.pid();
        let node = Node::Process(Target::of_process(&process, pid));
        let next = FIRST_PROCESS + pid as u64 + 1;
        if emit(sink, format!("{pid}").as_bytes(), &node, next).is_break() {
            return;
        }
        from = pid.saturating_add(1);
    }
}
