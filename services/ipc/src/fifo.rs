// SPDX-License-Identifier: Apache-2.0 OR MIT
//! FIFOs: named pipes, found by the inode of their node.
//!
//! A FIFO's pipe exists while somebody has it open or opens it.
//!
//! Locks: `FIFOS` is a leaf; pipes are dropped outside of it.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use abi::fcntl::OpenFlags;
use abi::{Result, err};
use cred::Cred;
use framework::sync::SpinLock;
use vfs::{FileOps, Opening};

use crate::end::End;
use crate::pipe::{Key, Pipe};

static FIFOS: SpinLock<BTreeMap<Key, Weak<Pipe>>> = SpinLock::new(BTreeMap::new());

/// Opens a FIFO node; waits for the other end as fifo(7) says.
pub(crate) fn open(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    let base = opening.inode.base();
    let pipe = find((base.sb().dev(), base.ino()), opening.cred)?;
    open_pipe(pipe, opening.flags, Partner::Awaited)
}

fn find(key: Key, cred: &Cred) -> Result<Arc<Pipe>> {
    if let Some(pipe) = FIFOS.lock().get(&key).and_then(Weak::upgrade) {
        return Ok(pipe);
    }
    let new = Arc::new(Pipe::of_fifo(key, forget, cred)?);
    let mut fifos = FIFOS.lock();
    if let Some(pipe) = fifos.get(&key).and_then(Weak::upgrade) {
        drop(fifos);
        return Ok(pipe);
    }
    fifos.insert(key, Arc::downgrade(&new));
    Ok(new)
}

/// Forgets the pipe of a FIFO that goes, unless another took its place.
fn forget(key: &Key) {
    let mut fifos = FIFOS.lock();
    let gone = match fifos.get(key) {
        Some(pipe) if pipe.strong_count() == 0 => fifos.remove(key),
        _ => None,
    };
    drop(fifos);
    drop(gone);
}

/// Whether an open waits for the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partner {
    /// A FIFO: it does.
    Awaited,
    /// An anonymous pipe, opened once more through /proc: it does not.
    Optional,
}

/// Opens an end of a pipe by the rules of FIFOs.
pub(crate) fn open_pipe(
    pipe: Arc<Pipe>,
    flags: OpenFlags,
    partner: Partner,
) -> Result<Arc<dyn FileOps>> {
    let (reads, writes) = (flags.can_read(), flags.can_write());
    if !reads && !writes {
        return err!(EINVAL, "a FIFO neither to be read nor written");
    }
    if partner == Partner::Optional {
        pipe.join(reads, writes);
        return Ok(Arc::new(End { pipe, writers_at_open: 0 }));
    }
    let is_nonblocking = flags.contains(OpenFlags::NONBLOCK);
    if writes && !reads && is_nonblocking && pipe.readers.none() {
        return err!(ENXIO, "nobody reads the FIFO");
    }
    let writers_at_open =
        if reads && !writes && pipe.writers.none() { pipe.writers.ever() } else { 0 };
    let (readers_before, writers_before) = (pipe.readers.ever(), pipe.writers.ever());
    let is_alone = match (reads, writes) {
        (true, false) => !is_nonblocking && pipe.writers.none(),
        (false, true) => pipe.readers.none(),
        _ => false,
    };
    pipe.join(reads, writes);
    if is_alone {
        let met = if reads {
            pipe.await_partner(&pipe.writers, writers_before)
        } else {
            pipe.await_partner(&pipe.readers, readers_before)
        };
        if let Err(error) = met {
            pipe.leave(reads, writes);
            return Err(error);
        }
    }
    Ok(Arc::new(End { pipe, writers_at_open }))
}
