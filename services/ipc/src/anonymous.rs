// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Anonymous pipes: pipe(2) and the file system that their inodes are in.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::Result;
use abi::fcntl::OpenFlags;
use abi::limits::NAME_MAX;
use abi::magic::PIPEFS_MAGIC;
use cred::Cred;
use framework::mm::PAGE_SIZE;
use framework::sync::Once;
use vfs::{
    Attr, File, FileKind, FileOps, Inode, InodeBase, Mount, Opening, StatFs, SuperBase, SuperBlock,
};

use crate::end::End;
use crate::fifo;
use crate::pipe::Pipe;

struct PipeFs {
    base: SuperBase,
}

impl SuperBlock for PipeFs {
    fn type_name(&self) -> &'static str {
        "pipefs"
    }

    fn base(&self) -> &SuperBase {
        &self.base
    }

    fn statfs(&self) -> StatFs {
        StatFs {
            magic: PIPEFS_MAGIC,
            block_size: PAGE_SIZE as u64,
            name_max: NAME_MAX as u64,
            ..StatFs::default()
        }
    }
}

struct Shared {
    sb: Arc<dyn SuperBlock>,
    mount: Arc<Mount>,
}

static SHARED: Once<Shared> = Once::new();
static NEXT_INO: AtomicU64 = AtomicU64::new(1);

fn shared() -> &'static Shared {
    SHARED.call_once(|| {
        let sb: Arc<dyn SuperBlock> = Arc::new(PipeFs { base: SuperBase::new() });
        Shared { mount: Mount::internal(sb.clone()), sb }
    })
}

pub(crate) fn init() {
    shared();
}

/// The inode of an anonymous pipe; /proc/PID/fd opens it anew by the rules of FIFOs.
struct PipeInode {
    base: InodeBase,
    pipe: Arc<Pipe>,
}

impl Inode for PipeInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn opens_itself(&self) -> bool {
        true
    }

    fn open(self: Arc<Self>, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        fifo::open_pipe(self.pipe.clone(), opening.flags, fifo::Partner::Optional)
    }
}

/// pipe2(2): the reading and the writing end. `flags` may be O_NONBLOCK and O_DIRECT.
///
/// # Errors
/// `ENOMEM` without memory for its ring.
pub fn pipe(flags: OpenFlags, cred: &Cred) -> Result<[Arc<File>; 2]> {
    let Shared { sb, mount } = shared();
    let pipe = Arc::new(Pipe::new(cred)?);
    pipe.join(true, true);
    let ino = NEXT_INO.fetch_add(1, Ordering::Relaxed);
    let attr = Attr::new(0o600, cred.fsuid, cred.fsgid);
    let base = InodeBase::new(sb.clone(), ino, FileKind::Fifo, attr);
    let inode: Arc<dyn Inode> = Arc::new(PipeInode { base, pipe: pipe.clone() });
    let ops: Arc<dyn FileOps> = Arc::new(End { pipe, writers_at_open: 0 });
    let flags = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
    let for_reader = flags & OpenFlags::NONBLOCK;
    let reader = File::anonymous(ops.clone(), mount, inode.clone(), "pipe:", for_reader);
    let writer = File::on_path(ops, reader.path().clone(), inode, flags | OpenFlags::WRONLY);
    Ok([reader, writer])
}
