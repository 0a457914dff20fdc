// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's plugin interface, version 7: declarations of our own and safe wrappers.
//!
//! The one file of this crate with unsafe code. QEMU's functions are looked up by name when the plugin is loaded, so
//! unit tests link without QEMU. A callback may end in [`Flow::Jump`]: QEMU then leaves it by `longjmp`, so the
//! `extern "C"` functions here own nothing when they do it.
//!
//! Trust: QEMU calls the callbacks on the thread of the vCPU that it names; [`Cpu`] is only made here and is neither
//! `Send` nor `Sync`, so registers and memory are touched only where QEMU allows it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

use crate::Flow;
use crate::config::Mode;
use crate::insn::Site;

/// The interface version that QEMU looks for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, missing_docs)]
pub static qemu_plugin_version: c_int = 7;

#[repr(C)]
struct GByteArray {
    data: *mut u8,
    len: c_uint,
}

#[repr(C)]
struct RegisterDescriptor {
    handle: *mut c_void,
    name: *const c_char,
    feature: *const c_char,
    is_readonly: bool,
}

type InitCb = extern "C" fn(c_uint, *mut c_void);
type TransCb = extern "C" fn(*mut c_void, *mut c_void);
type ExecCb = extern "C" fn(c_uint, *mut c_void);
type MemCb = extern "C" fn(c_uint, u32, u64, *mut c_void);
type DisconCb = extern "C" fn(c_uint, c_int, u64, u64, *mut c_void);
type ExitCb = extern "C" fn(*mut c_void);

const RW_REGS_PC: c_int = 3;

macro_rules! api {
    ($($name:ident: $symbol:literal fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        struct Api { $($name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }
        impl Api {
            /// Looks all functions up; names the first that is missing.
            fn load() -> Result<Self, &'static str> {
                Ok(Self { $($name: {
                    let found = symbol($symbol);
                    if found.is_null() { return Err($symbol); }
                    // SAFETY: `found` is the function of that name in QEMU or GLib, whose C declaration this is.
                    unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(found) }
                },)* })
            }
        }
    };
}

api! {
    array_new: "g_byte_array_new" fn() -> *mut GByteArray;
    array_append: "g_byte_array_append" fn(*mut GByteArray, *const u8, c_uint) -> *mut GByteArray;
    array_set_size: "g_byte_array_set_size" fn(*mut GByteArray, c_uint) -> *mut GByteArray;
    register_init: "qemu_plugin_register_vcpu_init_cb" fn(u64, InitCb, *mut c_void);
    register_trans: "qemu_plugin_register_vcpu_tb_trans_cb" fn(u64, TransCb, *mut c_void);
    register_discon: "qemu_plugin_register_vcpu_discon_cb" fn(u64, c_int, DisconCb, *mut c_void);
    register_exit: "qemu_plugin_register_atexit_cb" fn(u64, ExitCb, *mut c_void);
    insn_exec: "qemu_plugin_register_vcpu_insn_exec_cb" fn(*mut c_void, ExecCb, c_int, *mut c_void);
    insn_mem: "qemu_plugin_register_vcpu_mem_cb" fn(*mut c_void, MemCb, c_int, c_int, *mut c_void);
    tb_len: "qemu_plugin_tb_n_insns" fn(*const c_void) -> usize;
    tb_insn: "qemu_plugin_tb_get_insn" fn(*const c_void, usize) -> *mut c_void;
    insn_data: "qemu_plugin_insn_data" fn(*const c_void, *mut u8, usize) -> usize;
    insn_vaddr: "qemu_plugin_insn_vaddr" fn(*const c_void) -> u64;
    mem_size_shift: "qemu_plugin_mem_size_shift" fn(u32) -> c_uint;
    mem_is_store: "qemu_plugin_mem_is_store" fn(u32) -> bool;
    mem_value: "qemu_plugin_mem_get_value" fn(u32) -> MemValue;
    get_hwaddr: "qemu_plugin_get_hwaddr" fn(u32, u64) -> *mut c_void;
    hwaddr_is_io: "qemu_plugin_hwaddr_is_io" fn(*const c_void) -> bool;
    hwaddr_phys: "qemu_plugin_hwaddr_phys_addr" fn(*const c_void) -> u64;
    get_registers: "qemu_plugin_get_registers" fn() -> *mut GByteArray;
    read_register: "qemu_plugin_read_register" fn(*mut c_void, *mut GByteArray) -> bool;
    write_register: "qemu_plugin_write_register" fn(*mut c_void, *mut GByteArray) -> bool;
    set_pc: "qemu_plugin_set_pc" fn(u64);
    read_virt: "qemu_plugin_read_memory_vaddr" fn(u64, *mut GByteArray, usize) -> bool;
    write_virt: "qemu_plugin_write_memory_vaddr" fn(u64, *mut GByteArray) -> bool;
    read_phys: "qemu_plugin_read_memory_hwaddr" fn(u64, *mut GByteArray, usize) -> c_int;
    write_phys: "qemu_plugin_write_memory_hwaddr" fn(u64, *mut GByteArray) -> c_int;
    translate: "qemu_plugin_translate_vaddr" fn(u64, *mut u64) -> bool;
    scoreboard_new: "qemu_plugin_scoreboard_new" fn(usize) -> *mut c_void;
    block_inline: "qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu" fn(*mut c_void, c_int, Entry, u64);
    entry_sum: "qemu_plugin_u64_sum" fn(Entry) -> u64;
    entry_get: "qemu_plugin_u64_get" fn(Entry, c_uint) -> u64;
    cpus: "qemu_plugin_num_vcpus" fn() -> c_int;
}

/// A number that QEMU keeps for each vCPU.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    scoreboard: *mut c_void,
    offset: usize,
}

/// Where executed instructions are counted, as an integer so that it may be shared.
static COUNTER: OnceLock<usize> = OnceLock::new();

fn counter() -> Entry {
    let make = || {
        // SAFETY: plugins may make scoreboards at any time; this one is never freed.
        unsafe { (api().scoreboard_new)(size_of::<u64>()) as usize }
    };
    Entry { scoreboard: *COUNTER.get_or_init(make) as *mut c_void, offset: 0 }
}

/// How many instructions of counted blocks have been executed, by all vCPUs. A block that is left early counts in full,
/// and a repeated string instruction once.
pub fn instructions() -> u64 {
    // SAFETY: the entry is that of a live scoreboard.
    unsafe { (api().entry_sum)(counter()) }
}

/// The same by one vCPU, the running block in full.
pub fn instructions_of(cpu: &Cpu) -> u64 {
    // SAFETY: the call has no conditions.
    if cpu.index() >= unsafe { (api().cpus)() } as usize {
        // It has not run yet: an INIT comes before it has a place.
        return 0;
    }
    // SAFETY: the entry is that of a live scoreboard, which has a place for each vCPU so far.
    unsafe { (api().entry_get)(counter(), cpu.index() as c_uint) }
}

/// The value of a memory access, as QEMU returns it.
#[repr(C)]
#[derive(Clone, Copy)]
struct MemValue {
    kind: c_int,
    low: u64,
    high: u64,
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn symbol(name: &str) -> *mut c_void {
    let Ok(name) = CString::new(name) else { return ptr::null_mut() };
    // SAFETY: a null handle is RTLD_DEFAULT; `name` is a string that lives across the call.
    unsafe { dlsym(ptr::null_mut(), name.as_ptr()) }
}

static API: OnceLock<Api> = OnceLock::new();

fn api() -> &'static Api {
    API.get().expect("the plugin is loaded")
}

/// Handles of the registers in the order of [`Reg`], as integers so that they may be shared.
static REGISTERS: OnceLock<Vec<usize>> = OnceLock::new();

macro_rules! registers {
    ($($variant:ident $name:literal,)*) => {
        /// A register of a vCPU.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Reg { $($variant,)* }
        const NAMES: &[&str] = &[$($name,)*];
    };
}

registers! {
    Rax "rax", Rbx "rbx", Rcx "rcx", Rdx "rdx", Rsi "rsi", Rdi "rdi", Rbp "rbp", Rsp "rsp",
    R8 "r8", R9 "r9", R10 "r10", R11 "r11", R12 "r12", R13 "r13", R14 "r14", R15 "r15",
    Rip "rip", Eflags "eflags", Cs "cs", Ss "ss", Ds "ds", Es "es", Fs "fs", Gs "gs",
    FsBase "fs_base", GsBase "gs_base", KernelGsBase "k_gs_base",
    Cr0 "cr0", Cr2 "cr2", Cr3 "cr3", Cr4 "cr4", Cr8 "cr8", Efer "efer",
}

thread_local! {
    static BUFFER: Cell<*mut GByteArray> = const { Cell::new(ptr::null_mut()) };
}

/// This thread's byte array, emptied.
fn buffer() -> *mut GByteArray {
    let api = api();
    let mut array = BUFFER.get();
    if array.is_null() {
        // SAFETY: GLib's constructor has no precondition.
        array = unsafe { (api.array_new)() };
        BUFFER.set(array);
    }
    // SAFETY: `array` came from `g_byte_array_new` and is this thread's own.
    unsafe { (api.array_set_size)(array, 0) };
    array
}

fn filled(bytes: &[u8]) -> *mut GByteArray {
    let array = buffer();
    // SAFETY: `array` is live, and `bytes` is readable for its length.
    unsafe { (api().array_append)(array, bytes.as_ptr(), bytes.len() as c_uint) };
    array
}

/// Copies what an array holds; the rest of `out` becomes zero.
fn copy_out(array: *mut GByteArray, out: &mut [u8]) {
    // SAFETY: `array` is live and this thread's own.
    let (data, len) = unsafe { ((*array).data, (*array).len as usize) };
    let len = len.min(out.len());
    out.fill(0);
    if len > 0 {
        // SAFETY: the array holds at least `len` bytes, `out` too, and they are different memory.
        unsafe { ptr::copy_nonoverlapping(data, out.as_mut_ptr(), len) };
    }
}

/// The vCPU on whose thread a callback runs. Not `Send`: it is good for the time of the callback.
pub struct Cpu {
    index: usize,
    _here: PhantomData<*mut ()>,
}

impl Cpu {
    fn here(index: c_uint) -> Self {
        Self { index: index as usize, _here: PhantomData }
    }

    /// QEMU's number of this vCPU, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Reads a register. `Rip` is that of the start of the running block; see [`crate::insn`] for the true one.
    /// `Eflags` lacks the arithmetic flags.
    pub fn get(&self, reg: Reg) -> u64 {
        let Some(handle) = REGISTERS.get().and_then(|all| all.get(reg as usize)) else { return 0 };
        let array = buffer();
        // SAFETY: the handle is QEMU's own, and `Cpu` exists only in callbacks that may read registers.
        unsafe { (api().read_register)(*handle as *mut c_void, array) };
        let mut out = [0; 8];
        copy_out(array, &mut out);
        u64::from_le_bytes(out)
    }

    /// Writes a register; says whether QEMU took it.
    pub fn set(&self, reg: Reg, value: u64) -> bool {
        let Some(handle) = REGISTERS.get().and_then(|all| all.get(reg as usize)) else {
            return false;
        };
        let array = filled(&value.to_le_bytes());
        // SAFETY: as in `get`; the array has eight bytes, and no register of `Reg` is wider.
        unsafe { (api().write_register)(*handle as *mut c_void, array) }
    }

    /// Reads physical memory, devices too; false if there is none.
    pub fn read_phys(&self, at: u64, out: &mut [u8]) -> bool {
        if out.is_empty() {
            return true;
        }
        let array = buffer();
        // SAFETY: `array` is this thread's own; QEMU sets its size.
        let ok = unsafe { (api().read_phys)(at, array, out.len()) } == 0;
        copy_out(array, out);
        ok
    }

    /// Writes physical memory, devices too; false if there is none.
    pub fn write_phys(&self, at: u64, bytes: &[u8]) -> bool {
        let array = filled(bytes);
        // SAFETY: `array` is live for the call.
        bytes.is_empty() || unsafe { (api().write_phys)(at, array) } == 0
    }

    /// Reads memory by virtual address, whatever the page's permissions; false if it is not mapped.
    pub fn read_virt(&self, at: u64, out: &mut [u8]) -> bool {
        if out.is_empty() {
            return true;
        }
        let array = buffer();
        // SAFETY: as in `read_phys`.
        let ok = unsafe { (api().read_virt)(at, array, out.len()) };
        copy_out(array, out);
        ok
    }

    /// Writes memory by virtual address, whatever the page's permissions; false if it is not mapped.
    pub fn write_virt(&self, at: u64, bytes: &[u8]) -> bool {
        let array = filled(bytes);
        // SAFETY: `array` is live for the call.
        bytes.is_empty() || unsafe { (api().write_virt)(at, array) }
    }

    /// The physical address behind a virtual one.
    pub fn translate(&self, at: u64) -> Option<u64> {
        let mut phys = 0;
        // SAFETY: `phys` is writable for the call.
        unsafe { (api().translate)(at, &raw mut phys) }.then_some(phys)
    }
}

/// A translation block while it is made.
pub struct Block(*mut c_void);

impl Block {
    /// Number of instructions.
    pub fn len(&self) -> usize {
        // SAFETY: the handle is good during the translation callback, the only time a `Block` exists.
        unsafe { (api().tb_len)(self.0) }
    }

    /// Whether there is no instruction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts its instructions each time that it is executed; see [`instructions`].
    pub fn count(&self) {
        const ADD: c_int = 0;
        let len = self.len() as u64;
        // SAFETY: as in `len`; the entry is that of a live scoreboard.
        unsafe { (api().block_inline)(self.0, ADD, counter(), len) };
    }

    /// The physical address behind a virtual one, for the vCPU that is about to run the block.
    pub fn translate(&self, at: u64) -> Option<u64> {
        let mut phys = 0;
        // SAFETY: blocks are made on the thread of a vCPU; `phys` is writable for the call.
        unsafe { (api().translate)(at, &raw mut phys) }.then_some(phys)
    }

    /// The instruction at `index`, which must be below [`Self::len`].
    pub fn insn(&self, index: usize) -> Insn<'_> {
        // SAFETY: as in `len`; QEMU checks the index.
        Insn(unsafe { (api().tb_insn)(self.0, index) }, PhantomData)
    }
}

/// An instruction of a [`Block`].
pub struct Insn<'a>(*mut c_void, PhantomData<&'a Block>);

impl Insn<'_> {
    /// Copies its bytes; returns how many there are.
    pub fn bytes(&self, out: &mut [u8; 16]) -> usize {
        // SAFETY: the handle is good during the translation callback; `out` has 16 bytes.
        unsafe { (api().insn_data)(self.0, out.as_mut_ptr(), out.len()) }
    }

    /// The address at which it is translated; only its low 12 bits hold for later executions.
    pub fn vaddr(&self) -> u64 {
        // SAFETY: as in `bytes`.
        unsafe { (api().insn_vaddr)(self.0) }
    }

    /// Calls [`crate::insn::executed`] before each execution.
    pub fn on_exec(&self, site: &'static Site) {
        let udata = ptr::from_ref(site).cast_mut().cast();
        // SAFETY: as in `bytes`; `site` lives for ever.
        unsafe { (api().insn_exec)(self.0, exec_callback, RW_REGS_PC, udata) };
    }

    /// Calls [`crate::insn::accessed`] after each load and store that it makes.
    pub fn on_access(&self, site: &'static Site) {
        const READ_WRITE: c_int = 3;
        let udata = ptr::from_ref(site).cast_mut().cast();
        // SAFETY: as in `on_exec`.
        unsafe { (api().insn_mem)(self.0, mem_callback, RW_REGS_PC, READ_WRITE, udata) };
    }
}

/// A load or store that has just been made.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Virtual address.
    pub virt: u64,
    /// Size in bytes.
    pub size: usize,
    /// Whether it is a store.
    pub is_store: bool,
    info: u32,
}

impl Access {
    /// The value (its low 64 bits).
    pub fn value(&self) -> u64 {
        // SAFETY: an `Access` exists only during the memory callback.
        unsafe { (api().mem_value)(self.info) }.low
    }

    /// Physical address and whether it is device memory (or none at all).
    pub fn phys(&self) -> Option<(u64, bool)> {
        // SAFETY: as in `value`.
        let handle = unsafe { (api().get_hwaddr)(self.info, self.virt) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is good during the callback.
        let phys = unsafe { (api().hwaddr_phys)(handle) };
        // SAFETY: the same.
        let is_io = unsafe { (api().hwaddr_is_io)(handle) };
        Some((phys, is_io))
    }
}

/// Leaves the callback for another instruction. Its callers own nothing that needs dropping.
fn follow(flow: Flow) {
    if let Flow::Jump(pc) = flow {
        // SAFETY: all our callbacks are registered for register and pc writes; the frames that `longjmp` skips (this
        // one and the `extern "C"` callback) hold only integers.
        unsafe { (api().set_pc)(pc) };
    }
}

extern "C" fn init_callback(_vcpu: c_uint, _: *mut c_void) {
    REGISTERS.get_or_init(|| {
        // SAFETY: we are in the vCPU's context, as the function asks. QEMU's array of descriptors begins as a
        // `GByteArray` does: pointer, then number of elements.
        let list = unsafe { (api().get_registers)() };
        // SAFETY: the array is live: nobody frees it.
        let (data, len) = unsafe { ((*list).data.cast::<RegisterDescriptor>(), (*list).len) };
        let find = |name: &&str| {
            (0..len as usize)
                // SAFETY: `data` has `len` descriptors.
                .map(|n| unsafe { &*data.add(n) })
                .find(|desc| {
                    // SAFETY: names are constant strings of QEMU; a descriptor without one is not listed.
                    !desc.name.is_null()
                        && unsafe { CStr::from_ptr(desc.name) }.to_bytes() == name.as_bytes()
                })
                .map_or(0, |desc| desc.handle as usize)
        };
        NAMES.iter().map(find).collect()
    });
}

extern "C" fn trans_callback(tb: *mut c_void, _: *mut c_void) {
    crate::insn::translated(&Block(tb));
}

extern "C" fn exec_callback(vcpu: c_uint, udata: *mut c_void) {
    // SAFETY: `udata` is the `&'static Site` that `on_exec` gave.
    let site: &'static Site = unsafe { &*udata.cast::<Site>() };
    follow(crate::insn::executed(&Cpu::here(vcpu), site));
}

extern "C" fn mem_callback(vcpu: c_uint, info: u32, virt: u64, udata: *mut c_void) {
    // SAFETY: `udata` is the `&'static Site` that `on_access` gave.
    let site: &'static Site = unsafe { &*udata.cast::<Site>() };
    // SAFETY: `info` is what QEMU just gave.
    let size = 1usize << unsafe { (api().mem_size_shift)(info) };
    // SAFETY: the same.
    let is_store = unsafe { (api().mem_is_store)(info) };
    follow(crate::insn::accessed(&Cpu::here(vcpu), site, &Access { virt, size, is_store, info }));
}

extern "C" fn interrupt_callback(vcpu: c_uint, _: c_int, from: u64, _: u64, _: *mut c_void) {
    crate::insn::diverted(&Cpu::here(vcpu), from);
}

extern "C" fn entry_callback(vcpu: c_uint, _: c_int, from: u64, _: u64, _: *mut c_void) {
    crate::sections::entered(&Cpu::here(vcpu), from);
}

extern "C" fn exit_callback(_: *mut c_void) {
    crate::finished();
}

#[repr(C)]
struct Info {
    target_name: *const c_char,
    min: c_int,
    cur: c_int,
    system_emulation: bool,
    smp_vcpus: c_int,
    max_vcpus: c_int,
}

/// Called by QEMU when it loads the plugin.
#[unsafe(no_mangle)]
extern "C" fn qemu_plugin_install(
    id: u64,
    info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: QEMU passes its info block, which has this layout in version 7 of the interface.
    let info = unsafe { &*info.cast::<Info>() };
    let args: Vec<String> = (0..argc as usize)
        .map(|n| {
            // SAFETY: QEMU passes `argc` strings.
            let arg = unsafe { CStr::from_ptr(*argv.add(n)) };
            arg.to_string_lossy().into_owned()
        })
        .collect();
    let api = match Api::load() {
        Ok(api) => API.get_or_init(|| api),
        Err(name) => {
            eprintln!("hostile-host: this QEMU has no {name}; version 11.1 is needed");
            return -1;
        }
    };
    if let Err(why) = crate::install(&args, info.smp_vcpus as usize) {
        eprintln!("hostile-host: {why}");
        return -1;
    }
    // SAFETY: the callbacks have the types that version 7 asks for.
    unsafe { (api.register_init)(id, init_callback, ptr::null_mut()) };
    // SAFETY: the same.
    unsafe { (api.register_trans)(id, trans_callback, ptr::null_mut()) };
    if crate::host().config.mode == Mode::Sections {
        // SAFETY: the same; 3 is interrupts and exceptions.
        unsafe { (api.register_discon)(id, 3, entry_callback, ptr::null_mut()) };
    } else {
        // SAFETY: the same; 1 is interrupts.
        unsafe { (api.register_discon)(id, 1, interrupt_callback, ptr::null_mut()) };
    }
    // SAFETY: the same.
    unsafe { (api.register_exit)(id, exit_callback, ptr::null_mut()) };
    0
}

/// Frequency of the time-stamp counter, measured once.
pub(crate) fn tsc_hz() -> u64 {
    use std::time::{Duration, Instant};
    // SAFETY: every x86-64 CPU has RDTSC, and Linux does not forbid it.
    let now = || unsafe { std::arch::x86_64::_rdtsc() };
    let (begin, ticks) = (Instant::now(), now());
    std::thread::sleep(Duration::from_millis(20));
    let (ticks, time) = (now().wrapping_sub(ticks), begin.elapsed());
    let hz = u128::from(ticks) * 1_000_000_000 / time.as_nanos().max(1);
    // To the next 100 kHz: a measurement is no better, and real frequencies are round.
    u64::try_from(hz).unwrap_or(0).div_ceil(100_000) * 100_000
}
