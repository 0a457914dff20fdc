// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /dev/null, /dev/zero, /dev/full, /dev/random and /dev/urandom.

use alloc::sync::Arc;

use abi::ioctl::file::RNDGETENTCNT;
use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::Once;
use framework::task::Task;
use vfs::{File, FileOps, IoctlContext, MapSource, SeekFrom};

struct Null;
struct Zero;
struct Full;
struct Random;

struct Shared {
    null: Arc<Null>,
    zero: Arc<Zero>,
    full: Arc<Full>,
    random: Arc<Random>,
}

static SHARED: Once<Shared> = Once::new();

pub(crate) fn init() {
    shared();
}

fn shared() -> &'static Shared {
    SHARED.call_once(|| Shared {
        null: Arc::new(Null),
        zero: Arc::new(Zero),
        full: Arc::new(Full),
        random: Arc::new(Random),
    })
}

pub(crate) fn null() -> Arc<dyn FileOps> {
    shared().null.clone()
}

pub(crate) fn zero() -> Arc<dyn FileOps> {
    shared().zero.clone()
}

pub(crate) fn full() -> Arc<dyn FileOps> {
    shared().full.clone()
}

pub(crate) fn random() -> Arc<dyn FileOps> {
    shared().random.clone()
}

/// Every seek ends at 0.
fn rewind(file: &File) -> Result<u64> {
    file.lock_offset().set(0);
    Ok(0)
}

/// How much is copied between two looks for a signal.
const CHUNK: usize = 64 * 1024;

/// Fills `dst` by `fill`, piece by piece; a signal ends it early.
fn fill_all(
    dst: &mut Writer<'_>,
    mut fill: impl FnMut(&mut Writer<'_>, usize) -> Result<usize>,
) -> Result<usize> {
    let mut done = 0;
    while dst.remaining() > 0 {
        let wanted = dst.remaining().min(CHUNK);
        match fill(dst, wanted) {
            Ok(count) => {
                done += count;
                if count < wanted || (dst.remaining() > 0 && Task::current().interrupt_pending()) {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn zeros(dst: &mut Writer<'_>) -> Result<usize> {
    fill_all(dst, |dst, wanted| Ok(dst.zeros(wanted)?))
}

impl FileOps for Null {
    fn read(&self, _file: &File, _dst: &mut Writer<'_>) -> Result<usize> {
        Ok(0)
    }

    #[inline]
    fn write(&self, _file: &File, src: &mut Reader<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn read_at(&self, _file: &File, _offset: u64, _dst: &mut Writer<'_>) -> Result<usize> {
        Ok(0)
    }

    fn write_at(&self, _file: &File, at: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        Ok((src.remaining(), at))
    }

    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }
}

impl FileOps for Zero {
    fn read(&self, _file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        zeros(dst)
    }

    fn write(&self, _file: &File, src: &mut Reader<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn read_at(&self, _file: &File, _offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        zeros(dst)
    }

    fn write_at(&self, _file: &File, at: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        Ok((src.remaining(), at))
    }

    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }

    fn mmap(&self, _file: &File) -> Result<MapSource> {
        Ok(MapSource::Anonymous)
    }
}

impl FileOps for Full {
    fn read(&self, _file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        zeros(dst)
    }

    fn write(&self, _file: &File, _src: &mut Reader<'_>) -> Result<usize> {
        err!(ENOSPC, "/dev/full is full")
    }

    fn read_at(&self, _file: &File, _offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        zeros(dst)
    }

    fn write_at(&self, _file: &File, _at: u64, _src: &mut Reader<'_>) -> Result<(usize, u64)> {
        err!(ENOSPC, "/dev/full is full")
    }

    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }
}

/// Fills `dst` with random bytes.
fn random_bytes(dst: &mut Writer<'_>, wanted: usize) -> Result<usize> {
    let mut done = 0;
    while done < wanted {
        let mut buffer = [0; 256];
        let part = buffer.len().min(wanted - done);
        let part = buffer.get_mut(..part).unwrap_or_default();
        framework::random::fill(part);
        match dst.write(part) {
            Ok(count) => {
                done += count;
                if count < part.len() {
                    break;
                }
            }
            Err(fault) if done == 0 => return Err(fault.into()),
            Err(_) => break,
        }
    }
    Ok(done)
}

impl FileOps for Random {
    fn read(&self, _file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        fill_all(dst, random_bytes)
    }

    fn read_at(&self, _file: &File, _offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        fill_all(dst, random_bytes)
    }

    /// What programs write is not used: the generator has better sources.
    fn write(&self, _file: &File, src: &mut Reader<'_>) -> Result<usize> {
        Ok(src.remaining())
    }

    fn write_at(&self, _file: &File, at: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        Ok((src.remaining(), at))
    }

    fn seek(&self, file: &File, _to: SeekFrom) -> Result<u64> {
        rewind(file)
    }

    fn ioctl(&self, _file: &File, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        if cmd != RNDGETENTCNT {
            return err!(ENOTTY, "no such control");
        }
        let done = context.vm.write(context.arg, &256_i32.to_le_bytes());
        done.map_err(|_| error!(EFAULT, "bad user address"))?;
        Ok(0)
    }
}
