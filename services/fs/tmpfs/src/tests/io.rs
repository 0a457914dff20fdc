// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files: reading, writing, holes, seeking, limits, opening modes, descriptors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{vec, vec::Vec};

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::{Errno, Error};
use framework::mm::{Access, Reader, Writer};
use vfs::{CloseOnExec, FdTable, File, MapSource, SeekFrom};

use super::{World, get, put, world, world_with};
use crate::Options;

fn no<T>(result: Result<T, Error>) -> Errno {
    result.map(drop).unwrap_err().errno()
}

fn pread(file: &File, offset: u64, len: usize) -> Vec<u8> {
    let mut data = vec![0xee; len];
    let count = file.read_at(offset, &mut Writer::kernel(&mut data)).unwrap();
    data.truncate(count);
    data
}

fn pwrite(file: &File, offset: u64, data: &[u8]) -> usize {
    file.write_at(offset, &mut Reader::kernel(data)).unwrap()
}

#[test]
fn offsets_move_and_files_grow() {
    let w = world();
    let file = w.create("/f");
    assert_eq!(put(&file, b"hello").unwrap(), 5);
    assert_eq!(get(&file, 5).unwrap(), b"");
    assert_eq!(file.seek(SeekFrom::Start(1)).unwrap(), 1);
    assert_eq!(get(&file, 3).unwrap(), b"ell");
    assert_eq!(file.seek(SeekFrom::Current(-1)).unwrap(), 3);
    assert_eq!(file.seek(SeekFrom::End(2)).unwrap(), 7);
    put(&file, b"!").unwrap();
    assert_eq!(w.read("/f").unwrap(), b"hello\0\0!");
    assert_eq!(no(file.seek(SeekFrom::Start(-1))), Errno::EINVAL);
    assert_eq!(no(file.seek(SeekFrom::End(i64::MAX))), Errno::EINVAL);
    assert_eq!((pread(&file, 1, 2), pread(&file, 100, 2)), (b"el".to_vec(), vec![]));
    assert_eq!(file.seek(SeekFrom::Current(0)).unwrap(), 8);
}

#[test]
fn random_writes_match_a_model() {
    let w = world();
    let file = w.create("/f");
    let mut model: Vec<u8> = Vec::new();
    let mut seed = 7_u64;
    for _ in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (seed >> 33) as usize % 60_000;
        let len = (seed >> 13) as usize % 9_000;
        match seed >> 61 {
            0 => {
                file.truncate(at as i64).unwrap();
                model.resize(at, 0);
            }
            1 if len > 0 => {
                let mode = FallocateMode::PUNCH_HOLE | FallocateMode::KEEP_SIZE;
                file.fallocate(mode, at as i64, len as i64).unwrap();
                let end = (at + len).min(model.len());
                if let Some(hole) = model.get_mut(at..end) {
                    hole.fill(0);
                }
            }
            _ => {
                let data: Vec<u8> = (0..len).map(|n| (n as u64 ^ seed) as u8 | 1).collect();
                assert_eq!(pwrite(&file, at as u64, &data), len);
                if len > 0 {
                    model.resize(model.len().max(at + len), 0);
                    model[at..at + len].copy_from_slice(&data);
                }
            }
        }
        assert_eq!(file.metadata().size, model.len() as u64);
    }
    assert!(pread(&file, 0, 100_000) == model);
}

#[test]
fn holes_cost_nothing_and_are_found() {
    let w = world();
    let file = w.create("/f");
    pwrite(&file, 1 << 40, b"far");
    pwrite(&file, 4096 * 3 + 5, b"near");
    let stat = file.metadata();
    assert_eq!((stat.size, stat.blocks), ((1 << 40) + 3, 16));
    assert_eq!(file.seek(SeekFrom::Data(0)).unwrap(), 4096 * 3);
    assert_eq!(file.seek(SeekFrom::Hole(0)).unwrap(), 0);
    assert_eq!(file.seek(SeekFrom::Hole(4096 * 3 + 9)).unwrap(), 4096 * 4);
    assert_eq!(file.seek(SeekFrom::Data(4096 * 4)).unwrap(), 1 << 40);
    assert_eq!(file.seek(SeekFrom::Hole(1 << 40)).unwrap(), (1 << 40) + 3);
    assert_eq!(no(file.seek(SeekFrom::Data(2 << 40))), Errno::ENXIO);
    assert_eq!(pread(&file, 4096 * 3, 10), b"\0\0\0\0\0near\0");
    file.truncate(1).unwrap();
    assert_eq!(file.metadata().blocks, 0);
    assert_eq!(no(file.seek(SeekFrom::Data(0))), Errno::ENXIO);
}

#[test]
fn the_size_limit_counts_what_finds_the_pages_of_a_sparse_file() {
    let w = world_with(&Options { max_pages: 40, ..Options::default() });
    let free = || w.fs.root().mount().sb().statfs().free_blocks;
    let file = w.create("/f");
    // Two nodes for each page, of which half a node is free.
    let write = |far: u64| file.write_at(far << 24, &mut Reader::kernel(b"x"));
    let written = (1..100).take_while(|&far| write(far).is_ok()).count();
    assert_eq!((written, free()), (27, 0));
    file.truncate(0).unwrap();
    assert_eq!(free(), 40);
    assert_eq!(put(&file, &[1; 41 * 4096]).unwrap(), 40 * 4096);
    drop(file);
    w.unlink("/f").unwrap();
    assert_eq!(free(), 40);
}

#[test]
fn the_size_limit_holds_and_is_given_back() {
    let w = world_with(&Options { max_pages: 8, max_inodes: 5, ..Options::default() });
    let file = w.create("/f");
    assert_eq!(put(&file, &[1; 40_000]).unwrap(), 8 * 4096);
    assert_eq!(put(&file, b"x").unwrap_err(), Errno::ENOSPC);
    assert_eq!(w.fs.root().mount().sb().statfs().free_blocks, 0);
    drop(file);
    w.unlink("/f").unwrap();
    assert_eq!(w.fs.root().mount().sb().statfs().free_blocks, 8);
    for name in ["/1", "/2", "/3"] {
        w.mkdir(name).unwrap();
    }
    w.write("/4", b"");
    assert_eq!(w.mkdir("/5").unwrap_err(), Errno::ENOSPC);
    assert_eq!(w.link("/4", "/5").unwrap_err(), Errno::ENOSPC);
    w.rmdir("/1").unwrap();
    w.link("/4", "/5").unwrap();
    w.unlink("/4").unwrap();
    w.unlink("/5").unwrap();
    assert_eq!(w.fs.root().mount().sb().statfs().free_files, 2);
}

#[test]
fn open_flags_create_truncate_append() {
    let w = world();
    let open = |path, flags| w.open(path, flags, 0o600);
    assert_eq!(open("/f", OpenFlags::RDONLY).unwrap_err(), Errno::ENOENT);
    w.write("/f", b"data");
    let exclusive = OpenFlags::CREAT | OpenFlags::EXCL;
    assert_eq!(open("/f", exclusive).unwrap_err(), Errno::EEXIST);
    w.symlink("new", "/l").unwrap();
    assert_eq!(open("/l", exclusive).unwrap_err(), Errno::EEXIST);
    assert_eq!(open("/l", OpenFlags::NOFOLLOW).unwrap_err(), Errno::ELOOP);
    let link = open("/l", OpenFlags::NOFOLLOW | OpenFlags::PATH).unwrap();
    assert_eq!(link.metadata().mode & abi::stat::S_IFMT, 0o120_000);
    assert!(open("/l", OpenFlags::CREAT).is_ok() && w.text("/new").is_ok());
    let append = open("/f", OpenFlags::WRONLY | OpenFlags::APPEND).unwrap();
    put(&append, b"+1").unwrap();
    pwrite(&append, 0, b"+2");
    assert_eq!(w.read("/f").unwrap(), b"data+1+2");
    open("/f", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(w.read("/f").unwrap(), b"");
    w.mkdir("/d").unwrap();
    assert_eq!(open("/d", OpenFlags::WRONLY).unwrap_err(), Errno::EISDIR);
    assert_eq!(open("/d", OpenFlags::CREAT).unwrap_err(), Errno::EISDIR);
    assert_eq!(open("/x/", OpenFlags::CREAT).unwrap_err(), Errno::EISDIR);
    assert_eq!(open("/f", OpenFlags::DIRECTORY).unwrap_err(), Errno::ENOTDIR);
    assert_eq!(open("/f", OpenFlags::CREAT | OpenFlags::DIRECTORY).unwrap_err(), Errno::EINVAL);
    let dir = open("/d", OpenFlags::RDONLY).unwrap();
    assert_eq!(get(&dir, 1).unwrap_err(), Errno::EISDIR);
    let place = open("/f", OpenFlags::PATH).unwrap();
    assert_eq!(get(&place, 1).unwrap_err(), Errno::EBADF);
    assert_eq!(no(place.seek(SeekFrom::Start(0))), Errno::EBADF);
}

#[test]
fn unnamed_files_can_get_a_name() {
    let w = world();
    let flags = OpenFlags::TMPFILE | OpenFlags::RDWR;
    let file = w.open("/", flags, 0o600).unwrap();
    put(&file, b"x").unwrap();
    assert_eq!(file.metadata().nlink, 0);
    assert_eq!(w.names("/"), [".", ".."]);
    vfs::link(file.path(), &w.r(), b"/named").unwrap();
    assert_eq!((w.read("/named").unwrap(), file.metadata().nlink), (b"x".to_vec(), 1));
    let private = w.open("/", flags | OpenFlags::EXCL, 0o600).unwrap();
    assert_eq!(no(vfs::link(private.path(), &w.r(), b"/no")), Errno::ENOENT);
    assert_eq!(w.open("/", OpenFlags::TMPFILE, 0o600).unwrap_err(), Errno::EINVAL);
}

#[test]
fn mapped_pages_are_the_file() {
    let w = world();
    let file = w.create("/f");
    put(&file, b"through the file").unwrap();
    let MapSource::Pages(pager) = file.mmap().unwrap() else { panic!("no pages") };
    let page = pager.page(0, Access::Write).unwrap();
    page.write(0, b"THROUGH");
    assert_eq!(w.read("/f").unwrap(), b"THROUGH the file");
    assert_eq!(no(pager.page(1, Access::Read)), Errno::ENXIO);
    assert!(pager.cached(0).is_some() && pager.cached(1).is_none());
    file.truncate(8192).unwrap();
    assert!(pager.cached(1).is_none() && pager.page(1, Access::Read).is_ok());
}

#[test]
fn threads_write_and_append_side_by_side() {
    let w = std::sync::Arc::new(world());
    w.write("/f", b"");
    let workers: Vec<_> = (0..4_u8)
        .map(|id| {
            let w = w.clone();
            std::thread::spawn(move || {
                let file = w.open("/f", OpenFlags::WRONLY | OpenFlags::APPEND, 0).unwrap();
                for _ in 0..200 {
                    put(&file, &[b'a' + id; 100]).unwrap();
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let data = w.read("/f").unwrap();
    assert_eq!(data.len(), 4 * 200 * 100);
    assert!(data.chunks(100).all(|part| part.iter().all(|byte| *byte == part[0])));
}

fn table(w: &World, count: usize) -> FdTable {
    let table = FdTable::new();
    for _ in 0..count {
        table.insert(w.create("/f"), CloseOnExec::No, 1024).unwrap();
    }
    table
}

#[test]
fn descriptors_are_the_lowest_free() {
    let w = world();
    let fds = table(&w, 4);
    fds.close(1).unwrap();
    assert_eq!(no(fds.close(1)), Errno::EBADF);
    assert_eq!(no(fds.get(-1)), Errno::EBADF);
    let file = fds.get(0).unwrap();
    assert_eq!(fds.insert(file.clone(), CloseOnExec::Yes, 1024).unwrap(), 1);
    assert_eq!(fds.insert(file.clone(), CloseOnExec::No, 1024).unwrap(), 4);
    assert_eq!(fds.insert_from(100, file.clone(), CloseOnExec::No, 1024).unwrap(), 100);
    assert_eq!(no(fds.insert_from(1024, file.clone(), CloseOnExec::No, 1024)), Errno::EINVAL);
    assert_eq!(no(fds.insert(file.clone(), CloseOnExec::No, 5)), Errno::EMFILE);
    assert_eq!(fds.replace(0, 7, CloseOnExec::No, 1024).unwrap(), 7);
    assert_eq!(no(fds.replace(50, 7, CloseOnExec::No, 1024)), Errno::EBADF);
    assert_eq!(no(fds.replace(0, 1024, CloseOnExec::No, 1024)), Errno::EBADF);
    assert_eq!(fds.open_fds(0, 100), [0, 1, 2, 3, 4, 7, 100]);
    let pair = fds.insert_pair([file.clone(), file.clone()], CloseOnExec::No, 6);
    assert_eq!(no(pair), Errno::EMFILE);
    assert!(fds.get(5).is_err());
}

#[test]
fn free_descriptors_are_found_in_a_large_table() {
    let w = world();
    let (fds, file) = (FdTable::new(), w.create("/f"));
    let add = |min| fds.insert_from(min, file.clone(), CloseOnExec::No, 10_000).unwrap();
    let full = 2000;
    for fd in 0..full {
        assert_eq!(add(0), fd);
    }
    for fd in [1500, 700, 9] {
        fds.close(fd).unwrap();
    }
    assert_eq!((add(10), add(10), add(10), add(10)), (700, 1500, full, full + 1));
    assert_eq!((add(1), add(0), add(full as usize)), (9, full + 2, full + 3));
    // Far behind the end, where there may be room already.
    assert_eq!((add(9000), add(3000), add(2500), add(0)), (9000, 3000, 2500, full + 4));
    fds.close(1600).unwrap();
    assert_eq!((add(1600), add(1600)), (1600, full + 5));
}

#[test]
fn descriptors_over_exec_fork_and_ranges() {
    let w = world();
    let fds = table(&w, 6);
    fds.set_on_exec(2, CloseOnExec::Yes).unwrap();
    let child = fds.fork().unwrap();
    assert_eq!(child.on_exec(2).unwrap(), CloseOnExec::Yes);
    child.close_on_exec();
    assert_eq!(child.open_fds(0, 10), [0, 1, 3, 4, 5]);
    child.mark_range(3, u32::MAX);
    child.close_on_exec();
    assert_eq!(child.open_fds(0, 10), [0, 1]);
    fds.close_range(1, 3);
    assert_eq!(fds.open_fds(0, 10), [0, 4, 5]);
    assert_eq!(fds.insert(fds.get(0).unwrap(), CloseOnExec::No, 10).unwrap(), 1);
    fds.close_range(0, u32::MAX);
    assert!(fds.open_fds(0, 10).is_empty());
}

/// A descriptor that moves is in each copy, at one of its places.
#[test]
fn a_large_table_is_copied_as_of_one_moment() {
    const HIGH: i32 = 6000;
    const LIMIT: usize = 8000;
    let fds = Arc::new(table(&world(), 1));
    for _ in 0..HIGH {
        fds.insert(fds.get(0).unwrap(), CloseOnExec::No, LIMIT).unwrap();
    }
    fds.mark_range(250, 600);
    fds.close(10).unwrap();
    let (mover, is_over) = (fds.clone(), Arc::new(AtomicBool::new(false)));
    let stop = is_over.clone();
    let thread = std::thread::spawn(move || {
        while !stop.load(Relaxed) {
            for (from, to) in [(HIGH, 10), (10, HIGH)] {
                mover.replace(from, to, CloseOnExec::No, LIMIT).unwrap();
                mover.close(from).unwrap();
            }
        }
    });
    for _ in 0..300 {
        let copy = fds.fork().unwrap();
        assert!(copy.get(10).is_ok() || copy.get(HIGH).is_ok());
        assert_eq!(copy.on_exec(250).unwrap(), CloseOnExec::Yes);
        assert_eq!(copy.on_exec(601).unwrap(), CloseOnExec::No);
    }
    is_over.store(true, Relaxed);
    thread.join().unwrap();
    let copy = fds.fork().unwrap();
    copy.close_on_exec();
    assert_eq!(copy.open_fds(249, 3), [249, 601, 602]);
    copy.close_range(255, u32::MAX);
    assert_eq!(copy.open_fds(248, 10), [248, 249]);
}

#[test]
fn record_locks_go_with_any_close_of_the_table() {
    use vfs::lock::{Block, LockKind, LockRange, RecordLock};
    let w = world();
    let (ours, theirs) = (table(&w, 2), table(&w, 1));
    let lock = |table: &FdTable| {
        let file = table.get(0).unwrap();
        let owner = table.lock_owner();
        let lock = RecordLock { owner, pid: 1, kind: LockKind::Write, range: LockRange::ALL };
        file.inode().base().locks().lock(lock, Block::No)
    };
    lock(&ours).unwrap();
    assert_eq!(no(lock(&theirs)), Errno::EAGAIN);
    ours.close(1).unwrap();
    lock(&theirs).unwrap();
    drop(theirs);
    lock(&ours).unwrap();
}
