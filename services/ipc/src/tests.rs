// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pipes and FIFOs between threads.

extern crate std;

use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::limits::PIPE_BUF;
use abi::mount::MountFlags;
use abi::poll::PollEvents;
use abi::{Errno, Result};
use cred::Cred;
use framework::mm::{Reader, Writer};
use framework::sync::{Wait, Waiter};
use vfs::{Dentry, File, Mount, Path};

use crate::{await_room, pipe, pipe_size, put_pages, set_pipe_size};

const NONBLOCK: OpenFlags = OpenFlags::NONBLOCK;

fn new(flags: OpenFlags) -> (Arc<File>, Arc<File>) {
    let [reader, writer] = pipe(flags, &Cred::root()).unwrap();
    (reader, writer)
}

fn get(file: &File, len: usize) -> Result<Vec<u8>> {
    let mut data = vec![0; len];
    let count = file.read(&mut Writer::kernel(&mut data))?;
    data.truncate(count);
    Ok(data)
}

fn put(file: &File, data: &[u8]) -> Result<usize> {
    file.write(&mut Reader::kernel(data))
}

fn errno<T: std::fmt::Debug>(result: Result<T>) -> Errno {
    result.unwrap_err().errno()
}

#[test]
fn bytes_come_out_in_order() {
    let (r, w) = new(OpenFlags::empty());
    assert_eq!(put(&w, b"hello ").unwrap(), 6);
    assert_eq!(put(&w, b"world").unwrap(), 5);
    assert_eq!(get(&r, 4).unwrap(), b"hell");
    assert_eq!(get(&r, 100).unwrap(), b"o world");
    assert_eq!(errno(get(&w, 1)), Errno::EBADF);
    assert_eq!(errno(put(&r, b"x")), Errno::EBADF);
    assert_eq!(errno(r.seek(vfs::SeekFrom::Current(0))), Errno::ESPIPE);
    assert_eq!(errno(r.read_at(0, &mut Writer::kernel(&mut [0]))), Errno::ESPIPE);
}

#[test]
fn end_of_file_and_broken_pipe() {
    let (r, w) = new(OpenFlags::empty());
    put(&w, b"last").unwrap();
    drop(w);
    assert_eq!(get(&r, 10).unwrap(), b"last");
    assert_eq!(get(&r, 10).unwrap(), b"");
    let (r, w) = new(OpenFlags::empty());
    drop(r);
    assert_eq!(errno(put(&w, b"x")), Errno::EPIPE);
    assert_eq!(put(&w, b"").unwrap(), 0);
}

#[test]
fn full_and_empty_without_blocking() {
    let (r, w) = new(NONBLOCK);
    assert_eq!(errno(get(&r, 1)), Errno::EAGAIN);
    assert_eq!(put(&w, &vec![1; 70_000]).unwrap(), 65_536);
    assert_eq!(errno(put(&w, b"x")), Errno::EAGAIN);
    // A slot that is read in part is not free.
    assert_eq!(get(&r, 100).unwrap().len(), 100);
    assert_eq!(errno(put(&w, b"x")), Errno::EAGAIN);
    assert_eq!(get(&r, 4000).unwrap().len(), 4000);
    assert_eq!(put(&w, &[0; PIPE_BUF + 1]).unwrap(), PIPE_BUF);
}

#[test]
fn slots_are_counted_and_not_bytes() {
    let (r, w) = new(NONBLOCK);
    assert_eq!(set_pipe_size(&w, 8192, &Cred::root()).unwrap(), 8192);
    put(&w, &[1; 3000]).unwrap();
    put(&w, &[2; 2000]).unwrap();
    assert_eq!(w.poll(None), PollEvents::empty());
    // Behind the bytes of the last slot, but not of the first.
    put(&w, &[3; 2096]).unwrap();
    assert_eq!(errno(put(&w, b"x")), Errno::EAGAIN);
    assert_eq!(get(&r, 2999).unwrap().len(), 2999);
    assert_eq!(errno(put(&w, b"x")), Errno::EAGAIN);
    assert_eq!(get(&r, 1).unwrap(), [1]);
    // The odd bytes of a large write go first, if they fit.
    assert_eq!(put(&w, &[4; 5000]).unwrap(), PIPE_BUF);
    assert_eq!(get(&r, 9000).unwrap().len(), 8192);
    put(&w, &[5; 10]).unwrap();
    assert_eq!(put(&w, &[6; 5000]).unwrap(), 5000);
    assert_eq!(errno(set_pipe_size(&w, 4096, &Cred::root())), Errno::EBUSY);
    assert_eq!(get(&r, 914).unwrap().len(), 914);
    assert_eq!(set_pipe_size(&w, 4096, &Cred::root()).unwrap(), 4096);
    assert_eq!(get(&r, 9000).unwrap(), [6; 4096]);
}

#[test]
fn parts_of_files_are_slots_of_their_own() {
    let (r, w) = new(NONBLOCK);
    set_pipe_size(&w, 3 * 4096, &Cred::root()).unwrap();
    assert_eq!(put_pages(&w, &[1; 5000], 10).unwrap(), 5000);
    assert_eq!(await_room(&w).unwrap(), 4096);
    put(&w, b"own").unwrap();
    assert_eq!(errno(await_room(&w)), Errno::EAGAIN);
    assert_eq!(put_pages(&w, &[1; 10], 4096).unwrap(), 0);
    assert_eq!(get(&r, 9000).unwrap().len(), 5003);
}

#[test]
fn readiness_follows_content_and_ends() {
    let (r, w) = new(NONBLOCK);
    assert_eq!(r.poll(None), PollEvents::empty());
    assert_eq!(w.poll(None), PollEvents::WRITABLE);
    put(&w, &vec![0; 65_536]).unwrap();
    assert_eq!(r.poll(None), PollEvents::READABLE);
    assert_eq!(w.poll(None), PollEvents::empty());
    get(&r, 4095).unwrap();
    assert_eq!(w.poll(None), PollEvents::empty());
    get(&r, 1).unwrap();
    assert_eq!(w.poll(None), PollEvents::WRITABLE);
    drop(w);
    assert_eq!(r.poll(None), PollEvents::READABLE | PollEvents::HUP);
    let (r, w) = new(NONBLOCK);
    drop(r);
    assert_eq!(w.poll(None), PollEvents::WRITABLE | PollEvents::ERR);
}

#[test]
fn a_poller_is_woken() {
    let (r, w) = new(NONBLOCK);
    let waiter = Waiter::new();
    assert!(r.poll(Some(&waiter)).is_empty());
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        put(&w, b"x").unwrap();
        w
    });
    waiter.wait(Wait::interruptible()).unwrap();
    assert_eq!(r.poll(None), PollEvents::READABLE);
    drop(writer.join().unwrap());
    waiter.wait(Wait::interruptible()).unwrap();
    assert!(r.poll(None).contains(PollEvents::HUP));
}

#[test]
fn blocked_ends_wake_each_other() {
    let (r, w) = new(OpenFlags::empty());
    let total = 3_000_000;
    let writer = thread::spawn(move || {
        let data: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
        let mut at = 0;
        for size in [1, 4096, 100_000, 17, 70_000].iter().cycle() {
            let end = (at + size).min(total);
            assert_eq!(put(&w, &data[at..end]).unwrap(), end - at);
            at = end;
            if at == total {
                break;
            }
        }
    });
    let mut at = 0;
    for size in [5, 9000, 1, 65_536, 333].iter().cycle() {
        let part = get(&r, *size).unwrap();
        if part.is_empty() {
            break;
        }
        assert!(part.iter().zip(at..).all(|(byte, n)| *byte == (n % 251) as u8));
        at += part.len();
    }
    writer.join().unwrap();
    assert_eq!(at, total);
}

#[test]
fn ping_pong() {
    let (r1, w1) = new(OpenFlags::empty());
    let (r2, w2) = new(OpenFlags::empty());
    let echo = thread::spawn(move || {
        for _ in 0..2000 {
            let byte = get(&r1, 1).unwrap();
            put(&w2, &byte).unwrap();
        }
    });
    for n in 0..2000 {
        put(&w1, &[n as u8]).unwrap();
        assert_eq!(get(&r2, 1).unwrap(), [n as u8]);
    }
    echo.join().unwrap();
}

#[test]
fn small_writes_of_many_writers_stay_whole() {
    let (r, w) = new(OpenFlags::empty());
    let writers: Vec<_> = (1..=4_u8)
        .map(|id| {
            let w = w.clone();
            thread::spawn(move || {
                for _ in 0..300 {
                    put(&w, &[id; 1000]).unwrap();
                }
            })
        })
        .collect();
    drop(w);
    let mut all = Vec::new();
    loop {
        let part = get(&r, 7777).unwrap();
        if part.is_empty() {
            break;
        }
        all.extend(part);
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(all.len(), 4 * 300 * 1000);
    assert!(all.chunks(1000).all(|chunk| chunk.iter().all(|byte| *byte == chunk[0])));
}

#[test]
fn closing_wakes_the_blocked() {
    let (r, w) = new(OpenFlags::empty());
    let reader = thread::spawn(move || get(&r, 1).unwrap());
    thread::sleep(Duration::from_millis(20));
    drop(w);
    assert!(reader.join().unwrap().is_empty());
    let (r, w) = new(OpenFlags::empty());
    let writer = thread::spawn(move || put(&w, &vec![0; 100_000]));
    thread::sleep(Duration::from_millis(20));
    drop(r);
    assert_eq!(writer.join().unwrap().unwrap(), 65_536);
}

#[test]
fn packets_keep_their_bounds() {
    let (r, w) = new(NONBLOCK | OpenFlags::DIRECT);
    put(&w, b"first").unwrap();
    put(&w, b"second").unwrap();
    put(&w, &[7; PIPE_BUF + 10]).unwrap();
    assert_eq!(get(&r, 3).unwrap(), b"fir");
    assert_eq!(get(&r, 100).unwrap(), b"second");
    assert_eq!(get(&r, 9000).unwrap().len(), PIPE_BUF);
    assert_eq!(get(&r, 9000).unwrap().len(), 10);
    for _ in 0..16 {
        put(&w, b"x").unwrap();
    }
    assert_eq!(errno(put(&w, b"x")), Errno::EAGAIN);
    assert_eq!(get(&r, 10).unwrap(), b"x");
    w.set_flags(NONBLOCK).unwrap();
    put(&w, b"ab").unwrap();
    put(&w, b"cd").unwrap();
    for _ in 0..15 {
        assert_eq!(get(&r, 10).unwrap(), b"x");
    }
    assert_eq!(get(&r, 3).unwrap(), b"abc");
    assert_eq!(get(&r, 3).unwrap(), b"d");
}

#[test]
fn the_capacity_changes_with_its_content() {
    let (r, w) = new(NONBLOCK);
    let root = Cred::root();
    assert_eq!(pipe_size(&r).unwrap(), 65_536);
    // Wrap round: move the head, then fill.
    put(&w, &vec![0; 50_000]).unwrap();
    get(&r, 49_000).unwrap();
    let data: Vec<u8> = (0..60_000).map(|n| (n % 253) as u8).collect();
    put(&w, &data).unwrap();
    assert_eq!(errno(set_pipe_size(&r, 60_000 / 2, &root)), Errno::EBUSY);
    assert_eq!(set_pipe_size(&r, 100_000, &root).unwrap(), 131_072);
    get(&r, 1000).unwrap();
    assert_eq!(get(&r, 100_000).unwrap(), data);
    assert_eq!(set_pipe_size(&w, 0, &root).unwrap(), 4096);
    assert_eq!(put(&w, &[1; 5000]).unwrap(), 4096);
    assert_eq!(errno(set_pipe_size(&w, 1 << 21, &Cred::user(1, 1))), Errno::EPERM);
    assert_eq!(errno(set_pipe_size(&w, usize::MAX, &root)), Errno::EINVAL);
}

#[test]
fn fstat_and_name_of_a_pipe() {
    let (r, w) = new(OpenFlags::empty());
    let stat = r.metadata();
    assert_eq!((stat.mode, stat.size, stat.ino), (0o010_600, 0, w.metadata().ino));
    let text = vfs::d_path(r.path(), r.path()).unwrap();
    assert_eq!(text, std::format!("pipe:[{}]", stat.ino).into_bytes());
}

#[test]
fn a_pipe_opened_once_more_waits_for_nobody() {
    let (r, w) = new(OpenFlags::empty());
    put(&w, b"left behind").unwrap();
    drop(w);
    let again = open(r.path(), OpenFlags::RDONLY).unwrap();
    assert_eq!(get(&again, 100).unwrap(), b"left behind");
    assert_eq!(get(&again, 100).unwrap(), b"");
    drop((r, again));
    let (r, w) = new(OpenFlags::empty());
    drop(r);
    let again = open(w.path(), OpenFlags::WRONLY).unwrap();
    assert_eq!(errno(put(&again, b"x")), Errno::EPIPE);
}

/// A FIFO node outside of any file system.
fn fifo() -> Path {
    crate::init();
    let node = node::new();
    Path::new(Mount::new(node.clone(), b"", MountFlags::empty()), Dentry::new_root(node))
}

fn open(path: &Path, flags: OpenFlags) -> Result<Arc<File>> {
    vfs::open_path(path, &Cred::root(), flags)
}

#[test]
fn fifo_opens_wait_for_each_other() {
    let path = fifo();
    let other = path.clone();
    let writer = thread::spawn(move || {
        let w = open(&other, OpenFlags::WRONLY).unwrap();
        put(&w, b"through").unwrap();
    });
    let r = open(&path, OpenFlags::RDONLY).unwrap();
    assert_eq!(get(&r, 100).unwrap(), b"through");
    writer.join().unwrap();
    assert_eq!(get(&r, 100).unwrap(), b"");
    assert!(r.poll(None).contains(PollEvents::HUP));
}

#[test]
fn fifo_opens_without_blocking() {
    let path = fifo();
    assert_eq!(errno(open(&path, OpenFlags::WRONLY | NONBLOCK)), Errno::ENXIO);
    let r = open(&path, OpenFlags::RDONLY | NONBLOCK).unwrap();
    assert_eq!(r.poll(None), PollEvents::empty());
    assert_eq!(get(&r, 1).unwrap(), b"");
    let w = open(&path, OpenFlags::WRONLY | NONBLOCK).unwrap();
    assert_eq!(errno(get(&r, 1)), Errno::EAGAIN);
    put(&w, b"x").unwrap();
    drop((r, w));
    // Nobody had it open in between: the byte is gone.
    let both = open(&path, OpenFlags::RDWR | NONBLOCK).unwrap();
    assert_eq!(errno(get(&both, 1)), Errno::EAGAIN);
    put(&both, b"y").unwrap();
    assert_eq!(get(&both, 1).unwrap(), b"y");
}

/// The node of a FIFO.
mod node {
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicU64, Ordering};

    use vfs::{Attr, FileKind, Inode, InodeBase, StatFs, SuperBase, SuperBlock};

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

    static NEXT: AtomicU64 = AtomicU64::new(1);

    pub(super) fn new() -> Arc<dyn Inode> {
        let ino = NEXT.fetch_add(1, Ordering::Relaxed);
        let attr = Attr::new(0o666, 0, 0);
        Arc::new(Node(InodeBase::new(Arc::new(Bare(SuperBase::new())), ino, FileKind::Fifo, attr)))
    }
}
