// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The lines that a test guest writes to its results channel.
//!
//! See `regression/linux/include/test.h` for who writes which line. Whatever is not a known line is kept as [`Event::Other`],
//! so that a garbled channel shows up as a missing verdict and never as a passed test.

/// One line of the results channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The guest's first program runs.
    Boot,
    /// A suite starts.
    Begin(String),
    /// A test of the current suite starts.
    Start(String),
    /// A test passed.
    Ok(String),
    /// A test failed: name, message.
    Fail(String, String),
    /// A test cannot run here: name, reason.
    Skip(String, String),
    /// The suite ran to its end.
    End(String),
    /// Type these bytes at the console.
    Feed(Vec<u8>),
    /// The console must show these bytes: test, bytes.
    Expect(String, Vec<u8>),
    /// A program of the plan ended: line of the plan, status.
    Exit(usize, i32),
    /// A measurement: name, unit, value.
    Measure(String, String, f64),
    /// The plan is done.
    Done,
    /// Anything else.
    Other(String),
}

/// Reads one line.
pub(crate) fn parse(line: &str) -> Event {
    let line = line.trim_end_matches(['\r', '\n']);
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let other = || Event::Other(line.to_owned());
    match word {
        "boot" => Event::Boot,
        "done" => Event::Done,
        "begin" => Event::Begin(name.to_owned()),
        "start" => Event::Start(name.to_owned()),
        "ok" => Event::Ok(name.to_owned()),
        "fail" => Event::Fail(name.to_owned(), text.to_owned()),
        "skip" => Event::Skip(name.to_owned(), text.to_owned()),
        "end" => Event::End(name.to_owned()),
        "feed" => from_hex(name).map_or_else(other, Event::Feed),
        "expect" => from_hex(text).map_or_else(other, |b| Event::Expect(name.to_owned(), b)),
        "exit" => match (name.parse(), text.parse()) {
            (Ok(number), Ok(status)) => Event::Exit(number, status),
            _ => other(),
        },
        "measure" => match text.split_once(' ').map(|(unit, v)| (unit, v.parse())) {
            Some((unit, Ok(value))) => Event::Measure(name.to_owned(), unit.to_owned(), value),
            _ => other(),
        },
        _ => other(),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_verdicts() {
        assert_eq!(parse("ok fork_twice\r\n"), Event::Ok("fork_twice".into()));
        assert_eq!(parse("fail a b.c:3 x is 1"), Event::Fail("a".into(), "b.c:3 x is 1".into()));
        assert_eq!(parse("exit 3 137"), Event::Exit(3, 137));
        assert_eq!(
            parse("measure getppid instructions 338.5"),
            Event::Measure("getppid".into(), "instructions".into(), 338.5)
        );
    }

    #[test]
    fn reads_bytes() {
        assert_eq!(parse("feed 03610d"), Event::Feed(vec![3, b'a', 13]));
        assert_eq!(parse("expect echo 6162"), Event::Expect("echo".into(), b"ab".to_vec()));
    }

    #[test]
    fn keeps_garbage_apart() {
        for line in ["", "okay", "feed 0", "feed zz", "exit x 1", "measure a b", "feed \u{e9}a"] {
            assert!(matches!(parse(line), Event::Other(_)), "{line:?}");
        }
    }
}
