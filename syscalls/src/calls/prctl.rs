// SPDX-License-Identifier: Apache-2.0 OR MIT
//! prctl and arch_prctl.

use crate::arg::{Addr, UserPtr};
use crate::calls::caps::capability;
use crate::cx::Context;
use abi::capability::Caps;
use abi::prctl::*;
use abi::signal::Signal;
use abi::{Result, err, error};
use cred::Cred;

/// prctl(2).
pub(crate) fn sys_prctl(
    cx: &mut Context,
    option: i32,
    arg2: Addr,
    arg3: u64,
    arg4: u64,
    arg5: u64,
) -> Result<usize> {
    let arg2 = arg2.0 as u64;
    let rest_is_zero = arg3 == 0 && arg4 == 0 && arg5 == 0;
    match option {
        PR_SET_NAME => set_name(cx, arg2 as usize)?,
        PR_GET_NAME => cx.vm().write(arg2 as usize, &cx.thread.comm())?,
        PR_GET_TIMING => {}
        PR_SET_TIMING if arg2 == 0 => {}
        PR_GET_SECCOMP => {}
        // There are none to be switched.
        PR_TASK_PERF_EVENTS_DISABLE | PR_TASK_PERF_EVENTS_ENABLE => {}
        PR_GET_TSC => put_int(cx, arg2, PR_TSC_ENABLE)?,
        PR_SET_TSC if arg2 as i32 == PR_TSC_ENABLE => {}
        PR_SET_TIMERSLACK if cx.thread.timer_slack_ns() == 0 => {}
        PR_SET_TIMERSLACK => {
            cx.thread.set_timer_slack_ns(Some(arg2).filter(|slack| *slack as i64 > 0));
        }
        PR_GET_TIMERSLACK => return Ok(cx.thread.timer_slack_ns() as usize),
        PR_GET_TID_ADDRESS => {
            let addr = cx.thread.clear_child_tid() as u64;
            UserPtr::<u64>::new(arg2 as usize).write(cx.vm(), &addr)?;
        }
        PR_SET_NO_NEW_PRIVS if arg2 == 1 && rest_is_zero => {
            change(cx, |cred| {
                let mut changed = cred.clone();
                changed.no_new_privs = true;
                Ok(changed)
            })?;
        }
        PR_MCE_KILL if arg4 == 0 && arg5 == 0 => mce_kill(cx, arg2, arg3)?,
        PR_MCE_KILL_GET if arg2 == 0 && rest_is_zero => return Ok(cx.thread.mce_kill().into()),
        PR_GET_SPECULATION_CTRL if rest_is_zero => return speculation(arg2),
        PR_SET_SPECULATION_CTRL if arg4 == 0 && arg5 == 0 => return speculation(arg2),
        PR_SET_THP_DISABLE if rest_is_zero => cx.mm().set_huge_pages_off(arg2 != 0),
        PR_GET_THP_DISABLE if arg2 == 0 && rest_is_zero => {
            return Ok(cx.mm().huge_pages_off().into());
        }
        PR_GET_NO_NEW_PRIVS if arg2 == 0 && rest_is_zero => {
            return Ok(cx.cred().no_new_privs.into());
        }
        _ => {
            return of_process(cx, option, arg2).unwrap_or_else(|| {
                of_capabilities(cx, option, arg2, arg3, arg4 == 0 && arg5 == 0)
            });
        }
    }
    Ok(0)
}

/// When a thread is told of broken memory: kept and told again, as no report of any reaches it.
fn mce_kill(cx: &Context, operation: u64, policy: u64) -> Result<()> {
    match (operation, policy) {
        (PR_MCE_KILL_CLEAR, 0) => cx.thread.set_mce_kill(PR_MCE_KILL_DEFAULT as u8),
        (PR_MCE_KILL_SET, 0..=PR_MCE_KILL_DEFAULT) => cx.thread.set_mce_kill(policy as u8),
        _ => return err!(EINVAL, "policy"),
    }
    Ok(())
}

/// Speculation cannot be controlled; what is none at all is told apart.
fn speculation(kind: u64) -> Result<usize> {
    if kind > PR_SPEC_LAST {
        err!(ENODEV, "kind of speculation")
    } else {
        err!(EINVAL, "no control")
    }
}

/// The options about the process as a whole.
fn of_process(cx: &Context, option: i32, arg: u64) -> Option<Result<usize>> {
    let process = cx.process();
    let result = match option {
        PR_SET_PDEATHSIG => i32::try_from(arg)
            .map_err(|_| error!(EINVAL))
            .and_then(Signal::new_or_probe)
            .map(|signal| process.set_death_signal(signal)),
        PR_GET_PDEATHSIG => put_int(cx, arg, process.death_signal().map_or(0, Signal::number)),
        PR_GET_DUMPABLE => return Some(Ok(process.dumpable() as usize)),
        PR_SET_DUMPABLE => match arg {
            0 | 1 => {
                process.set_dumpable(arg as u8);
                Ok(())
            }
            _ => err!(EINVAL),
        },
        PR_SET_CHILD_SUBREAPER => {
            process.set_subreaper(arg != 0);
            Ok(())
        }
        PR_GET_CHILD_SUBREAPER => put_int(cx, arg, process.is_subreaper().into()),
        _ => return None,
    };
    Some(result.map(|()| 0))
}

/// The options about capabilities.
fn of_capabilities(
    cx: &Context,
    option: i32,
    arg2: u64,
    arg3: u64,
    rest_is_zero: bool,
) -> Result<usize> {
    let cred = cx.cred();
    match option {
        PR_CAPBSET_READ => Ok(cred.caps.bounding.contains(capability(arg2)?).into()),
        PR_CAPBSET_DROP => {
            cx.require(Caps::SETPCAP)?;
            let cap = capability(arg2)?;
            change(cx, |cred| cred.drop_bounding(cap))
        }
        PR_GET_SECUREBITS => Ok(cred.securebits.bits() as usize),
        PR_SET_SECUREBITS => {
            let bits = u32::try_from(arg2).map_err(|_| error!(EPERM))?;
            change(cx, |cred| cred.set_securebits(bits))
        }
        PR_GET_KEEPCAPS => {
            Ok(cred.securebits.contains(abi::capability::SecureBits::KEEP_CAPS).into())
        }
        PR_SET_KEEPCAPS if arg2 <= 1 => change(cx, |cred| cred.set_keep_caps(arg2 == 1)),
        PR_CAP_AMBIENT if rest_is_zero => ambient(cx, &cred, arg2, arg3),
        _ => err!(EINVAL, "option"),
    }
}

fn ambient(cx: &Context, cred: &Cred, operation: u64, number: u64) -> Result<usize> {
    match operation {
        PR_CAP_AMBIENT_CLEAR_ALL if number == 0 => {
            change(cx, |cred| Ok(cred.lower_ambient(Caps::all())))
        }
        PR_CAP_AMBIENT_IS_SET => Ok(cred.caps.ambient.contains(capability(number)?).into()),
        PR_CAP_AMBIENT_RAISE => {
            let cap = capability(number)?;
            change(cx, |cred| cred.raise_ambient(cap))
        }
        PR_CAP_AMBIENT_LOWER => {
            let cap = capability(number)?;
            change(cx, |cred| Ok(cred.lower_ambient(cap)))
        }
        _ => err!(EINVAL, "operation"),
    }
}

fn change(cx: &Context, rule: impl FnOnce(&Cred) -> Result<Cred>) -> Result<usize> {
    let changed = rule(&cx.cred())?;
    cx.thread.set_cred(changed)?;
    Ok(0)
}

fn put_int(cx: &Context, addr: u64, value: i32) -> Result<()> {
    UserPtr::<i32>::new(addr as usize).write(cx.vm(), &value)
}

/// Reads a name byte by byte up to its NUL: it may end right before unmapped memory.
fn set_name(cx: &Context, addr: usize) -> Result<()> {
    let mut name = [0_u8; TASK_COMM_LEN];
    for (index, slot) in name.iter_mut().take(TASK_COMM_LEN - 1).enumerate() {
        *slot = UserPtr::<u8>::new(addr).at(index)?.read(cx.vm())?;
        if *slot == 0 {
            break;
        }
    }
    cx.thread.set_comm(&name);
    Ok(())
}

/// arch_prctl(2).
pub(crate) fn sys_arch_prctl(cx: &mut Context, option: Addr, arg: Addr) -> Result<usize> {
    let (option, arg) = (option.0 as i32, arg.0 as u64);
    let is_set = match option {
        ARCH_SET_FS => cx.user.set_fs_base(arg),
        ARCH_SET_GS => cx.user.set_gs_base(arg),
        ARCH_GET_FS => return put_base(cx, arg, cx.user.fs_base()),
        ARCH_GET_GS => return put_base(cx, arg, cx.user.gs_base()),
        ARCH_GET_CPUID => return Ok(1),
        ARCH_SET_CPUID => return err!(ENODEV, "CPUID cannot be made to fault"),
        _ => return err!(EINVAL, "option"),
    };
    if is_set { Ok(0) } else { err!(EPERM, "not a user address") }
}

fn put_base(cx: &Context, addr: u64, base: u64) -> Result<usize> {
    UserPtr::<u64>::new(addr as usize).write(cx.vm(), &base)?;
    Ok(0)
}
