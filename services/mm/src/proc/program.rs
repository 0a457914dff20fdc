// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of a process about its memory: arguments, environment, areas.
//!
//! `task` decides whose and for whom; here is what they say.
//!
//! Trust: arguments and environment are the program's to overwrite; they are
//! copied as bytes.

use core::ops::Range;

use pseudofs::Text;
use vfs::Path;

use crate::{AddressSpace, Result};

/// Bytes copied out of a process at once.
const CHUNK: usize = 1024;

/// Appends a part of `range`, from byte `position` of it on, until `stop` says so or it
/// cannot be read. Returns the position behind the part if there is more.
fn copy_part(
    mm: &AddressSpace,
    range: Range<usize>,
    position: u64,
    out: &mut Text,
    stop: impl Fn(&[u8]) -> Option<usize>,
) -> Option<u64> {
    let mut buffer = [0; CHUNK];
    let mut at = range.start.checked_add(usize::try_from(position).ok()?)?;
    while at < range.end && !out.is_part() {
        let len = (range.end - at).min(CHUNK - at % CHUNK);
        let place = buffer.get_mut(..len)?;
        mm.vm().read(at, place).ok()?;
        if let Some(end) = stop(place) {
            out.push(place.get(..end).unwrap_or_default());
            return None;
        }
        out.push(place);
        at += len;
    }
    (at < range.end).then_some((at - range.start) as u64)
}

/// The files of a process that show its address space. Those that can be long are made in
/// parts: each function appends one from `position` on, and returns the position of the
/// next, if there is one.
impl AddressSpace {
    /// /proc/PID/cmdline: the arguments, each with its NUL. A program that has overwritten
    /// the last NUL set a title, which may go on in the environment.
    pub fn show_cmdline(&self, position: u64, out: &mut Text) -> Option<u64> {
        let program = self.program();
        let (args, env) = (program.args.clone(), program.env.clone());
        if args.is_empty() {
            return None;
        }
        let mut last = [0];
        self.vm().read(args.end - 1, &mut last).ok()?;
        if last == [0] {
            copy_part(self, args, position, out, |_| None)
        } else {
            let end = if env.start == args.end { env.end } else { args.end };
            let nul = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).map(|at| at + 1);
            copy_part(self, args.start..end, position, out, nul)
        }
    }

    /// /proc/PID/environ.
    pub fn show_environ(&self, position: u64, out: &mut Text) -> Option<u64> {
        copy_part(self, self.program().env.clone(), position, out, |_| None)
    }

    /// /proc/PID/auxv: pairs of words, as the program got them.
    pub fn show_auxv(&self, out: &mut Text) {
        self.program().auxv.iter().for_each(|word| out.push(&word.to_le_bytes()));
    }

    /// /proc/PID/maps; `root` is where the reader's paths begin. Positions are addresses.
    ///
    /// # Errors
    /// `ENOMEM` for a long path.
    pub fn show_maps(&self, position: u64, root: &Path, out: &mut Text) -> Result<Option<u64>> {
        let mut next = None;
        let mut shown = Ok(());
        self.each_area(usize::try_from(position).unwrap_or(usize::MAX), |area| {
            if out.is_part() {
                next = Some(area.area().start().max(position as usize) as u64);
                return false;
            }
            shown = area.write_maps_line(root, out);
            shown.is_ok()
        });
        shown.map(|()| next)
    }
}
