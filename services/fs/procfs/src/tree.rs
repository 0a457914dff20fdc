// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Fixed directories and files: tables of [`Item`]s.

use abi::{Result, err, error};
use vfs::{DirSink, Opening};

use crate::inode::{Node, emit};
use pseudofs::Text;

/// Makes a file's text.
pub(crate) type ReadFn = fn(&mut Text) -> Result<()>;

/// Obeys what was written.
pub(crate) type WriteFn = fn(&[u8]) -> Result<()>;

/// A fixed file.
pub(crate) struct GlobalFile {
    pub(crate) name: &'static str,
    pub(crate) perm: u32,
    pub(crate) read: Option<ReadFn>,
    pub(crate) write: Option<WriteFn>,
    /// Permission bits bind root too, as in /proc/sys.
    pub(crate) is_strict: bool,
}

impl GlobalFile {
    /// A file for everybody to read.
    pub(crate) const fn readable(name: &'static str, read: ReadFn) -> Self {
        Self { name, perm: 0o444, read: Some(read), write: None, is_strict: false }
    }

    /// What the permission check of the vfs left open.
    pub(crate) fn check_open(&self, opening: &Opening<'_>) -> Result<()> {
        let may_write = self.perm & 0o222 != 0;
        let may_read = self.perm & 0o444 != 0;
        let wants_write = opening.flags.can_write() && !may_write;
        let wants_read = opening.flags.can_read() && !may_read;
        if self.is_strict && (wants_write || wants_read) {
            return err!(EACCES, "not even for root");
        }
        Ok(())
    }
}

/// An entry of a fixed directory.
pub(crate) enum Item {
    /// A file.
    File(GlobalFile),
    /// A directory.
    Directory(&'static str, &'static [Item]),
}

impl Item {
    fn name(&self) -> &'static str {
        match self {
            Self::File(file) => file.name,
            Self::Directory(name, _) => name,
        }
    }

    fn node(&'static self, number: u32) -> Node {
        match self {
            Self::File(file) => Node::File { file, number },
            Self::Directory(_, items) => Node::Directory { items, number },
        }
    }
}

/// The inode number of entry `index` of directory `number`: up to 64 entries in
/// each directory, four levels deep.
fn child_number(number: u32, index: usize) -> u32 {
    number * 64 + index as u32 + 1
}

/// Finds an entry.
pub(crate) fn lookup(items: &'static [Item], number: u32, name: &[u8]) -> Result<Node> {
    let found = items.iter().enumerate().find(|(_, item)| item.name().as_bytes() == name);
    let (index, item) = found.ok_or(error!(ENOENT, "no such entry"))?;
    Ok(item.node(child_number(number, index)))
}

/// Reports the entries from `cookie` on; entry `n` has cookie `n + 2`.
pub(crate) fn list(
    items: &'static [Item],
    number: u32,
    cookie: u64,
    sink: &mut DirSink<'_>,
) -> Result<()> {
    let start = usize::try_from(cookie.saturating_sub(2)).unwrap_or(usize::MAX);
    for (index, item) in items.iter().enumerate().skip(start) {
        let node = item.node(child_number(number, index));
        if emit(sink, item.name().as_bytes(), &node, index as u64 + 3).is_break() {
            break;
        }
    }
    Ok(())
}
