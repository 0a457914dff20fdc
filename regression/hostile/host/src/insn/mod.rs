// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction layer: sees instructions, takes vCPUs over, injects events. Neutral of vendor.
//!
//! Two properties of QEMU's translator shape it. First, a block is shared by all addresses that map it, so the address
//! seen at translation is not the pc: [`true_pc`] finds it. Second, arithmetic flags are known only at the first
//! instruction of a block and behind instructions that store them, so leaving the middle of a block loses them. Hence
//! TDCALL, which is no instruction to QEMU, becomes a jump to itself plus two bytes that start a block of their own
//! ([`patch`]); CPUID, RDMSR and WRMSR run, made harmless, and the vCPU is taken over behind them.

pub mod classify;
mod handle;
pub mod inject;
pub mod patch;
pub mod stub;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

pub use classify::Kind;
pub use handle::{accessed, diverted, executed};
pub use inject::Injection;

use crate::config::Mode;
use crate::ffi::{Block, Cpu, Reg};
use crate::tdx::pages::PAGE;
use crate::{host, sections};

/// A place in the translated code that calls us. Leaked: translations are few.
#[derive(Debug)]
pub struct Site {
    /// What is there.
    pub kind: Kind,
    /// Address at translation; see [`true_pc`].
    pub vaddr: u64,
    /// Length of the instruction.
    pub len: u8,
    /// Its bytes.
    pub bytes: [u8; 16],
    /// Whether it is the first of its block: flags are exact before it.
    pub is_first: bool,
    /// Whether it is the last of its block.
    pub is_last: bool,
    /// For [`Kind::Patch`]: how far the TDCALL is.
    pub extra: u64,
}

/// State of the layer.
pub struct Layer {
    cpus: Vec<Mutex<CpuState>>,
    /// Addresses (low 32 bits) of instructions at which a block starts that must call us.
    hot: RwLock<HashSet<u32>>,
    stubs: Mutex<stub::Stubs>,
}

/// What the layer knows of one vCPU.
#[derive(Default)]
pub struct CpuState {
    /// What is to be done at the next instruction.
    after: Vec<(u64, handle::After)>,
    /// An injection whose exception is being delivered.
    pending: Option<inject::Pending>,
    /// Work that runs on the vCPU in a stub.
    running: Vec<stub::Running>,
    /// The engine has just acted at this address: once more without it.
    skip: Option<u64>,
    /// IDT base, as LIDT last set it.
    pub idt: u64,
    /// Whether this vCPU has been a TD's.
    pub is_td: bool,
}

impl Layer {
    /// For this many vCPUs; blocks that start at `entry` call us from the beginning.
    pub fn new(cpus: usize, entry: Option<u64>) -> Self {
        Self {
            cpus: (0..cpus.max(1)).map(|_| Mutex::default()).collect(),
            hot: RwLock::new(entry.map(|at| at as u32).into_iter().collect()),
            stubs: Mutex::default(),
        }
    }

    /// The state of a vCPU; never hold it across a jump.
    pub fn cpu(&self, cpu: &Cpu) -> MutexGuard<'_, CpuState> {
        let index = cpu.index().min(self.cpus.len() - 1);
        self.cpus[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Work starts on a vCPU.
    pub fn push(&self, cpu: &Cpu, running: stub::Running) {
        self.cpu(cpu).running.push(running);
    }

    fn is_hot(&self, vaddr: u64) -> bool {
        self.hot.read().unwrap_or_else(PoisonError::into_inner).contains(&(vaddr as u32))
    }

    /// Makes the block that starts at `pc` call us from now on.
    pub fn heat(&self, cpu: &Cpu, pc: u64) {
        if self.is_hot(pc) {
            return;
        }
        self.hot.write().unwrap_or_else(PoisonError::into_inner).insert(pc as u32);
        refresh(cpu, pc);
    }
}

/// Throws away the translations of the instruction at `pc`, by writing its first byte again.
pub fn refresh(cpu: &Cpu, pc: u64) {
    let mut byte = [0];
    if let Some(phys) = cpu.translate(pc)
        && cpu.read_phys(phys, &mut byte)
    {
        cpu.write_phys(phys, &byte);
    }
}

/// Throws away the translations of a page of RAM, by writing it again.
pub fn forget_page(cpu: &Cpu, gpa: u64) {
    let mut bytes = vec![0; PAGE as usize];
    if cpu.read_phys(gpa, &mut bytes) {
        cpu.write_phys(gpa, &bytes);
    }
}

/// The address of the instruction that `site` stands for, on this vCPU now.
pub fn true_pc(cpu: &Cpu, site: &Site) -> u64 {
    /// Of CR0: without it the instruction pointer is an offset into a segment.
    const PROTECTED: u64 = 1;
    let start = cpu.get(Reg::Rip);
    if start >> 16 == 0 && cpu.get(Reg::Cr0) & PROTECTED == 0 {
        return site.vaddr;
    }
    let pc = (start & !0xfff) | (site.vaddr & 0xfff);
    if pc < start { pc.wrapping_add(0x1000) } else { pc }
}

/// The ring that this vCPU is in.
pub fn ring(cpu: &Cpu) -> u8 {
    (cpu.get(Reg::Cs) & 3) as u8
}

/// How far behind the first instruction a TDCALL is that does not start the block: it ends it.
fn tdcall_behind_first(block: &Block) -> Option<u64> {
    let last = block.len().checked_sub(1).filter(|last| *last > 0)?;
    let mut bytes = [0; 16];
    let insn = block.insn(last);
    let len = insn.bytes(&mut bytes);
    let is_tdcall = bytes.get(..len)?.starts_with(&patch::TDCALL);
    is_tdcall.then(|| insn.vaddr().wrapping_sub(block.insn(0).vaddr()))
}

/// Shows the oracles the pages that the block is fetched from.
fn show_pages(block: &Block) {
    let mut seen = None;
    for index in 0..block.len() {
        let insn = block.insn(index);
        let first = insn.vaddr();
        let last = first + (insn.bytes(&mut [0; 16]) as u64).saturating_sub(1);
        for at in [first, last] {
            if seen.replace(at >> 12) != Some(at >> 12)
                && let Some(phys) = block.translate(at)
            {
                host().engine.oracles().on_fetch(at, phys);
            }
        }
    }
}

/// Called for each new block.
pub(crate) fn translated(block: &Block) {
    let host = host();
    if host.config.mode == Mode::Sections {
        return sections::translated(block);
    }
    let wants = host.engine.wants();
    let len = block.len();
    show_pages(block);
    if host.config.instructions {
        block.count();
    }
    let mut after_special = false;
    for index in 0..len {
        let insn = block.insn(index);
        let vaddr = insn.vaddr();
        let mut bytes = [0; 16];
        let size = insn.bytes(&mut bytes);
        let site_with = |kind, extra| -> &'static Site {
            Box::leak(Box::new(Site {
                kind,
                vaddr,
                len: size as u8,
                bytes,
                is_first: index == 0,
                is_last: index + 1 == len,
                extra,
            }))
        };
        let site = |kind| site_with(kind, 0);
        if index == 0
            && let Some(extra) = tdcall_behind_first(block)
        {
            insn.on_exec(site_with(Kind::Patch, extra));
        }
        if index == 0 && host.insn.is_hot(vaddr) {
            insn.on_exec(site(Kind::Entry));
        } else if after_special {
            insn.on_exec(site(Kind::After));
        }
        if wants.has_insn(vaddr) {
            insn.on_exec(site(Kind::Watched));
        }
        let mut kind = classify::classify(bytes.get(..size).unwrap_or(&[]), wants);
        if kind == Some(Kind::Syscall) && host.events.has_user() {
            kind = None;
        }
        after_special = kind.is_some_and(Kind::runs_first);
        match kind {
            Some(Kind::Lidt) => insn.on_access(site(Kind::Lidt)),
            Some(kind) => insn.on_exec(site(kind)),
            None => {}
        }
        if classify::wants_access(bytes.get(..size).unwrap_or(&[]), vaddr, &host.config, wants) {
            insn.on_access(site(Kind::Access));
        }
    }
}
