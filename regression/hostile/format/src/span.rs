// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Numbers as a scenario writes them: values, ranges and counts.

use serde::{Deserialize, Deserializer, de::Error};

/// What a register or memory word becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// This number.
    Set(u64),
    /// A new random number.
    Random,
    /// One of the numbers at which checks go wrong: 0, all ones, the sign bits, powers of two and their neighbours.
    Extreme,
    /// What it was, xor this.
    Xor(u64),
    /// What it was, plus this.
    Add(u64),
}

impl Value {
    /// The new value for `old`, with two random words at hand.
    pub fn of(self, old: u64, random: u64, choice: u64) -> u64 {
        match self {
            Self::Set(value) => value,
            Self::Random => random,
            Self::Extreme => extreme(choice),
            Self::Xor(mask) => old ^ mask,
            Self::Add(amount) => old.wrapping_add(amount),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => match text {
                "rand" => Some(Self::Random),
                "extreme" => Some(Self::Extreme),
                "max" => Some(Self::Set(u64::MAX)),
                _ => number(text).map(Self::Set),
            },
            Some(("xor", mask)) => number(mask).map(Self::Xor),
            Some(("add", amount)) => number(amount).map(Self::Add),
            Some(("sub", amount)) => number(amount).map(|n| Self::Add(n.wrapping_neg())),
            Some(_) => None,
        }
    }
}

fn extreme(choice: u64) -> u64 {
    let bit = 1u64 << (choice >> 8 & 63);
    match choice & 7 {
        0 => 0,
        1 => u64::MAX,
        2 => bit,
        3 => bit.wrapping_sub(1),
        4 => bit.wrapping_neg(),
        5 => i64::MAX as u64,
        6 => u64::from(u32::MAX) << (choice >> 8 & 32),
        _ => bit | 1,
    }
}

/// A half-open range of numbers; a lone number is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
}

impl Span {
    /// Whether `value` lies in it.
    pub fn has(self, value: u64) -> bool {
        (self.start..self.end).contains(&value)
    }

    fn parse(text: &str) -> Option<Self> {
        let (start, end) = match text.split_once("..") {
            Some((start, "")) => (number(start)?, u64::MAX),
            Some((start, end)) => (number(start)?, number(end)?),
            None => (number(text)?, number(text)?.checked_add(1)?),
        };
        (start < end).then_some(Self { start, end })
    }
}

/// Which occurrences, counted from 1.
pub type Count = Span;

/// Reads a decimal, hexadecimal or suffixed (K, M, G, T) number.
pub(crate) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(&digits.replace('_', ""), 16).ok();
    }
    let shift = match text.as_bytes().last()? {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        b'T' => 40,
        _ => return text.parse().ok(),
    };
    text.get(..text.len() - 1)?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

macro_rules! from_text {
    ($type:ty, $what:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text)
                    .ok_or_else(|| D::Error::custom(format!("{text:?} is no {}", $what)))
            }
        }
    };
}

from_text!(Value, "value: a number, rand, extreme, max, xor:N, add:N or sub:N");
from_text!(Span, "range: N, N..M or N..");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(Value::parse("xor:0xff").unwrap().of(0x0f, 0, 0), 0xf0);
        assert_eq!(Value::parse("sub:1").unwrap().of(0, 0, 0), u64::MAX);
        assert_eq!(Value::parse("2M").unwrap().of(7, 0, 0), 1 << 21);
        assert_eq!(Value::parse("rand").unwrap().of(7, 9, 0), 9);
        for text in ["", "x", "xor:", "add:x", "mul:2"] {
            assert_eq!(Value::parse(text), None, "{text}");
        }
        let all: Vec<u64> = (0..1 << 14).map(extreme).collect();
        assert!(all.contains(&0) && all.contains(&u64::MAX) && all.contains(&(1 << 63)));
    }

    #[test]
    fn spans() {
        assert!(Span::parse("3").unwrap().has(3) && !Span::parse("3").unwrap().has(4));
        assert!(Span::parse("1..").unwrap().has(1 << 60));
        for text in ["", "5..5", "9..2", "a..b", "..3"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
