// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the registers of a CMOS clock mean.
//!
//! Spec: MC146818A datasheet.

/// Nanoseconds since 1970 from a CMOS clock: seconds, minutes, hours, day, month,
/// year and century as its registers show them, and its status register B.
pub(crate) fn wall_clock_ns(registers: [u8; 7], status_b: u8) -> Option<u64> {
    const BINARY: u8 = 4;
    const HOURS_24: u8 = 2;
    const AFTERNOON: u8 = 0x80;
    let [seconds, minutes, hours, day, month, year, century] = registers;
    let number = |raw: u8| match (status_b & BINARY != 0, raw >> 4, raw & 15) {
        (true, ..) => Some(u64::from(raw)),
        (false, tens @ 0..=9, ones @ 0..=9) => Some(u64::from(tens * 10 + ones)),
        _ => None,
    };
    let hour = if status_b & HOURS_24 != 0 {
        number(hours)?
    } else {
        number(hours & !AFTERNOON)? % 12 + if hours & AFTERNOON != 0 { 12 } else { 0 }
    };
    let century = number(century).filter(|century| (19..=21).contains(century)).unwrap_or(20);
    let (year, month, day) = (century * 100 + number(year)?, number(month)?, number(day)?);
    let (minute, second) = (number(minutes)?, number(seconds)?);
    let fits = (1970..2200).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    // Days from the civil date, with years that start in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    fits.then(|| (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::wall_clock_ns;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn reads_bcd_and_binary() {
        let bcd = [0x59, 0x58, 0x23, 0x29, 0x02, 0x24, 0x20];
        assert_eq!(wall_clock_ns(bcd, 2), Some(1_709_251_139 * SECOND));
        let binary = [59, 58, 23, 29, 2, 24, 20];
        assert_eq!(wall_clock_ns(binary, 6), Some(1_709_251_139 * SECOND));
        let epoch = [0, 0, 0, 1, 1, 70, 19];
        assert_eq!(wall_clock_ns(epoch, 6), Some(0));
    }

    #[test]
    fn reads_twelve_hours() {
        let midnight = [0, 0, 0x12, 1, 1, 0x24, 0x20];
        let noon = [0, 0, 0x92, 1, 1, 0x24, 0x20];
        assert_eq!(wall_clock_ns(midnight, 0), Some(1_704_067_200 * SECOND));
        assert_eq!(wall_clock_ns(noon, 0), Some((1_704_067_200 + 43_200) * SECOND));
    }

    #[test]
    fn refuses_nonsense() {
        for at in 0..6 {
            let mut registers = [1, 1, 1, 1, 1, 0x24, 0x20];
            registers[at] = 0xff;
            assert_eq!(wall_clock_ns(registers, 2), None);
        }
        assert_eq!(wall_clock_ns([0; 7], 6), None);
        for byte in 0..=255 {
            let _ = wall_clock_ns([byte; 7], byte);
        }
    }
}
