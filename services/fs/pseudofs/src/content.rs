// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stands behind an inode: the traits that owners of files and links implement.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::poll::PollEvents;
use abi::stat::{S_IRUGO, S_IWUGO};
use abi::{Errno, Result, err, error};
use cred::Cred;
use vfs::{FileOps, LinkTarget, Opening, Owner};

use crate::text::Text;

/// A file of text, made when it is read from its start.
pub trait TextFile: Send + Sync {
    /// Makes the text. No lock of this crate is held.
    ///
    /// # Errors
    /// What the file says; `EINVAL` if it cannot be read.
    fn show(&self, _out: &mut Text) -> Result<()> {
        err!(EINVAL, "cannot be read")
    }

    /// Makes a part of a text that can be long: records from `position` on (0 at first),
    /// until [`Text::is_part`]. Returns the position of the next part, `None` at the end.
    ///
    /// # Errors
    /// As [`TextFile::show`].
    fn show_part(&self, _position: u64, out: &mut Text) -> Result<Option<u64>> {
        self.show(out)?;
        Ok(None)
    }

    /// Obeys what one write brought: at most 4096 bytes.
    ///
    /// # Errors
    /// What the file says; `EINVAL` if it cannot be written.
    fn store(&self, _data: &[u8]) -> Result<()> {
        err!(EINVAL, "cannot be written")
    }

    /// As [`TextFile::store`], for files to which the place of a write matters; returns how
    /// many bytes count as written.
    ///
    /// # Errors
    /// As [`TextFile::store`].
    fn store_at(&self, _offset: u64, data: &[u8]) -> Result<usize> {
        self.store(data).map(|()| data.len())
    }

    /// What poll(2) says of an open file.
    fn ready(&self) -> PollEvents {
        PollEvents::ALWAYS
    }

    /// Whether it is a parameter of /proc/sys: mode and owner are fixed, and there is no
    /// mapping of it.
    fn is_parameter(&self) -> bool {
        false
    }

    /// How mmap(2) is refused.
    fn mmap_errno(&self) -> Errno {
        Errno::ENODEV
    }

    /// Refuses an open(2) that the permission bits `perm` allow, to root at least.
    ///
    /// # Errors
    /// What the file says.
    fn check_open(&self, _perm: u32, _opening: &Opening<'_>) -> Result<()> {
        Ok(())
    }

    /// What an open file shows, if that is not this: what there was when it was opened,
    /// though the name stands for something else later. Asked after
    /// [`TextFile::check_open`].
    ///
    /// # Errors
    /// What the file says.
    fn bind(&self, _opening: &Opening<'_>) -> Result<Option<Arc<dyn TextFile>>> {
        Ok(None)
    }
}

/// A file that brings its own operations.
pub trait OpenFile: Send + Sync {
    /// Its length in bytes, for stat(2).
    fn size(&self) -> u64 {
        0
    }

    /// Opens it; `perm` are its permission bits.
    ///
    /// # Errors
    /// What the file says.
    fn open(self: Arc<Self>, perm: u32, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>>;
}

/// A file of bytes with a length.
pub trait Binary: Send + Sync {
    /// Its length; offsets are below it.
    fn size(&self) -> u64;

    /// Reads at `offset` into `out`, which ends where the file does; returns the count.
    ///
    /// # Errors
    /// What the file says.
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize>;

    /// Obeys a write of `data` at `offset`; all of it counts as written.
    ///
    /// # Errors
    /// What the file says; `EIO` if it cannot be written.
    fn write(&self, _offset: u64, _data: &[u8]) -> Result<()> {
        err!(EIO, "cannot be written")
    }
}

/// A [`Binary`] as content of an inode. Permission bits bind root too.
pub struct BinaryFile(pub Arc<dyn Binary>);

impl OpenFile for BinaryFile {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn open(self: Arc<Self>, perm: u32, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        check_bits(perm, opening.flags)?;
        Ok(self)
    }
}

/// A symbolic link.
pub trait Link: Send + Sync {
    /// The text that readlink(2) gives.
    ///
    /// # Errors
    /// What the link says; `ENOENT` where it leads nowhere now.
    fn text(&self) -> Result<Vec<u8>>;

    /// Where it leads who follows it; `cred` is who that is.
    ///
    /// # Errors
    /// What the link says; `ENOENT` where it leads nowhere now.
    fn follow(&self, _cred: &Cred) -> Result<LinkTarget> {
        Ok(LinkTarget::Text(self.text()?))
    }

    /// The length that stat(2) reports.
    fn size(&self) -> u64 {
        0
    }
}

/// A link whose text never changes.
pub struct FixedLink(pub Box<[u8]>);

impl Link for FixedLink {
    fn text(&self) -> Result<Vec<u8>> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(self.0.len()).map_err(|_| error!(ENOMEM))?;
        copy.extend_from_slice(&self.0);
        Ok(copy)
    }
}

/// What an inode shows if that can go by itself: a process, an open file.
pub trait Subject: Send + Sync {
    /// Permission bits and owner as of now; `None` once it has gone. Asked at each use of
    /// the name.
    fn owner(&self) -> Option<Owner>;
}

/// Permission bits that bind root too.
///
/// # Errors
/// `EACCES` if nobody may do what `flags` ask for.
pub fn check_bits(perm: u32, flags: OpenFlags) -> Result<()> {
    if flags.can_write() && perm & S_IWUGO == 0 {
        return err!(EACCES, "not even root may write");
    }
    if flags.can_read() && perm & S_IRUGO == 0 {
        return err!(EACCES, "not even root may read");
    }
    Ok(())
}
