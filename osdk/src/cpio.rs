// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writer of cpio archives in the `newc` form, the form of a Linux initramfs.
//!
//! The bytes depend on the entries alone: no times, no users, inode numbers in order of appearance.
//!
//! Spec: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFCHR: u32 = 0o020_000;

/// An archive being written; parents of an entry are added as needed.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    dirs: BTreeSet<String>,
    inodes: u32,
}

impl Archive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory; one that is there stays as it is.
    pub fn dir(&mut self, path: &str, mode: u32) -> Result<()> {
        let name = name_of(path)?;
        if self.dirs.contains(&name) {
            return Ok(());
        }
        self.parents(&name)?;
        self.dirs.insert(name.clone());
        self.entry(&name, S_IFDIR | mode, 2, (0, 0), b"")
    }

    /// Adds a regular file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let name = name_of(path)?;
        self.parents(&name)?;
        self.entry(&name, S_IFREG | mode, 1, (0, 0), content)
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        let name = name_of(path)?;
        self.parents(&name)?;
        self.entry(&name, S_IFLNK | 0o777, 1, (0, 0), target.as_bytes())
    }

    /// Adds a character device.
    pub fn char_device(&mut self, path: &str, mode: u32, major: u32, minor: u32) -> Result<()> {
        let name = name_of(path)?;
        self.parents(&name)?;
        self.entry(&name, S_IFCHR | mode, 1, (major, minor), b"")
    }

    /// The finished archive.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.inodes = 0;
        self.header("TRAILER!!!", 0, 1, (0, 0), 0, 0)?;
        // Linux pads the whole to 512 bytes, as cpio(1) does.
        let len = self.bytes.len().next_multiple_of(512);
        self.bytes.resize(len, 0);
        Ok(self.bytes)
    }

    fn parents(&mut self, name: &str) -> Result<()> {
        match name.rsplit_once('/') {
            Some((parent, _)) => self.dir(parent, 0o755),
            None => Ok(()),
        }
    }

    fn entry(
        &mut self,
        name: &str,
        mode: u32,
        links: u32,
        device: (u32, u32),
        content: &[u8],
    ) -> Result<()> {
        let len = u32::try_from(content.len()).context("a file of 4 GiB or more")?;
        self.inodes += 1;
        self.header(name, mode, links, device, len, self.inodes)?;
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    fn header(
        &mut self,
        name: &str,
        mode: u32,
        links: u32,
        (major, minor): (u32, u32),
        len: u32,
        inode: u32,
    ) -> Result<()> {
        let name_len = u32::try_from(name.len() + 1).context("name too long")?;
        self.bytes.extend_from_slice(b"070701");
        // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        let fields = [inode, mode, 0, 0, links, 0, len, 0, 0, major, minor, name_len, 0];
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        let len = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(len, 0);
    }
}

fn name_of(path: &str) -> Result<String> {
    let name = path.trim_matches('/');
    ensure!(!name.is_empty(), "an entry of the initramfs wants a name");
    ensure!(!name.contains('\0'), "a name with a NUL byte: {name:?}");
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn sample() -> Vec<u8> {
        let mut archive = Archive::new();
        archive.file("/a/b/c", 0o755, b"hello").unwrap();
        archive.symlink("a/l", "b/c").unwrap();
        archive.char_device("dev/console", 0o600, 5, 1).unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn layout_is_newc() {
        let bytes = sample();
        assert_eq!(bytes.len() % 512, 0);
        assert!(bytes.starts_with(b"070701"));
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<_> = ["a\0", "a/b\0", "a/b/c\0", "a/l\0", "dev\0", "TRAILER!!!\0"]
            .iter()
            .map(|name| text.find(name).expect(name))
            .collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn parents_are_added_once_and_bytes_repeat() {
        let bytes = sample();
        assert_eq!(String::from_utf8_lossy(&bytes).matches("070701").count(), 7);
        assert_eq!(bytes, sample());
    }

    #[test]
    fn empty_names_are_refused() {
        assert!(Archive::new().file("/", 0o644, b"").is_err());
        assert!(Archive::new().file("a\0b", 0o644, b"").is_err());
    }

    #[test]
    fn cpio_reads_it_where_there_is_one() {
        let Ok(mut child) = Command::new("cpio")
            .args(["-t", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
        else {
            return;
        };
        child.stdin.take().unwrap().write_all(&sample()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "a\na/b\na/b/c\na/l\ndev\ndev/console\n");
    }
}
