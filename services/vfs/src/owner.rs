// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who owns an open file for signals: what fcntl(F_SETOWN) and F_SETSIG keep.
//!
//! Only kept and told again: no file sends signals when it becomes ready.

/// What a number in [`FileOwner`] names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnerKind {
    /// A thread; also what a file has that nobody ever owned.
    #[default]
    Thread,
    /// A process.
    Process,
    /// A process group.
    Group,
}

/// The owner of an open file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileOwner {
    /// What `id` names.
    pub kind: OwnerKind,
    /// Its number; 0 is nobody.
    pub id: i32,
    /// The signal instead of SIGIO; 0 is SIGIO.
    pub signal: i32,
    /// Real and effective user of who set the owner.
    pub uids: [u32; 2],
}
