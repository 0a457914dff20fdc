// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The memory devices (major 1): null, zero, full, random and urandom; kmsg is opened here.

use alloc::sync::Arc;

use abi::device::{MEM_MAJOR, mem};
use abi::ioctl::file::RNDGETENTCNT;
use abi::{Result, err, error};
use cred::LogUse;
use framework::mm::{Reader, Writer};
use framework::sync::Once;
use framework::task::Task;
use vfs::{
    DeviceId, DeviceNode, File, FileOps, IoctlContext, MapSource, Opening, SeekFrom,
    register_chrdev, register_node,
};

use crate::kmsg::Kmsg;

const NODES: [(&str, u32, u32); 6] = [
    ("null", mem::NULL, 0o666),
    ("zero", mem::ZERO, 0o666),
    ("full", mem::FULL, 0o666),
    ("random", mem::RANDOM, 0o666),
    ("urandom", mem::URANDOM, 0o666),
    ("kmsg", mem::KMSG, 0o644),
];

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

/// Registers the devices and their nodes.
pub(crate) fn init() {
    shared();
    register_chrdev(MEM_MAJOR, 0..256, Arc::new(open));
    for (name, minor, perm) in NODES {
        let dev = DeviceId::new(MEM_MAJOR, minor);
        register_node(DeviceNode { name, dev, perm, gid: 0 });
        sysfs::add_virtual("mem", name, dev);
    }
    procfs::devices::name_char(MEM_MAJOR, "mem");
}

fn open(dev: DeviceId, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    match dev.minor {
        mem::NULL => Ok(shared().null.clone()),
        mem::ZERO => Ok(shared().zero.clone()),
        mem::FULL => Ok(shared().full.clone()),
        mem::RANDOM | mem::URANDOM => Ok(shared().random.clone()),
        mem::KMSG => {
            if opening.flags.can_read() {
                opening.cred.check_log(LogUse::Look)?;
            }
            Ok(Arc::new(Kmsg))
        }
        _ => err!(ENXIO, "no such memory device"),
    }
}

fn shared() -> &'static Shared {
    SHARED.call_once(|| Shared {
        null: Arc::new(Null),
        zero: Arc::new(Zero),
        full: Arc::new(Full),
        random: Arc::new(Random),
    })
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
