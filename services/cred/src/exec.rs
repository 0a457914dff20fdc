// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What execve(2) does to credentials.
//!
//! Spec: execve(2) and the transformation rules of capabilities(7). File
//! capabilities are not supported: a file grants by its set-id bits alone.

use crate::{Cred, Gid, Uid};
use abi::capability::{Caps, SecureBits};
use abi::stat::{S_ISGID, S_ISUID, S_IXGRP};

/// What the program file says that concerns credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecFile {
    /// Owner of the file.
    pub uid: Uid,
    /// Group of the file.
    pub gid: Gid,
    /// Permission bits of the file (07777).
    pub mode: u32,
    /// The mount is `nosuid`: the set-id bits do not count.
    pub is_nosuid: bool,
    /// The caller may read the file, and all scripts that led to it: its memory tells
    /// nothing that it could not read anyway.
    pub is_readable: bool,
    /// Another process shares the caller's root and working directory, and could move them
    /// under a program with more rights.
    pub is_shared: bool,
}

/// The credentials after exec and what else follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// The new credentials.
    pub cred: Cred,
    /// The value of `AT_SECURE`.
    pub is_secure: bool,
    /// Ids or capabilities grew.
    pub gained_privilege: bool,
    /// Whether other processes of its user may look into the process.
    pub is_dumpable: bool,
}

impl Cred {
    /// The credentials with which a program of `file` starts.
    pub fn exec(&self, file: &ExecFile) -> ExecOutcome {
        let mut new = self.clone();
        if !file.is_nosuid && !self.no_new_privs {
            if file.mode & S_ISUID != 0 {
                new.euid = file.uid;
            }
            if file.mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP {
                new.egid = file.gid;
            }
        }
        let is_setid = new.euid != self.uid || new.egid != self.gid;
        if is_setid {
            new.caps.ambient = Caps::empty();
        }
        let has_root =
            !self.securebits.contains(SecureBits::NOROOT) && (new.uid == 0 || new.euid == 0);
        if has_root {
            new.caps.permitted = (new.caps.bounding | new.caps.inheritable) | new.caps.ambient;
            new.caps.effective = if new.euid == 0 { new.caps.permitted } else { new.caps.ambient };
        } else {
            new.caps.permitted = new.caps.ambient;
            new.caps.effective = new.caps.ambient;
        }
        if file.is_shared && (is_setid || !self.caps.permitted.contains(new.caps.permitted)) {
            if !self.capable(Caps::SETUID) {
                (new.euid, new.egid) = (new.uid, new.gid);
            }
            new.caps.permitted &= self.caps.permitted;
            new.caps.effective &= new.caps.permitted;
        }
        new.suid = new.euid;
        new.fsuid = new.euid;
        new.sgid = new.egid;
        new.fsgid = new.egid;
        new.securebits.remove(SecureBits::KEEP_CAPS);
        let gained_caps = !self.caps.permitted.contains(new.caps.permitted);
        let is_secure = is_setid || (new.uid != 0 && gained_caps);
        let gained_privilege = new.euid != self.euid || new.egid != self.egid || gained_caps;
        let acts_as_itself = self.euid == self.uid && self.egid == self.gid;
        let is_dumpable = file.is_readable && acts_as_itself && !new.is_other_than(self);
        ExecOutcome { cred: new, is_secure, gained_privilege, is_dumpable }
    }
}
