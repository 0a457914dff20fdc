// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Permission checks, ownership, modes and times.

use std::vec;

use abi::capability::Caps;
use abi::fcntl::OpenFlags;
use abi::{Errno, Error};
use cred::Cred;
use vfs::{DeviceId, May, NewTime, Timestamp};

use super::{World, put, world};

fn no<T>(result: Result<T, Error>) -> Errno {
    result.map(drop).unwrap_err().errno()
}

fn mode(w: &World, path: &str) -> u32 {
    w.path(path).metadata().unwrap().mode & 0o7777
}

/// A file of user 1000, group 100, with the mode.
fn file_of(w: &World, path: &str, perm: u32) {
    w.write(path, b"x");
    vfs::chown(&w.path(path), &w.cred, Some(1000), Some(100)).unwrap();
    vfs::chmod(&w.path(path), &w.cred, perm).unwrap();
}

#[test]
fn owner_group_and_others_have_their_own_bits() {
    let w = world();
    file_of(&w, "/f", 0o640);
    let may = |cred: &Cred, may| vfs::access(&w.path("/f"), cred, may).is_ok();
    let owner = Cred::user(1000, 1);
    let member = Cred::root().setgroups(vec![100]).unwrap().setresuid(5, 5, 5).unwrap();
    let other = Cred::user(5, 5);
    assert!(may(&owner, May::READ | May::WRITE) && !may(&owner, May::EXEC));
    assert!(may(&member, May::READ) && !may(&member, May::WRITE));
    assert!(!may(&other, May::READ) && may(&other, May::empty()));
    // The owner's bits count for the owner, even if others may more.
    vfs::chmod(&w.path("/f"), &w.cred, 0o077).unwrap();
    assert!(!may(&owner, May::READ) && may(&other, May::READ | May::WRITE | May::EXEC));
}

#[test]
fn capabilities_override() {
    let w = world();
    file_of(&w, "/f", 0o000);
    w.mkdir("/d").unwrap();
    vfs::chmod(&w.path("/d"), &w.cred, 0).unwrap();
    let may = |cred: &Cred, path: &str, may| vfs::access(&w.path(path), cred, may).is_ok();
    let root = Cred::root();
    assert!(may(&root, "/f", May::READ | May::WRITE) && !may(&root, "/f", May::EXEC));
    assert!(may(&root, "/d", May::READ | May::WRITE | May::EXEC));
    let mut searcher = Cred::user(9, 9);
    searcher.caps.effective = Caps::DAC_READ_SEARCH;
    assert!(may(&searcher, "/f", May::READ) && !may(&searcher, "/f", May::WRITE));
    assert!(may(&searcher, "/d", May::READ | May::EXEC) && !may(&searcher, "/d", May::WRITE));
    vfs::chmod(&w.path("/f"), &root, 0o001).unwrap();
    assert!(may(&root, "/f", May::EXEC));
}

#[test]
fn search_permission_on_the_way() {
    let w = world();
    w.mkdir("/d").unwrap();
    w.write("/d/f", b"x");
    let user = w.as_user(5);
    vfs::chmod(&w.path("/d"), &w.cred, 0o744).unwrap();
    assert_eq!(user.read("/d/f").unwrap_err(), Errno::EACCES);
    assert_eq!(user.text("/d/.").unwrap_err(), Errno::EACCES);
    assert_eq!(user.names("/d"), [".", "..", "f"]);
    vfs::chmod(&w.path("/d"), &w.cred, 0o711).unwrap();
    assert_eq!(user.read("/d/f").unwrap(), b"x");
    assert_eq!(user.open("/d", OpenFlags::RDONLY, 0).unwrap_err(), Errno::EACCES);
    assert_eq!(user.open("/d/new", OpenFlags::CREAT, 0).unwrap_err(), Errno::EACCES);
    assert_eq!(user.unlink("/d/f").unwrap_err(), Errno::EACCES);
}

#[test]
fn opening_needs_what_the_flags_say() {
    let w = world();
    file_of(&w, "/r", 0o644);
    let user = w.as_user(5);
    assert!(user.open("/r", OpenFlags::RDONLY, 0).is_ok());
    for flags in [OpenFlags::WRONLY, OpenFlags::RDWR, OpenFlags::TRUNC, OpenFlags::ACCMODE] {
        assert_eq!(user.open("/r", flags, 0).unwrap_err(), Errno::EACCES);
    }
    assert_eq!(user.open("/r", OpenFlags::NOATIME, 0).unwrap_err(), Errno::EPERM);
    assert!(user.open("/r", OpenFlags::PATH, 0).is_ok());
    // What one creates one may use, whatever the mode.
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
    let new = w.open("/new", flags, 0).unwrap();
    assert_eq!(put(&new, b"x").unwrap(), 1);
}

#[test]
fn umask_and_setgid_directories() {
    let w = world();
    w.fs.set_umask(0o027);
    w.open("/f", OpenFlags::CREAT, 0o666).unwrap();
    w.mkdir("/d").unwrap();
    assert_eq!((mode(&w, "/f"), mode(&w, "/d")), (0o640, 0o750));
    vfs::chown(&w.path("/d"), &w.cred, None, Some(77)).unwrap();
    vfs::chmod(&w.path("/d"), &w.cred, 0o2777).unwrap();
    w.mkdir("/d/sub").unwrap();
    w.write("/d/f", b"");
    assert_eq!(w.path("/d/f").metadata().unwrap().gid, 77);
    assert_eq!((w.path("/d/sub").metadata().unwrap().gid, mode(&w, "/d/sub")), (77, 0o2750));
    let user = w.as_user(5);
    user.open("/d/sgid", OpenFlags::CREAT, 0o2770).unwrap();
    assert_eq!(mode(&w, "/d/sgid") & 0o2000, 0);
}

#[test]
fn changing_mode_and_owner() {
    let w = world();
    file_of(&w, "/f", 0o755);
    let path = w.path("/f");
    let (owner, other) = (Cred::user(1000, 1), Cred::user(5, 5));
    assert_eq!(no(vfs::chmod(&path, &other, 0o777)), Errno::EPERM);
    vfs::chmod(&path, &owner, 0o6755).unwrap();
    assert_eq!(mode(&w, "/f"), 0o4755, "setgid needs membership");
    vfs::chmod(&path, &w.cred, 0o6755).unwrap();
    assert_eq!(no(vfs::chown(&path, &owner, Some(5), None)), Errno::EPERM);
    assert_eq!(no(vfs::chown(&path, &owner, None, Some(5))), Errno::EPERM);
    vfs::chown(&path, &owner, Some(1000), Some(1)).unwrap();
    assert_eq!((path.metadata().unwrap().gid, mode(&w, "/f")), (1, 0o755));
}

#[test]
fn writing_clears_set_id_bits() {
    let w = world();
    file_of(&w, "/f", 0o666);
    vfs::chmod(&w.path("/f"), &w.cred, 0o6777).unwrap();
    put(&w.open("/f", OpenFlags::WRONLY, 0).unwrap(), b"by root").unwrap();
    assert_eq!(mode(&w, "/f"), 0o6777);
    let user = w.as_user(5);
    vfs::truncate(&w.path("/f"), &user.cred, 3).unwrap();
    assert_eq!(mode(&w, "/f"), 0o777, "what a thread writes is tested with threads");
}

#[test]
fn device_nodes_need_a_capability() {
    let w = world();
    vfs::chmod(&w.path("/"), &w.cred, 0o777).unwrap();
    let user = w.as_user(5);
    let dev = DeviceId::new(1, 3);
    let make = |w: &World, name: &[u8], mode| vfs::mknod(&w.r(), name, mode, dev);
    assert_eq!(no(make(&user, b"/null", 0o020_666)), Errno::EPERM);
    make(&user, b"/fifo", 0o010_666).unwrap();
    make(&user, b"/sock", 0o140_666).unwrap();
    make(&user, b"/plain", 0o666).unwrap();
    assert_eq!(no(make(&w, b"/dir", 0o040_777)), Errno::EPERM);
    assert_eq!(no(make(&w, b"/bad", 0o120_777)), Errno::EINVAL);
    make(&w, b"/null", 0o020_666).unwrap();
    assert_eq!(w.path("/null").metadata().unwrap().rdev, dev);
    assert_eq!(w.open("/sock", OpenFlags::RDONLY, 0).unwrap_err(), Errno::ENXIO);
}

#[test]
fn times_follow_use() {
    let w = world();
    w.write("/f", b"x");
    let path = w.path("/f");
    let old = Timestamp { sec: -1_000, nsec: 7 };
    let set = |atime, mtime| vfs::set_times(&path, &w.cred, atime, mtime);
    set(NewTime::Set(old), NewTime::Set(old)).unwrap();
    let stat = path.metadata().unwrap();
    assert_eq!((stat.atime, stat.mtime), (old, old));
    assert!(stat.ctime > old);
    w.read("/f").unwrap();
    let stat = path.metadata().unwrap();
    assert!(stat.atime > old && stat.mtime == old, "relatime: atime was not newer");
    let kept = stat.atime;
    set(NewTime::Omit, NewTime::Set(old)).unwrap();
    assert_eq!(path.metadata().unwrap().atime, kept);
    w.write("/f", b"y");
    assert!(path.metadata().unwrap().mtime > old);
    let other = Cred::user(5, 5);
    assert_eq!(no(vfs::set_times(&path, &other, NewTime::Now, NewTime::Now)), Errno::EACCES);
    let set_other = vfs::set_times(&path, &other, NewTime::Now, NewTime::Set(old));
    assert_eq!(no(set_other), Errno::EPERM);
    vfs::chmod(&path, &w.cred, 0o666).unwrap();
    vfs::set_times(&path, &other, NewTime::Now, NewTime::Now).unwrap();
}

#[test]
fn programs_and_writers_exclude_each_other() {
    let w = world();
    w.write("/sh", b"#!");
    vfs::chmod(&w.path("/sh"), &w.cred, 0o755).unwrap();
    let writer = w.open("/sh", OpenFlags::WRONLY, 0).unwrap();
    let exec = || vfs::open_exec(&w.r(), b"/sh", vfs::Follow::Yes);
    assert_eq!(no(exec()), Errno::ETXTBSY);
    drop(writer);
    let program = exec().unwrap();
    assert_eq!(w.open("/sh", OpenFlags::RDWR, 0).unwrap_err(), Errno::ETXTBSY);
    assert_eq!(no(vfs::truncate(&w.path("/sh"), &w.cred, 0)), Errno::ETXTBSY);
    assert!(w.open("/sh", OpenFlags::RDONLY, 0).is_ok());
    program.inode().base().allow_write();
    assert!(w.open("/sh", OpenFlags::RDWR, 0).is_ok());
    w.write("/plain", b"");
    assert_eq!(no(vfs::open_exec(&w.r(), b"/plain", vfs::Follow::Yes)), Errno::EACCES);
    assert_eq!(no(vfs::open_exec(&w.r(), b"/", vfs::Follow::Yes)), Errno::EACCES);
}
