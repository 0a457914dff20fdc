// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random calls against a model that knows only pages.

use super::*;
use crate::Advice;
use abi::mman::RemapFlags;

const WINDOW: usize = 48;

/// A page: its protection and the byte at its start. `None`: not mapped.
type Model = [Option<(Prot, u8)>; WINDOW];

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn range(&mut self) -> Range<usize> {
        let start = self.below(WINDOW - 1);
        let len = 1 + self.below((WINDOW - start).min(12));
        start..start + len.min(WINDOW - start)
    }

    fn prot(&mut self) -> Prot {
        [RW, RW, Prot::READ, Prot::empty(), Prot::READ | Prot::EXEC][self.below(5)]
    }
}

fn check(space: &AddressSpace, model: &Model, what: &str) {
    let mut expected: Vec<(Range<usize>, Prot)> = Vec::new();
    for (n, entry) in model.iter().enumerate() {
        let Some((prot, byte)) = entry else {
            assert_eq!(peek(space, page(n)), None, "{what}: page {n} is gone");
            continue;
        };
        match expected.last_mut() {
            Some((range, last)) if range.end == page(n) && last == prot => range.end += PAGE_SIZE,
            _ => expected.push((page(n)..page(n + 1), *prot)),
        }
        let seen = peek(space, page(n));
        assert_eq!(seen, (!prot.is_empty()).then_some(*byte), "{what}: byte of page {n}");
    }
    assert_eq!(joined(areas(space)), expected, "{what}: areas");
    let mapped: usize = expected.iter().map(|(range, _)| range.len()).sum();
    let data: usize =
        expected.iter().filter(|(_, p)| p.contains(Prot::WRITE)).map(|(r, _)| r.len()).sum();
    let usage = space.usage();
    assert_eq!((usage.size, usage.data), (mapped, data), "{what}: totals");
    assert!(usage.resident <= mapped, "{what}: resident");
}

/// Neighbours of equal protection as one: whether they are depends on their past.
fn joined(areas: Vec<(Range<usize>, Prot)>) -> Vec<(Range<usize>, Prot)> {
    let mut joined: Vec<(Range<usize>, Prot)> = Vec::new();
    for (range, prot) in areas {
        match joined.last_mut() {
            Some((last, p)) if last.end == range.start && *p == prot => last.end = range.end,
            _ => joined.push((range, prot)),
        }
    }
    joined
}

fn protect(space: &AddressSpace, model: &mut Model, range: Range<usize>, prot: Prot) {
    let result = space.mprotect(page(range.start), range.len() * PAGE_SIZE, prot);
    let gap = range.clone().find(|&n| model[n].is_none());
    assert_eq!(result.is_err(), gap.is_some());
    let end = gap.unwrap_or(range.end);
    for entry in model.iter_mut().take(end).skip(range.start) {
        *entry = entry.map(|(_, byte)| (prot, byte));
    }
}

/// Moves what is one area at `from` to `to`.
fn remap(space: &AddressSpace, model: &mut Model, from: Range<usize>, to: usize) {
    let to = to..to + from.len();
    let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
    let len = from.len() * PAGE_SIZE;
    // Known before the call, which may unmap a part.
    let is_one = areas(space)
        .iter()
        .any(|(area, _)| area.start <= page(from.start) && page(from.end) <= area.end);
    let result = space.mremap(page(from.start), len, len, flags, page(to.start));
    if from.start < to.end && to.start < from.end {
        let errno = if model[from.start].is_none() { Errno::EFAULT } else { Errno::EINVAL };
        return fails(result, errno);
    }
    if model[from.start].is_none() {
        return fails(result, Errno::EFAULT);
    }
    // The target is unmapped before the source is looked at again.
    to.clone().for_each(|n| model[n] = None);
    if !is_one {
        return fails(result, Errno::EFAULT);
    }
    assert_eq!(result.unwrap(), page(to.start));
    for (n, m) in from.zip(to) {
        model[m] = model[n].take();
    }
}

fn fork(space: &AddressSpace, model: &Model, rng: &mut Rng) {
    let child = space.fork().unwrap();
    check(&child, model, "child");
    let n = rng.below(WINDOW);
    if model[n].is_some_and(|(prot, _)| prot.contains(Prot::WRITE)) {
        let mut changed = *model;
        changed[n] = Some((model[n].unwrap().0, 0xee));
        assert!(poke(&child, page(n), 0xee));
        check(&child, &changed, "changed child");
    }
    check(space, model, "parent");
    drop(child);
    check(space, model, "parent alone");
}

fn step(space: &AddressSpace, model: &mut Model, rng: &mut Rng) -> &'static str {
    let range = rng.range();
    let len = range.len() * PAGE_SIZE;
    match rng.below(10) {
        0 | 1 => {
            let prot = rng.prot();
            map(space, range.clone(), prot);
            range.for_each(|n| model[n] = Some((prot, 0)));
            "mmap"
        }
        2 => {
            space.munmap(page(range.start), len).unwrap();
            range.for_each(|n| model[n] = None);
            "munmap"
        }
        3 | 4 => {
            let prot = rng.prot();
            protect(space, model, range, prot);
            "mprotect"
        }
        5 => {
            let result = space.madvise(page(range.start), len, Advice::DontNeed);
            assert_eq!(result.is_err(), range.clone().any(|n| model[n].is_none()));
            range.for_each(|n| model[n] = model[n].map(|(prot, _)| (prot, 0)));
            "madvise"
        }
        6 => {
            let to = rng.below(WINDOW - range.len() + 1);
            remap(space, model, range, to);
            "mremap"
        }
        7 => {
            fork(space, model, rng);
            "fork"
        }
        _ => {
            for n in range {
                let byte = 1 + rng.below(200) as u8;
                let allowed = model[n].is_some_and(|(prot, _)| prot.contains(Prot::WRITE));
                assert_eq!(poke(space, page(n), byte), allowed);
                if allowed {
                    model[n] = model[n].map(|(prot, _)| (prot, byte));
                }
            }
            "write"
        }
    }
}

#[test]
fn random_calls_match_the_model() {
    for seed in 1..=12u64 {
        let space = space();
        let mut model: Model = [None; WINDOW];
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..250 {
            let what = step(&space, &mut model, &mut rng);
            check(&space, &model, what);
        }
        space.clear();
        check(&space, &[None; WINDOW], "clear");
        assert_eq!(space.usage().resident, 0);
    }
}
