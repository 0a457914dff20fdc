// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules by which a task changes its own ids and capability sets.
//!
//! Spec: setuid(2), setreuid(2), setresuid(2), setfsuid(2), setgroups(2),
//! capset(2), prctl(2).

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::capability::{Caps, SecureBits};
use abi::fs::UNCHANGED;
use abi::limits::NGROUPS_MAX;
use abi::{Result, err};

use crate::{Cred, Gid, Uid};

impl Cred {
    /// setuid(2).
    ///
    /// # Errors
    /// `EINVAL` for id -1; `EPERM` without CAP_SETUID for any id but the real and the saved
    /// one.
    pub fn setuid(&self, uid: Uid) -> Result<Self> {
        if uid == UNCHANGED {
            return err!(EINVAL, "user id -1");
        }
        let mut new = self.clone();
        if self.capable(Caps::SETUID) {
            new.uid = uid;
            new.suid = uid;
        } else if uid != self.uid && uid != self.suid {
            return err!(EPERM, "setuid to another user");
        }
        new.euid = uid;
        new.fsuid = uid;
        new.fix_caps_after_setuid(self);
        Ok(new)
    }

    /// setreuid(2); [`UNCHANGED`] leaves an id.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETUID for a real id that is neither the real nor the effective
    /// one, or an effective id that is not the real, effective or saved one.
    pub fn setreuid(&self, ruid: Uid, euid: Uid) -> Result<Self> {
        let privileged = self.capable(Caps::SETUID);
        let mut new = self.clone();
        if ruid != UNCHANGED {
            new.uid = ruid;
            if ruid != self.uid && ruid != self.euid && !privileged {
                return err!(EPERM, "setreuid to another real user");
            }
        }
        if euid != UNCHANGED {
            new.euid = euid;
            if ![self.uid, self.euid, self.suid].contains(&euid) && !privileged {
                return err!(EPERM, "setreuid to another effective user");
            }
        }
        if ruid != UNCHANGED || (euid != UNCHANGED && euid != self.uid) {
            new.suid = new.euid;
        }
        new.fsuid = new.euid;
        new.fix_caps_after_setuid(self);
        Ok(new)
    }

    /// setresuid(2); [`UNCHANGED`] leaves an id.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETUID for an id that is not the real, effective or saved one.
    pub fn setresuid(&self, ruid: Uid, euid: Uid, suid: Uid) -> Result<Self> {
        let own = [self.uid, self.euid, self.suid, UNCHANGED];
        let foreign = [ruid, euid, suid].iter().any(|id| !own.contains(id));
        if foreign && !self.capable(Caps::SETUID) {
            return err!(EPERM, "setresuid to another user");
        }
        let same = |id: Uid, old: Uid| id == UNCHANGED || id == old;
        let keeps_euid = same(euid, self.euid) && same(euid, self.fsuid);
        if same(ruid, self.uid) && keeps_euid && same(suid, self.suid) {
            // Not even the file system's user changes.
            return Ok(self.clone());
        }
        let mut new = self.clone();
        replace(&mut new.uid, ruid);
        replace(&mut new.euid, euid);
        replace(&mut new.suid, suid);
        new.fsuid = new.euid;
        new.fix_caps_after_setuid(self);
        Ok(new)
    }

    /// setfsuid(2): the new credentials, or `None` where nothing changes. The
    /// call itself always answers the old id.
    pub fn setfsuid(&self, uid: Uid) -> Option<Self> {
        let own = [self.uid, self.euid, self.suid, self.fsuid].contains(&uid);
        if uid == UNCHANGED || uid == self.fsuid || !(own || self.capable(Caps::SETUID)) {
            return None;
        }
        let mut new = self.clone();
        new.fsuid = uid;
        if !self.securebits.contains(SecureBits::NO_SETUID_FIXUP) {
            if self.fsuid == 0 {
                new.caps.effective.remove(Caps::FS);
            } else if uid == 0 {
                new.caps.effective |= Caps::FS & new.caps.permitted;
            }
        }
        Some(new)
    }

    /// setgid(2).
    ///
    /// # Errors
    /// `EINVAL` for id -1; `EPERM` without CAP_SETGID for any id but the real and the saved
    /// one.
    pub fn setgid(&self, gid: Gid) -> Result<Self> {
        if gid == UNCHANGED {
            return err!(EINVAL, "group id -1");
        }
        let mut new = self.clone();
        if self.capable(Caps::SETGID) {
            new.gid = gid;
            new.sgid = gid;
        } else if gid != self.gid && gid != self.sgid {
            return err!(EPERM, "setgid to another group");
        }
        new.egid = gid;
        new.fsgid = gid;
        Ok(new)
    }

    /// setregid(2); [`UNCHANGED`] leaves an id.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETGID for a real id that is neither the real nor the effective
    /// one, or an effective id that is not the real, effective or saved one.
    pub fn setregid(&self, rgid: Gid, egid: Gid) -> Result<Self> {
        let privileged = self.capable(Caps::SETGID);
        let mut new = self.clone();
        if rgid != UNCHANGED {
            new.gid = rgid;
            if rgid != self.gid && rgid != self.egid && !privileged {
                return err!(EPERM, "setregid to another real group");
            }
        }
        if egid != UNCHANGED {
            new.egid = egid;
            if ![self.gid, self.egid, self.sgid].contains(&egid) && !privileged {
                return err!(EPERM, "setregid to another effective group");
            }
        }
        if rgid != UNCHANGED || (egid != UNCHANGED && egid != self.gid) {
            new.sgid = new.egid;
        }
        new.fsgid = new.egid;
        Ok(new)
    }

    /// setresgid(2); [`UNCHANGED`] leaves an id.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETGID for an id that is not the real, effective or saved one.
    pub fn setresgid(&self, rgid: Gid, egid: Gid, sgid: Gid) -> Result<Self> {
        let own = [self.gid, self.egid, self.sgid, UNCHANGED];
        let foreign = [rgid, egid, sgid].iter().any(|id| !own.contains(id));
        if foreign && !self.capable(Caps::SETGID) {
            return err!(EPERM, "setresgid to another group");
        }
        let same = |id: Gid, old: Gid| id == UNCHANGED || id == old;
        let keeps_egid = same(egid, self.egid) && same(egid, self.fsgid);
        if same(rgid, self.gid) && keeps_egid && same(sgid, self.sgid) {
            return Ok(self.clone());
        }
        let mut new = self.clone();
        replace(&mut new.gid, rgid);
        replace(&mut new.egid, egid);
        replace(&mut new.sgid, sgid);
        new.fsgid = new.egid;
        Ok(new)
    }

    /// setfsgid(2): the new credentials, or `None` where nothing changes.
    pub fn setfsgid(&self, gid: Gid) -> Option<Self> {
        let own = [self.gid, self.egid, self.sgid, self.fsgid].contains(&gid);
        if gid == UNCHANGED || gid == self.fsgid || !(own || self.capable(Caps::SETGID)) {
            return None;
        }
        let mut new = self.clone();
        new.fsgid = gid;
        Some(new)
    }

    /// setgroups(2); the caller reserved `groups` fallibly.
    ///
    /// # Errors
    /// `EPERM` without CAP_SETGID; `EINVAL` for more than [`NGROUPS_MAX`] groups or group
    /// -1.
    pub fn setgroups(&self, mut groups: Vec<Gid>) -> Result<Self> {
        if !self.capable(Caps::SETGID) {
            return err!(EPERM, "setgroups needs CAP_SETGID");
        }
        if groups.len() > NGROUPS_MAX || groups.contains(&UNCHANGED) {
            return err!(EINVAL, "bad group list");
        }
        groups.sort_unstable();
        let mut new = self.clone();
        new.groups = Arc::new(groups);
        Ok(new)
    }

    /// capset(2).
    ///
    /// # Errors
    /// `EPERM` for a permitted set beyond the old one, an effective set beyond the new
    /// permitted one, or an inheritable set beyond the old inheritable and bounding ones;
    /// without CAP_SETPCAP also for one beyond the old inheritable and permitted ones.
    pub fn capset(&self, effective: Caps, permitted: Caps, inheritable: Caps) -> Result<Self> {
        let old = &self.caps;
        if !self.capable(Caps::SETPCAP) && !(old.inheritable | old.permitted).contains(inheritable)
        {
            return err!(EPERM, "capset: inheritable beyond permitted");
        }
        if !(old.inheritable | old.bounding).contains(inheritable) {
            return err!(EPERM, "capset: inheritable beyond bounding");
        }
        if !old.permitted.contains(permitted) || !permitted.contains(effective) {
            return err!(EPERM, "capset: more than permitted");
        }
        let mut new = self.clone();
        new.caps.effective = effective;
        new.caps.permitted = permitted;
        new.caps.inheritable = inheritable;
        new.caps.ambient &= permitted & inheritable;
        Ok(new)
    }

    /// prctl(PR_CAPBSET_DROP).
    ///
    /// # Errors
    /// `EPERM` without CAP_SETPCAP.
    pub fn drop_bounding(&self, cap: Caps) -> Result<Self> {
        if !self.capable(Caps::SETPCAP) {
            return err!(EPERM, "dropping from the bounding set needs CAP_SETPCAP");
        }
        let mut new = self.clone();
        new.caps.bounding.remove(cap);
        Ok(new)
    }

    /// prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE).
    ///
    /// # Errors
    /// `EPERM` unless it is permitted and inheritable, or if the securebits forbid it.
    pub fn raise_ambient(&self, cap: Caps) -> Result<Self> {
        if !(self.caps.permitted & self.caps.inheritable).contains(cap)
            || self.securebits.contains(SecureBits::NO_CAP_AMBIENT_RAISE)
        {
            return err!(EPERM, "ambient needs permitted and inheritable");
        }
        let mut new = self.clone();
        new.caps.ambient |= cap;
        Ok(new)
    }

    /// prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER and _CLEAR_ALL).
    pub fn lower_ambient(&self, caps: Caps) -> Self {
        let mut new = self.clone();
        new.caps.ambient.remove(caps);
        new
    }

    /// prctl(PR_SET_KEEPCAPS).
    ///
    /// # Errors
    /// `EPERM` if the securebits lock the switch.
    pub fn set_keep_caps(&self, keep: bool) -> Result<Self> {
        if self.securebits.contains(SecureBits::KEEP_CAPS_LOCKED) {
            return err!(EPERM, "KEEP_CAPS is locked");
        }
        let mut new = self.clone();
        new.securebits.set(SecureBits::KEEP_CAPS, keep);
        Ok(new)
    }

    /// prctl(PR_SET_SECUREBITS).
    ///
    /// # Errors
    /// `EPERM` for unknown bits, a change to a locked one, the removal of a lock, or
    /// without CAP_SETPCAP.
    pub fn set_securebits(&self, bits: u32) -> Result<Self> {
        const LOCKS: u32 = 0xaa;
        let old = self.securebits.bits();
        let locked = (old & LOCKS) >> 1;
        let Some(wanted) = SecureBits::from_bits(bits) else {
            return err!(EPERM, "unknown securebits");
        };
        if locked & (old ^ bits) != 0 || old & LOCKS & !bits != 0 || !self.capable(Caps::SETPCAP) {
            return err!(EPERM, "securebits locked or CAP_SETPCAP missing");
        }
        let mut new = self.clone();
        new.securebits = wanted;
        Ok(new)
    }

    /// What losing or gaining user id 0 does to the capability sets.
    fn fix_caps_after_setuid(&mut self, old: &Cred) {
        if self.securebits.contains(SecureBits::NO_SETUID_FIXUP) {
            return;
        }
        let had_root = [old.uid, old.euid, old.suid].contains(&0);
        let has_root = [self.uid, self.euid, self.suid].contains(&0);
        if had_root && !has_root {
            if !self.securebits.contains(SecureBits::KEEP_CAPS) {
                self.caps.permitted = Caps::empty();
                self.caps.effective = Caps::empty();
            }
            self.caps.ambient = Caps::empty();
        }
        if old.euid == 0 && self.euid != 0 {
            self.caps.effective = Caps::empty();
        }
        if old.euid != 0 && self.euid == 0 {
            self.caps.effective = self.caps.permitted;
        }
    }
}

fn replace(id: &mut u32, new: u32) {
    if new != UNCHANGED {
        *id = new;
    }
}
