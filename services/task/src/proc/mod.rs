// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID, and the files of the whole system that count processes.
//!
//! A [`target::Target`] names a process or one of its threads without keeping it alive:
//! once it was waited for, every access ends in ESRCH. [`directory`] finds what is there;
//! [`mod@file`] has the table of text files. Files of memory and mounts only find their process
//! here: `mm` and `procfs` make the text.
//!
//! Spec: proc(5), as of Linux 6.12.

mod directory;
mod fd;
mod figures;
mod file;
mod limits;
mod memory;
mod place;
mod self_link;
mod settings;
mod stat;
mod status;
mod system;
mod target;

use alloc::sync::Arc;

use vfs::FsType;

use self_link::SelfLink;

/// Registers all of it.
pub(crate) fn init() {
    procfs::register(system::FILES);
    for (name, link) in [("self", SelfLink::Process), ("thread-self", SelfLink::Thread)] {
        procfs::link(name, Arc::new(link));
    }
    vfs::register_fs(FsType { name: "proc", mount: |_source, _options| Ok(directory::root()) });
    mm::set_resident_hook(system::resident);
}
