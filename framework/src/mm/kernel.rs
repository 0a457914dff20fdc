// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's half of every address space: image, direct map, stacks, devices.
//!
//! Built once from the checked memory map. Every section of the image has just
//! the rights it needs, and no other mapping; the direct map shows all other
//! RAM, not executable. The top-level entries are made at boot and never change,
//! so address spaces copy them.
//!
//! Locks: the lock of the kernel's tables is taken inside that of the stacks.

use core::ops::Range;
use core::ptr;
use core::sync::atomic::Ordering;

use super::early::Early;
use super::frames::{self, Class};
use super::meta::{Kind, Meta};
use super::phys::{self, Pfn};
use super::pool::{CHUNK, Chunk};
use super::range::{MemoryMap, PhysRange, TooMany};
use super::root::{self, DEVICES, DIRECT_MAP, DIRECT_MAP_SIZE, IMAGE, LOW, STACKS};
use super::table::Table;
use super::{NoMemory, PAGE_SIZE, Perms, active, pending, tlb};
use crate::arch::bytes;
use crate::arch::paging::{KernelPage, Pte, index, span};
use crate::cvm::accept::UNIT;
use crate::cvm::{TableAddr, private, shared};
use crate::sync::IrqLock;

/// The page that CPUs start in.
const START_PAGE: u64 = 0x8000;

const RW: Perms = Perms::READ.union(Perms::WRITE);
const RX: Perms = Perms::READ.union(Perms::EXEC);

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __relro_start: u8;
    static __relro_end: u8;
    static __data_start: u8;
    static __data_end: u8;
}

/// Serialises changes of the tables; holds the next free device address.
static TABLES: IrqLock<usize> = IrqLock::new(DEVICES.start);

/// Builds the kernel's address space, leaves the one of boot, and starts the
/// frame allocator and the heap. Returns RAM that it left out, for memory shared
/// with the host: `arena` chose it, and it is mapped nowhere.
///
/// # Safety
/// Called once, on the boot CPU, which sees the first 4 GiB at their physical
/// addresses. 1. `map` is RAM, accepted but for `pending`. 2. Nobody uses RAM
/// outside of `reserved` and the image, nor a physical address as a pointer after
/// the call. 3. The image is at physical address `virtual - IMAGE + offset`.
pub(crate) unsafe fn init(
    map: &MemoryMap,
    pending: &MemoryMap,
    reserved: &[PhysRange],
    offset: u64,
    arena: fn(&MemoryMap) -> Option<PhysRange>,
) -> Option<PhysRange> {
    let image = image_region(offset);
    let mut usable = map.clone();
    let mut visible = map.clone();
    let low = PhysRange { start: 0, end: LOW };
    for region in reserved.iter().chain([&image, &low]) {
        require(usable.reserve(region.start, region.end));
    }
    require(visible.reserve(image.start, image.end));
    let arena = arena(&usable);
    if let Some(arena) = arena {
        require(usable.reserve(arena.start, arena.end));
        require(visible.reserve(arena.start, arena.end));
    }
    let end = map.regions().last().map_or(0, |region| region.end);
    let frames = (end.min(DIRECT_MAP_SIZE as u64 - 1) / PAGE_SIZE as u64) as usize;
    phys::set_window(ptr::with_exposed_provenance_mut(0), frames);
    let Some(mut early) = Early::new(&usable, pending) else { no_memory() };

    let metas = early.take((frames * size_of::<Meta>()) as u64);
    let chunks = frames.div_ceil(CHUNK);
    let chunk_bytes = early.take((chunks * size_of::<Chunk>()) as u64);
    let units = (frames * PAGE_SIZE).div_ceil(UNIT as usize * 64);
    let unit_bits = early.take((units * 8) as u64);
    let (Some(metas), Some(chunk_bytes), Some(unit_bits)) = (metas, chunk_bytes, unit_bits) else {
        no_memory()
    };
    if build(&mut early, &visible, offset).is_none() {
        no_memory();
    }
    let base = ptr::with_exposed_provenance_mut(DIRECT_MAP);
    active::load_kernel_tables();
    phys::set_window(base, frames);

    // SAFETY: `early` gave out this memory once, zeroed, and zeros are records of
    // reserved frames. It lies in the direct map, which is for ever.
    let metas = unsafe { core::slice::from_raw_parts(phys::ptr(metas).cast(), frames) };
    let first = phys::ptr(chunk_bytes).cast::<Chunk>();
    for i in 0..chunks {
        // SAFETY: `early` gave out room for `chunks` of them.
        unsafe { first.wrapping_add(i).write(Chunk::EMPTY) };
    }
    // SAFETY: given out once by `early`, initialised above, and for ever there.
    let chunks = unsafe { core::slice::from_raw_parts_mut(first, chunks) };
    // SAFETY: `init` is called once; all RAM is in the direct map but the image,
    // whose frames are never added.
    unsafe { frames::start(base, metas, chunks) };
    for _ in 0..8 {
        let Some(frame) = early.page() else { no_memory() };
        // SAFETY: `early` gave the frame out for this alone.
        unsafe { frames::seed(frame) };
    }
    let used = early.used();
    require(usable.reserve(used.start, used.end));
    let (mut ready, mut pending) = (usable.clone(), pending.clone());
    let accepted = early.accepted();
    require(pending.reserve(accepted.start, accepted.end));
    require(ready.subtract(&pending));
    require(usable.subtract(&ready));
    for region in ready.regions() {
        // SAFETY: the region is RAM that nobody uses: not reserved (caller), not
        // the image, not given out by `early`, not pending.
        unsafe { frames::release_boot_range(*region) };
    }
    // SAFETY: given out once by `early`, zeroed, and for ever there.
    let words = unsafe { core::slice::from_raw_parts_mut(phys::ptr(unit_bits).cast(), units) };
    // SAFETY: the rest of the usable RAM, all of it pending.
    unsafe { pending::start(words, &usable) };
    arena
}

/// Makes all tables of the kernel's half.
fn build(early: &mut Early, visible: &MemoryMap, offset: u64) -> Option<()> {
    let root = early.page()?;
    root::set_root(root);
    let mut page = || early.page();
    for region in visible.regions() {
        let (start, end) = (page_up(region.start), page_down(region.end));
        let end = end.min(DIRECT_MAP_SIZE as u64);
        if start < end {
            let at = DIRECT_MAP + start as usize;
            map_range(at..DIRECT_MAP + end as usize, private(start), RW, &mut page)?;
            root::set_direct_end(end as usize);
        }
    }
    for (section, perms) in sections() {
        let phys = (section.start - IMAGE) as u64 + offset;
        map_range(section, private(phys), perms, &mut page)?;
    }
    // Their top-level entries must be there before the first address space.
    entry(STACKS.start, 2, &mut page)?;
    entry(DEVICES.start, 2, &mut page)?;
    Some(())
}

/// The sections of the image, and what the kernel may do with them.
fn sections() -> [(Range<usize>, Perms); 4] {
    let range = |start: *const u8, end: *const u8| start.addr()..end.addr();
    [
        (range(&raw const __text_start, &raw const __text_end), RX),
        (range(&raw const __rodata_start, &raw const __rodata_end), Perms::READ),
        (range(&raw const __relro_start, &raw const __relro_end), Perms::READ),
        (range(&raw const __data_start, &raw const __data_end), RW),
    ]
}

/// Where the image lies in physical memory.
fn image_region(offset: u64) -> PhysRange {
    let sections = sections();
    let start = sections.iter().map(|(section, _)| section.start).min().unwrap_or(IMAGE);
    let end = sections.iter().map(|(section, _)| section.end).max().unwrap_or(IMAGE);
    let phys = |addr: usize| (addr - IMAGE) as u64 + offset;
    PhysRange { start: phys(start), end: phys(end) }
}

/// Maps a range of kernel addresses, with large pages where they fit.
fn map_range(
    range: Range<usize>,
    addr: TableAddr,
    perms: Perms,
    new: &mut dyn FnMut() -> Option<Pfn>,
) -> Option<()> {
    let mut at = range.start;
    while at < range.end {
        let addr = addr.plus((at - range.start) as u64);
        let fits = (at | addr.bits() as usize).is_multiple_of(span(2)) && range.end - at >= span(2);
        let (level, kind) = if fits { (2, KernelPage::Huge) } else { (1, KernelPage::Small) };
        entry(at, level, new)?.store(Pte::kernel_page(addr, perms, kind).0, Ordering::Release);
        at += span(level);
    }
    Some(())
}

/// The entry for a kernel address in the table of `level`, with tables made by
/// `new` (zeroed) on the way.
pub(super) fn entry(
    addr: usize,
    level: usize,
    new: &mut dyn FnMut() -> Option<Pfn>,
) -> Option<&'static core::sync::atomic::AtomicU64> {
    let mut table = top()?;
    for above in (level + 1..=4).rev() {
        let index = index(addr, above);
        table = match table.child(index) {
            Some(child) => child,
            None => {
                table.entry(index).store(Pte::kernel_table(new()?).0, Ordering::Release);
                table.child(index)?
            }
        };
    }
    Some(table.entry(index(addr, level)))
}

/// The top table.
fn top() -> Option<Table<'static>> {
    // SAFETY: `build` made it for nothing else; it and its tables are never
    // freed, and hold kernel entries only.
    Some(unsafe { Table::of(root::root()?) })
}

/// A zeroed frame for a table.
pub(super) fn new_table() -> Option<Pfn> {
    let frame = frames::take(Class::Kernel, Kind::Table)?;
    // SAFETY: the frame was just allocated and nobody else knows it.
    unsafe { bytes::zero(frame.ptr(), PAGE_SIZE) };
    Some(frame)
}

/// Maps device registers, uncached; they stay mapped.
///
/// # Errors
/// [`NoMemory`] when there is none for tables, or no address is left.
pub(crate) fn map_device(phys: u64, len: usize) -> Result<*mut u8, NoMemory> {
    map_uncached(shared, phys, len)
}

/// Maps private memory that is no RAM, but the firmware's; it stays mapped.
///
/// # Errors
/// As [`map_device`].
pub(crate) fn map_private(phys: u64, len: usize) -> Result<*mut u8, NoMemory> {
    map_uncached(private, phys, len)
}

fn map_uncached(
    encode: impl Fn(u64) -> TableAddr,
    phys: u64,
    len: usize,
) -> Result<*mut u8, NoMemory> {
    let first = page_down(phys);
    let end = page_up(phys.checked_add(len as u64).ok_or(NoMemory)?);
    let size = usize::try_from(end - first).map_err(|_| NoMemory)?;
    let mut next = TABLES.lock();
    let start = *next;
    if size > DEVICES.end - start {
        return Err(NoMemory);
    }
    for offset in (0..size).step_by(PAGE_SIZE) {
        let pte = Pte::kernel_page(encode(first + offset as u64), RW, KernelPage::Device);
        let entry = entry(start + offset, 1, &mut new_table).ok_or(NoMemory)?;
        entry.store(pte.0, Ordering::Release);
    }
    // One page stays empty between devices.
    *next = (start + size + PAGE_SIZE).min(DEVICES.end);
    Ok(ptr::with_exposed_provenance_mut(start + (phys - first) as usize))
}

/// Maps memory shared with the host, in large pages; it stays mapped.
///
/// # Errors
/// [`NoMemory`] when there is none for tables, or no address is left.
pub(crate) fn map_arena(phys: u64, len: usize) -> Result<*mut u8, NoMemory> {
    let mut next = TABLES.lock();
    let start = next.next_multiple_of(span(2));
    let end = start.checked_add(len).filter(|end| *end < DEVICES.end).ok_or(NoMemory)?;
    map_range(start..end, shared(phys), RW, &mut new_table).ok_or(NoMemory)?;
    *next = end + PAGE_SIZE;
    Ok(ptr::with_exposed_provenance_mut(start))
}

/// A page below 1 MiB to start CPUs in: its physical address, where it is also
/// mapped with all rights until [`release_low_page`] or [`seal_low_page`], and a pointer
/// to it. It is never used for anything else.
pub(crate) fn low_page() -> Option<(u64, *mut u8)> {
    if !is_mapped(DIRECT_MAP + START_PAGE as usize) {
        return None;
    }
    let _lock = TABLES.lock();
    let pte = Pte::kernel_page(private(START_PAGE), RW | Perms::EXEC, KernelPage::Small);
    entry(START_PAGE as usize, 1, &mut new_table)?.store(pte.0, Ordering::Release);
    Some((START_PAGE, phys::ptr(START_PAGE)))
}

/// Takes the identity mapping of [`low_page`] away: each CPU that could come has come.
pub(crate) fn release_low_page() {
    let lock = TABLES.lock();
    if let Some(top) = top() {
        top.entry(0).store(Pte::EMPTY.0, Ordering::Release);
    }
    let page = START_PAGE as usize;
    tlb::flush_kernel(page..page + PAGE_SIZE);
    drop(lock);
}

/// Makes the identity mapping of [`low_page`] read-only: a CPU may still come there.
pub(crate) fn seal_low_page() {
    let lock = TABLES.lock();
    let page = START_PAGE as usize;
    if let Some(entry) = entry(page, 1, &mut || None) {
        let pte = Pte::kernel_page(private(START_PAGE), RX, KernelPage::Small);
        entry.store(pte.0, Ordering::Release);
    }
    tlb::flush_kernel(page..page + PAGE_SIZE);
    drop(lock);
}

/// Can the kernel read the bytes at `addr`, in its image, a stack or RAM?
pub(crate) fn is_kernel_stack(addr: usize, len: usize) -> bool {
    let Some(end) = addr.checked_add(len) else { return false };
    let is_device = addr < DEVICES.end && DEVICES.start < end;
    addr >= DIRECT_MAP
        && !is_device
        && len < span(2)
        && (addr & !(PAGE_SIZE - 1)..end).step_by(PAGE_SIZE).all(is_mapped)
}

/// Is a kernel address mapped?
fn is_mapped(addr: usize) -> bool {
    let Some(mut table) = top() else { return false };
    for level in (1..=4).rev() {
        let pte = Pte(table.entry(index(addr, level)).load(Ordering::Acquire));
        if level == 1 || !pte.is_table() {
            return pte.is_present();
        }
        let Some(child) = table.child(index(addr, level)) else { return false };
        table = child;
    }
    false
}

/// For a test: pages of the kernel's half, and how many are both writable and
/// executable, or open to user mode.
#[cfg(feature = "ktest")]
pub(super) fn count_rights() -> (usize, usize) {
    fn below(table: Table<'_>, first: usize, level: usize, count: &mut (usize, usize)) {
        for i in first..crate::arch::paging::ENTRIES {
            let pte = Pte(table.entry(i).load(Ordering::Relaxed));
            if !pte.is_present() {
                continue;
            }
            match table.child(i) {
                Some(child) if level > 1 => below(child, 0, level - 1, count),
                _ => {
                    count.0 += 1;
                    let both = Perms::WRITE | Perms::EXEC;
                    count.1 += usize::from(pte.perms().contains(both) || pte.is_user());
                }
            }
        }
    }
    let mut count = (0, 0);
    if let Some(top) = top() {
        below(top, crate::arch::paging::USER_ENTRIES, 4, &mut count);
    }
    count
}

fn page_down(addr: u64) -> u64 {
    addr & !(PAGE_SIZE as u64 - 1)
}

fn page_up(addr: u64) -> u64 {
    page_down(addr.saturating_add(PAGE_SIZE as u64 - 1))
}

fn require(result: Result<(), TooMany>) {
    if let Err(TooMany) = result {
        crate::fatal(TooMany::WHY);
    }
}

fn no_memory() -> ! {
    crate::fatal("too little memory for the kernel's own tables")
}
