// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file system through the vfs, as one process on its own root sees it.

mod io;
mod path;
mod perm;
mod rename;

use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::Errno;
use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use cred::Cred;
use framework::mm::{Reader, Writer};
use vfs::{File, Follow, FsContext, Mount, Path, Resolver};

use crate::Options;

/// One process on its own root.
struct World {
    fs: FsContext,
    cred: Cred,
}

/// Root with everything, on an empty tmpfs of mode 0755.
fn world() -> World {
    world_with(&Options { perm: 0o755, ..Options::default() })
}

fn world_with(options: &Options) -> World {
    let mount = Mount::new(crate::new(options).unwrap(), b"none", MountFlags::RELATIME);
    World { fs: FsContext::new(Path::root_of(mount)), cred: Cred::root() }
}

impl World {
    fn r(&self) -> Resolver<'_> {
        Resolver::new(&self.fs, &self.cred)
    }

    /// The same tree as another user.
    fn as_user(&self, uid: u32) -> World {
        World { fs: self.fs.clone(), cred: Cred::user(uid, uid) }
    }

    fn open(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<Arc<File>, Errno> {
        vfs::open(&self.r(), path.as_bytes(), flags, mode).map_err(|error| error.errno())
    }

    fn create(&self, path: &str) -> Arc<File> {
        self.open(path, OpenFlags::CREAT | OpenFlags::RDWR, 0o644).unwrap()
    }

    fn write(&self, path: &str, data: &[u8]) {
        put(&self.create(path), data).unwrap();
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let file = self.open(path, OpenFlags::RDONLY, 0)?;
        let mut data = vec![0; file.metadata().size as usize];
        let count = file.read_kernel(0, &mut data).map_err(|error| error.errno())?;
        data.truncate(count);
        Ok(data)
    }

    fn mkdir(&self, path: &str) -> Result<(), Errno> {
        vfs::mkdir(&self.r(), path.as_bytes(), 0o755).map(|_| ()).map_err(|error| error.errno())
    }

    fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        let result = vfs::symlink(&self.r(), target.as_bytes(), path.as_bytes());
        result.map(|_| ()).map_err(|error| error.errno())
    }

    fn link(&self, old: &str, new: &str) -> Result<(), Errno> {
        let old = self.lookup(old, Follow::No)?;
        vfs::link(&old, &self.r(), new.as_bytes()).map_err(|error| error.errno())
    }

    fn unlink(&self, path: &str) -> Result<(), Errno> {
        vfs::unlink(&self.r(), path.as_bytes()).map_err(|error| error.errno())
    }

    fn rmdir(&self, path: &str) -> Result<(), Errno> {
        vfs::rmdir(&self.r(), path.as_bytes()).map_err(|error| error.errno())
    }

    fn lookup(&self, path: &str, follow: Follow) -> Result<Path, Errno> {
        self.r().lookup(path.as_bytes(), follow).map_err(|error| error.errno())
    }

    fn path(&self, path: &str) -> Path {
        self.lookup(path, Follow::Yes).unwrap()
    }

    /// The path's text, seen from the root.
    fn text(&self, path: &str) -> Result<String, Errno> {
        let path = self.lookup(path, Follow::Yes)?;
        Ok(String::from_utf8(vfs::d_path(&path, &self.fs.root()).unwrap()).unwrap())
    }

    fn names(&self, path: &str) -> Vec<String> {
        let file = self.open(path, OpenFlags::DIRECTORY, 0).unwrap();
        let mut names = Vec::new();
        file.readdir(&mut |entry| {
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        names
    }
}

fn put(file: &File, data: &[u8]) -> Result<usize, Errno> {
    file.write(&mut Reader::kernel(data)).map_err(|error| error.errno())
}

fn get(file: &File, len: usize) -> Result<Vec<u8>, Errno> {
    let mut data = vec![0; len];
    let count = file.read(&mut Writer::kernel(&mut data)).map_err(|error| error.errno())?;
    data.truncate(count);
    Ok(data)
}
