// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What must come of a lie, and what came of it.

use osdk::guest::Ending;

use crate::backend::Lie;
use crate::guest::{Guest, Seen};

/// The words of the log by which Nacre may name a lie; none for what cannot be seen.
fn names(lie: Lie) -> &'static [&'static str] {
    match lie {
        Lie::None | Lie::Replay | Lie::Swap | Lie::Tear => &[],
        Lie::OverReport => &["a used length beyond the buffer"],
        Lie::UnderReport => &["a used length that is not the request's"],
        Lie::Twice => &["more used than submitted", "a used id that was not submitted"],
        Lie::WrongId => &["a used id that was not submitted"],
        Lie::HighId => &["a used id out of range"],
        Lie::Ahead => &["more used than submitted"],
        Lie::BadStatus => &["a status that is none"],
        Lie::NoStatus => &["a request done without a status"],
        Lie::Never => &["a request that does not end"],
    }
}

/// Which of the files a reader must have got, when the content is the lie or there is none.
fn content(lie: Lie) -> Option<&'static str> {
    match lie {
        Lie::None => Some("content none"),
        Lie::Replay => Some("content replay"),
        Lie::Swap => Some("content swap"),
        Lie::Tear => Some("content tear"),
        _ => None,
    }
}

/// Lines of the console that begin with `word`.
fn lines<'a>(shown: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    shown.lines().map(str::trim).filter(move |line| line.starts_with(word))
}

/// Is it what must come of `lie`? The reason, in either case.
pub(crate) fn judge(guest: Guest, lie: Lie, seen: &Seen) -> Result<String, String> {
    if let Some(first) = seen.violations.first() {
        return Err(format!("the simulated host saw: {first}"));
    }
    if let Some(at) = seen.secret {
        return Err(format!("the disk found the guest's secret at {at:#x}"));
    }
    let has = |line: &str| lines(&seen.shown, line).any(|found| found == line);
    if !has("first 0 original") || !has("write 0") || !has("trigger 0") || !seen.has_lied {
        return Err("the honest part failed".to_owned());
    }
    if guest == Guest::Linux {
        return Ok(told(seen));
    }
    let has_ended = matches!(seen.ending, Ending::PowerOff | Ending::Exit(0));
    if !has("alive") || !has("secret 0 kept") || !has_ended {
        return Err("the kernel did not go on".to_owned());
    }
    let named: Vec<_> = lines(&seen.shown, "named").collect();
    if let Some(content) = content(lie) {
        let is_whole = has("second 0 eio 0 bytes 16384") && has("third 0 eio 0");
        return match (is_whole && has(content), named.first()) {
            (true, None) if lie == Lie::None => Ok("reads and writes".to_owned()),
            (true, None) => {
                Ok("NOT SEEN: the reader gets wrong data; the kernel goes on".to_owned())
            }
            _ => Err(format!("neither the disk's word nor an error: {}", told(seen))),
        };
    }
    let [name] = named[..] else {
        return Err(format!("{} lines of the log name the lie", named.len()));
    };
    let known = names(lie).iter().find(|known| name.ends_with(**known));
    match known {
        None => Err(format!("another lie is named: {name}")),
        Some(_) if !has("third 1 eio 1") => Err("the disk is still in use".to_owned()),
        Some(_) if !has("second 1 eio 1 bytes 0") => Err(format!("no EIO: {}", told(seen))),
        Some(known) => Ok(format!("EIO, shut off: {known}")),
    }
}

/// What the guest said of it.
fn told(seen: &Seen) -> String {
    let words = ["second", "content", "third", "linux:", "hangs"];
    let said = words.into_iter().flat_map(|word| lines(&seen.shown, word));
    let mut text = said.collect::<Vec<_>>().join("; ");
    if !seen.shown.contains("alive") {
        text += "; not alive at the end";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rest: &str) -> Seen {
        Seen {
            shown: format!(
                "first 0 original\r\nwrite 0\r\ntrigger 0\r\n{rest}secret 0 kept\nalive\n"
            ),
            ending: Ending::PowerOff,
            has_lied: true,
            secret: None,
            violations: Vec::new(),
        }
    }

    const READ: &str = "second 0 eio 0 bytes 16384\nthird 0 eio 0\n";
    const REFUSED: &str = "second 1 eio 1 bytes 0\nthird 1 eio 1\n";

    #[test]
    fn lies_about_content_are_the_readers_to_find() {
        let judge = |lie, text: String| judge(Guest::Nacre, lie, &seen(&text)).is_ok();
        assert!(judge(Lie::Replay, format!("{READ}content replay\n")));
        assert!(!judge(Lie::Replay, format!("{READ}content none\n")));
        assert!(!judge(Lie::Tear, READ.to_owned()), "other bytes than the disk's");
        assert!(!judge(Lie::None, format!("{READ}content none\nnamed: x\n")));
    }

    #[test]
    fn lies_about_the_protocol_end_the_device_with_one_line() {
        let judge = |text: String| judge(Guest::Nacre, Lie::HighId, &seen(&text)).is_ok();
        let name = "named: a used id out of range\n";
        assert!(judge(format!("{REFUSED}{name}")));
        assert!(!judge(format!("{REFUSED}{name}{name}")));
        assert!(!judge(format!("{REFUSED}named: something else\n")));
        assert!(!judge(format!("{READ}{name}")));
        assert!(!judge(REFUSED.to_owned()));
    }

    #[test]
    fn a_leak_or_a_crash_outranks_all() {
        let good = || seen(&format!("{READ}content none\n"));
        assert!(judge(Guest::Nacre, Lie::None, &good()).is_ok());
        assert!(judge(Guest::Nacre, Lie::None, &Seen { secret: Some(1), ..good() }).is_err());
        let violations = vec!["oracle".to_owned()];
        assert!(judge(Guest::Linux, Lie::None, &Seen { violations, ..good() }).is_err());
        let ending = Ending::TripleFault;
        assert!(judge(Guest::Nacre, Lie::None, &Seen { ending, ..good() }).is_err());
        assert!(judge(Guest::Nacre, Lie::None, &Seen { has_lied: false, ..good() }).is_err());
    }
}
