// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Registration: paths below /sys to directories, attributes and links.
//!
//! Paths are given without a leading slash; missing directories are made. What is there
//! already is replaced, but a directory stays.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use abi::magic::SYSFS_MAGIC;
use abi::stat::{S_IRUGO, S_IWUGO};
use abi::{Result, err};
use framework::sync::Once;
use pseudofs::{
    Binary, BinaryFile, Content, Directory, FixedLink, LinkCount, Refusal, Remake, Rules, Text,
    TextFile, Tree, check_bits,
};
use vfs::{Inode, Opening};

static RULES: Rules = Rules {
    type_name: "sysfs",
    magic: SYSFS_MAGIC,
    block_size: 4096,
    text_size: 4096,
    directory_perm: 0o755,
    remake: Remake::AtStart,
    refusal: Refusal::Denied,
};

static TREE: Once<Tree> = Once::new();

fn tree() -> &'static Tree {
    TREE.call_once(|| Tree::new(&RULES, 0o555, Directory::new(LinkCount::Counted)))
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    tree().root()
}

/// Makes an attribute's text.
pub type Show = Box<dyn Fn(&mut Text) -> Result<()> + Send + Sync>;
/// Obeys what was written to an attribute in one write.
pub type Store = Box<dyn Fn(&[u8]) -> Result<()> + Send + Sync>;

/// A text attribute.
pub struct Attribute {
    /// Makes the text.
    pub show: Option<Show>,
    /// Obeys a write.
    pub store: Option<Store>,
}

impl TextFile for Attribute {
    fn show(&self, out: &mut Text) -> Result<()> {
        match &self.show {
            Some(show) => show(out),
            None => err!(EIO, "cannot be read"),
        }
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        match &self.store {
            Some(store) => store(data),
            None => err!(EIO, "cannot be written"),
        }
    }

    /// Mode bits bind root too, and so does what is missing.
    fn check_open(&self, perm: u32, opening: &Opening<'_>) -> Result<()> {
        let readable = if self.show.is_some() { perm & S_IRUGO } else { 0 };
        let writable = if self.store.is_some() { perm & S_IWUGO } else { 0 };
        check_bits(readable | writable, opening.flags)
    }
}

/// Makes a directory and those above it.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory.
pub fn directory(path: &str) -> Result<()> {
    tree().directory(path).map(drop)
}

/// Makes a text attribute with these permission bits; a write is for those with a store.
///
/// # Errors
/// `ENOTDIR` if a part of the path is no directory, `EEXIST` if a directory is there.
pub fn text(path: &str, perm: u32, text: Attribute) -> Result<()> {
    tree().replace(path, perm, Content::Text(Arc::new(text)))
}

/// Makes a text attribute for everybody to read.
///
/// # Errors
/// As [`text`].
pub fn readable(
    path: &str,
    show: impl Fn(&mut Text) -> Result<()> + Send + Sync + 'static,
) -> Result<()> {
    text(path, 0o444, Attribute { show: Some(Box::new(show)), store: None })
}

/// Makes a binary attribute.
///
/// # Errors
/// As [`text`].
pub fn binary(path: &str, perm: u32, content: Arc<dyn Binary>) -> Result<()> {
    tree().replace(path, perm, Content::File(Arc::new(BinaryFile(content))))
}

/// Makes a symbolic link to a path below /sys; its text is relative, as on Linux.
///
/// # Errors
/// As [`text`].
pub fn link(path: &str, target: &str) -> Result<()> {
    let text = relative(path, target).into_bytes();
    tree().replace(path, 0o777, Content::Link(Arc::new(FixedLink(text.into()))))
}

/// The way from the link at `path` to `target`.
fn relative(path: &str, target: &str) -> String {
    let ups = path.split('/').count() - 1;
    let mut text = String::new();
    for _ in 0..ups {
        text.push_str("../");
    }
    // As far as the two paths share their begin, there is no need to go up.
    let mut rest = (path, target);
    while let (Some((a, path)), Some((b, target))) =
        (rest.0.split_once('/'), rest.1.split_once('/'))
        && a == b
    {
        rest = (path, target);
        text.drain(..3);
    }
    text.push_str(rest.1);
    text
}

/// Removes what is at a path, with all below it.
pub fn remove(path: &str) {
    tree().remove(path);
}
