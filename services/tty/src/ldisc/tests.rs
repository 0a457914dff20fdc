// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys in; echo, signals and reads out.

use std::{string::String, vec, vec::Vec};

use super::*;
use abi::termios::Output;

#[derive(Default)]
struct Recorder {
    echo: Vec<u8>,
    signals: Vec<KeySignal>,
    flushes: usize,
    flow: Vec<bool>,
}

impl Effects for Recorder {
    fn output(&mut self, bytes: &[u8]) {
        self.echo.extend_from_slice(bytes);
    }
    fn signal(&mut self, signal: KeySignal) {
        self.signals.push(signal);
    }
    fn flush_output(&mut self) {
        self.flushes += 1;
    }
    fn flow_changed(&mut self, is_stopped: bool) {
        self.flow.push(is_stopped);
    }
}

fn terminal(change: impl FnOnce(&mut Termios)) -> LineDiscipline {
    let mut ldisc = LineDiscipline::new().expect("memory");
    let mut termios = Termios::default();
    change(&mut termios);
    ldisc.set_termios(termios);
    ldisc
}

fn keys(ldisc: &mut LineDiscipline, bytes: &[u8]) -> String {
    let mut recorder = Recorder::default();
    assert_eq!(ldisc.receive(bytes, &mut recorder), bytes.len());
    String::from_utf8_lossy(&recorder.echo).into_owned()
}

/// All complete reads of up to `size` bytes that do not block.
fn reads(ldisc: &mut LineDiscipline, size: usize) -> Vec<String> {
    let mut all = vec![];
    while ldisc.is_readable() {
        let mut buffer = vec![0; size];
        let chunk = ldisc.read_chunk(&mut buffer);
        all.push(String::from_utf8_lossy(&buffer[..chunk.len]).into_owned());
    }
    all
}

/// Types keys into a default terminal: (echo, reads).
fn session(change: impl FnOnce(&mut Termios), bytes: &[u8]) -> (String, Vec<String>) {
    let mut ldisc = terminal(change);
    let echo = keys(&mut ldisc, bytes);
    (echo, reads(&mut ldisc, 4096))
}

#[track_caller]
fn check(bytes: &[u8], echo: &str, lines: &[&str]) {
    let (got_echo, got_lines) = session(|_| {}, bytes);
    assert_eq!(
        (got_echo.as_str(), got_lines),
        (echo, lines.iter().map(|l| String::from(*l)).collect())
    );
}

#[test]
fn canonical_lines() {
    check(b"ls\r", "ls\r\n", &["ls\n"]);
    check(b"ls\n", "ls\r\n", &["ls\n"]);
    check(b"a\nb\nc", "a\r\nb\r\nc", &["a\n", "b\n"]);
    check(b"\r", "\r\n", &["\n"]);
    check(b"abc", "abc", &[]);
}

#[test]
fn erase_and_kill() {
    check(b"lx\x7fs\r", "lx\x08 \x08s\r\n", &["ls\n"]);
    check(b"\x7f\x7fa\n", "a\r\n", &["a\n"]);
    check(b"abc\x15d\n", "abc\x08 \x08\x08 \x08\x08 \x08d\r\n", &["d\n"]);
    check(b"done\n\x7fx\n", "done\r\nx\r\n", &["done\n", "x\n"]);
    check(b"\x01\x7f\n", "^A\x08 \x08\x08 \x08\r\n", &["\n"]);
}

#[test]
fn word_erase() {
    let two = "\x08 \x08\x08 \x08";
    check(b"ab cd\x17\n", &std::format!("ab cd{two}\r\n"), &["ab \n"]);
    check(b"ab cd \x17\n", &std::format!("ab cd \x08 \x08{two}\r\n"), &["ab \n"]);
    check(b"a_1\x17\n", &std::format!("a_1{two}\x08 \x08\r\n"), &["\n"]);
    check(b"a-b\x17\n", "a-b\x08 \x08\r\n", &["a-\n"]);
}

#[test]
fn erased_tabs_go_back_to_their_column() {
    check(b"a\t\x7f\n", &std::format!("a\t{}\r\n", "\x08".repeat(7)), &["a\n"]);
    check(b"\t\t\x7f\n", &std::format!("\t\t{}\r\n", "\x08".repeat(8)), &["\t\n"]);
    let mut ldisc = terminal(|_| {});
    ldisc.process_output(b"# ", &mut OutputBuffer::new());
    assert_eq!(keys(&mut ldisc, b"a\t\x7f"), std::format!("a\t{}", "\x08".repeat(5)));
}

#[test]
fn kill_without_echoke_starts_a_new_line() {
    let (echo, lines) = session(|t| t.local.remove(Local::ECHOKE), b"abc\x15d\n");
    assert_eq!((echo.as_str(), lines), ("abc^U\r\nd\r\n", vec![String::from("d\n")]));
    let (echo, _) = session(|t| t.local.remove(Local::ECHOKE | Local::ECHOK), b"abc\x15d\n");
    assert_eq!(echo, "abc^Ud\r\n");
}

#[test]
fn erase_without_echoe_shows_the_key() {
    let (echo, lines) = session(|t| t.local.remove(Local::ECHOE), b"ab\x7f\n");
    assert_eq!((echo.as_str(), lines), ("ab^?\r\n", vec![String::from("a\n")]));
}

#[test]
fn echoprt_prints_what_goes() {
    let (echo, lines) = session(|t| t.local.insert(Local::ECHOPRT), b"abc\x7f\x7fd\n");
    assert_eq!((echo.as_str(), lines), ("abc\\cb/d\r\n", vec![String::from("ad\n")]));
}

#[test]
fn utf8_erases_whole_characters() {
    let (echo, lines) = session(|t| t.input.insert(Input::IUTF8), "aé\x7fb\n".as_bytes());
    assert_eq!((echo.as_str(), lines), ("aé\x08 \x08b\r\n", vec![String::from("ab\n")]));
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, "aé\x7f\n".as_bytes());
    let mut buffer = [0; 8];
    assert_eq!(ldisc.read_chunk(&mut buffer).len, 3);
    assert_eq!(buffer[..3], *b"a\xc3\n");
}

#[test]
fn literal_next() {
    check(b"\x16\x03\n", "^\x08^C\r\n", &["\x03\n"]);
    check(b"\x16\x7f\n", "^\x08^?\r\n", &["\x7f\n"]);
    check(b"a\x16\nb\n", "a^\x08^Jb\r\n", &["a\nb\n"]);
    check(b"\x16\x16\n", "^\x08^V\r\n", &["\x16\n"]);
}

#[test]
fn reprint() {
    check(b"ab\x12c\n", "ab^R\r\nabc\r\n", &["abc\n"]);
}

#[test]
fn end_of_file() {
    check(b"\x04", "", &[""]);
    check(b"ab\x04", "ab", &["ab"]);
    check(b"ab\x04\x04", "ab", &["ab", ""]);
    check(b"ab\x04c\n", "abc\r\n", &["ab", "c\n"]);
}

#[test]
fn end_of_file_behind_a_full_buffer_goes_along() {
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, b"abcd\x04");
    assert_eq!(reads(&mut ldisc, 4), ["abcd"]);
    keys(&mut ldisc, b"abcde\x04");
    assert_eq!(reads(&mut ldisc, 4), ["abcd", "e"]);
}

#[test]
fn short_reads_leave_the_rest_of_the_line() {
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, b"abcdef\nxy\n");
    assert_eq!(reads(&mut ldisc, 4), ["abcd", "ef\n", "xy\n"]);
}

#[test]
fn more_line_ends() {
    let (echo, lines) = session(
        |t| {
            t.cc[Cc::Eol as usize] = b';';
            t.cc[Cc::Eol2 as usize] = b',';
        },
        b"a;b,c\n",
    );
    assert_eq!((echo.as_str(), lines.concat().as_str(), lines.len()), ("a;b,c\r\n", "a;b,c\n", 3));
}

#[test]
fn nul_is_never_a_control_character() {
    check(b"a\0b\n", "a^@b\r\n", &["a\0b\n"]);
}

#[test]
fn signals_flush_and_echo() {
    let mut ldisc = terminal(|_| {});
    let mut recorder = Recorder::default();
    ldisc.receive(b"old\nab\x03cd\x1c\x1aef\n", &mut recorder);
    assert_eq!(recorder.signals, [KeySignal::Interrupt, KeySignal::Quit, KeySignal::Suspend]);
    assert_eq!(recorder.flushes, 3);
    assert_eq!(recorder.echo, b"old\r\nab^Ccd^\\^Zef\r\n");
    assert_eq!(reads(&mut ldisc, 99), ["ef\n"]);
}

#[test]
fn noflsh_keeps_the_input() {
    let mut ldisc = terminal(|t| t.local.insert(Local::NOFLSH));
    let mut recorder = Recorder::default();
    ldisc.receive(b"ab\x03cd\n", &mut recorder);
    assert_eq!(recorder.flushes, 0);
    assert_eq!(reads(&mut ldisc, 99), ["abcd\n"]);
}

#[test]
fn without_isig_keys_are_bytes() {
    let (echo, lines) = session(|t| t.local.remove(Local::ISIG), b"\x03\n");
    assert_eq!((echo.as_str(), lines), ("^C\r\n", vec![String::from("\x03\n")]));
}

#[test]
fn flow_control() {
    let mut ldisc = terminal(|_| {});
    let mut recorder = Recorder::default();
    ldisc.receive(b"\x13", &mut recorder);
    assert!(ldisc.is_stopped());
    ldisc.receive(b"a\x13", &mut recorder);
    assert!(ldisc.is_stopped());
    ldisc.receive(b"\x11", &mut recorder);
    assert!(!ldisc.is_stopped());
    assert_eq!(recorder.flow, [true, false]);
    ldisc.receive(b"\x13\x03", &mut recorder);
    assert!(!ldisc.is_stopped(), "INTR restarts");
    ldisc.set_stopped_by_call(true);
    ldisc.receive(b"\x11", &mut recorder);
    assert!(ldisc.is_stopped(), "keys do not undo TCOOFF");
}

#[test]
fn ixany_restarts_by_any_key() {
    let mut ldisc = terminal(|t| t.input.insert(Input::IXANY));
    keys(&mut ldisc, b"\x13");
    assert!(ldisc.is_stopped());
    keys(&mut ldisc, b"x");
    assert!(!ldisc.is_stopped());
}

#[test]
fn turning_ixon_off_restarts() {
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, b"\x13");
    let mut termios = ldisc.termios().clone();
    termios.input.remove(Input::IXON);
    assert!(ldisc.set_termios(termios));
    assert!(!ldisc.is_stopped());
}

#[test]
fn input_mappings() {
    let cases: &[(Input, &[u8], &[u8])] = &[
        (Input::empty(), b"a\r\n", b"a\r\n"),
        (Input::ICRNL, b"\r\n", b"\n\n"),
        (Input::INLCR, b"\r\n", b"\r\r"),
        (Input::IGNCR, b"\r\n", b"\n"),
        (Input::IGNCR.union(Input::ICRNL), b"\r\n", b"\n"),
        (Input::ISTRIP, b"\xe1", b"a"),
        (Input::IUCLC, b"ABc", b"abc"),
        (Input::PARMRK, b"\xff", b"\xff\xff"),
    ];
    for (flags, typed, want) in cases {
        let mut ldisc = terminal(|t| {
            t.input = *flags;
            t.local = Local::IEXTEN;
        });
        keys(&mut ldisc, typed);
        let mut buffer = [0; 16];
        let chunk = ldisc.read_chunk(&mut buffer);
        assert_eq!(&buffer[..chunk.len], *want, "{flags:?}");
    }
}

#[test]
fn raw_mode_queues_everything() {
    let mut ldisc = terminal(|t| {
        t.input = Input::empty();
        t.local = Local::empty();
    });
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(keys(&mut ldisc, &all), "");
    let mut buffer = [0; 300];
    assert_eq!(ldisc.read_chunk(&mut buffer), Chunk { len: 256, ended: false });
    assert_eq!(buffer[..256], all);
}

#[test]
fn newline_echo_outside_canonical_mode() {
    let (echo, _) = session(|t| t.local.remove(Local::ICANON), b"a\r");
    assert_eq!(echo, "a\r\n", "mapped CR echoes as a newline");
    let mut ldisc = terminal(|t| t.local.remove(Local::ICANON));
    assert_eq!(keys(&mut ldisc, b"\n"), "^J", "a plain NL is no special byte there");
}

#[test]
fn echonl_alone() {
    let (echo, _) = session(
        |t| {
            t.local.remove(Local::ECHO);
            t.local.insert(Local::ECHONL);
        },
        b"secret\n",
    );
    assert_eq!(echo, "\r\n");
}

#[test]
fn a_line_holds_4095_bytes_and_its_newline() {
    let mut ldisc = terminal(|t| t.local.remove(Local::ECHO));
    keys(&mut ldisc, &[b'x'; 5000]);
    assert!(ldisc.has_room());
    keys(&mut ldisc, b"\n");
    assert_eq!(ldisc.len(), 4096);
    assert!(!ldisc.has_room());
    assert_eq!(ldisc.receive(b"y", &mut Recorder::default()), 0);
    let mut buffer = [0; 8192];
    assert_eq!(ldisc.read_chunk(&mut buffer), Chunk { len: 4096, ended: true });
    assert_eq!(&buffer[4094..4097], b"x\n\0");
    assert!(ldisc.has_room());
}

#[test]
fn raw_input_stops_at_4095() {
    let mut ldisc = terminal(|t| t.local = Local::empty());
    assert_eq!(ldisc.receive(&[b'x'; 5000], &mut Recorder::default()), 4095);
    ldisc.read_chunk(&mut [0; 10]);
    assert_eq!(ldisc.receive(&[b'x'; 50], &mut Recorder::default()), 10);
}

#[test]
fn output_processing() {
    let cases: &[(Output, &[u8], &[u8])] = &[
        (Output::empty(), b"a\n", b"a\n"),
        (Output::OPOST, b"a\n", b"a\n"),
        (Output::OPOST.union(Output::ONLCR), b"a\nb", b"a\r\nb"),
        (Output::OPOST.union(Output::OCRNL), b"a\r", b"a\n"),
        (Output::OPOST.union(Output::ONOCR), b"\ra\r\r", b"a\r"),
        (Output::OPOST.union(Output::OLCUC), b"aZ1", b"AZ1"),
        (Output::OPOST.union(Output::XTABS), b"ab\tc\n\t", b"ab      c\n       "),
        (Output::OPOST.union(Output::XTABS).union(Output::ONLRET), b"ab\n\t", b"ab\n        "),
    ];
    for (flags, data, want) in cases {
        let mut ldisc = terminal(|t| t.output = *flags);
        let mut buffer = OutputBuffer::new();
        assert_eq!(ldisc.process_output(data, &mut buffer), data.len());
        let got = String::from_utf8_lossy(buffer.as_slice());
        assert_eq!(got, String::from_utf8_lossy(want), "{flags:?}");
    }
}

#[test]
fn output_is_taken_in_parts() {
    let mut ldisc = terminal(|_| {});
    let mut buffer = OutputBuffer::new();
    let taken = ldisc.process_output(&[b'\n'; 1000], &mut buffer);
    assert!(taken < 1000 && buffer.as_slice().len() == taken * 2);
}

#[test]
fn modes_change_under_waiting_input() {
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, b"abc");
    assert!(!ldisc.is_readable());
    let canonical = ldisc.termios().clone();
    let mut raw = canonical.clone();
    raw.local.remove(Local::ICANON);
    ldisc.set_termios(raw);
    assert_eq!(ldisc.readable_bytes(), 3);
    ldisc.set_termios(canonical);
    assert_eq!(reads(&mut ldisc, 99), ["abc"]);
}

#[test]
fn reading_rules() {
    let rules = |min, time| {
        let ldisc = terminal(|t| {
            t.local.remove(Local::ICANON);
            t.cc[Cc::Min as usize] = min;
            t.cc[Cc::Time as usize] = time;
        });
        let r = ldisc.begin_read();
        (r.minimum, r.first_timeout_ns, r.next_timeout_ns)
    };
    assert_eq!(rules(0, 0), (1, Some(0), None));
    assert_eq!(rules(0, 5), (1, Some(500_000_000), None));
    assert_eq!(rules(3, 0), (3, None, None));
    assert_eq!(rules(3, 2), (3, None, Some(200_000_000)));
    assert_eq!(terminal(|_| {}).begin_read().minimum, 0);
}

#[test]
fn polling_honours_vmin() {
    let mut ldisc = terminal(|t| {
        t.local.remove(Local::ICANON | Local::ECHO);
        t.cc[Cc::Min as usize] = 3;
    });
    keys(&mut ldisc, b"ab");
    assert!(!ldisc.polls_readable() && ldisc.is_readable());
    keys(&mut ldisc, b"c");
    assert!(ldisc.polls_readable());
}

#[test]
fn fionread_counts_complete_lines() {
    let mut ldisc = terminal(|_| {});
    keys(&mut ldisc, b"ab\ncd\x04ef");
    assert_eq!(ldisc.readable_bytes(), 5);
}

#[test]
fn any_byte_soup_keeps_the_bounds() {
    let mut seed = 0x1234_5678_9abc_def0u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut ldisc = terminal(|_| {});
    for _ in 0..4000 {
        let bytes: Vec<u8> = (0..next() % 64).map(|_| next() as u8).collect();
        let taken = ldisc.receive(&bytes, &mut Recorder::default());
        assert!(taken <= bytes.len() && ldisc.len() <= BUFFER_SIZE);
        match next() % 16 {
            0 => {
                ldisc.set_termios(Termios {
                    input: Input::from_bits_retain(next() as u32 & 0o77777),
                    local: Local::from_bits_retain(next() as u32 & 0o377777),
                    output: Output::from_bits_retain(next() as u32 & 0o14077),
                    ..Termios::default()
                });
            }
            1..=8 => {
                let mut buffer = vec![0; (next() % 100) as usize];
                let chunk = ldisc.read_chunk(&mut buffer);
                assert!(chunk.len <= buffer.len());
            }
            _ => {}
        }
    }
}
