// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The memory devices, opened through nodes.

extern crate std;

use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::poll::PollEvents;
use abi::{Errno, Result};
use cred::Cred;
use framework::mm::{Reader, Writer};
use vfs::{Dentry, DeviceId, File, FileOps, MapSource, Mount, Path, SeekFrom};

/// Opens a memory device without a file system under it.
fn open(minor: u32, flags: OpenFlags) -> Result<Arc<File>> {
    crate::init();
    let node = node::new(DeviceId::new(1, minor));
    let mount = Mount::new(node.clone(), b"", MountFlags::empty());
    let path = Path::new(mount, Dentry::new_root(node));
    vfs::open_path(&path, &Cred::root(), flags)
}

fn read(file: &File, len: usize) -> Result<Vec<u8>> {
    let mut data = vec![0xaa; len];
    let count = file.read(&mut Writer::kernel(&mut data))?;
    data.truncate(count);
    Ok(data)
}

fn write(file: &File, data: &[u8]) -> Result<usize> {
    file.write(&mut Reader::kernel(data))
}

#[test]
fn null_swallows_and_is_empty() {
    let file = open(3, OpenFlags::RDWR).unwrap();
    assert_eq!(write(&file, b"abc").unwrap(), 3);
    assert!(read(&file, 9).unwrap().is_empty());
    assert_eq!(file.seek(SeekFrom::Start(77)).unwrap(), 0);
    assert!(file.mmap().is_err());
    assert_eq!(file.poll(None), PollEvents::ALWAYS);
}

#[test]
fn zero_is_endless_and_maps_fresh_pages() {
    let file = open(5, OpenFlags::RDWR).unwrap();
    assert!(read(&file, 200_000).unwrap() == vec![0; 200_000]);
    assert_eq!(write(&file, &[1; 10]).unwrap(), 10);
    assert!(matches!(file.mmap().unwrap(), MapSource::Anonymous));
}

#[test]
fn full_is_full() {
    let file = open(7, OpenFlags::RDWR).unwrap();
    assert_eq!(write(&file, b"x").unwrap_err().errno(), Errno::ENOSPC);
    assert_eq!(read(&file, 2).unwrap(), [0, 0]);
}

#[test]
fn random_differs() {
    let file = open(9, OpenFlags::RDONLY).unwrap();
    let (a, b) = (read(&file, 1000).unwrap(), read(&file, 1000).unwrap());
    assert!(a.len() == 1000 && a != b);
    assert_eq!(write(&file, b"x").unwrap_err().errno(), Errno::EBADF);
}

#[test]
fn kmsg_reads_what_was_written() {
    let file = open(11, OpenFlags::RDWR | OpenFlags::NONBLOCK).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    assert_eq!(write(&file, b"<5>hello from a test\n").unwrap(), 21);
    let line = read(&file, 1000).unwrap();
    assert!(line.starts_with(b"5,") && line.ends_with(b",-;hello from a test\n"));
    assert_eq!(read(&file, 1000).unwrap_err().errno(), Errno::EAGAIN);
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(read(&file, 3).unwrap_err().errno(), Errno::EINVAL);
    assert_eq!(write(&file, &[b'x'; 2000]).unwrap_err().errno(), Errno::EINVAL);
}

#[test]
fn unknown_devices_and_access_modes() {
    assert_eq!(open(200, OpenFlags::RDONLY).unwrap_err().errno(), Errno::ENXIO);
    let write_only = open(3, OpenFlags::WRONLY).unwrap();
    assert_eq!(read(&write_only, 1).unwrap_err().errno(), Errno::EBADF);
    assert!(write_only.ops_as::<dyn_free::Never>().is_none());
}

mod dyn_free {
    /// A type that no open file has.
    pub(super) struct Never;
    impl super::FileOps for Never {}
}

/// A device node outside of any file system.
mod node {
    use alloc::sync::Arc;

    use vfs::{Attr, DeviceId, FileKind, Inode, InodeBase, StatFs, SuperBase, SuperBlock};

    struct Bare(SuperBase);

    impl SuperBlock for Bare {
        fn type_name(&self) -> &'static str {
            "bare"
        }
        fn base(&self) -> &SuperBase {
            &self.0
        }
        fn statfs(&self) -> StatFs {
            StatFs::default()
        }
    }

    struct Node(InodeBase);

    impl Inode for Node {
        fn base(&self) -> &InodeBase {
            &self.0
        }
    }

    pub(super) fn new(dev: DeviceId) -> Arc<dyn Inode> {
        let attr = Attr::new(0o666, 0, 0);
        let base = InodeBase::with_rdev(
            Arc::new(Bare(SuperBase::new())),
            1,
            FileKind::CharDevice,
            attr,
            dev,
        );
        Arc::new(Node(base))
    }
}
