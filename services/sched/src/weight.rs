// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a nice value is worth: Linux's weights, 25 % per step.

/// The weight of nice 0.
pub(crate) const NICE_0: u64 = 1024;

/// The weight of `SCHED_IDLE`.
pub(crate) const IDLE: u64 = 3;

/// Weights of nice -20 to 19.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// The weight of a nice value (clamped to -20..=19).
#[inline]
pub(crate) fn of_nice(nice: i8) -> u64 {
    let index = (i32::from(nice) + 20).clamp(0, 39) as usize;
    WEIGHTS.get(index).copied().map_or(NICE_0, u64::from)
}

/// Real time as virtual time: the heavier a task, the slower its clock.
#[inline]
pub(crate) fn virtual_ns(ns: u64, weight: u64) -> u64 {
    if weight == NICE_0 {
        return ns;
    }
    let scaled = u128::from(ns) * u128::from(NICE_0) / u128::from(weight.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_a_quarter() {
        for nice in -20..19i8 {
            let ratio = of_nice(nice) as f64 / of_nice(nice + 1) as f64;
            assert!((1.17..1.30).contains(&ratio), "nice {nice}: {ratio}");
        }
        assert_eq!(of_nice(0), NICE_0);
        assert_eq!(virtual_ns(1000, NICE_0), 1000);
        assert_eq!(virtual_ns(1000, 2 * NICE_0), 500);
    }
}
