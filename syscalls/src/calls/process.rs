// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Processes: making, ending, ids.

use crate::arg::{Addr, RawPid, UserPtr};
use crate::calls::group::encode;
use crate::cx::Context;
use abi::clone::{CLONE_ARGS_SIZE_VER0, CloneArgs as RawCloneArgs, CloneFlags};
use abi::futex::RobustListHead;
use abi::process::personality;
use abi::signal::Signal;
use abi::{Result, err, error};
use framework::mm::PAGE_SIZE;

use task::{CloneArgs, Tid, clone};

/// fork(2).
pub(crate) fn sys_fork(cx: &mut Context) -> Result<usize> {
    encode(clone(&cx.thread, &cx.user, &CloneArgs::fork())?.as_raw())
}

/// vfork(2).
pub(crate) fn sys_vfork(cx: &mut Context) -> Result<usize> {
    encode(clone(&cx.thread, &cx.user, &CloneArgs::vfork())?.as_raw())
}

/// clone(2).
pub(crate) fn sys_clone(
    cx: &mut Context,
    flags: Addr,
    stack: Addr,
    parent_tid: UserPtr<i32>,
    child_tid: UserPtr<i32>,
    tls: u64,
) -> Result<usize> {
    let args = CloneArgs {
        stack: (stack.0 != 0).then_some(stack.0 as u64),
        parent_tid: parent_tid.addr(),
        child_tid: child_tid.addr(),
        tls,
        ..CloneArgs::from_flags_word(flags.0 as u64)
    };
    encode(clone(&cx.thread, &cx.user, &args)?.as_raw())
}

/// clone3(2).
pub(crate) fn sys_clone3(cx: &mut Context, addr: Addr, size: usize) -> Result<usize> {
    let raw = read_clone_args(cx, addr.0, size)?;
    let flags = CloneFlags::from_bits(raw.flags).ok_or(error!(EINVAL, "unknown flag"))?;
    if flags.contains(CloneFlags::DETACHED) || raw.set_tid != 0 || raw.set_tid_size != 0 {
        return err!(EINVAL, "flags");
    }
    let exit_signal = i32::try_from(raw.exit_signal).map_err(|_| error!(EINVAL))?;
    let exit_signal = Signal::new_or_probe(exit_signal)?;
    if exit_signal.is_some() && flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT) {
        return err!(EINVAL, "exit signal of a thread");
    }
    let stack = match (raw.stack, raw.stack_size) {
        (0, 0) => None,
        (0, _) | (_, 0) => return err!(EINVAL, "stack"),
        (start, size) => Some(start.checked_add(size).ok_or(error!(EINVAL, "stack"))?),
    };
    let args = CloneArgs {
        flags,
        exit_signal,
        stack,
        parent_tid: raw.parent_tid as usize,
        child_tid: raw.child_tid as usize,
        tls: raw.tls,
    };
    encode(clone(&cx.thread, &cx.user, &args)?.as_raw())
}

/// Copies `struct clone_args` in; what the kernel does not know must be zero.
fn read_clone_args(cx: &Context, addr: usize, size: usize) -> Result<RawCloneArgs> {
    if size < CLONE_ARGS_SIZE_VER0 {
        return err!(EINVAL, "size of the arguments");
    }
    if size > PAGE_SIZE {
        return err!(E2BIG, "size of the arguments");
    }
    let mut bytes = [0_u8; PAGE_SIZE];
    let given = bytes.get_mut(..size).unwrap_or_default();
    cx.vm().read(addr, given)?;
    let (known, rest) = bytes.split_at(size_of::<RawCloneArgs>());
    if rest.iter().any(|&byte| byte != 0) {
        return err!(E2BIG, "unknown arguments");
    }
    Ok(framework::mm::Pod::from_bytes(known))
}

/// unshare(2): files and the place in the tree; there are no new namespaces.
pub(crate) fn sys_unshare(cx: &mut Context, flags: Addr) -> Result<()> {
    let known = CloneFlags::THREAD
        | CloneFlags::FS
        | CloneFlags::FILES
        | CloneFlags::SIGHAND
        | CloneFlags::VM
        | CloneFlags::SYSVSEM;
    let flags = CloneFlags::from_bits(flags.0 as u64).filter(|flags| known.contains(*flags));
    let flags = flags.ok_or(error!(EINVAL, "flags"))?;
    cx.thread.unshare(flags)
}

/// exit(2): the thread ends on its way back.
pub(crate) fn sys_exit(cx: &mut Context, code: i32) -> Result<()> {
    cx.thread.exit(code);
    Ok(())
}

/// exit_group(2).
pub(crate) fn sys_exit_group(cx: &mut Context, code: i32) -> Result<()> {
    cx.thread.exit_group(code);
    Ok(())
}

/// getpid(2).
pub(crate) fn sys_getpid(cx: &mut Context) -> usize {
    cx.thread.pid().as_raw() as usize
}

/// gettid(2).
pub(crate) fn sys_gettid(cx: &mut Context) -> usize {
    cx.thread.tid().as_raw() as usize
}

/// getppid(2).
pub(crate) fn sys_getppid(cx: &mut Context) -> usize {
    cx.process().parent_pid().as_raw() as usize
}

/// set_tid_address(2).
pub(crate) fn sys_set_tid_address(cx: &mut Context, addr: Addr) -> usize {
    cx.thread.set_clear_child_tid(addr.0);
    cx.thread.tid().as_raw() as usize
}

/// set_robust_list(2).
pub(crate) fn sys_set_robust_list(cx: &mut Context, head: Addr, len: usize) -> Result<()> {
    if len != size_of::<RobustListHead>() {
        return err!(EINVAL, "size of the list head");
    }
    cx.thread.set_robust_list(head.0);
    Ok(())
}

/// get_robust_list(2).
pub(crate) fn sys_get_robust_list(
    cx: &mut Context,
    tid: RawPid,
    head: UserPtr<u64>,
    len: UserPtr<u64>,
) -> Result<()> {
    let list = match tid.0 {
        0 => cx.thread.robust_list(),
        tid => task::robust_list_of(&cx.thread, Tid::from_raw(tid))?,
    };
    len.write(cx.vm(), &(size_of::<RobustListHead>() as u64))?;
    head.write(cx.vm(), &(list as u64))
}

/// personality(2).
pub(crate) fn sys_personality(cx: &mut Context, persona: u32) -> usize {
    let old = match persona {
        personality::QUERY => cx.process().personality(),
        new => cx.process().set_personality(new),
    };
    old as usize
}
