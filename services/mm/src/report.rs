// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `/proc` shows: sizes and the list of areas.

use alloc::borrow::Cow;
use core::sync::atomic::Ordering::Relaxed;

use pseudofs::{Text, put};
use vfs::{Path, d_path_any_length};

use crate::Result;
use crate::area::{Area, Backing};
use crate::flags::AreaFlags;
use crate::layout::page_up;
use crate::space::{AddressSpace, Inner};
use abi::mman::Prot;

/// The column of the name in a line of `/proc/pid/maps`.
const NAME_COLUMN: usize = 73;

/// Sizes of an address space, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All areas: `VmSize`.
    pub size: usize,
    /// The most that was ever mapped: `VmPeak`.
    pub peak_size: usize,
    /// Present pages: `VmRSS`.
    pub resident: usize,
    /// The most that was ever present: `VmHWM`.
    pub peak_resident: usize,
    /// Private writable memory that is no stack: `VmData`.
    pub data: usize,
    /// Stacks: `VmStk`.
    pub stack: usize,
    /// The program's text: `VmExe`.
    pub text: usize,
    /// Other executable areas: `VmLib`.
    pub library: usize,
    /// Locked memory: `VmLck`.
    pub locked: usize,
}

/// One area as `/proc/pid/maps` shows it.
pub struct AreaInfo<'a> {
    area: &'a Area,
    special: Option<&'static str>,
}

impl AddressSpace {
    /// The sizes now.
    pub fn usage(&self) -> Usage {
        let inner = self.read();
        let totals = inner.areas.totals();
        let resident = self.vm.rss_pages() * framework::mm::PAGE_SIZE;
        let code = &inner.program.code;
        let text = page_up(code.end).unwrap_or(code.end) - crate::layout::page_down(code.start);
        let text = text.min(totals.exec);
        Usage {
            size: totals.all,
            peak_size: inner.peak_bytes.max(totals.all),
            resident,
            peak_resident: (self.peak_rss.load(Relaxed) * framework::mm::PAGE_SIZE).max(resident),
            data: totals.data,
            stack: totals.stack,
            text,
            library: totals.exec - text,
            locked: totals.locked,
        }
    }

    /// Calls `visit` for each area that ends after `from`, in order, until it
    /// returns false. The address space is locked meanwhile: no user copies.
    pub fn each_area(&self, from: usize, mut visit: impl FnMut(&AreaInfo<'_>) -> bool) {
        let inner = self.read();
        let mut at = from;
        while let Some(area) = inner.areas.at_or_after(at) {
            at = area.end;
            if !visit(&AreaInfo { area, special: inner.special_name(area) }) {
                return;
            }
        }
    }
}

impl Inner {
    /// `[heap]` and `[stack]`, by Linux's rules.
    fn special_name(&self, area: &Area) -> Option<&'static str> {
        if !area.is_anonymous() {
            return None;
        }
        if area.start <= self.heap.end && area.end >= self.heap.start && self.heap.start != 0 {
            return Some("[heap]");
        }
        let stack = self.program.start_stack;
        (stack != 0 && area.start <= stack && area.end >= stack).then_some("[stack]")
    }
}

impl AreaInfo<'_> {
    /// The area itself.
    pub fn area(&self) -> &Area {
        self.area
    }

    /// The four letters: read, write, execute, shared or private.
    pub fn perms(&self) -> [u8; 4] {
        let letter = |prot, letter| if self.area.prot.contains(prot) { letter } else { b'-' };
        let is_shared = self.area.flags.contains(AreaFlags::MAY_SHARE);
        [
            letter(Prot::READ, b'r'),
            letter(Prot::WRITE, b'w'),
            letter(Prot::EXEC, b'x'),
            if is_shared { b's' } else { b'p' },
        ]
    }

    /// Device number (major, minor) and inode; zeros without a file.
    pub fn device_inode(&self) -> ((u32, u32), u64) {
        match &self.area.backing {
            Backing::Anonymous => ((0, 0), 0),
            Backing::Shared { pages, .. } => ((0, 1), pages.inode()),
            Backing::File { file, .. } => {
                let base = file.inode().base();
                let dev = base.sb().dev();
                ((dev.major, dev.minor), base.ino())
            }
        }
    }

    /// The file's path as seen from `root`, or a bracketed name; empty when there is none.
    ///
    /// # Errors
    /// `ENOMEM`: a path has no greatest length here.
    pub fn name(&self, root: &Path) -> Result<Cow<'static, [u8]>> {
        Ok(match &self.area.backing {
            Backing::Anonymous => Cow::Borrowed(self.special.unwrap_or_default().as_bytes()),
            Backing::Shared { .. } => Cow::Borrowed(b"/dev/zero (deleted)"),
            Backing::File { file, .. } => Cow::Owned(d_path_any_length(file.path(), root)?),
        })
    }

    /// Appends the line of `/proc/pid/maps`, with its newline.
    ///
    /// # Errors
    /// `ENOMEM` for a long path.
    pub fn write_maps_line(&self, root: &Path, out: &mut Text) -> Result<()> {
        let begin = out.len();
        let ((major, minor), inode) = self.device_inode();
        let (start, end) = (self.area.start, self.area.end);
        put!(out, "{start:08x}-{end:08x} ");
        out.push(&self.perms());
        let offset = self.area.backing.offset();
        put!(out, " {offset:08x} {major:02x}:{minor:02x} {inode} ");
        let name = self.name(root)?;
        if !name.is_empty() {
            let padding = (begin + NAME_COLUMN).saturating_sub(out.len()).max(1);
            put!(out, "{:padding$}", "");
            out.push_escaped(&name, b"\n");
        }
        out.push(b"\n");
        Ok(())
    }
}
