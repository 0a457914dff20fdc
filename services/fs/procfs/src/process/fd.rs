// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/fd and fdinfo: the open files.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, error};
use vfs::{CloseOnExec, DirEntry, DirSink, File, FileKind, OpenFlags};

use super::{Target, parse_number};
use pseudofs::{Text, put};

/// Entries taken from the descriptor table at once.
const BATCH: usize = 64;

/// The file behind descriptor `number`; `ENOENT` if it is closed.
pub(crate) fn get(target: &Target, number: i32) -> Result<Arc<File>> {
    let closed = error!(ENOENT, "not an open descriptor");
    target.thread().map_err(|_| closed)?.files().get(number).map_err(|_| closed)
}

/// The number of an open descriptor by its name.
pub(crate) fn find(target: &Target, name: &[u8]) -> Result<i32> {
    let number = parse_number(name).ok_or(error!(ENOENT, "not a number"))?;
    get(target, number)?;
    Ok(number)
}

/// How many descriptors are open.
pub(crate) fn count(target: &Target) -> u64 {
    let Ok(thread) = target.thread() else { return 0 };
    let files = thread.files();
    let mut count = 0;
    let mut from = 0;
    loop {
        let batch = files.open_fds(from, BATCH);
        let Some(last) = batch.last() else { return count };
        count += batch.len() as u64;
        from = last.saturating_add(1);
    }
}

/// The permission bits of a descriptor's link tell how it is open.
pub(crate) fn link_perm(target: &Target, number: i32) -> u32 {
    let Ok(file) = get(target, number) else { return 0 };
    let read = if file.can_read() { 0o500 } else { 0 };
    let write = if file.can_write() { 0o300 } else { 0 };
    read | write
}

/// The text of a descriptor's link.
pub(crate) fn link_text(target: &Target, number: i32) -> Result<Vec<u8>> {
    let reader = task::current().ok_or(error!(ENOENT))?;
    target.check_inspect(&reader.cred())?;
    Ok(vfs::d_path(get(target, number)?.path(), &reader.fs().root()))
}

/// Reports the open descriptors from `cookie` on; descriptor `n` has `n + 2`.
pub(crate) fn list(
    target: &Target,
    cookie: u64,
    kind: FileKind,
    sink: &mut DirSink<'_>,
) -> Result<()> {
    let Ok(thread) = target.thread() else { return Ok(()) };
    let files = thread.files();
    let mut from = i32::try_from(cookie.saturating_sub(2)).unwrap_or(i32::MAX);
    loop {
        let batch = files.open_fds(from, BATCH);
        let Some(last) = batch.last() else { return Ok(()) };
        from = last.saturating_add(1);
        for number in batch {
            let name = format!("{number}");
            let ino = u64::from(target.number()) << 32 | 8 << 24 | number as u64;
            let next = number as u64 + 3;
            if sink(&DirEntry { name: name.as_bytes(), ino, kind, next }).is_break() {
                return Ok(());
            }
        }
    }
}

/// The text of /proc/PID/fdinfo/N.
pub(crate) fn info(target: &Target, number: i32, out: &mut Text) -> Result<()> {
    let file = get(target, number)?;
    let files = target.thread()?.files();
    let mut flags = file.flags().bits();
    if files.on_exec(number).is_ok_and(|on_exec| on_exec == CloseOnExec::Yes) {
        flags |= OpenFlags::CLOEXEC.bits();
    }
    let offset = if file.ops().is_seekable() { file.offset() } else { 0 };
    put!(out, "pos:\t{offset}\nflags:\t0{flags:o}\n");
    put!(out, "mnt_id:\t{}\nino:\t{}\n", file.path().mount().id(), file.inode().base().ino());
    Ok(())
}
