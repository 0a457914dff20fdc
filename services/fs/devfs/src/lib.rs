// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Device nodes: null, zero, full, random, urandom, kmsg, and what others register.
//!
//! A devtmpfs is a tmpfs, got from the registry of file-system types, with a node in it
//! for each device known to `vfs::device` when it is made. The memory devices
//! (major 1) are implemented here; terminals register theirs.
//!
//! Spec: null(4), full(4), random(4), and Documentation/ABI/testing/dev-kmsg of Linux.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod kmsg;
mod memory;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;

use abi::device::{MEM_MAJOR, mem};
use abi::{Result, err};
use vfs::{
    DeviceId, DeviceNode, FileOps, FsType, Inode, NewInode, NewKind, Opening, device,
    register_chrdev, register_fs, register_node,
};

const NODES: [(&str, u32, u32); 6] = [
    ("null", mem::NULL, 0o666),
    ("zero", mem::ZERO, 0o666),
    ("full", mem::FULL, 0o666),
    ("random", mem::RANDOM, 0o666),
    ("urandom", mem::URANDOM, 0o666),
    ("kmsg", mem::KMSG, 0o644),
];

/// Links into /proc that programs expect in /dev.
const LINKS: [(&str, &[u8]); 4] = [
    ("fd", b"/proc/self/fd"),
    ("stdin", b"/proc/self/fd/0"),
    ("stdout", b"/proc/self/fd/1"),
    ("stderr", b"/proc/self/fd/2"),
];

/// Registers the memory devices, their nodes and the type `devtmpfs`.
pub fn init() {
    memory::init();
    register_chrdev(MEM_MAJOR, 0..256, Arc::new(open_memory));
    for (name, minor, perm) in NODES {
        let dev = DeviceId::new(MEM_MAJOR, minor);
        register_node(DeviceNode { name, dev, perm, gid: 0 });
        sysfs::add_virtual("mem", name, dev);
    }
    procfs::devices::name_char(MEM_MAJOR, "mem");
    register_fs(FsType { name: "devtmpfs", mount: |_, _| new() });
}

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

fn open_memory(dev: DeviceId, _opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    match dev.minor {
        mem::NULL => Ok(memory::null()),
        mem::ZERO => Ok(memory::zero()),
        mem::FULL => Ok(memory::full()),
        mem::RANDOM | mem::URANDOM => Ok(memory::random()),
        mem::KMSG => Ok(Arc::new(kmsg::Kmsg)),
        _ => err!(ENXIO, "no such memory device"),
    }
}
