// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a crate implements whose objects programs make: groups, items and their files.

use alloc::sync::Arc;

use abi::{Result, err};

/// What is written to or read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text of at most a page; each write is obeyed at once.
    Text,
    /// Bytes up to this many; a write is obeyed when the file is closed.
    Binary(usize),
}

/// A file of an item.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Its permission bits; they bind root too.
    pub perm: u32,
    /// What is in it.
    pub form: Form,
}

/// An object that a program made.
pub trait Item: Send + Sync {
    /// Its files.
    fn attributes(&self) -> &'static [Attribute];

    /// The content of a file.
    ///
    /// # Errors
    /// What the object says.
    fn show(&self, _name: &str) -> Result<Arc<[u8]>> {
        err!(EACCES, "cannot be read")
    }

    /// Obeys what was written to a file.
    ///
    /// # Errors
    /// What the object says; for binary files nobody hears of it.
    fn store(&self, _name: &str, _data: &[u8]) -> Result<()> {
        err!(EACCES, "cannot be written")
    }
}

/// A directory in which mkdir(2) makes items.
pub trait Group: Send + Sync {
    /// Makes an item.
    ///
    /// # Errors
    /// What the group says.
    fn make(&self, name: &[u8]) -> Result<Arc<dyn Item>>;
}
