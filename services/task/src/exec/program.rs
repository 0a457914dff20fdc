// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The file of a program that runs: nobody may write to it meanwhile.

use alloc::sync::Arc;

use vfs::File;

/// An open program file that cannot be written to while this exists.
pub struct Program {
    file: Arc<File>,
}

impl Program {
    /// Takes over a file from `vfs::open_exec` or `vfs::open_exec_path`.
    pub fn new(file: Arc<File>) -> Self {
        Self { file }
    }

    /// The file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.file.inode().base().allow_write();
    }
}
