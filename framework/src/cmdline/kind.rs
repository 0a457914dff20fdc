// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What values look like: [`Kind`], and the types that parameters have.

use core::fmt;

/// What the value of a parameter looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `name`, or `name=` and a word for yes or no.
    Flag,
    /// A whole number from `min` to `max`.
    Number {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
        /// What it counts.
        unit: &'static str,
    },
    /// Any text.
    Word,
    /// Names out of these, with commas between them.
    List(&'static [&'static str]),
    /// Any bytes: `%xx` is the byte with that hexadecimal number.
    Percent,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("no value, 1 or 0"),
            Self::Number { min, max, unit } => write!(f, "{unit}, {min} to {max}"),
            Self::Word => f.write_str("a word"),
            Self::List(names) => {
                f.write_str("a list of")?;
                names.iter().enumerate().try_for_each(|(n, name)| {
                    f.write_str(if n == 0 { " " } else { "," })?;
                    f.write_str(name)
                })
            }
            Self::Percent => f.write_str("text with %xx for bytes"),
        }
    }
}

/// What a word says, by the kind of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Flag(bool),
    Number(u64),
    Text(&'a str),
}

impl Kind {
    /// What `text`, behind the equals sign, says, if it says anything.
    pub(super) fn read<'a>(&self, text: Option<&'a str>) -> Option<Value<'a>> {
        match (self, text) {
            (Self::Flag, None | Some("1" | "y" | "yes" | "on" | "true")) => Some(Value::Flag(true)),
            (Self::Flag, Some("0" | "n" | "no" | "off" | "false")) => Some(Value::Flag(false)),
            (Self::Number { min, max, .. }, Some(text)) => {
                let number = text.parse().ok().filter(|number| (min..=max).contains(&number));
                number.map(Value::Number)
            }
            (Self::Word | Self::List(_) | Self::Percent, Some(text)) => Some(Value::Text(text)),
            _ => None,
        }
    }

    /// Whether every name of a list is one of those that exist.
    pub(super) fn knows(&self, text: Option<&str>) -> bool {
        match (self, text) {
            (Self::List(names), Some(text)) => List(text).iter().all(|name| names.contains(&name)),
            _ => true,
        }
    }
}

/// Names with commas between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a>(&'a str);

impl<'a> List<'a> {
    /// The names.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split(',').filter(|name| !name.is_empty())
    }
}

/// Text in which `%xx` stands for a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent<'a>(&'a str);

impl<'a> Percent<'a> {
    /// The bytes; a percent sign without two hexadecimal digits stands for itself.
    pub fn bytes(self) -> impl Iterator<Item = u8> + use<'a> {
        let mut rest = self.0.as_bytes();
        core::iter::from_fn(move || {
            let (&byte, tail) = rest.split_first()?;
            let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
            let pair = (byte == b'%').then(|| Some(digit(0)? << 4 | digit(1)?)).flatten();
            rest = if pair.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
            Some(pair.map_or(byte, |pair| pair as u8))
        })
    }
}

/// A type of the fields of [`super::CommandLine`].
pub(super) trait FromValue<'a>: Sized {
    fn from_value(value: Value<'a>) -> Option<Self>;
}

impl<'a> FromValue<'a> for bool {
    fn from_value(value: Value<'a>) -> Option<Self> {
        if let Value::Flag(is_set) = value { Some(is_set) } else { None }
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl<'a> FromValue<'a> for Option<$number> {
            fn from_value(value: Value<'a>) -> Option<Self> {
                let Value::Number(number) = value else { return None };
                <$number>::try_from(number).ok().map(Some)
            }
        }
    )*};
}

numbers! { u8 u32 u64 }

macro_rules! texts {
    ($($text:ty, $make:expr;)*) => {$(
        impl<'a> FromValue<'a> for Option<$text> {
            fn from_value(value: Value<'a>) -> Option<Self> {
                let Value::Text(text) = value else { return None };
                Some(Some($make(text)))
            }
        }
    )*};
}

texts! {
    &'a str, core::convert::identity;
    List<'a>, List;
    Percent<'a>, Percent;
}
