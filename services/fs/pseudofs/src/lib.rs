// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree of pseudo files: what /proc, /sys and configfs are made of.
//!
//! Owns inodes, directories, open files and their numbers; what a file says is the
//! business of the crate that puts it into a [`Tree`]. Entries are registered and stay, or
//! a directory finds them by itself ([`DirectoryOps`]): /proc/PID is there as long as the
//! process. In what the file systems differ is in their [`Rules`].
//!
//! Text is made when an open file is read from its start, with no lock held, and kept for
//! the reads that follow, as Linux's seq_file does.
//!
//! Locks: one leaf lock for the entries of a directory, one for the text of an open file.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod content;
mod directory;
mod file;
mod inode;
mod inode_ops;
mod number;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod tree;

pub use content::{Binary, BinaryFile, FixedLink, Link, OpenFile, Subject, TextFile, check_bits};
pub use directory::{Directory, DirectoryOps, LinkCount};
pub use file::{copy_out, take_write};
pub use inode::{Content, PseudoInode, check_present};
pub use number::{parse_i64, parse_id, parse_prefix};
pub use rules::{PseudoFs, Refusal, Remake, Rules};
pub use text::Text;
pub use tree::Tree;
