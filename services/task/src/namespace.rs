// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Namespaces`]: which instance of the system's global names a process sees.
//!
//! Every process has one, its parent's unless it asked for another (which cannot be asked
//! for yet). A kind of namespace has its field here once it can have a second instance;
//! of the others (mount, pid, ipc, net, user, cgroup, time) the machine has one each, in
//! the crate that owns them.
//!
//! Spec: namespaces(7).

use alloc::sync::Arc;

use framework::sync::Once;

use crate::uts::UtsNamespace;

/// The namespaces of a process.
pub struct Namespaces {
    /// Host and domain name.
    pub uts: Arc<UtsNamespace>,
}

impl Namespaces {
    /// Those that the first process starts with.
    pub fn initial() -> Arc<Self> {
        static INITIAL: Once<Arc<Namespaces>> = Once::new();
        INITIAL.call_once(|| Arc::new(Self { uts: Arc::new(UtsNamespace::new()) })).clone()
    }
}
