// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open file descriptions: what open(2) makes and dup(2) shares.
//!
//! More than 400 lines: [`File`] has a method for each operation on an open file, all
//! of them short.
//!
//! Locks: the offset is outermost; operations take their own below it. Looking at the
//! offset takes no lock.

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::poll::PollEvents;
use abi::{Result, err};
use framework::mm::{Reader, Writer};
use framework::sync::{Mutex, MutexGuard, SpinLock, Waiter};

use crate::lock::LockOwner;
use crate::{
    Dentry, DirSink, FileKind, FileOps, FileOwner, Inode, IoctlContext, MapSource, Metadata, Mount,
    Path, SeekFrom,
};

/// An open file description.
pub struct File {
    ops: Arc<dyn FileOps>,
    path: Path,
    inode: Arc<dyn Inode>,
    access: Access,
    /// Status flags, access mode included.
    flags: AtomicU32,
    /// Moved with `moving` held.
    offset: AtomicU64,
    moving: Mutex<()>,
    id: u64,
    owner: SpinLock<FileOwner>,
    /// What [`FileOps::is_seekable`] said when it was opened.
    is_seekable: bool,
}

/// Whether Linux knows the mode: one kind of change, alone or with KEEP_SIZE where that makes sense.
fn is_known_mode(mode: FallocateMode) -> bool {
    let keeps = mode.contains(FallocateMode::KEEP_SIZE);
    match mode.difference(FallocateMode::KEEP_SIZE) {
        FallocateMode::PUNCH_HOLE => keeps,
        FallocateMode::COLLAPSE_RANGE | FallocateMode::INSERT_RANGE => !keeps,
        FallocateMode::UNSHARE_RANGE | FallocateMode::ZERO_RANGE => true,
        other => other.is_empty(),
    }
}

/// What the opener may do, fixed for the life of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) can_read: bool,
    pub(crate) can_write: bool,
    /// O_PATH: neither, nor ioctl.
    pub(crate) is_path: bool,
    /// This file counts in the inode's writers.
    pub(crate) holds_write: bool,
}

impl Access {
    pub(crate) const NONE: Self =
        Self { can_read: false, can_write: false, is_path: false, holds_write: false };
}

/// The offset of a file while nobody else can move it.
pub struct OffsetGuard<'a> {
    _moving: MutexGuard<'a, ()>,
    offset: &'a AtomicU64,
}

impl OffsetGuard<'_> {
    /// Where it is.
    #[inline]
    pub fn get(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Moves it.
    #[inline]
    pub fn set(&self, to: u64) {
        self.offset.store(to, Ordering::Relaxed);
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl File {
    /// What an open file takes of the kernel's memory, roughly: itself and its operations.
    pub(crate) const KERNEL_BYTES: usize = size_of::<Self>() + 128;

    pub(crate) fn new(
        ops: Arc<dyn FileOps>,
        path: Path,
        inode: Arc<dyn Inode>,
        flags: OpenFlags,
        access: Access,
    ) -> Arc<Self> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let flags = AtomicU32::new(flags.difference(OpenFlags::TRANSIENT).bits());
        let (offset, moving) = (AtomicU64::new(0), Mutex::new(()));
        let owner = SpinLock::new(FileOwner::default());
        let is_seekable = ops.is_seekable();
        Arc::new(Self { ops, path, inode, access, flags, offset, moving, id, owner, is_seekable })
    }

    /// A file that was never looked up: a pipe end, an eventfd. `inode` is what
    /// fstat(2) sees, `name` what /proc/PID/fd shows (see [`Dentry::new_anonymous`]),
    /// `mount` an internal one.
    pub fn anonymous(
        ops: Arc<dyn FileOps>,
        mount: &Arc<Mount>,
        inode: Arc<dyn Inode>,
        name: &'static str,
        flags: OpenFlags,
    ) -> Arc<Self> {
        let dentry = Dentry::new_anonymous(name, inode.clone());
        let path = Path::new(mount.clone(), dentry);
        Self::on_path(ops, path, inode, flags)
    }

    /// Another description of an anonymous file's place (the second pipe end).
    pub fn on_path(
        ops: Arc<dyn FileOps>,
        path: Path,
        inode: Arc<dyn Inode>,
        flags: OpenFlags,
    ) -> Arc<Self> {
        let access = Access {
            can_read: flags.can_read(),
            can_write: flags.can_write(),
            is_path: false,
            holds_write: false,
        };
        Self::new(ops, path, inode, flags, access)
    }

    /// The operations.
    #[inline]
    pub fn ops(&self) -> &Arc<dyn FileOps> {
        &self.ops
    }

    /// The operations if they are of type `T`: how pipe and terminal calls find theirs.
    pub fn ops_as<T: FileOps>(&self) -> Option<&T> {
        (&*self.ops as &dyn Any).downcast_ref()
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The inode.
    #[inline]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// What the inode is.
    pub fn kind(&self) -> FileKind {
        self.inode.base().kind()
    }

    /// What fstat(2) reports.
    pub fn metadata(&self) -> Metadata {
        self.inode.metadata()
    }

    /// The status flags and access mode, as fcntl(F_GETFL) reports them.
    #[inline]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// fcntl(F_SETFL): changes those flags that can change.
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::flags_changed`] says.
    pub fn set_flags(&self, flags: OpenFlags) -> Result<()> {
        self.not_path()?;
        let keep = self.flags().difference(OpenFlags::SETTABLE);
        let new = keep | (flags & OpenFlags::SETTABLE);
        self.flags.store(new.bits(), Ordering::Relaxed);
        self.ops.flags_changed(self)
    }

    /// Whether operations must not wait.
    #[inline]
    pub fn is_nonblocking(&self) -> bool {
        self.flags().contains(OpenFlags::NONBLOCK)
    }

    /// Whether reading is allowed.
    pub fn can_read(&self) -> bool {
        self.access.can_read
    }

    /// Whether writing is allowed.
    pub fn can_write(&self) -> bool {
        self.access.can_write
    }

    /// Whether it was opened with O_PATH.
    pub fn is_path_only(&self) -> bool {
        self.access.is_path
    }

    /// The identity of this description as an owner of flock(2) and OFD locks.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::File(self.id)
    }

    /// Who is to be told of readiness, as fcntl(2) set it.
    pub fn owner(&self) -> FileOwner {
        *self.owner.lock()
    }

    /// Changes the owner.
    pub fn update_owner(&self, change: impl FnOnce(&mut FileOwner)) {
        change(&mut self.owner.lock());
    }

    /// The offset, locked; operations use it for reading and moving in one step.
    #[inline]
    pub fn lock_offset(&self) -> OffsetGuard<'_> {
        OffsetGuard { _moving: self.moving.lock(), offset: &self.offset }
    }

    /// The offset as of now; an operation that runs may be about to move it.
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Whether the file can be used for more than its place.
    ///
    /// # Errors
    /// `EBADF` if it was opened with O_PATH.
    #[inline]
    pub fn not_path(&self) -> Result<()> {
        if self.access.is_path { err!(EBADF, "opened with O_PATH") } else { Ok(()) }
    }

    /// Whether it is open for reading.
    ///
    /// # Errors
    /// `EBADF` if not.
    #[inline]
    pub fn readable(&self) -> Result<()> {
        if self.access.can_read { Ok(()) } else { err!(EBADF, "not open for reading") }
    }

    /// Whether it is open for writing.
    ///
    /// # Errors
    /// `EBADF` if not.
    #[inline]
    pub fn writable(&self) -> Result<()> {
        if self.access.can_write { Ok(()) } else { err!(EBADF, "not open for writing") }
    }

    /// read(2).
    ///
    /// # Errors
    /// `EBADF` if not open for reading; what [`FileOps::read`] says.
    #[inline]
    pub fn read(&self, dst: &mut Writer<'_>) -> Result<usize> {
        self.readable()?;
        self.ops.read(self, dst)
    }

    /// write(2).
    ///
    /// # Errors
    /// `EBADF` if not open for writing; what [`FileOps::write`] says. `EPIPE` asks the
    /// caller to raise SIGPIPE.
    #[inline]
    pub fn write(&self, src: &mut Reader<'_>) -> Result<usize> {
        self.writable()?;
        self.ops.write(self, src)
    }

    /// pread(2).
    ///
    /// # Errors
    /// `EBADF` if not open for reading, `ESPIPE` where there are no offsets; what
    /// [`FileOps::read_at`] says.
    #[inline]
    pub fn read_at(&self, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        self.seekable()?;
        self.readable()?;
        self.ops.read_at(self, offset, dst)
    }

    /// pwrite(2); with O_APPEND it appends, as Linux does.
    ///
    /// # Errors
    /// `EBADF` if not open for writing, `ESPIPE` where there are no offsets; what
    /// [`FileOps::write_at`] says.
    #[inline]
    pub fn write_at(&self, offset: u64, src: &mut Reader<'_>) -> Result<usize> {
        self.seekable()?;
        self.writable()?;
        Ok(self.ops.write_at(self, offset, src)?.0)
    }

    /// Writes at the end whatever the file's flags say (RWF_APPEND); without `at` the file's
    /// own offset is behind that then. A file without an end is written at the offset.
    ///
    /// # Errors
    /// Those of [`File::write_at`].
    pub fn write_at_end(&self, at: Option<u64>, src: &mut Reader<'_>) -> Result<usize> {
        self.seekable()?;
        self.writable()?;
        if let Some(at) = at {
            return Ok(self.ops.write_at_end(self, at, src)?.0);
        }
        let offset = self.lock_offset();
        let (count, end) = self.ops.write_at_end(self, offset.get(), src)?;
        offset.set(end);
        Ok(count)
    }

    /// Reads into kernel memory at an offset until full or at the end (exec, tests).
    ///
    /// # Errors
    /// What [`FileOps::read_at`] says; what was read before is lost then.
    pub fn read_kernel(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            match self.ops.read_at(self, at, &mut Writer::kernel(rest))? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    /// Whether reads and writes can be told where.
    ///
    /// # Errors
    /// `EBADF` if it was opened with O_PATH, `ESPIPE` where there are no offsets.
    #[inline]
    pub fn seekable(&self) -> Result<()> {
        self.not_path()?;
        if self.is_seekable { Ok(()) } else { err!(ESPIPE, "not seekable") }
    }

    /// lseek(2).
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::seek`] says.
    pub fn seek(&self, to: SeekFrom) -> Result<u64> {
        self.not_path()?;
        self.ops.seek(self, to)
    }

    /// getdents64(2): reports entries from the offset on and moves it.
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::readdir`] says.
    pub fn readdir(&self, sink: &mut DirSink<'_>) -> Result<()> {
        self.not_path()?;
        self.ops.readdir(self, sink)
    }

    /// ioctl(2), after the generic ones (FIONBIO, FIOCLEX) were served.
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::ioctl`] says.
    pub fn ioctl(&self, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        self.not_path()?;
        self.ops.ioctl(self, cmd, context)
    }

    /// poll(2): the present readiness; a waiter is enlisted first.
    pub fn poll(&self, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        if self.access.is_path {
            return PollEvents::NVAL;
        }
        self.ops.poll(self, waiter)
    }

    /// What mmap(2) of this file maps. The caller checks the access mode against
    /// protection and sharing.
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::mmap`] says.
    pub fn mmap(&self) -> Result<MapSource> {
        self.not_path()?;
        self.ops.mmap(self)
    }

    /// fsync(2).
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; what [`FileOps::fsync`] says.
    pub fn fsync(&self) -> Result<()> {
        self.not_path()?;
        self.ops.fsync(self)
    }

    /// fallocate(2).
    ///
    /// # Errors
    /// `EINVAL` for a negative or empty range, `EOPNOTSUPP` for an unknown mode, `EBADF` if
    /// not open for writing, `ESPIPE` for a FIFO, `EISDIR` for a directory, `ENODEV` for
    /// what else has no length, `EFBIG` if the range ends beyond the largest offset; what
    /// [`FileOps::fallocate`] says.
    pub fn fallocate(&self, mode: FallocateMode, offset: i64, len: i64) -> Result<()> {
        let (Ok(offset), Ok(length)) = (u64::try_from(offset), u64::try_from(len)) else {
            return err!(EINVAL, "negative range");
        };
        if length == 0 {
            return err!(EINVAL, "empty range");
        }
        if !is_known_mode(mode) {
            return err!(EOPNOTSUPP, "fallocate mode");
        }
        self.writable()?;
        match self.kind() {
            FileKind::Fifo => return err!(ESPIPE),
            FileKind::Directory => return err!(EISDIR),
            FileKind::Regular => {}
            _ => return err!(ENODEV),
        }
        if offset.checked_add(length).is_none_or(|end| end > i64::MAX as u64) {
            return err!(EFBIG, "beyond the largest file");
        }
        let served =
            FallocateMode::KEEP_SIZE | FallocateMode::PUNCH_HOLE | FallocateMode::ZERO_RANGE;
        if !served.contains(mode) {
            return err!(EOPNOTSUPP, "fallocate mode");
        }
        self.ops.fallocate(self, mode, offset, length)
    }

    /// ftruncate(2).
    ///
    /// # Errors
    /// `EBADF` for a file opened with O_PATH; `EINVAL` for a negative length, a file that
    /// is not regular or not open for writing; `EFBIG` (and SIGXFSZ) beyond the process's
    /// limit; what [`Inode::truncate`] says.
    pub fn truncate(&self, size: i64) -> Result<()> {
        let Ok(size) = u64::try_from(size) else {
            return err!(EINVAL, "negative length");
        };
        self.not_path()?;
        if !self.access.can_write || self.kind() != FileKind::Regular {
            return err!(EINVAL, "not a writable regular file");
        }
        crate::size_limit::check_length(size)?;
        self.remove_setid();
        self.inode.truncate(size)
    }

    /// Records an access by the mount's rule; file systems call it after a read.
    #[inline]
    pub fn accessed(&self) {
        if !self.flags().contains(OpenFlags::NOATIME) {
            self.path.mount().touch_accessed(&self.inode);
        }
    }

    /// Clears set-id bits before a write by someone without CAP_FSETID; file
    /// systems call it before they write.
    #[inline]
    pub fn remove_setid(&self) {
        let base = self.inode.base();
        if base.may_be_setid() && !crate::size_limit::keeps_setid() {
            base.remove_setid();
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(locks) = self.inode.base().existing_locks() {
            locks.release_owner(LockOwner::File(self.id));
        }
        if !self.access.is_path {
            let ops = self.ops.clone();
            ops.release(self);
        }
        if self.access.holds_write {
            self.inode.base().put_write();
            self.path.mount().remove_writer();
        }
        self.path.mount().note_use();
    }
}

impl core::fmt::Debug for File {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "File #{} {:?} {:?}", self.id, self.kind(), self.flags())
    }
}
