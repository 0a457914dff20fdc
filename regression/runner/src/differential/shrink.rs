// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fewest calls that show a difference.
//!
//! All differences are shrunk at once, a guest of each kernel per round: first the call alone and with one call before it,
//! then without each single call, then without all that were not needed.

use std::collections::BTreeMap;

use anyhow::Result;

use super::class::Difference;
use super::guest::{Guests, Variant};

/// Calls of a program; the state comes after them.
pub(super) const CALLS: u32 = 40;
/// More at a time would take a guest too long.
const AT_ONCE: usize = 60;

/// Smaller examples of the same classes, by class.
pub(super) fn shrink(
    guests: &Guests<'_>,
    examples: &[&Difference],
) -> Result<BTreeMap<String, Difference>> {
    let mut best: BTreeMap<String, Difference> = BTreeMap::new();
    for group in examples.chunks(AT_ONCE) {
        for example in group {
            best.insert(example.class.clone(), (*example).clone());
        }
        round(guests, group, &mut best, few)?;
        let left: Vec<Difference> = group
            .iter()
            .filter_map(|example| best.get(&example.class))
            .filter(|found| calls(found.mask, found.at).len() > 2)
            .cloned()
            .collect();
        let left: Vec<&Difference> = left.iter().collect();
        let needless = round(guests, &left, &mut best, without_one)?;
        combine(guests, &left, &needless, &mut best)?;
    }
    Ok(best)
}

/// The calls of a mask up to the one that differs.
fn calls(mask: u64, at: u32) -> Vec<u32> {
    (0..CALLS.min(at.saturating_add(1))).filter(|call| mask >> call & 1 == 1).collect()
}

/// What keeps a call; for the place after the last one, what asks for the state.
fn bit(call: u32) -> u64 {
    if call < CALLS { 1 << call } else { Variant::STATE }
}

/// The call alone, or with one other.
fn few(example: &Difference) -> Vec<u64> {
    let own = bit(example.at);
    let mut masks = vec![own];
    masks.extend(calls(example.mask, example.at).into_iter().map(|call| own | bit(call)));
    masks
}

/// All calls up to the one that differs, without one of them.
fn without_one(example: &Difference) -> Vec<u64> {
    let all = calls(example.mask, example.at);
    let whole = all.iter().fold(bit(example.at), |mask, call| mask | bit(*call));
    all.iter().filter(|call| **call != example.at).map(|call| whole & !bit(*call)).collect()
}

/// Tries masks for each example; keeps the smallest that still shows the class, and returns all that do.
fn round(
    guests: &Guests<'_>,
    examples: &[&Difference],
    best: &mut BTreeMap<String, Difference>,
    masks: fn(&Difference) -> Vec<u64>,
) -> Result<BTreeMap<String, Vec<u64>>> {
    let mut variants = Vec::new();
    let mut classes = Vec::new();
    for example in examples {
        for mask in masks(example) {
            variants.push(Variant { number: example.number, mask });
            classes.push(example.class.clone());
        }
    }
    let mut shown: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (class, found) in classes.into_iter().zip(guests.differences(&variants)?) {
        let Some(found) = found.filter(|found| found.class == class) else { continue };
        shown.entry(class).or_default().push(found.mask);
        keep(best, found);
    }
    Ok(shown)
}

fn keep(best: &mut BTreeMap<String, Difference>, found: Difference) {
    let size = |d: &Difference| calls(d.mask, d.at).len();
    if best.get(&found.class).is_none_or(|old| size(&found) < size(old)) {
        best.insert(found.class.clone(), found);
    }
}

/// Leaves out all calls at once that were not needed one by one.
fn combine(
    guests: &Guests<'_>,
    examples: &[&Difference],
    needless: &BTreeMap<String, Vec<u64>>,
    best: &mut BTreeMap<String, Difference>,
) -> Result<()> {
    let mut variants = Vec::new();
    for example in examples {
        let Some(masks) = needless.get(&example.class) else { continue };
        let mask = masks.iter().fold(u64::MAX, |all, mask| all & mask);
        variants.push(Variant { number: example.number, mask });
    }
    for found in guests.differences(&variants)?.into_iter().flatten() {
        if best.contains_key(&found.class) {
            keep(best, found);
        }
    }
    Ok(())
}
