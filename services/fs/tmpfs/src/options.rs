// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mount options of tmpfs.

use abi::stat::S_IALLUGO;
use abi::{Result, err, error};
use framework::mm::{PAGE_SIZE, stats};

/// What 0 stands for.
pub(crate) const UNLIMITED: u64 = u64::MAX >> 13;

/// How a tmpfs is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The type that /proc/mounts shows.
    pub type_name: &'static str,
    /// Most pages of content.
    pub max_pages: u64,
    /// Most inodes.
    pub max_inodes: u64,
    /// Permission bits of the root directory.
    pub perm: u32,
    /// Owner of the root directory.
    pub uid: u32,
    /// Group of the root directory.
    pub gid: u32,
}

impl Default for Options {
    /// Half of the memory, as on Linux.
    fn default() -> Self {
        let half = (stats().total_pages as u64 / 2).max(1024);
        Self { type_name: "tmpfs", max_pages: half, max_inodes: half, perm: 0o1777, uid: 0, gid: 0 }
    }
}

impl Options {
    /// Reads the comma-separated option text of mount(2).
    ///
    /// # Errors
    /// `EINVAL` for text that is no UTF-8, an unknown option, or a bad number.
    pub fn parse(text: &[u8]) -> Result<Self> {
        Self::default().with(text)
    }

    /// These with what the text changes.
    ///
    /// # Errors
    /// As [`Options::parse`].
    pub(crate) fn with(self, text: &[u8]) -> Result<Self> {
        let mut options = self;
        let text = core::str::from_utf8(text).map_err(|_| error!(EINVAL, "mount options"))?;
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key {
                "size" => options.max_pages = size(value)?.div_ceil(PAGE_SIZE as u64),
                "nr_blocks" => options.max_pages = suffixed(value)?,
                "nr_inodes" => options.max_inodes = suffixed(value)?,
                "mode" => options.perm = number(value, 8)? as u32 & S_IALLUGO,
                "uid" => options.uid = number(value, 10)? as u32,
                "gid" => options.gid = number(value, 10)? as u32,
                // Asked for by devfs, which is a tmpfs by another name.
                "fstype" if value == "devtmpfs" => options.type_name = "devtmpfs",
                "inode32" | "inode64" | "noswap" | "huge" | "mpol" => {}
                _ => return err!(EINVAL, "unknown tmpfs option"),
            }
        }
        if options.max_pages == 0 {
            options.max_pages = UNLIMITED;
        }
        if options.max_inodes == 0 {
            options.max_inodes = UNLIMITED;
        }
        Ok(options)
    }
}

fn number(text: &str, radix: u32) -> Result<u64> {
    u64::from_str_radix(text, radix).map_err(|_| error!(EINVAL, "number in mount options"))
}

/// Bytes, with a suffix or in percent of the memory.
fn size(text: &str) -> Result<u64> {
    let Some(percent) = text.strip_suffix('%') else { return suffixed(text) };
    let total = stats().total_pages as u64 * PAGE_SIZE as u64;
    let bytes = number(percent, 10)?.checked_mul(total / 100);
    bytes.ok_or(error!(EINVAL, "size in mount options"))
}

fn suffixed(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..).unwrap_or_default() {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return err!(EINVAL, "suffix in mount options"),
    };
    let value = number(digits, 10)?.checked_mul(1 << shift);
    value.ok_or(error!(EINVAL, "size in mount options"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_parse() {
        let options = Options::parse(b"size=1m,mode=700,uid=5,nr_inodes=2k").unwrap();
        assert_eq!(
            (options.max_pages, options.perm, options.uid, options.max_inodes),
            (256, 0o700, 5, 2048)
        );
        assert_eq!(Options::parse(b"").unwrap(), Options::default());
        for bad in [&b"size=1x"[..], b"size=", b"mode=9", b"nope", b"size=99999999999999g", b"\xff"]
        {
            assert!(Options::parse(bad).is_err());
        }
    }
}
