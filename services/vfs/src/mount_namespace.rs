// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mount namespaces: which tree of mounts a task lives in.
//!
//! A namespace is known by the mount at the top of its tree. There is one so far, made
//! with the first root. Changes of trees keep one lock for all, as mounts may be shared
//! between namespaces.
//!
//! Spec: mount_namespaces(7).

use alloc::sync::Arc;

use abi::namespace::FIRST_OF_OTHERS;

use crate::{Mount, Path};

/// Linux gives its first mount namespace the second number: the first is the network's.
const INITIAL: u32 = FIRST_OF_OTHERS + 1;

/// A mount namespace.
pub struct MountNamespace {
    ino: u32,
    top: Arc<Mount>,
}

impl MountNamespace {
    /// That of the first process, with `top` as the mount of its root.
    pub fn initial(top: Arc<Mount>) -> Arc<Self> {
        Arc::new(Self { ino: INITIAL, top })
    }

    /// The inode number that tells it from others.
    pub fn ino(&self) -> u32 {
        self.ino
    }

    /// The top of its tree.
    pub fn root(&self) -> Path {
        Path::root_of(self.top.clone())
    }
}
