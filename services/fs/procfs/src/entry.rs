// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tables of files: what the owner of the data registers.
//!
//! A subsystem keeps one static table of [`Entry`]s and gives it to
//! [`register`](crate::register) in its
//! `init`. Paths are below /proc, as `sys/vm/swappiness`.

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::{Errno, Result, err};
use pseudofs::{Content, Text, TextFile, check_bits};
use vfs::Opening;

use crate::Parameter;

/// Makes a file's text.
pub type Show = fn(&mut Text) -> Result<()>;

/// Obeys what was written.
pub type Store = fn(&[u8]) -> Result<()>;

/// A file at a fixed path.
pub struct Entry {
    path: &'static str,
    perm: u32,
    show: Option<Show>,
    store: Option<Store>,
    parameter: Option<&'static dyn Parameter>,
    /// Who writes needs this capability too.
    needs: Caps,
    /// Permission bits bind root too, as in /proc/sys.
    is_strict: bool,
}

impl Entry {
    const fn nothing(path: &'static str) -> Self {
        let (parameter, needs) = (None, Caps::empty());
        Self { path, perm: 0, show: None, store: None, parameter, needs, is_strict: false }
    }

    /// A file for everybody to read.
    pub const fn file(path: &'static str, show: Show) -> Self {
        Self { perm: 0o444, show: Some(show), ..Self::nothing(path) }
    }

    /// A file that root writes, to have something done.
    pub const fn trigger(path: &'static str, store: Store) -> Self {
        Self { perm: 0o200, store: Some(store), ..Self::nothing(path) }
    }

    /// A parameter below `sys/` that nobody sets.
    pub const fn fact(path: &'static str, show: Show) -> Self {
        Self { is_strict: true, ..Self::file(path, show) }
    }

    /// A parameter below `sys/` that root sets.
    pub const fn setting(path: &'static str, show: Show, store: Store) -> Self {
        let (show, store) = (Some(show), Some(store));
        Self { perm: 0o644, show, store, is_strict: true, ..Self::nothing(path) }
    }

    /// A parameter below `sys/` that root sets, in Linux's forms.
    pub const fn parameter(path: &'static str, parameter: &'static dyn Parameter) -> Self {
        let parameter = Some(parameter);
        Self { perm: 0o644, parameter, is_strict: true, ..Self::nothing(path) }
    }

    /// The same, only for who has `caps` too.
    pub const fn needing(self, caps: Caps) -> Self {
        Self { needs: caps, ..self }
    }

    /// The same, not for everybody to read.
    pub const fn secret(self) -> Self {
        Self { perm: self.perm & 0o700, ..self }
    }

    /// A parameter below `sys/` that root writes, to have something done.
    pub const fn command(path: &'static str, store: Store) -> Self {
        Self { is_strict: true, ..Self::trigger(path, store) }
    }

    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) fn perm(&self) -> u32 {
        self.perm
    }

    /// What stands behind its inode.
    pub(crate) fn content(&'static self) -> Content {
        Content::Text(Arc::new(Registered(self)))
    }
}

struct Registered(&'static Entry);

impl TextFile for Registered {
    fn show(&self, out: &mut Text) -> Result<()> {
        match (self.0.parameter, self.0.show) {
            (Some(parameter), _) => parameter.show(out),
            (None, Some(show)) => show(out),
            (None, None) => err!(EINVAL, "cannot be read"),
        }
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        match self.0.store {
            Some(store) => store(data),
            None => err!(EINVAL, "cannot be written"),
        }
    }

    fn store_at(&self, offset: u64, data: &[u8]) -> Result<usize> {
        match self.0.parameter {
            Some(parameter) => parameter.store(offset, data),
            None => self.store(data).map(|()| data.len()),
        }
    }

    fn is_parameter(&self) -> bool {
        self.0.is_strict
    }

    fn mmap_errno(&self) -> Errno {
        if self.0.is_strict { Errno::ENODEV } else { Errno::EIO }
    }

    fn check_open(&self, perm: u32, opening: &Opening<'_>) -> Result<()> {
        if !self.0.is_strict {
            return Ok(());
        }
        check_bits(perm, opening.flags)?;
        if opening.flags.can_write() && !opening.cred.capable(self.0.needs) {
            return err!(EPERM, "setting it needs a capability");
        }
        Ok(())
    }
}

/// `numbers!("sys/…", [values], least..=most)`: a parameter with [`Numbers`] of its own.
///
/// [`Numbers`]: crate::Numbers
#[macro_export]
macro_rules! numbers {
    ($path:literal, [$($value:expr),+], $least:literal..=$most:expr) => {{
        static VALUES: $crate::Numbers<{ [$($value as i128),+].len() }> =
            $crate::Numbers::new([$($value as i128),+], $least, $most as i128);
        $crate::Entry::parameter($path, &VALUES)
    }};
}

/// `word!("sys/…", length, b"text")`: a parameter with a [`Word`] of its own.
///
/// [`Word`]: crate::Word
#[macro_export]
macro_rules! word {
    ($path:literal, $most:literal, $text:literal) => {{
        static WORD: $crate::Word<$most> = $crate::Word::new($text);
        $crate::Entry::parameter($path, &WORD)
    }};
}

/// `live!("sys/…", get, set, least..=most)`: a number that its owner has.
#[macro_export]
macro_rules! live {
    ($path:literal, $get:expr, $set:expr, $least:literal..=$most:expr) => {{
        static LIVE: $crate::Live =
            $crate::Live { get: $get, set: $set, least: $least, most: $most as i128 };
        $crate::Entry::parameter($path, &LIVE)
    }};
}

/// `constant!("sys/…", "text")`: a parameter whose text never changes.
#[macro_export]
macro_rules! constant {
    ($path:literal, $text:literal) => {
        $crate::Entry::fact($path, |out| {
            out.push(concat!($text, "\n").as_bytes());
            Ok(())
        })
    };
}
