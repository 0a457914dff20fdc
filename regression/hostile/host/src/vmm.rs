// SPDX-License-Identifier: GPL-2.0-or-later
//! The honest host: what it answers to TDVMCALL.
//!
//! Ports, MSRs and CPUID run on the vCPU that asked, so all of QEMU's devices work.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::config::Quote;
use crate::evil::Honest;
use crate::ffi::Cpu;
use crate::insn::stub::{self, Purpose};
use crate::tdx::pages::State;
use crate::tdx::report::{self, REPORT_LEN};
use crate::tdx::tdcall::BY_NUMBER;
use crate::tdx::tdcall::number::*;
use crate::tdx::{SHARED, pages};
use crate::{Flow, host};

/// Sub-functions of TDVMCALL (R11).
pub mod function {
    #![allow(missing_docs)]
    pub const CPUID: u64 = 10;
    pub const HLT: u64 = 12;
    pub const IO: u64 = 30;
    pub const RDMSR: u64 = 31;
    pub const WRMSR: u64 = 32;
    pub const MMIO: u64 = 48;
    pub const WBINVD: u64 = 54;
    pub const GET_INFO: u64 = 0x10000;
    pub const MAP_GPA: u64 = 0x10001;
    pub const GET_QUOTE: u64 = 0x10002;
    pub const FATAL: u64 = 0x10003;
    pub const EVENT_NOTIFY: u64 = 0x10004;
}

/// Status of TDVMCALL (R10).
pub mod status {
    #![allow(missing_docs)]
    pub const SUCCESS: u64 = 0;
    pub const RETRY: u64 = 1;
    pub const INVALID_OPERAND: u64 = 1 << 63;
    pub const ALIGN_ERROR: u64 = 1 << 63 | 2;
    pub const UNSUPPORTED: u64 = 1 << 63 | 3;
}

/// A TDVMCALL.
#[derive(Clone, Debug)]
pub struct VmCall {
    /// Where it is.
    pub pc: u64,
    /// Where the guest goes on.
    pub ret: u64,
    /// Which registers the host sees and sets (RCX).
    pub mask: u64,
    /// What the host sees, by number; 0 where it sees nothing.
    pub input: [u64; 16],
    /// What it answers, by number; R10 is the status.
    pub output: [u64; 16],
}

impl VmCall {
    /// From all registers of the guest.
    pub fn new(pc: u64, ret: u64, all: &[u64; 16]) -> Self {
        let mask = all[RCX] & 0xffec;
        let mut input = *all;
        for (number, value) in input.iter_mut().enumerate() {
            if mask >> number & 1 == 0 {
                *value = 0;
            }
        }
        let mut output = input;
        output[R10] = status::SUCCESS;
        Self { pc, ret, mask, input, output }
    }

    /// The sub-function.
    pub fn function(&self) -> u64 {
        self.input[R11]
    }

    /// Whether it is one of the standard sub-functions (R10 = 0).
    pub fn is_standard(&self) -> bool {
        self.input[R10] == 0
    }
}

/// What is still to be done after [`answer`].
enum Todo {
    Nothing,
    /// An instruction in a stub with RAX, RCX, RDX; then its results are the answer.
    Native(&'static [u8], [u64; 3]),
    Halt(&'static [u8]),
    End,
}

/// Does a TDVMCALL.
pub fn call(cpu: &Cpu, mut call: VmCall) -> Flow {
    let host = host();
    host.events.count(&kind(&call));
    tick(cpu);
    if host.engine.before_vmcall(cpu, &mut call) == Honest::Skip {
        finish(cpu, &mut call);
        return Flow::Jump(call.ret);
    }
    let todo = if call.is_standard() {
        answer(cpu, &mut call)
    } else {
        call.output[R10] = status::UNSUPPORTED;
        Todo::Nothing
    };
    let (pc, ret) = (call.pc, call.ret);
    let flow = match todo {
        Todo::Nothing => {
            finish(cpu, &mut call);
            return Flow::Jump(ret);
        }
        Todo::Native(code, regs) => {
            stub::run(cpu, pc, ret, code, regs, Purpose::VmCall(call.into()))
        }
        Todo::Halt(code) => stub::run(cpu, pc, ret, code, [0; 3], Purpose::Halt(call.into())),
        // The debug-exit port, as for a stop that the kernel reports itself.
        Todo::End => {
            host.events.counts();
            stub::run(cpu, pc, ret, &[0xee], [0x11, 0, 0xf4], Purpose::Ended)
        }
    };
    flow.unwrap_or_else(|| {
        host.events.write(&json!({"event": "problem", "what": "no room for a stub", "pc": pc}));
        std::process::exit(3)
    })
}

/// Name of a call among the counters.
fn kind(call: &VmCall) -> String {
    if !call.is_standard() {
        return "vmcall.vendor".to_owned();
    }
    let name = match call.function() {
        function::CPUID => "cpuid",
        function::HLT => "hlt",
        function::IO => "io",
        function::RDMSR => "rdmsr",
        function::WRMSR => "wrmsr",
        function::MMIO => "mmio",
        function::WBINVD => "wbinvd",
        function::GET_INFO => "info",
        function::MAP_GPA => "mapgpa",
        function::GET_QUOTE => "quote",
        function::FATAL => "fatal",
        function::EVENT_NOTIFY => "notify",
        _ => "unknown",
    };
    format!("vmcall.{name}")
}

/// The answer is there: the engine may change it, then the guest gets it.
pub fn finish(cpu: &Cpu, call: &mut VmCall) {
    host().engine.after_vmcall(cpu, call);
    for (number, reg) in BY_NUMBER.into_iter().enumerate() {
        if call.mask >> number & 1 != 0 {
            cpu.set(reg, call.output[number]);
        }
    }
    cpu.set(BY_NUMBER[RAX], 0);
}

/// A stub has run: RAX, RBX, RCX, RDX are the answer.
pub fn native_done(call: &mut VmCall, [rax, rbx, rcx, rdx]: [u64; 4]) {
    match call.function() {
        function::IO if call.input[R13] == 0 => {
            let bits = call.input[R12] * 8;
            call.output[R11] = rax & (1u64 << bits).wrapping_sub(1);
        }
        function::RDMSR => call.output[R11] = rdx << 32 | rax & 0xffff_ffff,
        function::CPUID => call.output[R12..=R15].copy_from_slice(&[rax, rbx, rcx, rdx]),
        _ => {}
    }
}

fn answer(cpu: &Cpu, call: &mut VmCall) -> Todo {
    let [a, b, c, d] = [R12, R13, R14, R15].map(|number| call.input[number]);
    match call.function() {
        function::CPUID => return Todo::Native(&[0x0f, 0xa2], [a, b, 0]),
        // With interrupts blocked only an NMI ends it.
        function::HLT => return Todo::Halt(if a == 0 { &[0xfb, 0xf4] } else { &[0xf4] }),
        function::IO => {
            let code: &[u8] = match (a, b) {
                (1, 0) => &[0xec],
                (2, 0) => &[0x66, 0xed],
                (4, 0) => &[0xed],
                (1, 1) => &[0xee],
                (2, 1) => &[0x66, 0xef],
                (4, 1) => &[0xef],
                _ => {
                    call.output[R10] = status::INVALID_OPERAND;
                    return Todo::Nothing;
                }
            };
            return Todo::Native(code, [d, 0, c & 0xffff]);
        }
        function::RDMSR => return Todo::Native(&[0x0f, 0x32], [0, a, 0]),
        function::WRMSR => return Todo::Native(&[0x0f, 0x30], [b & 0xffff_ffff, a, b >> 32]),
        function::MMIO => call.output[R10] = mmio(cpu, call, a, b, c & !SHARED, d),
        function::WBINVD => {}
        function::GET_INFO => call.output[R11..=R14].fill(0),
        function::MAP_GPA => map(cpu, call, a, b),
        function::GET_QUOTE => call.output[R10] = quote(cpu, a, b),
        function::EVENT_NOTIFY if (32..=255).contains(&a) => {
            NOTIFY.store(a as u8, Ordering::Relaxed)
        }
        function::EVENT_NOTIFY => call.output[R10] = status::INVALID_OPERAND,
        function::FATAL => return fatal(call),
        _ => call.output[R10] = status::UNSUPPORTED,
    }
    Todo::Nothing
}

fn mmio(cpu: &Cpu, call: &mut VmCall, size: u64, direction: u64, gpa: u64, value: u64) -> u64 {
    let mut bytes = value.to_le_bytes();
    let Some(part) = bytes.get_mut(..size as usize).filter(|_| [1, 2, 4, 8].contains(&size)) else {
        return status::INVALID_OPERAND;
    };
    match direction {
        0 if cpu.read_phys(gpa, part) => {
            let mut whole = [0; 8];
            whole[..size as usize].copy_from_slice(part);
            call.output[R11] = u64::from_le_bytes(whole);
            status::SUCCESS
        }
        1 if cpu.write_phys(gpa, part) => status::SUCCESS,
        _ => status::INVALID_OPERAND,
    }
}

/// At most this much is converted by one MapGPA; then the guest is told to come again.
const MAP_CHUNK: u64 = 16 << 20;

fn map(cpu: &Cpu, call: &mut VmCall, gpa: u64, len: u64) {
    let module = &host().module;
    let start = gpa & !SHARED;
    if !start.is_multiple_of(pages::PAGE) || !len.is_multiple_of(pages::PAGE) || len == 0 {
        call.output[R10] = status::ALIGN_ERROR;
        return;
    }
    let Some(end) = start.checked_add(len).filter(|end| *end <= SHARED) else {
        call.output[R10] = status::INVALID_OPERAND;
        return;
    };
    let stop = end.min(start + MAP_CHUNK);
    let state = if gpa & SHARED != 0 { State::Shared } else { State::Pending };
    module.pages.set(start..stop, state);
    host().engine.oracles().on_conversion(cpu, start..stop);
    host().events.write(
        &json!({"event": "map", "gpa": start, "len": stop - start, "shared": gpa & SHARED != 0}),
    );
    if stop < end {
        call.output[R10] = status::RETRY;
        call.output[R11] = stop | gpa & SHARED;
    }
}

static NOTIFY: AtomicU8 = AtomicU8::new(0);

/// GetQuote's buffer: version, status, length in, length out, data.
const QUOTE_HEADER: u64 = 24;

fn quote(cpu: &Cpu, gpa: u64, len: u64) -> u64 {
    let at = gpa & !SHARED;
    let mut header = [0; QUOTE_HEADER as usize];
    let mut report = [0; REPORT_LEN];
    let fits = len >= QUOTE_HEADER + REPORT_LEN as u64;
    if gpa & SHARED == 0
        || !at.is_multiple_of(pages::PAGE)
        || !fits
        || !cpu.read_phys(at, &mut header)
    {
        return status::INVALID_OPERAND;
    }
    let in_len = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
    let version = u64::from_le_bytes(header[..8].try_into().unwrap_or_default());
    if version != 1 || in_len as usize != REPORT_LEN {
        return status::INVALID_OPERAND;
    }
    cpu.read_phys(at + QUOTE_HEADER, &mut report);
    let job =
        QuoteJob { at, report, wait: if host().config.quote == Quote::Async { 8 } else { 0 } };
    if job.wait == 0 {
        job.finish(cpu);
    } else {
        const IN_FLIGHT: u64 = u64::MAX;
        cpu.write_phys(at + 8, &IN_FLIGHT.to_le_bytes());
        *quote_job() = Some(job);
    }
    status::SUCCESS
}

/// A quote that is being made.
struct QuoteJob {
    at: u64,
    report: [u8; REPORT_LEN],
    /// How many TDVMCALLs later it is ready.
    wait: u32,
}

static QUOTE_JOB: Mutex<Option<QuoteJob>> = Mutex::new(None);

fn quote_job() -> MutexGuard<'static, Option<QuoteJob>> {
    QUOTE_JOB.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One more TDVMCALL: a quote may be ready.
fn tick(cpu: &Cpu) {
    let ready = {
        let mut slot = quote_job();
        if let Some(job) = slot.as_mut() {
            job.wait -= 1;
        }
        slot.take_if(|job| job.wait == 0)
    };
    if let Some(job) = ready {
        job.finish(cpu);
    }
}

impl QuoteJob {
    fn finish(&self, cpu: &Cpu) {
        const ERROR: u64 = 1 << 63;
        let mac: &[u8; 256] = self.report.first_chunk().expect("a report is longer");
        let (code, quote) = match report::verify(mac) {
            true => (0, report::quote(&self.report)),
            false => (ERROR, Vec::new()),
        };
        cpu.write_phys(self.at + QUOTE_HEADER, &quote);
        cpu.write_phys(self.at + 20, &(quote.len() as u32).to_le_bytes());
        // The status comes last: it says that the rest is there.
        cpu.write_phys(self.at + 8, &u64::to_le_bytes(code));
        let vector = NOTIFY.load(Ordering::Relaxed);
        if vector != 0 {
            crate::insn::inject::post(cpu, cpu.index(), vector.into());
        }
    }
}

fn fatal(call: &VmCall) -> Todo {
    let order = [R14, R15, RBX, RDI, RSI, R8, R9, RDX];
    let bytes: Vec<u8> =
        order.iter().flat_map(|number| call.input[*number].to_le_bytes()).collect();
    let text: Vec<u8> = bytes.into_iter().take_while(|byte| *byte != 0).collect();
    host().events.write(&json!({
        "event": "fatal",
        "code": call.input[R12],
        "reason": String::from_utf8_lossy(&text),
        "pc": call.pc,
    }));
    if host().config.guest == crate::config::Guest::Linux {
        host().events.counts();
        std::process::exit(3);
    }
    Todo::End
}
