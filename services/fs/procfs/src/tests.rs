// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file system through the vfs, as system calls use it.

use std::{string::String, vec, vec::Vec};

use alloc::sync::Arc;
use core::ops::ControlFlow;

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::{Errno, Result};
use cred::Cred;
use framework::mm::{Reader, Writer};
use framework::sync::Once;
use pseudofs::DirectoryOps;
use vfs::{File, FileKind, Follow, FsContext, Mount, Path, Resolver};

use crate::{Entry, Instance, put};

/// A file and a parameter, as a subsystem registers them.
static FILES: &[Entry] = &[
    Entry::file("test/file", |out| {
        put!(out, "a text\n");
        Ok(())
    }),
    crate::numbers!("sys/test/tunable", [60], 0..=200),
    Entry::command("sys/test/command", |_| Ok(())),
];

/// A namespace without processes.
struct Nobody;

impl DirectoryOps for Nobody {}

/// The instance that the tests look at.
fn instance() -> &'static Instance {
    static INSTANCE: Once<Instance> = Once::new();
    INSTANCE.call_once(|| {
        crate::init();
        crate::register(FILES);
        Instance::new(Nobody)
    })
}

fn context() -> FsContext {
    let mount = Mount::new(instance().root(), b"proc", MountFlags::RELATIME);
    FsContext::new(Path::root_of(mount))
}

fn open(path: &str, flags: OpenFlags) -> Result<Arc<File>> {
    let cred = Cred::root();
    vfs::open(&Resolver::new(&context(), &cred), path.as_bytes(), flags, 0)
}

fn read(path: &str) -> String {
    let file = open(path, OpenFlags::RDONLY).unwrap();
    let mut text = vec![];
    let mut buffer = [0; 100];
    loop {
        match file.read(&mut Writer::kernel(&mut buffer)).unwrap() {
            0 => return String::from_utf8(text).unwrap(),
            count => text.extend_from_slice(&buffer[..count]),
        }
    }
}

fn write(path: &str, data: &[u8]) -> Result<usize> {
    open(path, OpenFlags::WRONLY | OpenFlags::TRUNC)?.write(&mut Reader::kernel(data))
}

fn list(path: &str) -> Vec<String> {
    let file = open(path, OpenFlags::DIRECTORY).unwrap();
    let mut names = vec![];
    loop {
        // A few at a time, as a small getdents64 buffer makes it.
        let before = names.len();
        file.readdir(&mut |entry| {
            if names.len() == before + 3 {
                return ControlFlow::Break(());
            }
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
        if names.len() == before {
            return names;
        }
    }
}

#[test]
fn the_root_lists_each_entry_once() {
    let mut names = list("/");
    for known in ["mounts", "cpuinfo", "sys", "test", "cmdline"] {
        assert!(names.iter().any(|name| name == known), "{known}");
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn files_come_in_parts() {
    assert!(read("/cpuinfo").starts_with("processor\t: 0\n"));
    assert_eq!(read("/sys/kernel/arch"), "x86_64\n");
    assert_eq!(read("/test/file"), "a text\n");
}

#[test]
fn an_offset_reads_the_same_text() {
    let file = open("/sys/kernel/random/uuid", OpenFlags::RDONLY).unwrap();
    let mut all = [0; 37];
    assert_eq!(file.read_at(0, &mut Writer::kernel(&mut all)).unwrap(), 37);
    let mut end = [0; 17];
    assert_eq!(file.read_at(20, &mut Writer::kernel(&mut end)).unwrap(), 17);
    assert_eq!(all[20..], end);
    assert_eq!(file.read_at(37, &mut Writer::kernel(&mut end)).unwrap(), 0);
    let mut again = [0; 37];
    file.read_at(0, &mut Writer::kernel(&mut again)).unwrap();
    assert_ne!(all, again, "the start makes it anew");
}

#[test]
fn every_listed_file_opens_and_reads() {
    let mut directories = vec![String::from("/")];
    let mut files = 0;
    while let Some(directory) = directories.pop() {
        for name in list(&directory).into_iter().filter(|name| !name.starts_with('.')) {
            let path = if directory == "/" {
                directory.clone() + &name
            } else {
                directory.clone() + "/" + &name
            };
            let cred = Cred::root();
            let context = context();
            let resolver = Resolver::new(&context, &cred);
            let found = resolver.lookup(path.as_bytes(), Follow::No).unwrap();
            let metadata = found.metadata().unwrap();
            match metadata.kind() {
                FileKind::Directory => directories.push(path),
                FileKind::Regular if metadata.mode & 0o400 != 0 => {
                    let text = read(&path);
                    assert!(text.is_empty() || text.ends_with('\n'), "{path}");
                    files += 1;
                }
                _ => {}
            }
        }
    }
    assert!(files > 20, "{files}");
}

#[test]
fn refusals_as_on_linux() {
    let errno = |result: Result<Arc<File>>| result.map(|_| ()).unwrap_err().errno();
    assert_eq!(errno(open("/nothing", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/999999", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/1/stat", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/cpuinfo/x", OpenFlags::RDONLY)), Errno::ENOTDIR);
    assert_eq!(errno(open("/sys/kernel/arch", OpenFlags::WRONLY)), Errno::EACCES);
    assert_eq!(errno(open("/sys/test/command", OpenFlags::RDONLY)), Errno::EACCES);
    assert_eq!(errno(open("/new", OpenFlags::WRONLY | OpenFlags::CREAT)), Errno::ENOENT);
    assert_eq!(write("/cpuinfo", b"1").unwrap_err().errno(), Errno::EINVAL);
    assert_eq!(write("/sys/test/tunable", b"1000").unwrap_err().errno(), Errno::EINVAL);
}

#[test]
fn instances_differ_and_show_the_same() {
    let other = Instance::new(Nobody);
    let dev = |instance: &Instance| instance.root().base().sb().dev();
    assert_ne!(dev(instance()), dev(&other));
    for name in ["cpuinfo", "mounts", "sys", "test"] {
        assert!(other.root().lookup(name.as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn settings_are_kept() {
    assert_eq!(write("/sys/test/tunable", b"10\n").unwrap(), 3);
    assert_eq!(read("/sys/test/tunable"), "10\n");
}
