// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rename matrix, links, removal and their link counts.

use std::{format, string::String, vec::Vec};

use abi::Errno;
use abi::fs::RenameFlags;

use super::{World, world};

fn mv(w: &World, old: &str, new: &str, flags: RenameFlags) -> Result<(), Errno> {
    vfs::rename(&w.r(), old.as_bytes(), &w.r(), new.as_bytes(), flags)
        .map_err(|error| error.errno())
}

const PLAIN: RenameFlags = RenameFlags::empty();

/// A tree with one of each: file, empty and full directory, link, and a target of each.
fn forest() -> World {
    let w = world();
    for side in ["/s", "/t"] {
        w.mkdir(side).unwrap();
        w.write(&format!("{side}/file"), side.as_bytes());
        w.mkdir(&format!("{side}/empty")).unwrap();
        w.mkdir(&format!("{side}/full")).unwrap();
        w.write(&format!("{side}/full/x"), b"x");
        w.symlink("file", &format!("{side}/link")).unwrap();
    }
    w
}

#[test]
fn replacing_each_kind_by_each() {
    let cases = [
        ("file", "file", Ok(())),
        ("file", "link", Ok(())),
        ("file", "empty", Err(Errno::EISDIR)),
        ("file", "full", Err(Errno::EISDIR)),
        ("file", "new", Ok(())),
        ("link", "file", Ok(())),
        ("link", "empty", Err(Errno::EISDIR)),
        ("empty", "file", Err(Errno::ENOTDIR)),
        ("empty", "link", Err(Errno::ENOTDIR)),
        ("empty", "empty", Ok(())),
        ("empty", "full", Err(Errno::ENOTEMPTY)),
        ("full", "empty", Ok(())),
        ("full", "full", Err(Errno::ENOTEMPTY)),
        ("full", "new", Ok(())),
        ("missing", "file", Err(Errno::ENOENT)),
    ];
    for (old, new, expected) in cases {
        let w = forest();
        let (from, to) = (format!("/s/{old}"), format!("/t/{new}"));
        assert_eq!(mv(&w, &from, &to, PLAIN), expected, "{old} -> {new}");
        let is_gone = w.lookup(&from, vfs::Follow::No).is_err();
        assert_eq!(is_gone, expected.is_ok() || old == "missing", "{old} -> {new}");
        if expected.is_ok() {
            assert!(w.lookup(&to, vfs::Follow::No).is_ok());
        }
        for dir in ["/s", "/t"] {
            let listed = w.names(dir);
            let is_dir = |name: &&String| {
                let path = w.lookup(&format!("{dir}/{name}"), vfs::Follow::No).unwrap();
                !name.starts_with('.') && path.inode().unwrap().base().is_dir()
            };
            let subdirs = listed.iter().filter(is_dir).count() as u32;
            let stat = w.path(dir).metadata().unwrap();
            assert_eq!((stat.nlink, stat.size), (2 + subdirs, listed.len() as u64 * 20));
        }
    }
}

#[test]
fn content_follows_the_name() {
    let w = forest();
    mv(&w, "/s/file", "/t/file", PLAIN).unwrap();
    assert_eq!(w.read("/t/file").unwrap(), b"/s");
    mv(&w, "/s/full", "/t/moved", PLAIN).unwrap();
    assert_eq!(w.read("/t/moved/x").unwrap(), b"x");
    assert_eq!(w.text("/t/moved/..").unwrap(), "/t");
    assert_eq!(w.text("/t/moved/x").unwrap(), "/t/moved/x");
}

#[test]
fn an_open_file_outlives_its_name() {
    let w = forest();
    let file = w.open("/t/file", abi::fcntl::OpenFlags::RDONLY, 0).unwrap();
    mv(&w, "/s/file", "/t/file", PLAIN).unwrap();
    assert_eq!(super::get(&file, 10).unwrap(), b"/t");
    assert_eq!(file.metadata().nlink, 0);
    assert_eq!(vfs::d_path(file.path(), &w.fs.root()).unwrap(), b"/t/file (deleted)");
}

#[test]
fn ancestors_and_self() {
    let w = forest();
    assert_eq!(mv(&w, "/s", "/s/full/y", PLAIN), Err(Errno::EINVAL));
    assert_eq!(mv(&w, "/s", "/s/y", PLAIN), Err(Errno::EINVAL));
    assert_eq!(mv(&w, "/s/full", "/s", PLAIN), Err(Errno::ENOTEMPTY));
    assert_eq!(mv(&w, "/s/file", "/s/file", PLAIN), Ok(()));
    w.link("/s/file", "/s/other").unwrap();
    assert_eq!(mv(&w, "/s/file", "/s/other", PLAIN), Ok(()));
    assert_eq!(w.path("/s/file").metadata().unwrap().nlink, 2);
}

#[test]
fn dots_slashes_and_the_root() {
    let w = forest();
    assert_eq!(mv(&w, "/s/.", "/t/x", PLAIN), Err(Errno::EBUSY));
    assert_eq!(mv(&w, "/s/..", "/t/x", PLAIN), Err(Errno::EBUSY));
    assert_eq!(mv(&w, "/", "/t/x", PLAIN), Err(Errno::EBUSY));
    assert_eq!(mv(&w, "/s/file", "/", PLAIN), Err(Errno::EBUSY));
    assert_eq!(mv(&w, "/s/file", "/t/.", RenameFlags::NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(mv(&w, "/s/file/", "/t/x", PLAIN), Err(Errno::ENOTDIR));
    assert_eq!(mv(&w, "/s/file", "/t/x/", PLAIN), Err(Errno::ENOTDIR));
    assert_eq!(mv(&w, "/s/empty/", "/t/x/", PLAIN), Ok(()));
    assert_eq!(mv(&w, "/s/link/", "/t/y", PLAIN), Err(Errno::ENOTDIR));
}

#[test]
fn flags() {
    let w = forest();
    assert_eq!(mv(&w, "/s/file", "/t/file", RenameFlags::NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(mv(&w, "/s/file", "/t/new", RenameFlags::NOREPLACE), Ok(()));
    assert_eq!(mv(&w, "/s/full", "/t/none", RenameFlags::EXCHANGE), Err(Errno::ENOENT));
    assert_eq!(mv(&w, "/s/full", "/t/file", RenameFlags::EXCHANGE), Ok(()));
    assert_eq!(w.read("/s/full").unwrap(), b"/t");
    assert_eq!(w.read("/t/file/x").unwrap(), b"x");
    assert_eq!(w.text("/t/file/x").unwrap(), "/t/file/x");
    assert_eq!(w.path("/t").metadata().unwrap().nlink, 5);
    assert_eq!(w.path("/s").metadata().unwrap().nlink, 3);
    assert_eq!(mv(&w, "/t/file", "/t", RenameFlags::EXCHANGE), Err(Errno::EINVAL));
    let both = RenameFlags::EXCHANGE | RenameFlags::NOREPLACE;
    assert_eq!(mv(&w, "/s/full", "/t/file", both), Err(Errno::EINVAL));
    assert_eq!(mv(&w, "/s/full", "/t/file", RenameFlags::WHITEOUT), Err(Errno::EINVAL));
}

#[test]
fn permissions_of_rename() {
    let w = forest();
    let user = w.as_user(1000);
    assert_eq!(mv(&user, "/s/file", "/t/new", PLAIN), Err(Errno::EACCES));
    for dir in ["/s", "/t"] {
        vfs::chmod(&w.path(dir), &w.cred, 0o1777).unwrap();
    }
    assert_eq!(mv(&user, "/s/file", "/t/new", PLAIN), Err(Errno::EPERM));
    user.write("/s/mine", b"m");
    assert_eq!(mv(&user, "/s/mine", "/t/file", PLAIN), Err(Errno::EPERM));
    assert_eq!(mv(&user, "/s/mine", "/t/mine", PLAIN), Ok(()));
    vfs::chmod(&w.path("/s"), &w.cred, 0o777).unwrap();
    // A directory that moves needs to be writable: its `..` changes.
    assert_eq!(mv(&user, "/s/empty", "/s/renamed", PLAIN), Ok(()));
    assert_eq!(mv(&user, "/s/full", "/t/full2", PLAIN), Err(Errno::EACCES));
}

#[test]
fn hard_links_count() {
    let w = world();
    w.write("/a", b"1");
    w.link("/a", "/b").unwrap();
    assert_eq!(w.path("/b").metadata().unwrap().nlink, 2);
    assert_eq!(w.link("/a", "/b"), Err(Errno::EEXIST));
    w.unlink("/a").unwrap();
    assert_eq!((w.path("/b").metadata().unwrap().nlink, w.read("/b").unwrap()), (1, b"1".to_vec()));
    w.mkdir("/d").unwrap();
    assert_eq!(w.link("/d", "/e"), Err(Errno::EPERM));
    assert_eq!(w.link("/b", "/e/"), Err(Errno::ENOENT));
    w.symlink("b", "/l").unwrap();
    w.link("/l", "/l2").unwrap();
    assert_eq!(w.read("/l2").unwrap(), b"1");
}

#[test]
fn removal() {
    let w = forest();
    assert_eq!(w.unlink("/s/empty"), Err(Errno::EISDIR));
    assert_eq!(w.rmdir("/s/file"), Err(Errno::ENOTDIR));
    assert_eq!(w.rmdir("/s/link"), Err(Errno::ENOTDIR));
    assert_eq!(w.rmdir("/s/full"), Err(Errno::ENOTEMPTY));
    assert_eq!(w.rmdir("/s/empty/."), Err(Errno::EINVAL));
    assert_eq!(w.rmdir("/s/empty/.."), Err(Errno::ENOTEMPTY));
    assert_eq!(w.rmdir("/"), Err(Errno::EBUSY));
    assert_eq!(w.unlink("/s/file/"), Err(Errno::ENOTDIR));
    assert_eq!(w.unlink("/s/empty/"), Err(Errno::EISDIR));
    assert_eq!(w.unlink("/s/none/"), Err(Errno::ENOENT));
    assert_eq!(w.unlink("/s/.."), Err(Errno::EISDIR));
    assert_eq!(w.rmdir("/s/empty/"), Ok(()));
    assert_eq!(w.unlink("/s/link"), Ok(()));
    assert_eq!(w.read("/s/file").unwrap(), b"/s");
}

#[test]
fn listing_survives_removal_while_it_runs() {
    let w = world();
    w.mkdir("/d").unwrap();
    for n in 0..500 {
        w.write(&format!("/d/{n}"), b"");
    }
    let dir = w.open("/d", abi::fcntl::OpenFlags::DIRECTORY, 0).unwrap();
    let mut seen = 0;
    loop {
        let mut batch = Vec::new();
        dir.readdir(&mut |entry| {
            if batch.len() == 7 {
                return std::ops::ControlFlow::Break(());
            }
            batch.push(String::from_utf8(entry.name.to_vec()).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        if batch.is_empty() {
            break;
        }
        for name in batch.iter().filter(|name| !name.starts_with('.')) {
            w.unlink(&format!("/d/{name}")).unwrap();
            seen += 1;
        }
    }
    assert_eq!(seen, 500);
    w.rmdir("/d").unwrap();
    let end = dir.readdir(&mut |_| std::ops::ControlFlow::Continue(()));
    assert_eq!(end.unwrap_err().errno(), Errno::ENOENT);
}
