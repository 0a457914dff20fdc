// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file system through the vfs, as system calls use it.

use std::{string::String, vec, vec::Vec};

use alloc::sync::Arc;
use core::ops::ControlFlow;

use abi::{Errno, Result};
use cred::Cred;
use framework::mm::{Reader, Writer};
use vfs::{File, FileKind, Follow, FsContext, Mount, MountFlags, OpenFlags, Path, Resolver};

fn context() -> FsContext {
    let mount = Mount::new(crate::inode::root(), b"proc", MountFlags::RELATIME);
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
    for known in ["self", "thread-self", "mounts", "meminfo", "sys", "version", "uptime"] {
        assert!(names.iter().any(|name| name == known), "{known}");
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn files_come_in_parts() {
    let text = read("/meminfo");
    assert!(text.starts_with("MemTotal: ") && text.ends_with(" kB\n"));
    assert_eq!(read("/sys/kernel/ostype"), "Linux\n");
    assert!(read("/version").starts_with("Linux version 6."));
    assert!(read("/cpuinfo").starts_with("processor\t: 0\n"));
    let stat = read("/stat");
    let cpus = stat.lines().filter(|line| line.starts_with("cpu")).count();
    assert_eq!(cpus, framework::cpu::count() + 1);
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
    assert!(files > 50, "{files}");
}

#[test]
fn refusals_as_on_linux() {
    let errno = |result: Result<Arc<File>>| result.map(|_| ()).unwrap_err().errno();
    assert_eq!(errno(open("/nothing", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/999999", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/self/stat", OpenFlags::RDONLY)), Errno::ENOENT);
    assert_eq!(errno(open("/meminfo/x", OpenFlags::RDONLY)), Errno::ENOTDIR);
    assert_eq!(errno(open("/sys/kernel/ostype", OpenFlags::WRONLY)), Errno::EACCES);
    assert_eq!(errno(open("/sys/vm/drop_caches", OpenFlags::RDONLY)), Errno::EACCES);
    assert_eq!(errno(open("/new", OpenFlags::WRONLY | OpenFlags::CREAT)), Errno::ENOENT);
    assert_eq!(write("/meminfo", b"1").unwrap_err().errno(), Errno::EINVAL);
    assert_eq!(write("/sys/vm/swappiness", b"1000").unwrap_err().errno(), Errno::EINVAL);
}

#[test]
fn settings_are_kept() {
    assert_eq!(write("/sys/vm/swappiness", b"10\n").unwrap(), 3);
    assert_eq!(read("/sys/vm/swappiness"), "10\n");
    assert_eq!(write("/sys/kernel/hostname", b"pearl\nx").unwrap(), 7);
    assert_eq!(read("/sys/kernel/hostname"), "pearl\n");
}
