// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Running a thread's user code.
//!
//! The loop itself belongs to the system-call layer, which installs it with
//! [`set_user_entry`]: it calls `UserContext::run`, handles calls, gives
//! faults to [`crate::fault`] and events to
//! [`crate::signal::deliver`], and returns when that says so.

use alloc::sync::Arc;

use framework::{
    sync::Once,
    task::{self, Task},
    user::UserContext,
};

use crate::{exit, process::Thread};

/// The user loop: returns when the thread is to end.
pub type UserEntry = fn(Arc<Thread>, UserContext);

static USER_ENTRY: Once<UserEntry> = Once::new();

/// Installs the user loop; the first call counts.
pub fn set_user_entry(entry: UserEntry) {
    USER_ENTRY.call_once(|| entry);
}

/// The body of a thread's framework task.
pub(crate) fn main(thread: Arc<Thread>, user: UserContext) {
    match USER_ENTRY.get() {
        Some(entry) => entry(thread.clone(), user),
        None => log::error!("no user loop is installed"),
    }
    exit::finish(&thread);
}

/// The calling thread; None in a kernel task.
pub fn current() -> Option<Arc<Thread>> {
    Task::current().ext::<Thread>()
}

/// Lends the calling thread to `f`; None in a kernel task.
pub fn with_current<R>(f: impl FnOnce(&Thread) -> R) -> Option<R> {
    task::current_ext(f)
}
