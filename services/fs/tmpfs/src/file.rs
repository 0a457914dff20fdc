// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open and mapped regular files of tmpfs.
//!
//! Locks: [`FileData::writing`](crate::data::FileData::writing), held over user copies.

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::{Result, err, error};
use framework::mm::{Access, Frame, Reader, Writer};
use vfs::{File, FileOps, Inode, MapSource, Pager, SeekFrom, hooks};

use crate::data::PAGE;
use crate::inode::TmpInode;

impl FileOps for TmpInode {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let count = self.content()?.read(offset, dst)?;
        file.accessed();
        Ok(count)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let at = if file.flags().contains(OpenFlags::APPEND) { At::End } else { At::Offset };
        self.write_file(file, at, offset, src)
    }

    fn write_at_end(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        self.write_file(file, At::End, offset, src)
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let data = self.content()?;
        vfs::seek_with(file, to, data.size(), |from, what| data.find(from, what))
    }

    fn mmap(&self, _file: &File) -> Result<MapSource> {
        let this = self.this.upgrade().ok_or(error!(EIO))?;
        self.content()?.note_mapped();
        Ok(MapSource::Pages(this))
    }

    fn fsync(&self, _file: &File) -> Result<()> {
        Ok(())
    }

    fn fallocate(&self, file: &File, mode: FallocateMode, at: u64, len: u64) -> Result<()> {
        let data = self.content()?;
        let end = at + len;
        if mode.contains(FallocateMode::ZERO_RANGE) {
            return err!(EOPNOTSUPP, "tmpfs has no zero range");
        }
        let _writing = data.writing.lock();
        if mode.contains(FallocateMode::PUNCH_HOLE) {
            file.remove_setid();
            data.punch(self.sb(), at, end, Some(self));
            self.base().touch_modified();
            return Ok(());
        }
        let grows = !mode.contains(FallocateMode::KEEP_SIZE) && end > data.size();
        if grows {
            hooks::check_length(end)?;
        }
        let pages = at / PAGE..end.div_ceil(PAGE);
        if pages.end - pages.start > self.sb().free_pages() + data.pages() {
            return err!(ENOSPC, "tmpfs is full");
        }
        file.remove_setid();
        for index in pages {
            data.get_or_make(self.sb(), index)?;
        }
        if grows {
            data.set_size(end);
        }
        self.base().touch_modified();
        Ok(())
    }
}

impl Pager for TmpInode {
    fn page(&self, index: u64, access: Access) -> Result<Frame> {
        let data = self.content()?;
        if index >= data.size().div_ceil(PAGE) {
            return err!(ENXIO, "beyond the end of the file");
        }
        let frame = data.get_or_make(self.sb(), index)?;
        if access == Access::Write {
            self.base().touch_modified();
        }
        Ok(frame)
    }

    fn cached(&self, index: u64) -> Option<Frame> {
        let data = self.content().ok()?;
        if index < data.size().div_ceil(PAGE) { data.get(index) } else { None }
    }
}

/// Where a write goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Offset,
    End,
}

impl TmpInode {
    fn write_file(
        &self,
        file: &File,
        at: At,
        offset: u64,
        src: &mut Reader<'_>,
    ) -> Result<(usize, u64)> {
        let data = self.content()?;
        if src.remaining() == 0 {
            return Ok((0, offset));
        }
        let _writing = data.writing.lock();
        let offset = if at == At::End { data.size() } else { offset };
        let len = hooks::write_room(offset, src.remaining())?;
        file.remove_setid();
        let count = data.write(self.sb(), offset, len, src)?;
        self.base().touch_modified();
        Ok((count, offset + count as u64))
    }
}
