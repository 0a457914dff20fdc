// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The TDX backend against a model of module and host.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::vec::Vec;

use super::backend::{fatal_regs, is_native};
use super::call::{self, Call, Regs, host};
use super::cpuid::is_answered;
use super::memory::{accept, map_gpa};
use super::policy::{Refusal, Td, examine};
use super::ve::{VeInfo, Verdict, judge};
use crate::mm::PhysRange;

const CONFIG_FLAGS: u64 = 0x1110_0003_0000_0016;
const TD_CTLS: u64 = 0x1110_0003_0000_0017;
const NOTIFY_ENABLES: u64 = 0x9100_0000_0000_0010;
const SHARED: u64 = 1 << 47;

#[derive(Default)]
struct Model {
    width: u64,
    attributes: u64,
    fields: BTreeMap<u64, u64>,
    /// Bits of TD_CTLS that may be set.
    may_set: u64,
    /// Statuses that answer the next accepts; success afterwards.
    accepts: Vec<u64>,
    accepted: Vec<(u64, u64)>,
    /// (R10, R11) that answer the next TDVMCALLs; success afterwards.
    answers: Vec<(u64, u64)>,
    asked: Vec<Regs>,
}

struct Fake(RefCell<Model>);

impl Call for Fake {
    unsafe fn call(&self, regs: &mut Regs) {
        let mut model = self.0.borrow_mut();
        let status = match regs.rax {
            0 => {
                model.asked.push(*regs);
                let answer =
                    if model.answers.is_empty() { (0, 0) } else { model.answers.remove(0) };
                (regs.r10, regs.r11) = answer;
                0
            }
            1 => {
                (regs.rcx, regs.rdx, regs.r8) = (model.width, model.attributes, 3 << 32 | 2);
                0
            }
            6 if model.accepts.is_empty() => {
                model.accepted.push((regs.rcx & !4095, regs.rcx & 7));
                0
            }
            6 => model.accepts.remove(0),
            7 => {
                regs.r8 = model.fields.get(&regs.rdx).copied().unwrap_or(0);
                0
            }
            8 => {
                let mask = if regs.rdx == TD_CTLS { regs.r9 & model.may_set } else { regs.r9 };
                let old = model.fields.get(&regs.rdx).copied().unwrap_or(0);
                model.fields.insert(regs.rdx, old & !mask | regs.r8 & mask);
                if mask == regs.r9 { 0 } else { 0xc000_0100_0000_0000 }
            }
            _ => 0xc000_0000_0000_0000,
        };
        regs.rax = status;
    }
}

fn fake(model: Model) -> Fake {
    Fake(RefCell::new(model))
}

/// A TD as it should be: no debugging, and no #VE on pending pages.
fn good() -> Model {
    let fields = [(NOTIFY_ENABLES, 1)].into();
    Model { width: 48, attributes: 1 << 28, fields, may_set: 8, ..Model::default() }
}

#[test]
fn a_good_td_is_taken() {
    let fake = fake(good());
    let td = examine(&fake).unwrap();
    let wanted = Td { shared_bit: SHARED, attributes: 1 << 28, max_cpus: 3, has_reduced_ve: true };
    assert_eq!(td, wanted);
    assert_eq!(fake.0.borrow().fields[&NOTIFY_ENABLES], 0);
    assert_eq!(td.allows(false, SHARED), Ok(()));
    assert_eq!(td.allows(false, SHARED + 1), Err(Refusal::Memory));
    let wide = examine(&self::fake(Model { width: 52, may_set: 0, ..good() })).unwrap();
    assert_eq!((wide.shared_bit, wide.has_reduced_ve), (1 << 51, false));
}

#[test]
fn bad_ones_are_refused_with_their_reason() {
    let refusal = |model| examine(&fake(model)).unwrap_err();
    assert_eq!(refusal(Model { width: 47, ..good() }), Refusal::AddressWidth);
    assert_eq!(refusal(Model { width: 0, ..good() }), Refusal::AddressWidth);
    assert_eq!(refusal(Model { attributes: 0, ..good() }), Refusal::PendingVe);
    // Where the TD may choose, the attribute counts for nothing.
    let flexible = || [(CONFIG_FLAGS, 2)].into();
    assert_eq!(refusal(Model { fields: flexible(), ..good() }), Refusal::PendingVe);
    assert!(
        examine(&fake(Model { attributes: 0, fields: flexible(), may_set: 1, ..good() })).is_ok()
    );
    let debug = examine(&fake(Model { attributes: 1 << 28 | 1, ..good() })).unwrap();
    assert_eq!(debug.allows(false, 0), Err(Refusal::Debug));
    assert_eq!(debug.allows(true, 0), Ok(()));
    assert_eq!(examine(&call::Cpu), Err(Refusal::NoModule));
}

#[test]
fn memory_is_accepted_in_large_pages_or_small_ones() {
    const LARGE: u64 = 2 << 20;
    let run = |accepts: &[u64], start, end| {
        let fake = fake(Model { accepts: accepts.to_vec(), ..good() });
        // SAFETY: the model has no memory.
        let result = unsafe { accept(&fake, PhysRange { start, end }) };
        (result, fake.0.into_inner().accepted)
    };
    let (result, pages) = run(&[], LARGE - 4096, 3 * LARGE + 8192);
    assert_eq!(result, Ok(()));
    assert_eq!(pages[..3], [(LARGE - 4096, 0), (LARGE, 1), (2 * LARGE, 1)]);
    assert_eq!(pages[3..], [(3 * LARGE, 0), (3 * LARGE + 4096, 0)]);
    // A size mismatch splits that one large page only.
    let (result, pages) = run(&[0xc000_0b0b_0000_0001], LARGE, 3 * LARGE);
    assert_eq!((result, pages.len()), (Ok(()), 513));
    assert_eq!(pages.last(), Some(&(2 * LARGE, 1)));
    assert_eq!(run(&[0x8000_0200_0000_0000; 3], LARGE, 2 * LARGE), (Ok(()), [(LARGE, 1)].to_vec()));
    let replayed = run(&[0x0000_0b0a_0000_0000], LARGE, 2 * LARGE).0;
    assert!(replayed.unwrap_err().contains("accepted before"));
    for status in [0xc000_0b0b_0000_0000, 0x8000_0200_0000_0000, 0xc000_0100_0000_0000, 1] {
        assert!(run(&[status; 2000], LARGE, 2 * LARGE).0.is_err());
    }
}

#[test]
fn map_gpa_goes_on_where_the_host_says_within_bounds() {
    let run = |answers: &[(u64, u64)]| {
        let fake = fake(Model { answers: answers.to_vec(), ..good() });
        let result = map_gpa(&fake, PhysRange { start: 0x10_0000, end: 0x20_0000 }, SHARED);
        let asked = fake.0.into_inner().asked;
        assert!(asked.iter().all(|regs| regs.r11 == host::MAP_GPA && regs.rcx == 0x3c00));
        (result, asked.iter().map(|regs| (regs.r12, regs.r13)).collect::<Vec<_>>())
    };
    let first = SHARED | 0x10_0000;
    assert_eq!(run(&[]), (Ok(()), [(first, 0x10_0000)].to_vec()));
    let (result, asked) = run(&[(1, SHARED | 0x18_0000), (1, SHARED | 0x18_0000)]);
    assert_eq!(result, Ok(()));
    assert_eq!(asked[1..], [(SHARED | 0x18_0000, 0x8_0000); 2]);
    for next in [0, 0x18_0000, SHARED, SHARED | 0xf_f000, SHARED | 0x20_0000, u64::MAX, first + 1] {
        assert_eq!(run(&[(1, next)]).1.len(), 1, "{next:#x}");
        assert!(run(&[(1, next)]).0.is_err(), "{next:#x}");
    }
    for status in [2, u64::MAX, 1 << 63, (1 << 63) + 1] {
        assert!(run(&[(status, first)]).0.is_err());
    }
    // Neither without progress for ever, nor back and forth.
    assert_eq!(run(&[(1, first); 100]).1.len(), 4);
    let back = [(1, first + 0x8000), (1, first + 0x4000)];
    assert_eq!(run(&back).1.len(), 2);
}

#[test]
fn the_host_sees_the_arguments_and_nothing_else() {
    let fake = fake(good());
    let _ = call::ask(&fake, host::HLT, &[0]);
    let _ = call::ask(&fake, host::IO, &[1, 0, 0x3f8, 0]);
    let _ = call::ask_raw(&fake, fatal_regs(7, "sixty-four bytes, in the order of Linux"));
    let asked = fake.0.into_inner().asked;
    assert_eq!([asked[0].rcx, asked[1].rcx, asked[2].rcx], [0x1c00, 0xfc00, 0xffcc]);
    for regs in &asked {
        assert_eq!((regs.rax, regs.r10), (0, 0));
    }
    assert_eq!((asked[1].rdx, asked[1].rbx, asked[1].rsi, asked[1].r8), (0, 0, 0, 0));
    assert_eq!((asked[2].r11, asked[2].r12), (host::FATAL, 7));
    assert_eq!(asked[2].r14.to_le_bytes(), *b"sixty-fo");
    assert_eq!(asked[2].rdx, 0);
}

#[test]
fn an_answer_counts_only_with_success() {
    let fake = fake(Model { answers: [(0, 5), (1, 5), (u64::MAX, 5)].to_vec(), ..good() });
    let values = [0; 3].map(|_| {
        let value = call::value_or(call::ask(&fake, host::RDMSR, &[0x802]), 9);
        value.check(|value| Ok::<_, ()>(*value))
    });
    assert_eq!(values, [Ok(5), Ok(9), Ok(9)]);
}

#[test]
fn lists_are_as_the_module_has_them() {
    assert!([0x808, 0x80a, 0x80b, 0x810, 0x827].into_iter().all(is_native));
    assert!(
        ![0x1b, 0x802, 0x80d, 0x80f, 0x828, 0x830, 0x838, 0xc000_0080].into_iter().any(is_native)
    );
    assert!([0, 1, 7, 0xd, 0x15, 0x8000_0008].into_iter().all(|leaf| is_answered(leaf, false)));
    assert!([2, 0xb, 0x16, 0x8000_0002].into_iter().all(|leaf| !is_answered(leaf, false)));
    assert!([2, 0xb, 0x16, 0x8000_0002].into_iter().all(|leaf| is_answered(leaf, true)));
    for leaf in [0x4000_0000, 0x4000_00ff, 0x8000_0005, 0x8000_0009, u32::MAX] {
        assert!(!is_answered(leaf, true));
    }
}

#[test]
fn of_all_exceptions_only_cpuid_is_served() {
    for reason in (0..80).chain([u64::MAX, 1 << 32 | 10]) {
        for len in [0, 1, 2, 3, 15, 16, u32::MAX] {
            let verdict = judge(VeInfo { reason, gpa: u64::MAX, len });
            let is_cpuid = reason == 10 && (2..=15).contains(&len);
            assert_eq!(verdict, if is_cpuid { Verdict::Cpuid(len) } else { Verdict::Signal });
        }
    }
}
