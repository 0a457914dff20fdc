// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The control channel: one line per event, from the kernel to the host tool.
//!
//! Lines: `init`, `exit <0..255>`, `poweroff`, `restart`, `stop <message>` followed by
//! `frame <hex address> <hex load slide>` lines and `end`, `test <name> ok` or
//! `test <name> FAILED <message>`, `tests-done <passed> <failed>`, `trace <line>`. Any other line is kept as it is.

use std::io::{self, BufRead};

/// Longest line that is taken in; the rest of a longer one is dropped.
const MAX_LINE: usize = 64 * 1024;

/// One line of the control channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first program is about to start.
    Init,
    /// The first program ended with this status (128 + signal if by a signal).
    Exit(u8),
    /// The guest asked for power off.
    PowerOff,
    /// The guest asked for a restart.
    Restart,
    /// The kernel stopped; frames and [`Event::End`] follow.
    Stop(String),
    /// A return address of the stack that led to the stop.
    Frame(Frame),
    /// End of a stop report.
    End,
    /// An in-guest test ended; `Err` has its message.
    Test(String, Result<(), String>),
    /// All in-guest tests ended: passed, failed.
    TestsDone(u64, u64),
    /// A line of the system-call trace.
    Trace(String),
    /// A line that this version does not know.
    Unknown(String),
}

/// An address in the running kernel and how far the kernel was moved from its link address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Address as the kernel saw it.
    pub address: u64,
    /// Load address minus link address.
    pub slide: u64,
}

/// Reads one line as an event.
pub fn parse(line: &str) -> Event {
    let line = line.trim_end_matches(['\r', '\n']);
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let event = match word {
        "init" => Some(Event::Init),
        "exit" => rest.trim().parse().ok().map(Event::Exit),
        "poweroff" => Some(Event::PowerOff),
        "restart" => Some(Event::Restart),
        "stop" => Some(Event::Stop(rest.to_owned())),
        "frame" => frame(rest),
        "end" => Some(Event::End),
        "test" => test(rest),
        "tests-done" => tests_done(rest),
        "trace" => Some(Event::Trace(rest.to_owned())),
        _ => None,
    };
    event.unwrap_or_else(|| Event::Unknown(line.to_owned()))
}

/// Calls `each` with every event until the channel closes.
pub fn read_events(mut source: impl BufRead, mut each: impl FnMut(Event)) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        let chunk = source.fill_buf()?;
        if chunk.is_empty() {
            if !line.is_empty() {
                each(parse(&String::from_utf8_lossy(&line)));
            }
            return Ok(());
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let (taken, used) = match end {
            Some(at) => (chunk.get(..at).unwrap_or(chunk), at + 1),
            None => (chunk, chunk.len()),
        };
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend(taken.iter().take(room));
        source.consume(used);
        if end.is_some() {
            each(parse(&String::from_utf8_lossy(&line)));
            line.clear();
        }
    }
}

fn frame(rest: &str) -> Option<Event> {
    let mut numbers = rest.split_whitespace().map(hex);
    let address = numbers.next()??;
    let slide = numbers.next().unwrap_or(Some(0))?;
    Some(Event::Frame(Frame { address, slide }))
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

fn test(rest: &str) -> Option<Event> {
    let (name, verdict) = rest.split_once(' ')?;
    let (verdict, message) = verdict.split_once(' ').unwrap_or((verdict, ""));
    let outcome = match verdict {
        "ok" => Ok(()),
        "FAILED" => Err(message.to_owned()),
        _ => return None,
    };
    Some(Event::Test(name.to_owned(), outcome))
}

fn tests_done(rest: &str) -> Option<Event> {
    let (passed, failed) = rest.split_once(' ')?;
    Some(Event::TestsDone(passed.trim().parse().ok()?, failed.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_contract() {
        assert_eq!(parse("exit 137"), Event::Exit(137));
        assert_eq!(parse("poweroff\r\n"), Event::PowerOff);
        assert_eq!(parse("stop out of luck"), Event::Stop("out of luck".into()));
        assert_eq!(
            parse("frame 0xffffffff80001234 0x200000"),
            Event::Frame(Frame { address: 0xffff_ffff_8000_1234, slide: 0x20_0000 })
        );
        assert_eq!(parse("frame 10"), Event::Frame(Frame { address: 16, slide: 0 }));
        assert_eq!(parse("test mm::frame ok"), Event::Test("mm::frame".into(), Ok(())));
        assert_eq!(
            parse("test mm::frame FAILED at a.rs:3: no"),
            Event::Test("mm::frame".into(), Err("at a.rs:3: no".into()))
        );
        assert_eq!(parse("tests-done 3 1"), Event::TestsDone(3, 1));
        assert_eq!(parse("end"), Event::End);
    }

    #[test]
    fn nonsense_is_kept_not_trusted() {
        for line in ["exit 256", "exit", "frame zz 0", "test x maybe", "tests-done 1", ""] {
            assert_eq!(parse(line), Event::Unknown(line.into()));
        }
    }

    #[test]
    fn lines_are_split_and_bounded() {
        let mut input = b"init\n".to_vec();
        input.extend(vec![b'x'; MAX_LINE + 10]);
        input.extend(b"\nexit 3");
        let mut events = Vec::new();
        read_events(&input[..], |event| events.push(event)).unwrap();
        assert_eq!(events[0], Event::Init);
        assert!(matches!(&events[1], Event::Unknown(line) if line.len() == MAX_LINE));
        assert_eq!(events[2..], [Event::Exit(3)]);
    }
}
