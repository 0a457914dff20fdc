// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a handler works with: the calling thread, its registers, its memory.
//!
//! One [`Context`] lives in the frame of each thread's user loop and is lent to
//! every handler. It keeps what nearly every call needs (address space, open
//! files) at hand, so a call costs no look-up; whoever replaces one of them for
//! the running thread calls [`Context::renew`]. It is dropped when the loop
//! ends, before the thread's exit work: files close and memory goes then.

use crate::arg::Regs;
use abi::capability::Caps;
use abi::resource::Resource;
use abi::{Result, err};
use alloc::sync::Arc;
use cred::Cred;
use framework::mm::VmSpace;
use framework::user::{Fault, PageFault, UserContext};
use mm::AddressSpace;
use task::{PidNamespace, Process, Thread};
use vfs::{FdTable, File, FsContext};

/// The calling thread as handlers see it.
pub struct Context {
    /// The thread.
    pub thread: Arc<Thread>,
    /// Its user registers.
    pub user: UserContext,
    /// The deadline of a call that `restart_syscall` goes on with.
    pub(crate) resumed_deadline: Option<u64>,
    mm: Arc<AddressSpace>,
    files: Arc<FdTable>,
}

impl Context {
    /// The context of `thread`, which starts with the registers in `user`.
    ///
    /// `None` if the thread has no address space any more.
    pub fn new(thread: Arc<Thread>, user: UserContext) -> Option<Self> {
        let mm = thread.process().mm()?;
        let files = thread.files();
        Some(Self { thread, user, resumed_deadline: None, mm, files })
    }

    /// Thread, registers and memory, for what changes the registers.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&Arc<Thread>, &mut UserContext, &VmSpace) {
        (&self.thread, &mut self.user, self.mm.vm())
    }

    /// The argument registers, in order.
    #[inline(always)]
    pub fn arguments(&self) -> Regs {
        Regs::new(self.user.arguments())
    }

    /// The caller's process.
    #[inline]
    pub fn process(&self) -> &Process {
        self.thread.process()
    }

    /// The areas of the caller's address space.
    #[inline]
    pub fn mm(&self) -> &Arc<AddressSpace> {
        &self.mm
    }

    /// The namespace in which the caller looks others up.
    #[inline]
    pub fn pid_namespace(&self) -> &PidNamespace {
        self.thread.pid_namespace()
    }

    /// The caller's memory, for copies.
    #[inline]
    pub fn vm(&self) -> &VmSpace {
        self.mm.vm()
    }

    /// The caller's open files.
    #[inline]
    pub fn files(&self) -> &Arc<FdTable> {
        &self.files
    }

    /// The open file behind a descriptor.
    ///
    /// # Errors
    /// `EBADF` if the number is not open.
    #[inline]
    pub fn file(&self, fd: crate::arg::Fd) -> Result<Arc<File>> {
        self.files.get(fd.0)
    }

    /// The open file behind a descriptor that is open for more than its place.
    ///
    /// # Errors
    /// `EBADF` if the number is not open, or opened with O_PATH.
    #[inline]
    pub fn open_file(&self, fd: crate::arg::Fd) -> Result<Arc<File>> {
        let file = self.file(fd)?;
        file.not_path()?;
        Ok(file)
    }

    /// `RLIMIT_NOFILE`: no descriptor goes beyond.
    pub fn max_files(&self) -> usize {
        let limit = self.process().rlimit(Resource::Nofile).cur;
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// Root, working directory and umask.
    pub fn fs(&self) -> Arc<FsContext> {
        self.thread.fs()
    }

    /// The caller's credentials.
    #[inline]
    pub fn cred(&self) -> Arc<Cred> {
        self.thread.cred()
    }

    /// Whether the caller has these capabilities.
    ///
    /// # Errors
    /// `EPERM` if one is missing.
    pub fn require(&self, caps: Caps) -> Result<()> {
        if self.cred().capable(caps) { Ok(()) } else { err!(EPERM, "capability missing") }
    }

    /// Serves a page fault of the program.
    #[inline]
    pub(crate) fn serve_page_fault(&self, what: &PageFault) {
        task::fault::page_fault(&self.thread, &self.mm, &self.user, what);
    }

    /// Serves another fault of the program.
    pub(crate) fn serve_fault(&self, what: Fault) {
        task::fault::fault(&self.thread, &self.user, what);
    }

    /// Takes over what `execve` or `unshare` has put in place.
    pub fn renew(&mut self) {
        if let Some(mm) = self.thread.process().mm() {
            self.mm = mm;
        }
        self.files = self.thread.files();
    }
}
