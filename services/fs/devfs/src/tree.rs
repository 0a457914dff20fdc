// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a devtmpfs begins with: a node for each device, and a few links.

use alloc::sync::Arc;

use abi::Result;
use vfs::{Inode, NewInode, NewKind, device};

/// Links into /proc that programs expect in /dev.
const LINKS: [(&str, &[u8]); 4] = [
    ("fd", b"/proc/self/fd"),
    ("stdin", b"/proc/self/fd/0"),
    ("stdout", b"/proc/self/fd/1"),
    ("stderr", b"/proc/self/fd/2"),
];

/// Makes a file system with a node for each registered device; returns its root.
///
/// # Errors
/// `ENODEV` before tmpfs is known, `ENOMEM` without memory for the nodes.
pub fn new() -> Result<Arc<dyn Inode>> {
    let root = vfs::new_fs(b"tmpfs", b"devtmpfs", b"mode=0755,fstype=devtmpfs")?;
    let add = |name: &str, kind, perm, gid| {
        root.create(name.as_bytes(), &NewInode { kind, perm, uid: 0, gid }).map(drop)
    };
    for node in device::nodes() {
        add(node.name, NewKind::CharDevice(node.dev), node.perm, node.gid)?;
    }
    for node in device::block_nodes() {
        add(node.name, NewKind::BlockDevice(node.dev), node.perm, node.gid)?;
    }
    for (name, target) in LINKS {
        add(name, NewKind::Symlink(target), 0o777, 0)?;
    }
    add("shm", NewKind::Directory, 0o1777, 0)?;
    Ok(root)
}
