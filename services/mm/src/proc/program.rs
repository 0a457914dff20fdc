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

use crate::AddressSpace;

/// Bytes copied out of a process at once.
const CHUNK: usize = 1024;

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

/// The files of a process that show its address space.
impl AddressSpace {
    /// /proc/PID/cmdline: the arguments, each with its NUL. A program that has overwritten
    /// the last NUL set a title, which may go on in the environment.
    pub fn show_cmdline(&self, out: &mut Text) {
        let program = self.program();
        let (args, env) = (program.args.clone(), program.env.clone());
        if args.is_empty() {
            return;
        }
        let mut last = [0];
        if self.vm().read(args.end - 1, &mut last).is_err() {
            return;
        }
        if last == [0] {
            copy(self, args, out, |_| None);
        } else {
            let end = if env.start == args.end { env.end } else { args.end };
            let nul = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).map(|at| at + 1);
            copy(self, args.start..end, out, nul);
        }
    }

    /// /proc/PID/environ.
    pub fn show_environ(&self, out: &mut Text) {
        copy(self, self.program().env.clone(), out, |_| None);
    }

    /// /proc/PID/auxv: pairs of words, as the program got them.
    pub fn show_auxv(&self, out: &mut Text) {
        self.program().auxv.iter().for_each(|word| out.push(&word.to_le_bytes()));
    }

    /// /proc/PID/maps; `root` is where the reader's paths begin.
    pub fn show_maps(&self, root: &Path, out: &mut Text) {
        self.each_area(0, |area| {
            area.write_maps_line(root, out);
            !out.has_failed()
        });
    }
}
