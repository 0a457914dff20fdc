// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The first root: a tmpfs, filled from the initramfs, with /dev and /proc on it.
//!
//! Trust: the archive is host input; a corrupt one ends the boot with a reason.

use abi::mount::MountFlags;
use abi::{Errno, Result};
use cred::Cred;
use framework::mm::PAGE_SIZE;
use initramfs::{Reason, Refusal};
use vfs::{Follow, Mount, Path, Resolver};

/// What is mounted at the start: type and place.
const MOUNTS: [(&str, &str); 4] = [
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("configfs", "/sys/kernel/config"),
];

/// Makes the root with all that is on it.
pub(crate) fn make() -> Result<Path> {
    let inode = vfs::new_fs(b"tmpfs", b"rootfs", b"mode=755")?;
    let root = Path::root_of(Mount::new(inode, b"rootfs", MountFlags::RELATIME));
    if let Some(archive) = framework::boot::take_initramfs()
        && let Err(refusal) = initramfs::unpack(&archive, &root)
    {
        log::error!("{refusal}");
        give_up(&archive, &refusal);
    }
    let cred = Cred::root();
    for (kind, place) in MOUNTS {
        if let Err(error) = mount_at(&root, &cred, kind, place) {
            log::error!("cannot mount {kind} on {place}: {error:?}");
        }
    }
    Ok(root)
}

/// Ends the boot with the reason; for an archive that does not fit also in the log, how much
/// memory it needs.
fn give_up(archive: &[u8], refusal: &Refusal) -> ! {
    match refusal.reason {
        Reason::File(error) if matches!(error.errno(), Errno::ENOMEM | Errno::ENOSPC) => {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let have = framework::mm::stats().total_pages as u64 * PAGE_SIZE as u64;
            if let Ok(content) = initramfs::content_bytes(archive) {
                log::error!(
                    "the initramfs has {} MiB of content and needs {} MiB of memory, there are {}",
                    mib(content),
                    mib(needed_memory(content, archive.len() as u64)),
                    mib(have)
                );
            }
            framework::fatal("the initramfs does not fit into the memory")
        }
        Reason::Unsupported(_) => framework::fatal("the initramfs has an unsupported form"),
        _ => framework::fatal("the initramfs is corrupt"),
    }
}

/// The memory with which an archive fits: the root file system takes half of it, and the
/// archive stays until it is unpacked.
fn needed_memory(content: u64, archive: u64) -> u64 {
    /// What the kernel and the first programs need.
    const REST: u64 = 48 << 20;
    content.saturating_mul(2).max(content.saturating_add(archive)).saturating_add(REST)
}

fn mount_at(root: &Path, cred: &Cred, kind: &str, place: &str) -> Result<()> {
    let resolver = Resolver::kernel(root, cred);
    match vfs::mkdir(&resolver, place.as_bytes(), 0o755) {
        Ok(_) => {}
        Err(error) if error.errno() == Errno::EEXIST => {}
        Err(error) => return Err(error),
    }
    let at = resolver.lookup(place.as_bytes(), Follow::Yes)?;
    let inode = vfs::new_fs(kind.as_bytes(), kind.as_bytes(), b"")?;
    vfs::mount(&at, inode, kind.as_bytes(), MountFlags::RELATIME).map(|_| ())
}

/// Whether there is anything at `path`.
pub(crate) fn exists(root: &Path, path: &str) -> bool {
    let cred = Cred::root();
    Resolver::kernel(root, &cred).lookup(path.as_bytes(), Follow::Yes).is_ok()
}
