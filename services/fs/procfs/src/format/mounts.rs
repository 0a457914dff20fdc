// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/mounts, mountinfo and mountstats: one line for each mount.

use pseudofs::{Text, put};

/// Bytes that would break a line's fields.
const SPECIAL: &[u8] = b" \t\n\\#";

/// A mount, as the three files describe it.
pub(crate) struct MountLine<'a> {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    /// Major and minor number of the file system.
    pub(crate) dev: (u32, u32),
    /// What of the file system is mounted.
    pub(crate) root: &'a [u8],
    pub(crate) point: &'a [u8],
    pub(crate) source: &'a [u8],
    pub(crate) kind: &'a str,
    /// Options of the mount: `rw,relatime`.
    pub(crate) mount_options: &'a [u8],
    /// Options of the file system, each with a leading comma.
    pub(crate) fs_options: &'a [u8],
}

impl MountLine<'_> {
    /// A line of /proc/PID/mounts.
    pub(crate) fn mounts(&self, out: &mut Text) {
        out.push_escaped(self.source, SPECIAL);
        out.push(b" ");
        out.push_escaped(self.point, SPECIAL);
        put!(out, " {} ", self.kind);
        out.push(self.mount_options);
        out.push(self.fs_options);
        out.push(b" 0 0\n");
    }

    /// A line of /proc/PID/mountinfo.
    pub(crate) fn mountinfo(&self, out: &mut Text) {
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
    pub(crate) fn mountstats(&self, out: &mut Text) {
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
