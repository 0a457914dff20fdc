// SPDX-License-Identifier: GPL-2.0-or-later
//! Instructions that run on the vCPU itself on our behalf: port and MSR work, HLT, `int n`.
//!
//! A stub is the instruction and a landing that calls us, written once into padding (`int3` or no-ops) near the code
//! that needs it, and left there: so two vCPUs may use it at a time. Interrupts stay off while it runs.

use crate::Flow;
use crate::ffi::{Cpu, Reg};
use crate::host;
use crate::vmm::VmCall;

/// The landing: a no-op that no compiler writes.
pub const LANDING: [u8; 2] = [0x2e, 0x90];

const PAGE: u64 = 0x1000;
/// How far around the code padding is looked for, in pages.
const REACH: u64 = 512;

/// Stubs that have been written.
#[derive(Default)]
pub struct Stubs(Vec<Stub>);

struct Stub {
    code: Vec<u8>,
    virt: u64,
    phys: u64,
}

/// Work in a stub.
pub struct Running {
    /// Where the guest goes on.
    pub ret: u64,
    /// Where the landing is.
    pub landing: u64,
    /// RAX, RBX, RCX, RDX before.
    pub saved: [u64; 4],
    /// System flags before.
    pub eflags: u64,
    /// What the work is for.
    pub purpose: Purpose,
}

/// What to do when work is done.
pub enum Purpose {
    /// To finish a TDVMCALL.
    VmCall(Box<VmCall>),
    /// To finish a `TDVMCALL<HLT>`: an interrupt may end it.
    Halt(Box<VmCall>),
    /// To change flags.
    Flags,
    /// The firmware's part of the hand-over.
    HandOver,
    /// To end QEMU: it comes back only if nothing was at the port.
    Ended,
}

const SAVED: [Reg; 4] = [Reg::Rax, Reg::Rbx, Reg::Rcx, Reg::Rdx];

/// How long a CPU that waits at the mailbox sleeps between two looks.
const WAIT: std::time::Duration = std::time::Duration::from_micros(100);

/// RFLAGS.IF
pub const IF: u64 = 1 << 9;

/// The address of a stub with this code near `pc`, written now if there is none.
pub fn find(cpu: &Cpu, pc: u64, code: &[u8]) -> Option<u64> {
    let mut stubs = host().insn.stubs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let near = |stub: &&Stub| {
        stub.code == code
            && stub.virt.abs_diff(pc) < 1 << 30
            && cpu.translate(stub.virt) == Some(stub.phys)
    };
    if let Some(stub) = stubs.0.iter().find(near) {
        return Some(stub.virt);
    }
    let page = pc & !(PAGE - 1);
    let offsets = (0..REACH).flat_map(|n| [n * PAGE, (n * PAGE).wrapping_neg()]);
    for start in offsets.map(|offset| page.wrapping_add(offset)) {
        let mut bytes = [0; PAGE as usize];
        if !cpu.read_virt(start, &mut bytes) {
            continue;
        }
        if let Some(at) = padding(&bytes, code.len()).or_else(|| behind_return(&bytes, code.len()))
        {
            let virt = start + at as u64;
            let phys = cpu.translate(virt)?;
            if !cpu.write_virt(virt, code) {
                continue;
            }
            stubs.0.push(Stub { code: code.to_vec(), virt, phys });
            return Some(virt);
        }
    }
    None
}

/// Where `len` bytes fit into a run of `int3` or of many no-ops; one byte of the run stays on each side.
fn padding(bytes: &[u8], len: usize) -> Option<usize> {
    let mut start = 0;
    for end in 1..=bytes.len() {
        if bytes.get(end) == bytes.get(start) {
            continue;
        }
        let least = match bytes[start] {
            0xcc => len + 2,
            0x90 => (len + 2).max(10),
            _ => usize::MAX,
        };
        if end - start >= least {
            return Some(start + 1);
        }
        start = end;
    }
    None
}

/// Where `len` bytes fit into a no-op behind a RET, which nobody runs: how compilers align functions.
fn behind_return(bytes: &[u8], len: usize) -> Option<usize> {
    const RET: u8 = 0xc3;
    const NOOPS: [&[u8]; 6] = [
        &[0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        &[0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        &[0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        &[0x0f, 0x1f, 0x80, 0, 0, 0, 0],
        &[0x66, 0x0f, 0x1f, 0x44, 0, 0],
        &[0x0f, 0x1f, 0x44, 0, 0],
    ];
    (1..bytes.len()).filter(|at| bytes[at - 1] == RET).find(|at| {
        let rest = &bytes[*at..];
        let prefixes = rest.iter().take_while(|byte| **byte == 0x66).count();
        let fits = |noop: &&[u8], from: usize| {
            rest.get(from..).is_some_and(|rest| rest.starts_with(noop)) && from + noop.len() >= len
        };
        NOOPS.iter().any(|noop| fits(noop, 0) || fits(noop, prefixes))
    })
}

/// Runs `code` on the vCPU with RAX, RCX and RDX as given, then [`landed`] is called.
pub fn run(
    cpu: &Cpu,
    pc: u64,
    ret: u64,
    code: &[u8],
    regs: [u64; 3],
    purpose: Purpose,
) -> Option<Flow> {
    let mut all = code.to_vec();
    all.extend(LANDING);
    let stub = find(cpu, pc, &all)?;
    let saved = SAVED.map(|reg| cpu.get(reg));
    let eflags = cpu.get(Reg::Eflags);
    let landing = stub + code.len() as u64;
    host().insn.cpu(cpu).running.push(Running { ret, landing, saved, eflags, purpose });
    cpu.set(Reg::Rax, regs[0]);
    cpu.set(Reg::Rcx, regs[1]);
    cpu.set(Reg::Rdx, regs[2]);
    cpu.set(Reg::Eflags, eflags & !IF);
    Some(Flow::Jump(stub))
}

/// Whether `pc` is in the stub that runs now: what it does is the host's doing.
pub fn is_own(cpu: &Cpu, pc: u64) -> bool {
    host().insn.cpu(cpu).running.last().is_some_and(|running| running.landing.wrapping_sub(pc) <= 4)
}

/// A stub has run to its end.
pub fn landed(cpu: &Cpu, pc: u64) -> Flow {
    let Some(running) = host().insn.cpu(cpu).running.pop_if(|running| running.landing == pc) else {
        // A CPU that waits at the mailbox.
        std::thread::sleep(WAIT);
        return Flow::Continue;
    };
    let results = SAVED.map(|reg| cpu.get(reg));
    for (reg, value) in SAVED.into_iter().zip(running.saved) {
        cpu.set(reg, value);
    }
    cpu.set(Reg::Eflags, running.eflags);
    match running.purpose {
        Purpose::VmCall(mut call) | Purpose::Halt(mut call) => {
            crate::vmm::native_done(&mut call, results);
            crate::vmm::finish(cpu, &mut call);
        }
        Purpose::HandOver | Purpose::Flags => {}
        Purpose::Ended => std::process::exit(3),
    }
    Flow::Jump(running.ret)
}

/// An interrupt has been delivered from `from`: if it ended a halt, the halt is done and the frame says so.
pub fn interrupted(cpu: &Cpu, from: u64) {
    let halted = |running: &mut Running| {
        running.landing == from && matches!(running.purpose, Purpose::Halt(_))
    };
    let Some(running) = host().insn.cpu(cpu).running.pop_if(halted) else { return };
    let Purpose::Halt(mut call) = running.purpose else { return };
    let frame = cpu.get(Reg::Rsp);
    let mut flags = [0; 8];
    cpu.read_virt(frame + 16, &mut flags);
    let flags = (u64::from_le_bytes(flags) & !IF) | (running.eflags & IF);
    cpu.write_virt(frame, &running.ret.to_le_bytes());
    cpu.write_virt(frame + 16, &flags.to_le_bytes());
    for (reg, value) in SAVED.into_iter().zip(running.saved) {
        cpu.set(reg, value);
    }
    crate::vmm::finish(cpu, &mut call);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_padding() {
        let mut bytes = vec![0; 64];
        assert_eq!(padding(&bytes, 2), None);
        bytes[10..14].fill(0xcc);
        assert_eq!(padding(&bytes, 2), Some(11));
        assert_eq!(padding(&bytes, 3), None);
        bytes[30..36].copy_from_slice(&[0xc3, 0x0f, 0x1f, 0x44, 0, 0]);
        assert_eq!((behind_return(&bytes, 4), behind_return(&bytes, 6)), (Some(31), None));
        bytes[50..64].fill(0x90);
        assert_eq!(padding(&bytes, 4), Some(51));
    }
}
