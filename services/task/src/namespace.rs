// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Namespaces: which instance of the system's global names a thread sees.
//!
//! A thread has one [`NamespacesOf`], which never changes: clone(2) gives it on, and what
//! asks for another instance of a kind will replace it as a whole. As on Linux, two kinds
//! are kept elsewhere too: the user namespace is a part of the credentials
//! ([`Cred::user_namespace`](cred::Cred::user_namespace)), since capabilities count in it;
//! a process stays in the pid namespace it was made in
//! ([`Process::pid_namespace`](crate::Process::pid_namespace)), and the one here is for
//! its children.
//!
//! A kind is a type of its own, in the crate that owns the names: [`UtsNamespace`],
//! [`PidNamespaceOf`], [`MountNamespace`], [`UserNamespace`](cred::UserNamespace). Those
//! whose names have no owner yet are here. Each kind has one instance so far.
//!
//! Spec: namespaces(7).

use alloc::sync::Arc;

use abi::namespace::{FIRST_OF_OTHERS, INITIAL_CGROUP, INITIAL_IPC, INITIAL_TIME, INITIAL_UTS};
use vfs::MountNamespace;

use crate::{pid_namespace::PidNamespaceOf, uts::UtsNamespace};

/// The namespaces of a thread; `P` is what its pid namespace keeps for each process.
pub struct NamespacesOf<P> {
    /// Host and domain name.
    pub uts: Arc<UtsNamespace>,
    /// Objects of interprocess communication with names.
    pub ipc: Arc<IpcNamespace>,
    /// The tree of mounts.
    pub mount: Arc<MountNamespace>,
    /// Numbers of the processes that the thread makes.
    pub pid_for_children: Arc<PidNamespaceOf<P>>,
    /// Network devices, addresses, ports.
    pub net: Arc<NetNamespace>,
    /// Clocks that count from boot.
    pub time: Arc<TimeNamespace>,
    /// The top of the hierarchy of control groups.
    pub cgroup: Arc<CgroupNamespace>,
}

impl<P> NamespacesOf<P> {
    /// Those of the first process, of which two are made elsewhere.
    pub(crate) fn initial(mount: Arc<MountNamespace>, pid: Arc<PidNamespaceOf<P>>) -> Arc<Self> {
        Arc::new(Self {
            uts: Arc::new(UtsNamespace::new(INITIAL_UTS)),
            ipc: Arc::new(IpcNamespace { ino: INITIAL_IPC }),
            mount,
            pid_for_children: pid,
            net: Arc::new(NetNamespace { ino: FIRST_OF_OTHERS }),
            time: Arc::new(TimeNamespace { ino: INITIAL_TIME }),
            cgroup: Arc::new(CgroupNamespace { ino: INITIAL_CGROUP }),
        })
    }
}

/// Defines a kind that is told from others, and has nothing else yet.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name {
            ino: u32,
        }

        impl $name {
            /// The inode number that tells it from others.
            pub const fn ino(&self) -> u32 {
                self.ino
            }
        }
    };
}

kind! {
    /// An ipc namespace, without objects: there are none with names yet (ipc_namespaces(7)).
    IpcNamespace
}
kind! {
    /// A network namespace, without devices (network_namespaces(7)).
    NetNamespace
}
kind! {
    /// A time namespace, whose offsets are zero (time_namespaces(7)).
    TimeNamespace
}
kind! {
    /// A cgroup namespace (cgroup_namespaces(7)).
    CgroupNamespace
}

impl CgroupNamespace {
    /// The control group of every process, seen from the namespace: its root.
    pub const fn group(&self) -> &'static str {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::mount::MountFlags;
    use vfs::Mount;

    #[test]
    fn numbers_of_the_first_ones_as_on_linux() {
        let root = tmpfs::new(&tmpfs::Options::default()).unwrap();
        let mount = MountNamespace::initial(Mount::new(root, b"rootfs", MountFlags::empty()));
        let top = mount.root();
        let pid = Arc::new(PidNamespaceOf::<()>::new(abi::namespace::INITIAL_PID));
        let all = NamespacesOf::initial(mount, pid);
        assert_eq!(
            [all.uts.ino(), all.ipc.ino(), all.mount.ino(), all.pid_for_children.ino()],
            [4_026_531_838, 4_026_531_839, 4_026_531_841, 4_026_531_836]
        );
        assert_eq!(
            [all.net.ino(), all.time.ino(), all.cgroup.ino()],
            [4_026_531_840, 4_026_531_834, 4_026_531_835]
        );
        assert_eq!(cred::UserNamespace::initial().ino(), 4_026_531_837);
        assert!(top.is_mount_root() && top.is_same(&all.mount.root()));
        assert_eq!(all.cgroup.group(), "/");
    }
}
