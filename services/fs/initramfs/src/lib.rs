// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Unpacks cpio archives (newc, plain or gzip) into the root.
//!
//! The initramfs is input from outside: whatever its bytes are, [`unpack`] ends with
//! a [`Summary`] or with a [`Refusal`] that says where and why. Names resolve
//! inside the given root, as in a chroot, so that nothing lands elsewhere.
//!
//! Trust: the archive's bytes are the boot loader's.
//! Spec: Documentation/driver-api/early-userspace/buffer-format.rst of Linux; RFC 1952.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cpio;
mod gzip;
mod header;
mod measure;
mod refusal;
mod stream;
#[cfg(test)]
mod tests;
mod tree;

use vfs::Path;

pub use refusal::{Reason, Refusal};
pub use tree::Summary;

/// The bytes of memory that the files of archives take, in whole pages; nothing is unpacked.
///
/// # Errors
/// Those of [`unpack`] that are about the archive itself.
pub fn content_bytes(archive: &[u8]) -> Result<u64, Refusal> {
    measure::content_bytes(archive)
}

/// Unpacks archives that follow one another, each plain or gzip, with zeros
/// between them, below `root`. Later entries replace earlier ones.
///
/// # Errors
/// A [`Refusal`]: where the archive is bad and why, or what the file system said. What came
/// before it stays unpacked.
pub fn unpack(archive: &[u8], root: &Path) -> Result<Summary, Refusal> {
    cpio::unpack_all(archive, root)
}
