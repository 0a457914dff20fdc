// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The machine as a whole: names, figures, the kernel log, randomness, power.

use crate::arg::{MembarrierCommand, UserOut, UserPath, UserPtr};
use crate::cx::Context;
use abi::capability::Caps;
use abi::system::{HOST_NAME_MAX, RandomFlags, Sysinfo, Utsname};
use abi::{Result, err, error};
use alloc::vec::Vec;
use cred::LogUse;
use framework::mm::PAGE_SIZE;
use task::{PidNamespace, uts};

/// What `getrandom` copies at once.
const RANDOM_CHUNK: usize = 256;

/// uname(2).
pub(crate) fn sys_uname(cx: &mut Context, out: UserPtr<Utsname>) -> Result<()> {
    let names = &cx.thread.namespaces().uts;
    let (host, domain) = (names.hostname(), names.domainname());
    let fields = [
        field(uts::SYSNAME.as_bytes()),
        field(&host),
        field(uts::RELEASE.as_bytes()),
        field(uts::VERSION.as_bytes()),
        field(uts::MACHINE.as_bytes()),
        field(&domain),
    ];
    out.write(cx.vm(), &Utsname { fields })
}

/// A string as a field of `utsname`.
fn field(text: &[u8]) -> [u8; 65] {
    let mut field = [0; 65];
    for (to, from) in field.iter_mut().zip(text.iter().take(HOST_NAME_MAX)) {
        *to = *from;
    }
    field
}

/// sethostname(2).
pub(crate) fn sys_sethostname(cx: &mut Context, name: UserPath, len: i32) -> Result<()> {
    let name = read_name(cx, name, len)?;
    cx.thread.namespaces().uts.set_hostname(&name)
}

/// setdomainname(2).
pub(crate) fn sys_setdomainname(cx: &mut Context, name: UserPath, len: i32) -> Result<()> {
    let name = read_name(cx, name, len)?;
    cx.thread.namespaces().uts.set_domainname(&name)
}

fn read_name(cx: &Context, name: UserPath, len: i32) -> Result<Vec<u8>> {
    cx.require(Caps::SYS_ADMIN)?;
    let len = usize::try_from(len).ok().filter(|&len| len <= HOST_NAME_MAX);
    let mut bytes = [0_u8; HOST_NAME_MAX];
    let bytes = bytes.get_mut(..len.ok_or(error!(EINVAL, "length"))?).unwrap_or_default();
    cx.vm().read(name.0, bytes)?;
    Ok(bytes.to_vec())
}

/// sysinfo(2).
pub(crate) fn sys_sysinfo(cx: &mut Context, out: UserPtr<Sysinfo>) -> Result<()> {
    let memory = framework::mm::stats();
    let page = PAGE_SIZE as u64;
    let threads: usize = PidNamespace::initial().processes().map(|p| p.thread_count()).sum();
    let info = Sysinfo {
        uptime: (framework::time::monotonic_ns() / 1_000_000_000) as i64,
        loads: sched::load_average().map(|load| load.fixed_point(16)),
        totalram: memory.total_pages as u64 * page,
        freeram: memory.free_pages as u64 * page,
        procs: u16::try_from(threads).unwrap_or(u16::MAX),
        mem_unit: 1,
        ..Sysinfo::default()
    };
    out.write(cx.vm(), &info)
}

/// syslog(2).
pub(crate) fn sys_syslog(cx: &mut Context, action: i32, out: UserOut) -> Result<usize> {
    use abi::system::syslog::*;

    if !(0..=SIZE_BUFFER).contains(&action) {
        return err!(EINVAL, "action");
    }
    let looks = [READ_ALL, SIZE_BUFFER].contains(&action);
    cx.cred().check_log(if looks { LogUse::Look } else { LogUse::Change })?;
    match action {
        READ | READ_ALL | READ_CLEAR => {
            if (out.len() as i32) < 0 || out.addr() == 0 {
                return err!(EINVAL, "buffer");
            }
            let text = log_tail(out.len() as u32 as usize)?;
            cx.vm().write(out.addr(), &text)?;
            Ok(text.len())
        }
        CONSOLE_LEVEL => match u8::try_from(out.len()) {
            Ok(level @ 1..=8) => {
                framework::log::set_console_level(level);
                Ok(0)
            }
            _ => err!(EINVAL, "level"),
        },
        SIZE_UNREAD => Ok(log_tail(usize::MAX)?.len()),
        SIZE_BUFFER => Ok(1 << 17),
        CLEAR | CONSOLE_OFF | CONSOLE_ON => Ok(0),
        _ => Ok(0),
    }
}

/// The newest lines of the log that fit, as `dmesg` shows them.
fn log_tail(room: usize) -> Result<Vec<u8>> {
    let (first, end) = framework::log::bounds();
    let mut lines = Vec::new();
    let mut total = 0_usize;
    for seq in (first..end).rev() {
        let Some(record) = framework::log::read(seq) else { continue };
        let (sec, us) = (record.time_us / 1_000_000, record.time_us % 1_000_000);
        let line = alloc::format!("<{}>[{sec:5}.{us:06}] {}\n", record.priority, record.text);
        total = total.saturating_add(line.len());
        if total > room {
            break;
        }
        lines.try_reserve(1).map_err(|_| error!(ENOMEM))?;
        lines.push(line);
    }
    let mut text = Vec::new();
    for line in lines.iter().rev() {
        text.try_reserve(line.len()).map_err(|_| error!(ENOMEM))?;
        text.extend_from_slice(line.as_bytes());
    }
    Ok(text)
}

/// getrandom(2): one pool, which never runs dry.
pub(crate) fn sys_getrandom(cx: &mut Context, out: UserOut, flags: RandomFlags) -> Result<usize> {
    if flags.contains(RandomFlags::GRND_RANDOM | RandomFlags::GRND_INSECURE) {
        return err!(EINVAL, "flags");
    }
    let mut writer = out.cut().writer(cx.vm())?;
    let mut chunk = [0_u8; RANDOM_CHUNK];
    let mut done = 0;
    while writer.remaining() > 0 {
        let part = chunk.get_mut(..writer.remaining().min(RANDOM_CHUNK)).unwrap_or_default();
        framework::random::fill(part);
        match writer.write(part) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(_) if done > 0 => break,
            Err(fault) => return Err(fault.into()),
        }
        if framework::task::Task::current().interrupt_pending() {
            break;
        }
    }
    Ok(done)
}

/// getcpu(2): all memory is one node.
pub(crate) fn sys_getcpu(
    cx: &mut Context,
    cpu: Option<UserPtr<u32>>,
    node: Option<UserPtr<u32>>,
) -> Result<()> {
    let index = framework::cpu::current().index() as u32;
    let first = cpu.map_or(Ok(()), |cpu| cpu.write(cx.vm(), &index));
    // The one is told though the other cannot be.
    let second = node.map_or(Ok(()), |node| node.write(cx.vm(), &0));
    first.and(second)
}

/// membarrier(2): every switch between threads is a full barrier on x86; what is
/// left is to make the other CPUs switch.
pub(crate) fn sys_membarrier(
    cx: &mut Context,
    command: MembarrierCommand,
    flags: u32,
) -> Result<usize> {
    if flags != 0 {
        return err!(EINVAL, "flags");
    }
    match command {
        MembarrierCommand::Query => {
            use abi::system::membarrier::*;
            Ok((GLOBAL | PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED) as usize)
        }
        MembarrierCommand::PrivateExpedited if !cx.mm().is_registered() => {
            err!(EPERM, "not registered for private barriers")
        }
        MembarrierCommand::Global | MembarrierCommand::PrivateExpedited => {
            for cpu in framework::cpu::all() {
                framework::cpu::resched(cpu);
            }
            core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
            Ok(0)
        }
        MembarrierCommand::RegisterPrivateExpedited => {
            cx.mm().register();
            Ok(0)
        }
    }
}

/// vhangup(2).
pub(crate) fn sys_vhangup(cx: &mut Context) -> Result<()> {
    cx.require(Caps::SYS_TTY_CONFIG)
}

/// reboot(2).
pub(crate) fn sys_reboot(
    cx: &mut Context,
    magic1: u32,
    magic2: u32,
    command: u32,
    _arg: usize,
) -> Result<()> {
    use abi::system::reboot::*;

    cx.require(Caps::SYS_BOOT)?;
    if magic1 != MAGIC1 || !MAGIC2.contains(&magic2) {
        return err!(EINVAL, "magic");
    }
    match command {
        CAD_ON | CAD_OFF => Ok(()),
        HALT | POWER_OFF => framework::power::off(0),
        RESTART => framework::power::restart(),
        _ => err!(EINVAL, "command"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_in_nul() {
        let long = [b'x'; 100];
        assert_eq!(field(&long)[63..], [b'x', 0]);
        assert_eq!(field(b"ab")[..3], [b'a', b'b', 0]);
    }
}
