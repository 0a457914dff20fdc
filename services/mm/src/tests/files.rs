// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mappings of files, on a file of a few pages.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use abi::fcntl::OpenFlags;
use abi::mman::MapFlags;
use abi::mount::MountFlags;
use framework::mm::{Access, Frame};
use framework::sync::Mutex;
use vfs::{
    Attr, DeviceId, File, FileKind, FileOps, Inode, InodeBase, MapSource, Mount, Pager, Path,
    StatFs, SuperBase, SuperBlock,
};

use super::*;
use crate::{Advice, FaultError};

struct Disk(SuperBase);

impl SuperBlock for Disk {
    fn type_name(&self) -> &'static str {
        "disk"
    }

    fn base(&self) -> &SuperBase {
        &self.0
    }

    fn statfs(&self) -> StatFs {
        StatFs::default()
    }
}

/// A file whose page n starts with the byte n + 1.
struct Store {
    base: InodeBase,
    frames: Mutex<Vec<Frame>>,
    size: AtomicU64,
    asked: AtomicUsize,
    this: alloc::sync::Weak<Self>,
}

impl Store {
    fn new(count: u8) -> Arc<Self> {
        let frames: Vec<Frame> = (0..count)
            .map(|n| {
                let frame = Frame::zeroed().unwrap();
                frame.write(0, &[n + 1]);
                frame
            })
            .collect();
        let attr = Attr::new(0o755, 0, 0);
        Arc::new_cyclic(|this| Self {
            base: InodeBase::new(
                Arc::new(Disk(SuperBase::on(DeviceId { major: 8, minor: 17 }))),
                42,
                FileKind::Regular,
                attr,
            ),
            frames: Mutex::new(frames),
            size: AtomicU64::new(u64::from(count)),
            asked: AtomicUsize::new(0),
            this: this.clone(),
        })
    }

    fn opened(self: &Arc<Self>, flags: OpenFlags, mount: MountFlags) -> Arc<File> {
        let path = Path::root_of(Mount::new(self.clone(), b"disk", mount));
        File::on_path(self.clone(), path, self.clone(), flags)
    }
}

impl Inode for Store {
    fn base(&self) -> &InodeBase {
        &self.base
    }
}

impl FileOps for Store {
    fn mmap(&self, _file: &File) -> Result<MapSource> {
        Ok(MapSource::Pages(self.this.upgrade().unwrap()))
    }
}

impl Pager for Store {
    fn page(&self, index: u64, _access: Access) -> Result<Frame> {
        self.asked.fetch_add(1, Relaxed);
        self.cached(index).ok_or(Errno::ENXIO.into())
    }

    fn cached(&self, index: u64) -> Option<Frame> {
        if index >= self.size.load(Relaxed) {
            return None;
        }
        self.frames.lock().get(index as usize).cloned()
    }
}

fn request(file: &Arc<File>, pages: usize, prot: Prot, flags: MapFlags) -> MapRequest {
    MapRequest { flags, ..MapRequest::file(file.clone(), 0, pages * PAGE_SIZE, prot) }
}

#[test]
fn private_mappings_read_the_file_and_keep_their_writes() {
    let store = Store::new(4);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = space();
    let at = s.mmap(&request(&file, 4, RW, MapFlags::PRIVATE)).unwrap();
    assert_eq!(peek(&s, at + PAGE_SIZE), Some(2));
    assert!(poke(&s, at + PAGE_SIZE, 99));
    assert!(poke(&s, at + 2 * PAGE_SIZE + 1, 98));
    assert_eq!(peek(&s, at + 2 * PAGE_SIZE), Some(3));
    let child = s.fork().unwrap();
    assert!(poke(&child, at + PAGE_SIZE, 77));
    let seen = |s, n| peek(s, at + n * PAGE_SIZE);
    assert_eq!((seen(&s, 1), seen(&child, 1), seen(&child, 0)), (Some(99), Some(77), Some(1)));
    s.madvise(at, 4 * PAGE_SIZE, Advice::DontNeed).unwrap();
    assert_eq!(seen(&s, 1), Some(2));
    let other = space();
    let at = other.mmap(&request(&file, 4, Prot::READ, MapFlags::PRIVATE)).unwrap();
    assert_eq!(peek(&other, at + PAGE_SIZE), Some(2));
}

#[test]
fn protection_changes_never_expose_the_file() {
    let store = Store::new(2);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = space();
    let at = s.mmap(&request(&file, 2, Prot::READ, MapFlags::PRIVATE)).unwrap();
    assert_eq!(peek(&s, at), Some(1));
    s.mprotect(at, 2 * PAGE_SIZE, RW).unwrap();
    assert!(poke(&s, at, 50));
    assert!(poke(&s, at + PAGE_SIZE, 51));
    let mut byte = [0];
    store.frames.lock()[0].read(0, &mut byte);
    assert_eq!(byte, [1]);
}

#[test]
fn shared_mappings_write_the_file() {
    let store = Store::new(2);
    let file = store.opened(OpenFlags::RDWR, MountFlags::empty());
    let (s, t) = (space(), space());
    let at = s.mmap(&request(&file, 2, RW, MapFlags::SHARED)).unwrap();
    let there = t.mmap(&request(&file, 2, Prot::READ, MapFlags::SHARED_VALIDATE)).unwrap();
    assert_eq!(peek(&t, there), Some(1));
    assert!(poke(&s, at, 60));
    assert_eq!(peek(&t, there), Some(60));
    t.mprotect(there, PAGE_SIZE, RW).unwrap();
    assert!(poke(&t, there, 61));
    assert_eq!(peek(&s, at), Some(61));
    let child = s.fork().unwrap();
    assert!(poke(&child, at + PAGE_SIZE, 62));
    assert_eq!(peek(&s, at + PAGE_SIZE), Some(62));
}

#[test]
fn faults_bring_the_neighbours_along() {
    let store = Store::new(40);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = space();
    let text = Prot::READ | Prot::EXEC;
    let map = request(&file, 40, text, MapFlags::PRIVATE).fixed(BASE);
    s.mmap(&map).unwrap();
    s.fault(page(18), Access::Exec).unwrap();
    assert_eq!(s.usage().resident, 16 * PAGE_SIZE);
    assert!(s.vm().query(page(16)).is_some() && s.vm().query(page(15)).is_none());
    assert_eq!(store.asked.load(Relaxed), 1);
    s.fault(page(39), Access::Read).unwrap();
    assert_eq!(s.usage().resident, 24 * PAGE_SIZE);
}

#[test]
fn the_end_of_the_file_is_the_end() {
    let store = Store::new(2);
    let file = store.opened(OpenFlags::RDWR, MountFlags::empty());
    let s = space();
    let at = s.mmap(&request(&file, 4, RW, MapFlags::SHARED)).unwrap();
    assert_eq!(s.fault(at + 2 * PAGE_SIZE, Access::Read), Err(FaultError::PastEnd));
    assert!(poke(&s, at + PAGE_SIZE, 3));
    store.size.store(1, Relaxed);
    s.unmap_file(store.as_ref(), 1);
    assert_eq!(peek(&s, at), Some(1));
    assert_eq!(s.fault(at + PAGE_SIZE, Access::Write), Err(FaultError::PastEnd));
}

#[test]
fn holes_take_shared_pages_and_leave_private_copies() {
    let store = Store::new(3);
    let file = store.opened(OpenFlags::RDWR, MountFlags::empty());
    let s = space();
    let shared = s.mmap(&request(&file, 3, RW, MapFlags::SHARED)).unwrap();
    let private = s.mmap(&request(&file, 3, RW, MapFlags::PRIVATE)).unwrap();
    assert!(poke(&s, private + PAGE_SIZE, 70));
    assert_eq!(
        (peek(&s, shared + PAGE_SIZE), peek(&s, private + 2 * PAGE_SIZE)),
        (Some(2), Some(3))
    );
    let holes = [(1, 1), (2, 2)].map(|(index, n)| {
        let fresh = Frame::zeroed().unwrap();
        (index, core::mem::replace(&mut store.frames.lock()[n], fresh))
    });
    s.unmap_frames(store.as_ref(), &holes);
    assert_eq!((peek(&s, shared + PAGE_SIZE), peek(&s, private + PAGE_SIZE)), (Some(0), Some(70)));
    assert_eq!((peek(&s, shared), peek(&s, private + 2 * PAGE_SIZE)), (Some(1), Some(0)));
}

#[test]
fn access_modes_are_checked() {
    let store = Store::new(1);
    let open = |flags| store.opened(flags, MountFlags::empty());
    let (reader, writer) = (open(OpenFlags::empty()), open(OpenFlags::WRONLY));
    let s = space();
    fails(s.mmap(&request(&reader, 1, RW, MapFlags::SHARED)), Errno::EACCES);
    fails(s.mmap(&request(&writer, 1, Prot::WRITE, MapFlags::SHARED)), Errno::EACCES);
    fails(s.mmap(&request(&writer, 1, Prot::READ, MapFlags::PRIVATE)), Errno::EACCES);
    fails(s.mmap(&request(&reader, 1, RW, MapFlags::empty())), Errno::EINVAL);
    let grows = MapFlags::PRIVATE | MapFlags::GROWSDOWN;
    fails(s.mmap(&request(&reader, 1, RW, grows)), Errno::EINVAL);
    let sync = MapFlags::SHARED_VALIDATE | MapFlags::SYNC;
    fails(s.mmap(&request(&reader, 1, Prot::READ, sync)), Errno::EOPNOTSUPP);
    let far = MapRequest { offset: 1 << 63, ..request(&reader, 1, RW, MapFlags::PRIVATE) };
    fails(s.mmap(&far), Errno::EOVERFLOW);
    let at = s.mmap(&request(&reader, 1, Prot::READ, MapFlags::SHARED)).unwrap();
    fails(s.mprotect(at, PAGE_SIZE, RW), Errno::EACCES);
    let noexec = store.opened(OpenFlags::empty(), MountFlags::NOEXEC);
    fails(s.mmap(&request(&noexec, 1, Prot::EXEC, MapFlags::PRIVATE)), Errno::EPERM);
    let at = s.mmap(&request(&noexec, 1, Prot::READ, MapFlags::PRIVATE)).unwrap();
    fails(s.mprotect(at, PAGE_SIZE, Prot::EXEC), Errno::EACCES);
    s.mprotect(at, PAGE_SIZE, RW).unwrap();
}

#[test]
fn maps_lines_are_linux_text() {
    let store = Store::new(3);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = AddressSpace::new(Limits::DEFAULT, Aslr::Off).unwrap();
    let text = Prot::READ | Prot::EXEC;
    s.mmap(&request(&file, 2, text, MapFlags::PRIVATE).fixed(0x40_0000)).unwrap();
    let rest = MapRequest {
        offset: 2 * PAGE_SIZE as u64,
        ..request(&file, 1, Prot::READ, MapFlags::SHARED).fixed(0x40_2000)
    };
    s.mmap(&rest).unwrap();
    map(&s, 0..1, RW);
    s.start_heap(page(8)).unwrap();
    s.brk(page(9));
    let stack = s.map_stack(PAGE_SIZE, RW).unwrap();
    let info = crate::ProgramInfo { start_stack: stack.start + 100, ..Default::default() };
    s.set_program(info);
    let mut out = pseudofs::Text::default();
    assert_eq!(s.show_maps(0, file.path(), &mut out).unwrap(), None);
    let expected = "\
00400000-00402000 r-xp 00000000 08:11 42                                 /
00402000-00403000 r--s 00002000 08:11 42                                 /
10000000-10001000 rw-p 00000000 00:00 0 
10008000-10009000 rw-p 00000000 00:00 0                                  [heap]
7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
";
    assert_eq!(out.as_str(), expected);
}

#[test]
fn cut_file_mappings_keep_their_offsets() {
    let store = Store::new(8);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = space();
    s.mmap(&request(&file, 8, Prot::READ, MapFlags::PRIVATE).fixed(BASE)).unwrap();
    s.munmap(page(2), PAGE_SIZE).unwrap();
    s.mprotect(page(5), PAGE_SIZE, RW).unwrap();
    let seen: Vec<_> = (0..8).map(|n| peek(&s, page(n))).collect();
    let byte = |n: u8| Some(n + 1);
    assert_eq!(seen, [byte(0), byte(1), None, byte(3), byte(4), byte(5), byte(6), byte(7)]);
    // What was writable once stays accounted, so it does not merge again.
    s.mprotect(page(5), PAGE_SIZE, Prot::READ).unwrap();
    assert_eq!(areas(&s).len(), 4);
    let flags = abi::mman::RemapFlags::MAYMOVE | abi::mman::RemapFlags::FIXED;
    s.mremap(page(4), PAGE_SIZE, PAGE_SIZE, flags, page(20)).unwrap();
    s.madvise(page(20), PAGE_SIZE, Advice::DontNeed).unwrap();
    assert_eq!(peek(&s, page(20)), byte(4));
}

#[test]
fn files_close_when_their_last_mapping_goes() {
    let store = Store::new(1);
    let file = store.opened(OpenFlags::empty(), MountFlags::empty());
    let s = space();
    let at = s.mmap(&request(&file, 1, Prot::READ, MapFlags::PRIVATE)).unwrap();
    let child = s.fork().unwrap();
    assert_eq!(Arc::strong_count(&file), 3);
    s.munmap(at, PAGE_SIZE).unwrap();
    drop(child);
    assert_eq!(Arc::strong_count(&file), 1);
}
