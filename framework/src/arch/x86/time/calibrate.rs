// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The TSC's frequency from readings beside the PIT, with bounds that hold whatever the
//! host did in between.
//!
//! The host may stop the machine between any two readings. A reading of the PIT lies
//! between two of the TSC, so two such [`Moment`]s give a range that the frequency is in;
//! only if a turn of the PIT's counter (55 ms) was missed is it wrong, and then it
//! contradicts the others of its chain.

/// Ticks of the PIT in a second.
pub(super) const PIT_HZ: u64 = 1_193_182;

/// What PIT and APIC timer showed, and the TSC before and after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) before: u64,
    pub(super) after: u64,
    /// Counts down.
    pub(super) pit: u16,
    pub(super) apic: u64,
}

impl Moment {
    /// How far apart the readings may be, in TSC ticks.
    pub(super) fn blur(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }
}

/// Frequencies in kHz.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Measured {
    pub(super) tsc_khz: u64,
    pub(super) apic_khz: u64,
    /// By how much the TSC's may be wrong.
    pub(super) error_khz: u64,
}

impl Measured {
    /// Whether the error is below one in `parts`.
    pub(super) fn is_within(&self, parts: u64) -> bool {
        self.error_khz < self.tsc_khz / parts
    }
}

/// The frequencies by a chain of moments, each less than a turn of the PIT behind the last
/// one. `None` if they contradict each other.
pub(super) fn measure(moments: &[Moment]) -> Option<Measured> {
    let (first, last) = (moments.first()?, moments.last()?);
    let (mut least, mut most) = range(first, last)?;
    for (one, next) in moments.iter().zip(moments.iter().skip(1)) {
        let (low, high) = range(one, next)?;
        (least, most) = (least.max(low), most.min(high));
    }
    if least > most {
        return None;
    }
    let pit = u64::from(first.pit.wrapping_sub(last.pit));
    Some(Measured {
        tsc_khz: least / 2 + most / 2,
        apic_khz: khz(last.apic.saturating_sub(first.apic), pit),
        error_khz: (most - least) / 2,
    })
}

/// The least and the highest kHz of the TSC by two moments. The PIT may just have ticked,
/// or be about to.
fn range(first: &Moment, last: &Moment) -> Option<(u64, u64)> {
    let pit = u64::from(first.pit.wrapping_sub(last.pit));
    let (least, most) =
        (last.before.saturating_sub(first.after), last.after.saturating_sub(first.before));
    (pit >= 2).then(|| (khz(least, pit + 1), khz(most, pit - 1)))
}

fn khz(ticks: u64, pit: u64) -> u64 {
    let all = u128::from(ticks) * u128::from(PIT_HZ);
    (all / u128::from(pit.max(1)) / 1000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const KHZ: u64 = 2_600_000;

    /// The moments at these microseconds, of which the host stole some in the reading.
    fn moments(times: &[(u64, u64)]) -> Vec<Moment> {
        let moment = |(us, stolen): &(u64, u64)| {
            let pit = us * PIT_HZ / 1_000_000;
            let before = (us - 2) * KHZ / 1000;
            let after = (us + 2 + stolen) * KHZ / 1000;
            Moment { before, after, pit: u16::MAX - pit as u16, apic: us * 1000 }
        };
        times.iter().map(moment).collect()
    }

    #[test]
    fn the_truth_is_within_the_bounds() {
        let quiet =
            measure(&moments(&[(10, 0), (1000, 0), (2010, 0), (3020, 0), (5000, 0)])).unwrap();
        assert!(
            quiet.tsc_khz.abs_diff(KHZ) <= quiet.error_khz && quiet.is_within(500),
            "{quiet:?}"
        );
        assert!(quiet.apic_khz.abs_diff(1_000_000) < 5000, "{quiet:?}");
        let stolen =
            measure(&moments(&[(10, 900), (1000, 0), (2010, 0), (3020, 40), (5000, 2000)]));
        let stolen = stolen.unwrap();
        assert!(
            stolen.tsc_khz.abs_diff(KHZ) <= stolen.error_khz && !stolen.is_within(500),
            "{stolen:?}"
        );
        // Between the readings the host may take what it likes, up to a turn.
        let late = measure(&moments(&[(10, 0), (20_000, 0), (60_000, 0), (61_000, 0)]));
        assert_eq!(late, None);
        let late = measure(&moments(&[(10, 0), (20_000, 0), (40_000, 0)])).unwrap();
        assert!(late.tsc_khz.abs_diff(KHZ) <= late.error_khz && late.is_within(1000), "{late:?}");
    }

    #[test]
    fn a_missed_turn_contradicts_the_rest() {
        for at in 1..5 {
            let mut times = [(10, 0), (1010, 0), (2010, 0), (3010, 0), (4010, 0)];
            for time in &mut times[at..] {
                time.0 += 54_925;
            }
            assert_eq!(measure(&moments(&times)), None, "{at}");
        }
        assert_eq!(measure(&[]), None);
        assert_eq!(measure(&moments(&[(10, 0)])), None);
    }
}
