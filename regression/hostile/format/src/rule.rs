// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A rule: when the host does what.

use serde::Deserialize;

use crate::span::{Count, Span, Value};

/// What a rule waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Any call of the host.
    Vmcall,
    /// A CPUID leaf asked of the host.
    CpuidCall,
    /// Halt.
    Hlt,
    /// Port read or write.
    Io,
    /// Model-specific register read.
    Rdmsr,
    /// Model-specific register write.
    Wrmsr,
    /// Memory-mapped device access.
    Mmio,
    /// The list of calls that the host knows.
    CallInfo,
    /// Conversion between private and shared.
    MapGpa,
    /// Request of a quote.
    GetQuote,
    /// The guest's last word.
    FatalError,
    /// Registration of an event interrupt.
    Notify,
    /// Acceptance of a page (answered by the TDX module from what the host made of its page table).
    Accept,
    /// Fetch of the reason of a #VE.
    VeInfo,
    /// Extension of a measurement register.
    RtmrExtend,
    /// A report of the TDX module.
    Report,
    /// CPUID instruction (virtualised values chosen by the host at TD build).
    Cpuid,
    /// Time-stamp counter read.
    Rdtsc,
    /// Random number instructions.
    Rdrand,
    /// An instruction at a chosen place.
    Insn,
    /// A read by the guest of shared memory.
    SharedRead,
    /// A write by the guest to shared memory.
    SharedWrite,
    /// The moment when the firmware hands over.
    Handover,
    /// Milliseconds since the workload began.
    Time,
    /// The workload reached a named mark.
    Mark,
}

/// Where an instruction or its interrupted program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ring {
    /// Ring 0.
    Kernel,
    /// Ring 3.
    User,
}

/// When a rule fires: all that is said must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The event.
    pub on: Event,
    /// Direction of a port or device access: `in` or `out`.
    #[serde(default)]
    pub dir: Option<Direction>,
    /// Ports.
    #[serde(default)]
    pub ports: Option<Span>,
    /// Guest-physical addresses, without the shared bit.
    #[serde(default)]
    pub gpa: Option<Span>,
    /// Part of the shared memory or configuration space by name: see docs/scenarios.md.
    #[serde(default)]
    pub place: Option<String>,
    /// Model-specific registers or CPUID leaves.
    #[serde(default)]
    pub index: Option<Span>,
    /// Instruction addresses: `symbol`, `symbol+N`, `from..to`, with symbols of the image, `lstar` or `vector:N`.
    #[serde(default)]
    pub pc: Option<String>,
    /// The same on Linux, which has no symbols.
    #[serde(default)]
    pub pc_linux: Option<String>,
    /// Ring of the instruction.
    #[serde(default)]
    pub ring: Option<Ring>,
    /// Number of the vCPU, counted from 0.
    #[serde(default)]
    pub cpu: Option<u32>,
    /// Name of the mark.
    #[serde(default)]
    pub mark: Option<String>,
    /// Only from this mark of the workload on; `boot` for from the beginning.
    #[serde(default)]
    pub after: Option<String>,
    /// Which occurrences, counted from 1; each instruction address is counted by itself.
    #[serde(default)]
    pub nth: Option<Count>,
    /// Of those only every so many.
    #[serde(default)]
    pub every: Option<u64>,
    /// Of those each with this chance, in thousandths.
    #[serde(default)]
    pub chance: Option<u64>,
    /// At most this often.
    #[serde(default)]
    pub times: Option<u64>,
    /// Of the distinct addresses met only one: that of number `run * pick`, counted from 0.
    #[serde(default)]
    pub pick: Option<u64>,
    /// Milliseconds, for a time.
    #[serde(default)]
    pub ms: Option<u64>,
}

/// Direction of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the guest.
    In,
    /// To the host.
    Out,
}

/// A forged reason of a #VE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VeInfo {
    /// Exit reason.
    pub reason: Value,
    /// Exit qualification.
    #[serde(default = "zero")]
    pub qualification: Value,
    /// Guest-linear address.
    #[serde(default = "zero")]
    pub gla: Value,
    /// Guest-physical address.
    #[serde(default = "zero")]
    pub gpa: Value,
    /// Instruction length and information.
    #[serde(default = "zero")]
    pub insn: Value,
}

fn zero() -> Value {
    Value::Set(0)
}

/// The host does not run the vCPU at hand for a while. It runs again when one of the limits is reached.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Milliseconds of the build machine's time, at most.
    pub ms: u64,
    /// Milliseconds by which the guest's clocks are further on at once: what time-outs see.
    #[serde(default)]
    pub guest_ms: u64,
    /// When the other vCPUs have made so many host calls.
    #[serde(default)]
    pub calls: Option<u64>,
    /// When the workload has reached this mark.
    #[serde(default)]
    pub until: Option<String>,
    /// Only when so many other stalls that began later are over, as far as `ms` allows.
    #[serde(default)]
    pub behind: u64,
}

/// What the host does when a rule fires; all that is said is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The status of a host call (R10) or of a TDX module call (RAX): a value, or the name of a status.
    #[serde(default)]
    pub status: Option<String>,
    /// Registers after the call or instruction.
    #[serde(default)]
    pub rax: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub rbx: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub rcx: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub rdx: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r10: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r11: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r12: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r13: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r14: Option<Value>,
    /// See `rax`.
    #[serde(default)]
    pub r15: Option<Value>,
    /// The carry flag of a random number instruction.
    #[serde(default)]
    pub carry: Option<bool>,
    /// Does not do what was asked for, and says it did.
    #[serde(default)]
    pub skip: bool,
    /// Vector to raise: `nmi`, `ve`, `db`, a number, `sweep` for 32 to 255 in turn, or `sweep-low` for 16 to 31.
    #[serde(default)]
    pub inject: Option<String>,
    /// What TDG.VP.VEINFO.GET tells next.
    #[serde(default)]
    pub ve: Option<VeInfo>,
    /// Changes a word that is read: what the first read gave is not what the next one gives.
    #[serde(default)]
    pub flip: Option<Value>,
    /// Writes to shared memory at a named place or address: `[["vq0.used.idx", "0xffff"]]`.
    #[serde(default)]
    pub poke: Vec<(String, Value)>,
    /// Takes the page of this address away from the guest (it becomes pending, its content is lost).
    #[serde(default)]
    pub remove: Option<String>,
    /// At a return instruction: looks whether the registers that a call of the host or module could have set are cleared.
    #[serde(default)]
    pub inspect: bool,
    /// Does not run the vCPU for a while, at an instruction or before it answers a host call.
    #[serde(default)]
    pub stall: Option<Stall>,
    /// Does nothing: that it happens at all is a violation.
    #[serde(default)]
    pub forbid: bool,
    /// Lies at the hand-over, by name: see docs/scenarios.md.
    #[serde(default)]
    pub boot: Vec<String>,
}

impl Action {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The trigger.
    pub when: Trigger,
    /// The lie.
    pub then: Action,
}

impl Rule {
    pub(crate) fn check(&self) -> Result<(), String> {
        let (when, then) = (&self.when, &self.then);
        if then.is_empty() {
            return Err("it does nothing".to_owned());
        }
        if when.on == Event::Time && when.ms.is_none() {
            return Err("which time?".to_owned());
        }
        if when.on == Event::Mark && when.mark.is_none() {
            return Err("which mark?".to_owned());
        }
        if then.stall.is_some() && when.on != Event::Insn && !is_call(when.on) {
            return Err("a vCPU is stalled at an instruction or a host call".to_owned());
        }
        if (when.on == Event::Handover) == then.boot.is_empty() {
            return Err("lies about the boot belong to the hand-over".to_owned());
        }
        Ok(())
    }
}

/// Whether it is a call of the host.
pub(crate) fn is_call(event: Event) -> bool {
    use Event::{
        CallInfo, CpuidCall, FatalError, GetQuote, Hlt, Io, MapGpa, Mmio, Notify, Rdmsr, Vmcall,
        Wrmsr,
    };
    matches!(
        event,
        Vmcall
            | CpuidCall
            | Hlt
            | Io
            | Rdmsr
            | Wrmsr
            | Mmio
            | CallInfo
            | MapGpa
            | GetQuote
            | FatalError
            | Notify
    )
}
