// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pages of a TD: accepting pending ones, sharing the arena.
//!
//! Spec: Intel TDX module ABI, TDG.MEM.PAGE.ACCEPT; GHCI, MapGPA.

use super::call::{self, Call, Status, host};
use crate::mm::PhysRange;

const PAGE: u64 = 4096;
const LARGE: u64 = 2 << 20;

const ALREADY_ACCEPTED: u32 = 0x0000_0b0a;
const SIZE_MISMATCH: u32 = 0xc000_0b0b;
const BUSY: u32 = 0x8000_0200;
/// How often a busy page is tried again.
const TRIES: usize = 1000;

/// Accepts pending pages, each of which was never accepted: in large ones where
/// the host gave such.
///
/// # Safety
/// Nobody uses the memory yet: it becomes zeros.
pub(super) unsafe fn accept(cpu: &impl Call, range: PhysRange) -> Result<(), &'static str> {
    let mut at = range.start;
    while at < range.end {
        if at.is_multiple_of(LARGE) && range.end - at >= LARGE {
            // SAFETY: inside the range, which the caller vouches for.
            match unsafe { accept_page(cpu, at, 1) } {
                Ok(()) => {
                    at += LARGE;
                    continue;
                }
                Err(status) if status.code() == SIZE_MISMATCH => {}
                Err(status) => return Err(why(status)),
            }
        }
        // After a mismatch, up to the next place where a large page may begin.
        let end = (at + PAGE).next_multiple_of(LARGE).min(range.end);
        while at < end {
            // SAFETY: as above.
            unsafe { accept_page(cpu, at, 0) }.map_err(why)?;
            at += PAGE;
        }
    }
    Ok(())
}

/// # Safety
/// Nobody uses the page yet.
unsafe fn accept_page(cpu: &impl Call, gpa: u64, level: u64) -> Result<(), Status> {
    let mut last = Ok(());
    for _ in 0..TRIES {
        // SAFETY: the caller's duty is the same.
        last = unsafe { call::accept(cpu, gpa, level) };
        if !last.is_err_and(|status| status.code() == BUSY) {
            break;
        }
    }
    last
}

fn why(status: Status) -> &'static str {
    match status.code() {
        ALREADY_ACCEPTED => "TDX: a page was accepted before: the host replays memory",
        SIZE_MISMATCH => "TDX: a 4 KiB page cannot be accepted: size mismatch",
        BUSY => "TDX: a page stays busy and cannot be accepted",
        _ => "TDX: a page cannot be accepted",
    }
}

const RETRY: u64 = 1;
/// How often the host may ask to go on, and how often without any progress.
const MAX_RETRIES: u32 = 10_000;
const MAX_STALLS: u32 = 3;

/// Makes `range` shared. The host may do it piece by piece.
pub(super) fn map_gpa(cpu: &impl Call, range: PhysRange, shared: u64) -> Result<(), &'static str> {
    let end = range.end | shared;
    let mut at = range.start | shared;
    let mut stalls = 0;
    for _ in 0..MAX_RETRIES {
        let answer = call::ask(cpu, host::MAP_GPA, &[at, end - at]);
        let next = answer.check(|answer| match answer.status {
            0 => Ok(None),
            RETRY if !answer.value.is_multiple_of(PAGE) => {
                Err("MapGPA: the next address is no page")
            }
            RETRY if !(at..end).contains(&answer.value) => {
                Err("MapGPA: the next address is out of range")
            }
            RETRY => Ok(Some(answer.value)),
            _ => Err("MapGPA: the host refuses to share memory"),
        })?;
        let Some(next) = next else { return Ok(()) };
        stalls = if next == at { stalls + 1 } else { 0 };
        if stalls > MAX_STALLS {
            return Err("MapGPA: no progress");
        }
        at = next;
    }
    Err("MapGPA: too many retries")
}
