// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files that show a process's memory: arguments, environment, areas.
//!
//! Trust: arguments and environment are the program's to overwrite; they are
//! copied as bytes.

use alloc::sync::Arc;
use core::ops::Range;

use abi::{Result, err};
use mm::AddressSpace;

use super::Target;
use pseudofs::Text;

/// Bytes copied out of a process at once.
const CHUNK: usize = 1024;

/// The address space; None for zombies, whose files are empty.
fn space(target: &Target) -> Result<Option<Arc<AddressSpace>>> {
    Ok(target.process()?.mm())
}

/// Appends the bytes of `range` until `stop` says so or memory ends.
fn copy(
    mm: &AddressSpace,
    range: Range<usize>,
    out: &mut Text,
    stop: impl Fn(&[u8]) -> Option<usize>,
) {
    let mut buffer = [0; CHUNK];
    let mut at = range.start;
    while at < range.end {
        let len = (range.end - at).min(CHUNK - at % CHUNK);
        let Some(place) = buffer.get_mut(..len) else { return };
        if mm.vm().read(at, place).is_err() {
            return;
        }
        if let Some(end) = stop(place) {
            out.push(place.get(..end).unwrap_or_default());
            return;
        }
        out.push(place);
        at += len;
    }
}

/// /proc/PID/cmdline: the arguments, each with its NUL. A program that has
/// overwritten the last NUL set a title, which may go on in the environment.
pub(crate) fn cmdline(target: &Target, out: &mut Text) -> Result<()> {
    let Some(mm) = space(target)? else { return Ok(()) };
    let program = mm.program();
    let (args, env) = (program.args.clone(), program.env.clone());
    if args.is_empty() {
        return Ok(());
    }
    let mut last = [0];
    if mm.vm().read(args.end - 1, &mut last).is_err() {
        return Ok(());
    }
    if last == [0] {
        copy(&mm, args, out, |_| None);
    } else {
        let end = if env.start == args.end { env.end } else { args.end };
        let nul = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).map(|at| at + 1);
        copy(&mm, args.start..end, out, nul);
    }
    Ok(())
}

/// /proc/PID/environ.
pub(crate) fn environ(target: &Target, out: &mut Text) -> Result<()> {
    if let Some(mm) = space(target)? {
        copy(&mm, mm.program().env.clone(), out, |_| None);
    }
    Ok(())
}

/// /proc/PID/auxv: pairs of words, as the program got them.
pub(crate) fn auxv(target: &Target, out: &mut Text) -> Result<()> {
    if let Some(mm) = space(target)? {
        mm.program().auxv.iter().for_each(|word| out.push(&word.to_le_bytes()));
    }
    Ok(())
}

/// /proc/PID/maps.
pub(crate) fn maps(target: &Target, out: &mut Text) -> Result<()> {
    let Some(mm) = space(target)? else { return Ok(()) };
    let Some(reader) = task::current() else { return err!(ESRCH) };
    let root = reader.fs().root();
    mm.each_area(0, |area| out.with(|bytes| area.write_maps_line(&root, bytes)));
    Ok(())
}
