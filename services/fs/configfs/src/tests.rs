// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file system through the vfs, as system calls use it.

use alloc::sync::Arc;
use std::{format, vec, vec::Vec};

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::{Errno, Result, err};
use cred::Cred;
use framework::mm::{Reader, Writer};
use framework::sync::{Once, SpinLock};
use vfs::{File, FsContext, Mount, Path, Resolver};

use crate::{Attribute, Form, Group, Item};

#[derive(Default)]
struct Thing {
    input: SpinLock<Vec<u8>>,
    writes: SpinLock<usize>,
}

impl Item for Thing {
    fn attributes(&self) -> &'static [Attribute] {
        const OUTPUT: Attribute = Attribute { name: "out", perm: 0o444, form: Form::Binary(20) };
        const INPUT: Attribute = Attribute { name: "in", perm: 0o200, form: Form::Binary(8) };
        const COUNT: Attribute = Attribute { name: "count", perm: 0o444, form: Form::Text };
        &[INPUT, OUTPUT, COUNT]
    }

    fn show(&self, name: &str) -> Result<Arc<[u8]>> {
        match name {
            "count" => Ok(format!("{}\n", *self.writes.lock()).into_bytes().into()),
            _ => Ok(self.input.lock().repeat(3).into()),
        }
    }

    fn store(&self, _name: &str, data: &[u8]) -> Result<()> {
        *self.writes.lock() += 1;
        *self.input.lock() = data.to_vec();
        Ok(())
    }
}

struct Things;

impl Group for Things {
    fn make(&self, name: &[u8]) -> Result<Arc<dyn Item>> {
        if name == b"never" { err!(ENXIO) } else { Ok(Arc::new(Thing::default())) }
    }
}

fn context() -> FsContext {
    static REGISTERED: Once<()> = Once::new();
    REGISTERED.call_once(|| crate::register("sub", "group", Arc::new(Things)).unwrap());
    let mount = Mount::new(crate::tree::root(), b"configfs", MountFlags::RELATIME);
    FsContext::new(Path::root_of(mount))
}

fn with<R>(call: impl FnOnce(&Resolver<'_>) -> R) -> R {
    let cred = Cred::root();
    call(&Resolver::new(&context(), &cred))
}

fn open(path: &str, flags: OpenFlags) -> Result<Arc<File>> {
    with(|at| vfs::open(at, path.as_bytes(), flags, 0))
}

fn mkdir(path: &str) -> Result<()> {
    with(|at| vfs::mkdir(at, path.as_bytes(), 0o700).map(drop))
}

fn rmdir(path: &str) -> Result<()> {
    with(|at| vfs::rmdir(at, path.as_bytes()))
}

fn errno<T>(result: Result<T>) -> Option<Errno> {
    result.err().map(abi::Error::errno)
}

fn read(file: &File) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 100];
    let count = file.read(&mut Writer::kernel(&mut buffer))?;
    buffer.truncate(count);
    Ok(buffer)
}

#[test]
fn only_groups_make_items() {
    mkdir("/sub/group/a").unwrap();
    assert_eq!(errno(mkdir("/sub/group/a")), Some(Errno::EEXIST));
    assert_eq!(errno(mkdir("/sub/group/never")), Some(Errno::ENXIO));
    for path in ["/x", "/sub/x", "/sub/group/a/x"] {
        assert_eq!(errno(mkdir(path)), Some(Errno::EPERM), "{path}");
    }
    for path in ["/sub", "/sub/group"] {
        assert_eq!(errno(rmdir(path)), Some(Errno::EPERM), "{path}");
    }
    let made = open("/sub/group/x", OpenFlags::CREAT | OpenFlags::WRONLY);
    assert_eq!(errno(made), Some(Errno::EACCES));
    let removed = with(|at| vfs::unlink(at, b"/sub/group/a/in"));
    assert_eq!(errno(removed), Some(Errno::EPERM));
    rmdir("/sub/group/a").unwrap();
    assert_eq!(errno(rmdir("/sub/group/a")), Some(Errno::ENOENT));
}

#[test]
fn binary_writes_are_obeyed_at_close() {
    mkdir("/sub/group/b").unwrap();
    let input = open("/sub/group/b/in", OpenFlags::WRONLY).unwrap();
    assert_eq!(input.write(&mut Reader::kernel(b"abc")).unwrap(), 3);
    assert_eq!(input.write(&mut Reader::kernel(b"de")).unwrap(), 2);
    assert_eq!(errno(input.write(&mut Reader::kernel(b"1234"))), Some(Errno::EFBIG));
    let count = open("/sub/group/b/count", OpenFlags::RDONLY).unwrap();
    assert_eq!(read(&count).unwrap(), b"0\n");
    drop(input);
    let count = open("/sub/group/b/count", OpenFlags::RDONLY).unwrap();
    assert_eq!(read(&count).unwrap(), b"1\n");
    let output = open("/sub/group/b/out", OpenFlags::RDONLY).unwrap();
    assert_eq!(read(&output).unwrap(), b"abcdeabcdeabcde");
    assert_eq!(read(&output).unwrap(), b"");
    let input = open("/sub/group/b/in", OpenFlags::WRONLY).unwrap();
    input.write(&mut Reader::kernel(b"12345678")).unwrap();
    drop(input);
    let output = open("/sub/group/b/out", OpenFlags::RDONLY).unwrap();
    assert_eq!(errno(read(&output)), Some(Errno::EFBIG));
    rmdir("/sub/group/b").unwrap();
    assert_eq!(errno(read(&output)), Some(Errno::ENOENT));
}

#[test]
fn modes_bind_root() {
    mkdir("/sub/group/c").unwrap();
    assert_eq!(errno(open("/sub/group/c/in", OpenFlags::RDONLY)), Some(Errno::EACCES));
    assert_eq!(errno(open("/sub/group/c/out", OpenFlags::WRONLY)), Some(Errno::EACCES));
    assert_eq!(open("/sub/group/c/out", OpenFlags::RDONLY).unwrap().metadata().size, 0);
    assert_eq!(open("/sub/group/c/count", OpenFlags::RDONLY).unwrap().metadata().size, 4096);
}
