// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tables of files: what the owner of the data registers.
//!
//! A subsystem keeps one static table of [`Entry`]s and gives it to
//! [`register`](crate::register) in its
//! `init`. Paths are below /proc, as `sys/vm/swappiness`.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI64, Ordering};

use abi::{Result, err};
use pseudofs::{Content, Text, TextFile, check_bits, parse_i64, put};
use vfs::Opening;

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
    /// Permission bits bind root too, as in /proc/sys.
    is_strict: bool,
}

impl Entry {
    /// A file for everybody to read.
    pub const fn file(path: &'static str, show: Show) -> Self {
        Self { path, perm: 0o444, show: Some(show), store: None, is_strict: false }
    }

    /// A file that root writes, to have something done.
    pub const fn trigger(path: &'static str, store: Store) -> Self {
        Self { path, perm: 0o200, show: None, store: Some(store), is_strict: false }
    }

    /// A parameter below `sys/` that nobody sets.
    pub const fn fact(path: &'static str, show: Show) -> Self {
        Self { is_strict: true, ..Self::file(path, show) }
    }

    /// A parameter below `sys/` that root sets.
    pub const fn setting(path: &'static str, show: Show, store: Store) -> Self {
        Self { path, perm: 0o644, show: Some(show), store: Some(store), is_strict: true }
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
        match self.0.show {
            Some(show) => show(out),
            None => err!(EINVAL, "cannot be read"),
        }
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        match self.0.store {
            Some(store) => store(data),
            None => err!(EINVAL, "cannot be written"),
        }
    }

    fn check_open(&self, perm: u32, opening: &Opening<'_>) -> Result<()> {
        if self.0.is_strict { check_bits(perm, opening.flags) } else { Ok(()) }
    }
}

/// A number that is kept and its bounds: programs read back what they set, though nothing
/// else looks at it yet.
pub struct Tunable {
    value: AtomicI64,
    least: i64,
    most: i64,
}

impl Tunable {
    /// A number of `least` to `most`.
    pub const fn new(value: i64, least: i64, most: i64) -> Self {
        Self { value: AtomicI64::new(value), least, most }
    }

    /// Makes its text.
    ///
    /// # Errors
    /// None today.
    pub fn show(&self, out: &mut Text) -> Result<()> {
        put!(out, "{}\n", self.value.load(Ordering::Relaxed));
        Ok(())
    }

    /// Sets it to what was written.
    ///
    /// # Errors
    /// `EINVAL` if that is no number, or out of bounds.
    pub fn store(&self, data: &[u8]) -> Result<()> {
        let value = parse_i64(data)?;
        if !(self.least..=self.most).contains(&value) {
            return err!(EINVAL, "out of range");
        }
        self.value.store(value, Ordering::Relaxed);
        Ok(())
    }
}

/// `tunable!("sys/…", value, least..=most)`: a parameter with a [`Tunable`] of its own.
#[macro_export]
macro_rules! tunable {
    ($path:literal, $value:literal, $least:literal..=$most:expr) => {{
        static VALUE: $crate::Tunable = $crate::Tunable::new($value, $least, $most);
        $crate::Entry::setting($path, |out| VALUE.show(out), |data| VALUE.store(data))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunables_keep_what_is_in_range() {
        let tunable = Tunable::new(60, 0, 200);
        tunable.store(b"100\n").unwrap();
        assert!(tunable.store(b"201").is_err());
        assert!(tunable.store(b"x").is_err());
        let mut out = Text::default();
        tunable.show(&mut out).unwrap();
        assert_eq!(out.as_str(), "100\n");
    }
}
