// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file system through the vfs, as system calls use it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::ControlFlow;
use std::{string::String, vec, vec::Vec};

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::{Errno, Result, err};
use cred::Cred;
use framework::mm::{Reader, Writer};
use framework::sync::SpinLock;
use vfs::{DeviceId, File, Follow, FsContext, Mount, Path, Resolver};

use crate::{Attribute, Binary, Device, Numbering, Text};

fn context() -> FsContext {
    let mount = Mount::new(crate::tree::root(), b"sysfs", MountFlags::RELATIME);
    FsContext::new(Path::root_of(mount))
}

fn open(path: &str, flags: OpenFlags) -> Result<Arc<File>> {
    let cred = Cred::root();
    vfs::open(&Resolver::new(&context(), &cred), path.as_bytes(), flags, 0)
}

fn errno<T>(result: Result<T>) -> Option<Errno> {
    result.err().map(abi::Error::errno)
}

fn read(path: &str) -> Vec<u8> {
    let file = open(path, OpenFlags::RDONLY).unwrap();
    let mut all = vec![];
    let mut buffer = [0; 10];
    loop {
        match file.read(&mut Writer::kernel(&mut buffer)).unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn names(path: &str) -> Vec<String> {
    let mut names = vec![];
    let file = open(path, OpenFlags::DIRECTORY).unwrap();
    file.readdir(&mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        ControlFlow::Continue(())
    })
    .unwrap();
    names
}

#[test]
fn cpus_are_listed() {
    crate::system::fill();
    assert!(read("/devices/system/cpu/online").starts_with(b"0"));
    assert_eq!(read("/devices/system/cpu/offline"), b"\n");
    assert!(names("/class").contains(&"misc".into()));
    assert_eq!(errno(open("/devices/nothing", OpenFlags::RDONLY)), Some(Errno::ENOENT));
    let cred = Cred::root();
    let made = vfs::mkdir(&Resolver::new(&context(), &cred), b"/kernel/new", 0o755);
    assert_eq!(errno(made), Some(Errno::EPERM));
}

#[test]
fn texts_are_shown_and_stored() {
    static LAST: SpinLock<Vec<u8>> = SpinLock::new(Vec::new());
    let show = |out: &mut Text| {
        out.push(b"a text of more than ten bytes\n");
        Ok(())
    };
    let store = |data: &[u8]| {
        if data == b"bad" {
            return err!(EINVAL, "bad");
        }
        *LAST.lock() = data.to_vec();
        Ok(())
    };
    let text = Attribute { show: Some(Box::new(show)), store: Some(Box::new(store)) };
    crate::text("t1/both", 0o644, text).unwrap();
    crate::readable("t1/only", |_| Ok(())).unwrap();
    assert_eq!(read("/t1/both"), b"a text of more than ten bytes\n");
    let file = open("/t1/both", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(file.write(&mut Reader::kernel(b"new")).unwrap(), 3);
    assert_eq!(*LAST.lock(), b"new");
    assert_eq!(errno(file.write(&mut Reader::kernel(b"bad"))), Some(Errno::EINVAL));
    assert_eq!(errno(open("/t1/only", OpenFlags::RDWR)), Some(Errno::EACCES));
    crate::remove("t1");
    assert_eq!(errno(open("/t1/both", OpenFlags::RDONLY)), Some(Errno::ENOENT));
}

struct Register(SpinLock<[u8; 5000]>);

impl Binary for Register {
    fn size(&self) -> u64 {
        5000
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let at = offset as usize;
        out.copy_from_slice(&self.0.lock()[at..at + out.len()]);
        Ok(out.len())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        if offset != 0 || data.len() != 48 {
            return err!(EINVAL, "whole values only");
        }
        self.0.lock()[..48].copy_from_slice(data);
        Ok(())
    }
}

#[test]
fn binary_content_has_a_length() {
    crate::binary("t2/reg:x", 0o644, Arc::new(Register(SpinLock::new([7; 5000])))).unwrap();
    assert_eq!(read("/t2/reg:x"), [7; 5000]);
    let file = open("/t2/reg:x", OpenFlags::RDWR).unwrap();
    assert_eq!(file.metadata().size, 5000);
    assert_eq!(errno(file.write(&mut Reader::kernel(&[1; 47]))), Some(Errno::EINVAL));
    assert_eq!(file.write(&mut Reader::kernel(&[1; 48])).unwrap(), 48);
    assert_eq!(errno(file.write_at(5000, &mut Reader::kernel(&[1]))), Some(Errno::EFBIG));
    assert_eq!(read("/t2/reg:x")[..49], [[1; 48].as_slice(), &[7]].concat());
}

#[test]
fn devices_are_linked() {
    let device = Device {
        parent: "devices/virtual/misc",
        class: "misc",
        name: "t3",
        dev: DeviceId::new(10, 99),
        numbering: Numbering::Char,
    };
    assert_eq!(crate::device(&device).unwrap(), "devices/virtual/misc/t3");
    assert_eq!(read("/class/misc/t3/dev"), b"10:99\n");
    assert_eq!(read("/dev/char/10:99/uevent"), b"MAJOR=10\nMINOR=99\nDEVNAME=t3\n");
    let cred = Cred::root();
    let context = context();
    let link = |path: &[u8]| {
        let found = Resolver::new(&context, &cred).lookup(path, Follow::No).unwrap();
        String::from_utf8(found.inode().unwrap().readlink().unwrap()).unwrap()
    };
    assert_eq!(link(b"/class/misc/t3"), "../../devices/virtual/misc/t3");
    assert_eq!(link(b"/devices/virtual/misc/t3/subsystem"), "../../../../class/misc");
}

#[test]
fn virtual_devices_and_partitions() {
    crate::add_virtual("mem", "t4", DeviceId::new(1, 77));
    assert_eq!(read("/class/mem/t4/dev"), b"1:77\n");
    let device = Device {
        parent: "devices/virtual/block/t5",
        class: "block",
        name: "t5p1",
        dev: DeviceId::new(254, 1),
        numbering: Numbering::Partition(1),
    };
    crate::device(&device).unwrap();
    assert!(read("/dev/block/254:1/uevent").ends_with(b"DEVTYPE=partition\nPARTN=1\n"));
    assert_eq!(errno(open("/block/t5p1", OpenFlags::RDONLY)), Some(Errno::ENOENT));
}
