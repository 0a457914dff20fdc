// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/mounts, mountinfo and mountstats: one line for each mount.
//!
//! Each shows what can be reached from a root directory: that of the process.

use alloc::vec::Vec;

use abi::Result;
use pseudofs::{Text, put};
use vfs::Path;

/// Bytes that would break a line's fields.
const SPECIAL: &[u8] = b" \t\n\\#";

/// /proc/PID/mounts.
///
/// # Errors
/// `ENOMEM`.
pub fn table(root: &Path, out: &mut Text) -> Result<()> {
    each(root, |line| line.mounts(out))
}

/// /proc/PID/mountinfo.
///
/// # Errors
/// `ENOMEM`.
pub fn mountinfo(root: &Path, out: &mut Text) -> Result<()> {
    each(root, |line| line.mountinfo(out))
}

/// /proc/PID/mountstats.
///
/// # Errors
/// `ENOMEM`.
pub fn mountstats(root: &Path, out: &mut Text) -> Result<()> {
    each(root, |line| line.mountstats(out))
}

/// Calls `line` for each mount that can be reached from `root`.
fn each(root: &Path, mut line: impl FnMut(&MountLine<'_>)) -> Result<()> {
    for info in vfs::mount_tree::list(root)? {
        let sb = info.mount.sb();
        let mut fs_options = Vec::new();
        sb.show_options(&mut fs_options);
        let all = info.options();
        let mount_options = all.get(..all.len().saturating_sub(fs_options.len()));
        let dev = sb.dev();
        line(&MountLine {
            id: info.mount.id(),
            parent: info.parent_id,
            dev: (dev.major, dev.minor),
            root: b"/",
            point: &info.mount_point,
            source: info.source(),
            kind: sb.type_name(),
            mount_options: mount_options.unwrap_or_default(),
            fs_options: &fs_options,
        });
    }
    Ok(())
}

/// A mount, as the three files describe it.
struct MountLine<'a> {
    id: u64,
    parent: u64,
    /// Major and minor number of the file system.
    dev: (u32, u32),
    /// What of the file system is mounted.
    root: &'a [u8],
    point: &'a [u8],
    source: &'a [u8],
    kind: &'a str,
    /// Options of the mount: `rw,relatime`.
    mount_options: &'a [u8],
    /// Options of the file system, each with a leading comma.
    fs_options: &'a [u8],
}

impl MountLine<'_> {
    /// A line of /proc/PID/mounts.
    fn mounts(&self, out: &mut Text) {
        out.push_escaped(self.source, SPECIAL);
        out.push(b" ");
        out.push_escaped(self.point, SPECIAL);
        put!(out, " {} ", self.kind);
        out.push(self.mount_options);
        out.push(self.fs_options);
        out.push(b" 0 0\n");
    }

    /// A line of /proc/PID/mountinfo.
    fn mountinfo(&self, out: &mut Text) {
        put!(out, "{} {} {}:{} ", self.id, self.parent, self.dev.0, self.dev.1);
        out.push_escaped(self.root, SPECIAL);
        out.push(b" ");
        out.push_escaped(self.point, SPECIAL);
        out.push(b" ");
        out.push(self.mount_options);
        put!(out, " - {} ", self.kind);
        out.push_escaped(self.source, SPECIAL);
        out.push(if self.mount_options.starts_with(b"ro") { b" ro" } else { b" rw" });
        out.push(self.fs_options);
        out.push(b"\n");
    }

    /// A line of /proc/PID/mountstats.
    fn mountstats(&self, out: &mut Text) {
        out.push(b"device ");
        out.push_escaped(self.source, SPECIAL);
        out.push(b" mounted on ");
        out.push_escaped(self.point, SPECIAL);
        put!(out, " with fstype {}\n", self.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_on_linux() {
        let line = MountLine {
            id: 26,
            parent: 1,
            dev: (0, 6),
            root: b"/",
            point: b"/my dev",
            source: b"dev",
            kind: "devtmpfs",
            mount_options: b"rw,relatime",
            fs_options: b",mode=755",
        };
        let mut out = Text::default();
        line.mounts(&mut out);
        line.mountinfo(&mut out);
        line.mountstats(&mut out);
        assert_eq!(
            out.as_str(),
            "dev /my\\040dev devtmpfs rw,relatime,mode=755 0 0\n\
             26 1 0:6 / /my\\040dev rw,relatime - devtmpfs dev rw,mode=755\n\
             device dev mounted on /my\\040dev with fstype devtmpfs\n"
        );
    }
}
