// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small file system through the vfs, as system calls use it.

use alloc::format;
use alloc::sync::Arc;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, Ordering};
use std::{string::String, vec, vec::Vec};

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::{Errno, Result, err, error};
use cred::Cred;
use framework::mm::{Reader, Writer};
use vfs::{
    DirEntry, DirSink, File, FileKind, Follow, FsContext, Mount, Opening, Owner, Path, Resolver,
    SeekFrom,
};

use crate::{
    Content, Directory, DirectoryOps, FixedLink, LinkCount, PseudoFs, PseudoInode, Refusal, Remake,
    Rules, Subject, Text, TextFile, Tree, check_bits, parse_id, put,
};

const fn rules(refusal: Refusal, remake: Remake) -> Rules {
    Rules {
        type_name: "test",
        magic: 1,
        block_size: 1024,
        text_size: 0,
        directory_perm: 0o555,
        remake,
        refusal,
    }
}

static MISSING: Rules = rules(Refusal::Missing, Remake::AtStart);
static DENIED: Rules = rules(Refusal::Denied, Remake::AfterWrite);

fn tree(rules: &'static Rules) -> Tree {
    Tree::new(rules, 0o555, Directory::new(LinkCount::Counted))
}

fn with<R>(tree: &Tree, call: impl FnOnce(&Resolver<'_>) -> R) -> R {
    let mount = Mount::new(tree.root(), b"test", MountFlags::RELATIME);
    let context = FsContext::new(Path::root_of(mount));
    call(&Resolver::new(&context, &Cred::root()))
}

fn open(tree: &Tree, path: &str, flags: OpenFlags) -> Result<Arc<File>> {
    with(tree, |at| vfs::open(at, path.as_bytes(), flags, 0))
}

fn errno<T>(result: Result<T>) -> Option<Errno> {
    result.err().map(abi::Error::errno)
}

fn read(file: &File) -> Result<String> {
    let mut buffer = vec![0; 100];
    let count = file.read(&mut Writer::kernel(&mut buffer))?;
    buffer.truncate(count);
    Ok(String::from_utf8(buffer).unwrap())
}

/// The names, at most three to a call as a small getdents64 buffer makes it.
fn list(tree: &Tree, path: &str) -> Vec<String> {
    let file = open(tree, path, OpenFlags::DIRECTORY).unwrap();
    let mut names = vec![];
    loop {
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

/// A number that grows at each look; writing sets it.
#[derive(Default)]
struct Counter(AtomicU32);

impl TextFile for Counter {
    fn show(&self, out: &mut Text) -> Result<()> {
        put!(out, "{:03}\n", self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        let value = crate::parse_i64(data)?;
        self.0.store(value as u32, Ordering::Relaxed);
        Ok(())
    }

    fn check_open(&self, perm: u32, opening: &Opening<'_>) -> Result<()> {
        check_bits(perm, opening.flags)
    }
}

/// Lines of numbers up to the last; number 3 is longer than what is kept.
struct Lines(u64);

impl TextFile for Lines {
    fn show_part(&self, position: u64, out: &mut Text) -> Result<Option<u64>> {
        for number in position..self.0 {
            if out.is_part() {
                return Ok(Some(number));
            }
            let width = if number == 3 { 65_535 } else { 60 };
            put!(out, "{number:0width$}\n");
        }
        Ok(None)
    }
}

#[test]
fn long_texts_are_made_in_parts() {
    let tree = tree(&MISSING);
    tree.insert("lines", 0o444, Content::Text(Arc::new(Lines(1000)))).unwrap();
    let whole: String = (0..1000)
        .map(|number| format!("{number:0width$}\n", width = if number == 3 { 65_535 } else { 60 }))
        .collect();
    for step in [1, 99, 4096, 70_000, 1 << 20] {
        let file = open(&tree, "lines", OpenFlags::empty()).unwrap();
        let mut text = Vec::new();
        let mut buffer = vec![0; step];
        // By single bytes only as far as the long line begins.
        while step > 1 || text.len() < 400 {
            let count = file.read(&mut Writer::kernel(&mut buffer)).unwrap();
            text.extend_from_slice(&buffer[..count]);
            if count < step {
                break;
            }
        }
        assert!(whole.as_bytes().starts_with(&text));
        assert!(step == 1 || text.len() == whole.len());
    }
    let file = open(&tree, "lines", OpenFlags::empty()).unwrap();
    for offset in [150_000, 0, 61, 100_200, whole.len() as u64, 61, 1 << 40] {
        let mut buffer = vec![0; 50];
        let count = file.read_at(offset, &mut Writer::kernel(&mut buffer)).unwrap();
        let rest = whole.as_bytes().get(offset as usize..).unwrap_or_default();
        assert_eq!(buffer[..count], rest[..rest.len().min(50)]);
    }
}

fn counter() -> Content {
    Content::Text(Arc::new(Counter::default()))
}

#[test]
fn entries_keep_their_place() {
    let tree = tree(&MISSING);
    for name in ["a", "b/c/d", "e", "f"] {
        tree.insert(name, 0o444, counter()).unwrap();
    }
    tree.insert("b/link", 0o777, Content::Link(Arc::new(FixedLink((*b"c/d").into())))).unwrap();
    assert_eq!(errno(tree.insert("a", 0o444, counter())), Some(Errno::EEXIST));
    assert_eq!(errno(tree.insert("a/x", 0o444, counter())), Some(Errno::ENOTDIR));
    assert_eq!(errno(tree.replace("b", 0o444, counter())), Some(Errno::EEXIST));
    assert_eq!(list(&tree, "/"), [".", "..", "a", "b", "e", "f"]);
    let inode = |path: &str| with(&tree, |at| at.lookup(path.as_bytes(), Follow::No)).unwrap();
    assert_eq!(inode("/").metadata().unwrap().ino, 1);
    assert_eq!(inode("/b").metadata().unwrap().nlink, 3);
    assert_eq!(inode("/b/link").inode().unwrap().readlink().unwrap(), b"c/d");
    assert_eq!(inode("/a").metadata().unwrap().ino, inode("/a").metadata().unwrap().ino);

    let root = open(&tree, "/", OpenFlags::DIRECTORY).unwrap();
    let mut taken = 0;
    let mut three = |_: &DirEntry<'_>| {
        taken += 1;
        if taken > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    root.readdir(&mut three).unwrap();
    tree.remove("b");
    assert_eq!(errno(open(&tree, "/b/link", OpenFlags::RDONLY)), Some(Errno::ENOENT));
    let mut rest = vec![];
    root.readdir(&mut |entry| {
        rest.push(entry.name.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(rest, [b"e", b"f"], "as before the removal");
}

#[test]
fn text_is_made_when_its_rules_say() {
    let tree = tree(&MISSING);
    tree.insert("counter", 0o644, counter()).unwrap();
    let file = open(&tree, "/counter", OpenFlags::RDWR).unwrap();
    let mut one = [0; 2];
    assert_eq!(file.read(&mut Writer::kernel(&mut one)).unwrap(), 2);
    assert_eq!(read(&file).unwrap(), "0\n", "the text of the first read");
    assert_eq!(file.seek(SeekFrom::Start(0)).unwrap(), 0);
    assert_eq!(read(&file).unwrap(), "001\n");
    assert_eq!(errno(file.seek(SeekFrom::End(0))), Some(Errno::EINVAL));
    assert_eq!(errno(file.write(&mut Reader::kernel(b"x"))), Some(Errno::EINVAL));

    let tree = self::tree(&DENIED);
    tree.insert("counter", 0o644, counter()).unwrap();
    let file = open(&tree, "/counter", OpenFlags::RDWR).unwrap();
    assert_eq!(read(&file).unwrap(), "000\n");
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(read(&file).unwrap(), "000\n");
    file.write(&mut Reader::kernel(b"7")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(read(&file).unwrap(), "007\n");
    tree.remove("counter");
    assert_eq!(errno(file.write(&mut Reader::kernel(b"8"))), Some(Errno::ENOENT));
}

#[test]
fn a_text_has_a_bound() {
    let mut text = Text::default();
    text.push(&vec![b'x'; 64 << 20]);
    assert!(!text.has_failed());
    text.push(b"x");
    assert!(text.has_failed());
    assert_eq!(errno(text.finish()), Some(Errno::ENOMEM));
}

#[test]
fn refusals_as_the_rules_say() {
    for (rules, file, directory) in
        [(&MISSING, Errno::ENOENT, Errno::ENOENT), (&DENIED, Errno::EACCES, Errno::EPERM)]
    {
        let tree = tree(rules);
        tree.insert("a/file", 0o444, counter()).unwrap();
        let create = OpenFlags::CREAT | OpenFlags::WRONLY;
        assert_eq!(errno(open(&tree, "/a/new", create)), Some(file));
        assert_eq!(errno(with(&tree, |at| vfs::mkdir(at, b"/a/new", 0o700))), Some(directory));
        assert_eq!(errno(with(&tree, |at| vfs::rmdir(at, b"/a"))), Some(Errno::EPERM));
        assert_eq!(errno(with(&tree, |at| vfs::unlink(at, b"/a/file"))), Some(Errno::EPERM));
        assert_eq!(errno(open(&tree, "/a/file", OpenFlags::WRONLY)), Some(Errno::EACCES));
    }
}

/// How many numbers there are, from 0 on.
static NUMBERS: AtomicU32 = AtomicU32::new(5);

struct Number(u32);

impl Subject for Number {
    fn owner(&self) -> Option<Owner> {
        let is_there = self.0 < NUMBERS.load(Ordering::Relaxed);
        is_there.then_some(Owner { perm: 0o444, uid: self.0, gid: 0 })
    }
}

impl TextFile for Number {
    fn show(&self, out: &mut Text) -> Result<()> {
        if self.owner().is_none() {
            return err!(ESRCH);
        }
        put!(out, "{}", self.0);
        Ok(())
    }
}

/// A directory of numbers.
struct Numbers(Arc<PseudoFs>);

impl DirectoryOps for Numbers {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        let number = parse_id(name).ok_or(error!(ENOENT))?.unsigned_abs();
        let subject = Arc::new(Number(number));
        let ino = 1 << 32 | u64::from(number);
        PseudoInode::of_subject(&self.0, ino, subject.clone(), Content::Text(subject))
    }

    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        for number in cookie..NUMBERS.load(Ordering::Relaxed).into() {
            let (ino, kind, next) = (1 << 32 | number, FileKind::Regular, number + 1);
            let name = format!("{number}");
            if sink(&DirEntry { name: name.as_bytes(), ino, kind, next }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[test]
fn what_is_looked_up_comes_and_goes() {
    let tree = tree(&MISSING);
    let numbers = Directory::with_ops(Numbers(tree.fs().clone()));
    let root = tree.find("").unwrap();
    let dir = PseudoInode::new(tree.fs(), 0o555, Content::Directory(numbers));
    root.insert(b"numbers", dir.clone()).unwrap();
    dir.insert(b"fixed", PseudoInode::new(tree.fs(), 0o444, counter())).unwrap();
    assert_eq!(list(&tree, "/numbers"), [".", "..", "fixed", "0", "1", "2", "3", "4"]);
    let file = open(&tree, "/numbers/4", OpenFlags::RDONLY).unwrap();
    assert_eq!((file.metadata().uid, file.metadata().ino), (4, 1 << 32 | 4));
    assert_eq!(read(&file).unwrap(), "4");
    assert_eq!(errno(open(&tree, "/numbers/5", OpenFlags::RDONLY)), Some(Errno::ENOENT));
    NUMBERS.store(4, Ordering::Relaxed);
    file.seek(SeekFrom::Start(0)).unwrap();
    assert_eq!(errno(read(&file)), Some(Errno::ESRCH));
    assert_eq!(errno(open(&tree, "/numbers/4", OpenFlags::RDONLY)), Some(Errno::ENOENT));
    assert_eq!(list(&tree, "/numbers").len(), 7);
}
