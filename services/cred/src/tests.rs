// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Linux's credential rules, case by case.

extern crate std;
use std::vec;

use abi::Errno;
use abi::capability::{Caps, SecureBits};
use abi::fs::UNCHANGED;

use crate::{CapSets, Cred, ExecFile};

const FILE: ExecFile =
    ExecFile { uid: 0, gid: 0, mode: 0o755, is_nosuid: false, is_readable: true, is_shared: false };

#[test]
fn root_setuid_changes_all_ids_and_drops_caps() {
    let new = Cred::root().setuid(1000).unwrap();
    assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (1000, 1000, 1000, 1000));
    assert!(new.caps.permitted.is_empty() && new.caps.effective.is_empty());
    assert_eq!(new.setuid(0).unwrap_err().errno(), Errno::EPERM);
}

#[test]
fn unprivileged_setuid_moves_between_real_and_saved() {
    let mut user = Cred::user(1000, 1000);
    user.suid = 2000;
    let new = user.setuid(2000).unwrap();
    assert_eq!((new.uid, new.euid, new.suid), (1000, 2000, 2000));
    assert_eq!(user.setuid(UNCHANGED).unwrap_err().errno(), Errno::EINVAL);
}

#[test]
fn keep_caps_survives_loss_of_root_but_not_effective() {
    let root = Cred::root().set_keep_caps(true).unwrap();
    let new = root.setresuid(5, 5, 5).unwrap();
    assert_eq!(new.caps.permitted, Caps::all());
    assert!(new.caps.effective.is_empty());
}

#[test]
fn seteuid_toggles_effective_caps() {
    let low = Cred::root().setresuid(UNCHANGED, 7, UNCHANGED).unwrap();
    assert!(low.caps.effective.is_empty());
    assert_eq!(low.caps.permitted, Caps::all());
    let high = low.setresuid(UNCHANGED, 0, UNCHANGED).unwrap();
    assert_eq!(high.caps.effective, Caps::all());
}

#[test]
fn setreuid_sets_the_saved_id() {
    let new = Cred::root().setreuid(1, 2).unwrap();
    assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (1, 2, 2, 2));
    let user = Cred::user(10, 10);
    assert_eq!(user.setreuid(11, UNCHANGED).unwrap_err().errno(), Errno::EPERM);
    assert_eq!(user.setreuid(UNCHANGED, 11).unwrap_err().errno(), Errno::EPERM);
    assert_eq!(user.setreuid(UNCHANGED, 10).unwrap().suid, 10);
}

#[test]
fn fsuid_carries_the_file_capabilities() {
    let low = Cred::root().setfsuid(9).unwrap();
    assert!(!low.capable(Caps::DAC_OVERRIDE) && low.capable(Caps::KILL));
    let back = low.setfsuid(0).unwrap();
    assert!(back.capable(Caps::DAC_OVERRIDE));
    assert!(Cred::user(1, 1).setfsuid(2).is_none());
}

#[test]
fn groups_are_sorted_searched_and_guarded() {
    let new = Cred::root().setgroups(vec![30, 10, 20]).unwrap();
    assert_eq!(new.groups(), &[10, 20, 30]);
    assert!(new.in_group(20) && new.in_group(0) && !new.in_group(15));
    assert_eq!(Cred::user(1, 1).setgroups(vec![1]).unwrap_err().errno(), Errno::EPERM);
    assert_eq!(Cred::root().setgroups(vec![UNCHANGED]).unwrap_err().errno(), Errno::EINVAL);
}

#[test]
fn gid_calls_follow_the_same_rules() {
    assert_eq!(Cred::root().setgid(4).unwrap().sgid, 4);
    let user = Cred::user(1, 4);
    assert_eq!(user.setgid(5).unwrap_err().errno(), Errno::EPERM);
    assert_eq!(user.setresgid(4, 4, 5).unwrap_err().errno(), Errno::EPERM);
    assert_eq!(Cred::root().setregid(1, 2).unwrap().sgid, 2);
}

#[test]
fn capset_never_grows_permitted() {
    let root = Cred::root();
    let less = root.capset(Caps::KILL, Caps::KILL, Caps::empty()).unwrap();
    assert_eq!(less.caps.permitted, Caps::KILL);
    let more = less.capset(Caps::KILL, Caps::KILL | Caps::CHOWN, Caps::empty());
    assert_eq!(more.unwrap_err().errno(), Errno::EPERM);
    let split = less.capset(Caps::CHOWN, Caps::KILL, Caps::empty());
    assert_eq!(split.unwrap_err().errno(), Errno::EPERM);
}

#[test]
fn exec_of_a_setuid_root_file_gives_everything() {
    let file = ExecFile { mode: 0o4755, ..FILE };
    let user = Cred::user(1000, 1000);
    let out = user.exec(&file);
    assert_eq!((out.cred.uid, out.cred.euid, out.cred.suid), (1000, 0, 0));
    assert_eq!(out.cred.caps.effective, Caps::all());
    assert!(out.is_secure && out.gained_privilege);
    let plain = user.exec(&FILE);
    assert!(!plain.is_secure && plain.cred.caps == CapSets::none());
}

#[test]
fn exec_ignores_set_id_bits_on_nosuid_and_no_new_privs() {
    let user = Cred::user(1000, 1000);
    let out = user.exec(&ExecFile { mode: 0o6755, is_nosuid: true, ..FILE });
    assert_eq!((out.cred.euid, out.cred.egid), (1000, 1000));
    let mut careful = user.clone();
    careful.no_new_privs = true;
    assert_eq!(careful.exec(&ExecFile { mode: 0o6755, ..FILE }).cred.euid, 1000);
}

#[test]
fn exec_raises_nobody_who_shares_his_place_in_the_tree() {
    let file = ExecFile { mode: 0o6755, gid: 7, is_shared: true, ..FILE };
    let out = Cred::user(1000, 1000).exec(&file);
    assert_eq!(
        (out.cred.euid, out.cred.suid, out.cred.egid, out.cred.fsgid),
        (1000, 1000, 1000, 1000)
    );
    assert_eq!(out.cred.caps, CapSets::none());
    let root = Cred::root().exec(&ExecFile { uid: 5, mode: 0o4755, is_shared: true, ..FILE });
    assert_eq!(root.cred.euid, 5, "who may change his user anyway");
}

#[test]
fn exec_needs_group_execute_for_setgid() {
    let user = Cred::user(1000, 1000);
    assert_eq!(user.exec(&ExecFile { gid: 7, mode: 0o2745, ..FILE }).cred.egid, 1000);
    assert_eq!(user.exec(&ExecFile { gid: 7, mode: 0o2755, ..FILE }).cred.egid, 7);
}

#[test]
fn exec_keeps_ambient_and_clears_keep_caps() {
    let mut user = Cred::user(5, 5);
    user.caps.permitted = Caps::KILL;
    user.caps.inheritable = Caps::KILL;
    let user = user.raise_ambient(Caps::KILL).unwrap().set_keep_caps(true).unwrap();
    let out = user.exec(&FILE);
    assert_eq!(out.cred.caps.effective, Caps::KILL);
    assert!(!out.cred.securebits.contains(SecureBits::KEEP_CAPS));
    let set_id = user.exec(&ExecFile { mode: 0o4755, uid: 6, ..FILE });
    assert!(set_id.cred.caps.effective.is_empty());
}

#[test]
fn access_checks_use_the_real_ids() {
    let out = Cred::user(1000, 1000).exec(&ExecFile { mode: 0o4755, ..FILE });
    let real = out.cred.with_real_ids();
    assert_eq!(real.fsuid, 1000);
    assert!(!real.capable(Caps::DAC_OVERRIDE));
    assert!(Cred::root().with_real_ids().capable(Caps::DAC_OVERRIDE));
}

#[test]
fn signals_by_id_match() {
    let a = Cred::user(1, 1);
    let b = Cred::user(2, 2);
    assert!(!a.may_signal(&b) && a.may_signal(&a) && Cred::root().may_signal(&b));
}
