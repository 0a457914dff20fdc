// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Path lookup, symbolic links, mounts, chroot, d_path.

use std::{format, vec::Vec};

use abi::Errno;
use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use cred::Cred;
use vfs::{Follow, FsContext, Resolver, Unmount};

use super::{world, world_with};
use crate::Options;

#[test]
fn components_slashes_and_dots() {
    let w = world();
    w.mkdir("/a").unwrap();
    w.mkdir("/a/b").unwrap();
    w.write("/a/b/f", b"x");
    assert_eq!(w.text("//a///b//f").unwrap(), "/a/b/f");
    assert_eq!(w.text("/a/./b/../b/f").unwrap(), "/a/b/f");
    assert_eq!(w.text("/../../a/b/..").unwrap(), "/a");
    assert_eq!(w.text("/").unwrap(), "/");
    assert_eq!(w.text("a/b/").unwrap(), "/a/b");
    assert_eq!(w.text("").unwrap_err(), Errno::ENOENT);
    assert_eq!(w.text("/a/b/f/").unwrap_err(), Errno::ENOTDIR);
    assert_eq!(w.text("/a/b/f/.").unwrap_err(), Errno::ENOTDIR);
    assert_eq!(w.text("/a/b/f/..").unwrap_err(), Errno::ENOTDIR);
    assert_eq!(w.text("/a/x/f").unwrap_err(), Errno::ENOENT);
    assert_eq!(w.text("/a/x/").unwrap_err(), Errno::ENOENT);
}

#[test]
fn lengths_are_limited() {
    let w = world();
    let name = "n".repeat(255);
    w.mkdir(&name).unwrap();
    assert_eq!(w.text(&name).unwrap(), format!("/{name}"));
    assert_eq!(w.mkdir(&"n".repeat(256)).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(w.text(&"n".repeat(256)).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(w.text(&format!("{}/x", "n".repeat(256))).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(w.text(&"./".repeat(2048)).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(w.text(&"./".repeat(2047)).unwrap(), "/");
}

#[test]
fn symbolic_links_in_every_position() {
    let w = world();
    w.mkdir("/d").unwrap();
    w.write("/d/f", b"x");
    w.symlink("d", "/rel").unwrap();
    w.symlink("/d/f", "/abs").unwrap();
    w.symlink("../rel/f", "/d/up").unwrap();
    w.symlink("nowhere", "/dangling").unwrap();
    assert_eq!(w.text("/rel/f").unwrap(), "/d/f");
    assert_eq!(w.text("/abs").unwrap(), "/d/f");
    assert_eq!(w.text("/d/up").unwrap(), "/d/f");
    assert_eq!(w.text("/dangling").unwrap_err(), Errno::ENOENT);
    assert_eq!(w.text("/abs/").unwrap_err(), Errno::ENOTDIR);
    assert_eq!(w.text("/rel/").unwrap(), "/d");
    let link = w.lookup("/rel", Follow::No).unwrap();
    assert_eq!(link.inode().unwrap().readlink().unwrap(), b"d");
    assert_eq!(link.metadata().unwrap().size, 1);
    let through_slash = w.lookup("/rel/", Follow::No).unwrap();
    assert!(through_slash.inode().unwrap().base().is_dir());
}

#[test]
fn forty_links_and_no_more() {
    let w = world();
    w.write("/l0", b"x");
    for n in 1..=41 {
        w.symlink(&format!("l{}", n - 1), &format!("/l{n}")).unwrap();
    }
    assert_eq!(w.text("/l40").unwrap(), "/l0");
    assert_eq!(w.text("/l41").unwrap_err(), Errno::ELOOP);
    w.symlink("loop", "/loop").unwrap();
    assert_eq!(w.text("/loop").unwrap_err(), Errno::ELOOP);
    assert_eq!(w.open("/loop", OpenFlags::CREAT, 0).unwrap_err(), Errno::ELOOP);
}

#[test]
fn mounts_are_crossed_both_ways() {
    let w = world();
    w.mkdir("/m").unwrap();
    w.mkdir("/m/below").unwrap();
    let other = crate::new(&Options::default()).unwrap();
    vfs::mount(&w.path("/m"), other, b"src", MountFlags::NODEV).unwrap();
    assert_eq!(w.text("/m/below").unwrap_err(), Errno::ENOENT);
    w.mkdir("/m/in").unwrap();
    assert_eq!(w.text("/m/in/../..").unwrap(), "/");
    assert_eq!(w.text("/m/in").unwrap(), "/m/in");
    assert_eq!(w.rmdir("/m").unwrap_err(), Errno::EBUSY);
    assert_eq!(w.link("/m/in", "/x").unwrap_err(), Errno::EXDEV);
    let list = vfs::mount_tree::list(&w.fs.root()).unwrap();
    let points: Vec<_> = list.iter().map(|info| info.mount_point.clone()).collect();
    assert_eq!(points, [b"/".to_vec(), b"/m".to_vec()]);
    assert!(list[1].options().starts_with(b"rw,nodev,size="));
    drop(list);
    let held = w.open("/m/in", OpenFlags::DIRECTORY, 0).unwrap();
    let busy = vfs::umount(w.path("/m"), Unmount::IfUnused).unwrap_err();
    assert_eq!(busy.errno(), Errno::EBUSY);
    drop(held);
    vfs::umount(w.path("/m"), Unmount::IfUnused).unwrap();
    assert_eq!(w.text("/m/below").unwrap(), "/m/below");
    let again = vfs::umount(w.path("/m"), Unmount::IfUnused).unwrap_err();
    assert_eq!(again.errno(), Errno::EINVAL);
}

#[test]
fn lazy_unmount_keeps_open_files_alive() {
    let w = world();
    w.mkdir("/m").unwrap();
    vfs::mount(&w.path("/m"), crate::new(&Options::default()).unwrap(), b"", MountFlags::empty())
        .unwrap();
    w.write("/m/f", b"data");
    let file = w.open("/m/f", OpenFlags::RDONLY, 0).unwrap();
    vfs::umount(w.path("/m"), Unmount::Detach).unwrap();
    assert_eq!(super::get(&file, 10).unwrap(), b"data");
    assert_eq!(w.text("/m/f").unwrap_err(), Errno::ENOENT);
}

#[test]
fn bind_and_move_mounts() {
    let w = world();
    w.mkdir("/a").unwrap();
    w.mkdir("/b").unwrap();
    w.mkdir("/c").unwrap();
    w.write("/a/f", b"1");
    vfs::bind(&w.path("/a"), &w.path("/b")).unwrap();
    assert_eq!(w.read("/b/f").unwrap(), b"1");
    assert_eq!(w.text("/b/f").unwrap(), "/b/f");
    vfs::move_mount(&w.path("/b"), &w.path("/c")).unwrap();
    assert_eq!(w.text("/b/f").unwrap_err(), Errno::ENOENT);
    assert_eq!(w.text("/c/f").unwrap(), "/c/f");
    assert_eq!(w.text("/c/..").unwrap(), "/");
}

#[test]
fn read_only_mounts_refuse_changes() {
    let w = world();
    w.mkdir("/m").unwrap();
    let root = crate::new(&Options::default()).unwrap();
    vfs::mount(&w.path("/m"), root, b"", MountFlags::empty()).unwrap();
    w.write("/m/f", b"x");
    vfs::remount(&w.path("/m"), MountFlags::RDONLY, vfs::Remount::Mount).unwrap();
    assert_eq!(w.mkdir("/m/d").unwrap_err(), Errno::EROFS);
    assert_eq!(w.mkdir("/m/f").unwrap_err(), Errno::EEXIST);
    assert_eq!(w.unlink("/m/f").unwrap_err(), Errno::EROFS);
    assert_eq!(w.open("/m/f", OpenFlags::WRONLY, 0).unwrap_err(), Errno::EROFS);
    assert_eq!(w.open("/m/f", OpenFlags::TRUNC, 0).unwrap_err(), Errno::EROFS);
    assert_eq!(w.open("/m/g", OpenFlags::CREAT, 0).unwrap_err(), Errno::EROFS);
    assert!(w.open("/m/f", OpenFlags::CREAT, 0).is_ok());
}

#[test]
fn chroot_is_a_wall() {
    let w = world();
    w.mkdir("/jail").unwrap();
    w.mkdir("/jail/d").unwrap();
    w.symlink("/d", "/jail/l").unwrap();
    w.symlink("../../../../", "/jail/out").unwrap();
    w.fs.chroot(w.path("/jail"), &w.cred).unwrap();
    w.fs.chdir(w.path("/"), &w.cred).unwrap();
    assert_eq!(w.text("/l").unwrap(), "/d");
    assert_eq!(w.text("/out").unwrap(), "/");
    assert_eq!(w.text("/../..").unwrap(), "/");
    let user = w.as_user(5);
    let refused = user.fs.chroot(user.path("/d"), &user.cred).unwrap_err();
    assert_eq!(refused.errno(), Errno::EPERM);
}

#[test]
fn working_directory_texts() {
    let w = world();
    w.mkdir("/d").unwrap();
    w.mkdir("/d/e").unwrap();
    w.fs.chdir(w.path("/d/e"), &w.cred).unwrap();
    let cwd = |fs: &FsContext| vfs::getcwd(&fs.cwd(), &fs.root());
    assert_eq!(cwd(&w.fs).unwrap(), b"/d/e");
    assert_eq!(w.text("..").unwrap(), "/d");
    let inside = w.fs.clone();
    inside.set_root(w.path("/d/e"));
    inside.chdir(w.path("/d"), &w.cred).unwrap();
    assert_eq!(cwd(&inside).unwrap(), b"(unreachable)/d");
    w.rmdir("/d/e").unwrap();
    assert_eq!(cwd(&w.fs).unwrap_err().errno(), Errno::ENOENT);
    assert_eq!(vfs::d_path(&w.fs.cwd(), &w.fs.root()).unwrap(), b"/d/e (deleted)");
    assert_eq!(w.mkdir("new").unwrap_err(), Errno::ENOENT);
    assert_eq!(w.text("..").unwrap(), "/d");
    assert_eq!(w.fs.chdir(w.path("/"), &w.cred), Ok(()));
}

#[test]
fn resolving_at_a_directory() {
    let w = world();
    w.mkdir("/d").unwrap();
    w.write("/d/f", b"x");
    let at = Resolver::at(&w.fs, w.path("/d"), &w.cred);
    assert!(at.lookup(b"f", Follow::Yes).is_ok());
    assert!(at.lookup(b"/d/f", Follow::Yes).is_ok());
    assert_eq!(at.lookup(b"../d/g", Follow::Yes).unwrap_err().errno(), Errno::ENOENT);
    let at_file = Resolver::at(&w.fs, w.path("/d/f"), &w.cred);
    assert_eq!(at_file.lookup(b"x", Follow::Yes).unwrap_err().errno(), Errno::ENOTDIR);
}

#[test]
fn a_very_deep_tree_is_built_moved_and_freed() {
    let w = world();
    let home = w.fs.root();
    for _ in 0..20_000 {
        w.mkdir("d").unwrap();
        w.fs.chdir(w.path("d"), &w.cred).unwrap();
    }
    let long = vfs::d_path_any_length(&w.fs.cwd(), &home).unwrap();
    assert_eq!(long.len(), 40_000);
    assert_eq!(vfs::d_path(&w.fs.cwd(), &home).unwrap_err().errno(), Errno::ENAMETOOLONG);
    assert_eq!(vfs::getcwd(&w.fs.cwd(), &home).unwrap_err().errno(), Errno::ENAMETOOLONG);
    w.fs.chdir(home, &w.cred).unwrap();
    drop(w);
    drop(world_with(&Options::default()));
}

#[test]
fn negative_entries_become_positive() {
    let w = world();
    for _ in 0..3 {
        assert_eq!(w.text("/f").unwrap_err(), Errno::ENOENT);
        w.write("/f", b"x");
        assert_eq!(w.text("/f").unwrap(), "/f");
        w.unlink("/f").unwrap();
    }
    let user = Cred::user(1, 1);
    assert!(Resolver::new(&w.fs, &user).lookup(b"/f", Follow::Yes).is_err());
}

#[test]
fn the_cache_is_bounded_and_correct_beyond_its_bound() {
    let w = world();
    for n in 0..20_000 {
        w.mkdir(&format!("/{n}")).unwrap();
    }
    for n in (0..20_000).step_by(7) {
        assert_eq!(w.text(&format!("/{n}")).unwrap(), format!("/{n}"));
        w.rmdir(&format!("/{n}")).unwrap();
        assert_eq!(w.text(&format!("/{n}")).unwrap_err(), Errno::ENOENT);
    }
}

#[test]
fn a_removed_directory_is_not_kept_by_names_it_lacks() {
    let w = world();
    let free = |w: &super::World| w.fs.root().mount().sb().statfs().free_files;
    let before = free(&w);
    for n in 0..50 {
        w.mkdir("/gone").unwrap();
        w.fs.chdir(w.path("/gone"), &w.cred).unwrap();
        assert_eq!(w.text(&format!("early{n}")).unwrap_err(), Errno::ENOENT);
        w.rmdir("/gone").unwrap();
        assert_eq!(w.text(&format!("late{n}")).unwrap_err(), Errno::ENOENT);
    }
    w.fs.chdir(w.fs.root(), &w.cred).unwrap();
    assert_eq!(free(&w), before);
}

#[test]
fn threads_agree_on_one_tree() {
    let w = std::sync::Arc::new(world());
    w.mkdir("/t").unwrap();
    let workers: Vec<_> = (0..4)
        .map(|id| {
            let w = w.clone();
            std::thread::spawn(move || {
                for n in 0..500 {
                    let (a, b) = (format!("/t/{}", n % 5), format!("/t/x{id}"));
                    let _ = w.mkdir(&a);
                    let _ = vfs::rename(
                        &w.r(),
                        a.as_bytes(),
                        &w.r(),
                        b.as_bytes(),
                        abi::fs::RenameFlags::empty(),
                    );
                    let _ = w.text(&a);
                    let _ = w.rmdir(&b);
                    let _ = w.text("/t/../t/0");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    for name in w.names("/t").into_iter().filter(|name| !name.starts_with('.')) {
        w.rmdir(&format!("/t/{name}")).unwrap();
    }
    assert_eq!(w.path("/t").metadata().unwrap().nlink, 2);
    w.rmdir("/t").unwrap();
}
