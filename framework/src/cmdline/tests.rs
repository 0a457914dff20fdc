// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tests of the command line.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::kind::Value;
use super::words::Words;
use super::{CommandLine, IGNORED, InitWords, Kind, PARAMETERS, page};

fn texts(words: &InitWords<'_>) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn args(line: &str) -> Vec<String> {
    texts(&CommandLine::parse(line).init_args)
}

#[test]
fn own_parameters() {
    let line = CommandLine::parse(
        "console=ttyS0 quiet loglevel=3 rdinit=/bin/x nacre.trace=1 nacre.exec=echo%20a%3Db%0a \
         nacre.devices=virtio-rng,,virtio-blk nacre.io_timeout=4294967295 nacre.time=0",
    );
    assert_eq!(line.console, Some("ttyS0"));
    assert!(line.is_quiet && line.has_trace && !line.has_control && !line.may_debug_cvm);
    assert_eq!((line.log_level, line.rdinit, line.init), (Some(3), Some("/bin/x"), None));
    assert_eq!((line.io_timeout_s, line.time_s), (Some(u32::MAX), Some(0)));
    assert_eq!(line.exec.unwrap().bytes().collect::<Vec<_>>(), b"echo a=b\n");
    assert!(line.devices.unwrap().iter().eq(["virtio-rng", "virtio-blk"]));
    assert!(line.init_args.is_empty() && line.init_env.is_empty());
    assert_eq!(line.complaints.count, 0);
}

#[test]
fn unknown_goes_to_init() {
    let line =
        CommandLine::parse("single FOO=bar mod.param=3 FOO=\"b z\" -- -c \"echo hi\" A=1 quiet --");
    assert_eq!(texts(&line.init_args), ["single", "-c", "echo hi", "A=1", "quiet", "--"]);
    assert_eq!(texts(&line.init_env), ["FOO=b z"]);
    assert!(!line.is_quiet);
    assert_eq!(line.complaints.count, 0);
}

#[test]
fn init_resets_the_arguments_before_it() {
    assert_eq!(args("one init=/sbin/i two"), ["two"]);
    assert_eq!(args("one rdinit=/i -- x"), ["x"]);
}

#[test]
fn linux_parameters_without_effect_stay_here() {
    for (name, _) in IGNORED {
        let text = format!("{name} {name}=1");
        let line = CommandLine::parse(&text);
        assert!(line.init_args.is_empty() && line.init_env.is_empty(), "{name}");
    }
}

#[test]
fn quotes_as_linux_reads_them() {
    let words = |line| Words { rest: line }.map(|word| word.to_string()).collect::<Vec<_>>();
    assert_eq!(words("a  b\tc"), ["a", "b", "c"]);
    assert_eq!(words("\"a b\" c"), ["a b", "c"]);
    assert_eq!(words("k=\"a b\" c"), ["k=a b", "c"]);
    assert_eq!(words("\"k=a b\" c"), ["k=a b", "c"]);
    assert_eq!(words("k=\"open ended"), ["k=open ended"]);
    assert_eq!(words("=x"), ["=x"]);
    assert_eq!(words("\""), [""]);
    assert_eq!(words("a\"b c\"d"), ["a\"b c\"d"]);
    assert_eq!(Words { rest: "=a=b" }.next().unwrap().name, "=a");
}

#[test]
fn dashes_are_underscores_in_names() {
    assert_eq!(CommandLine::parse("nacre.test-stop=panic").test_stop, Some("panic"));
    assert_eq!(CommandLine::parse("nacre.test_stop=a-b").test_stop, Some("a-b"));
}

#[test]
fn percent_signs() {
    let decode = |text| {
        let text = format!("nacre.exec={text}");
        CommandLine::parse(&text).exec.unwrap().bytes().collect::<Vec<_>>()
    };
    assert_eq!(decode("%41%4"), b"A%4");
    assert_eq!(decode("100%"), b"100%");
    assert_eq!(decode("%+1%zz"), b"%+1%zz");
    assert_eq!(decode("%ff%Fe"), [0xff, 0xfe]);
}

#[test]
fn long_lines_are_bounded() {
    let text = "word ".repeat(250_000) + &"nacre.x ".repeat(1000);
    let line = CommandLine::parse(&text);
    assert_eq!((line.init_args.len(), line.init_args.dropped), (32, 250_000 - 32));
    assert_eq!(line.complaints.count, 1000);
    line.complain();
}

#[test]
fn what_makes_no_sense_is_told_and_left_out() {
    for bad in ["loglevel=16", "loglevel=", "loglevel=-1", "loglevel=x", "loglevel", "quiet=2"] {
        let text = format!("loglevel=3 {bad}");
        let line = CommandLine::parse(&text);
        assert_eq!((line.log_level, line.is_quiet), (Some(3), false), "{bad}");
        assert_eq!(line.complaints.count, 1, "{bad}");
    }
    assert_eq!(CommandLine::parse("nacre.io_timeout=4294967296").io_timeout_s, None);
    assert_eq!(CommandLine::parse("nacre.time=18446744074").time_s, None);
    assert!(!CommandLine::parse("nacre.control nacre.control=0").has_control);
    // A list is in force even so: without it, more devices would be allowed.
    let line = CommandLine::parse("nacre.devices=virtio-blk,e1000 nacre.devvices=x");
    assert!(line.devices.unwrap().iter().eq(["virtio-blk", "e1000"]));
    assert_eq!(line.complaints.count, 2);
    assert_eq!(CommandLine::parse("nacre.devices=").devices.unwrap().iter().count(), 0);
}

/// Each parameter's field holds what its kind reads, and no name is declared twice.
#[test]
fn declarations_fit() {
    for (n, parameter) in PARAMETERS.iter().enumerate() {
        let values = match parameter.kind {
            Kind::Flag => [Value::Flag(true), Value::Flag(false)],
            Kind::Number { min, max, .. } => [Value::Number(min), Value::Number(max)],
            _ => [Value::Text(""), Value::Text("x")],
        };
        for value in values {
            assert!(CommandLine::default().set(parameter, value).is_some(), "{}", parameter.name);
        }
        let is_other = |name: &str| name != parameter.name;
        assert!(PARAMETERS.iter().skip(n + 1).all(|later| is_other(later.name)));
        assert!(IGNORED.iter().all(|(name, _)| is_other(name)));
        assert!(!parameter.name.contains('-') && !parameter.help.is_empty());
    }
}

/// Good lines with bytes changed, cut out and put in: whatever comes of it, it is bounded.
#[test]
fn mutated_lines_have_a_meaning() {
    let seed = "quiet k=\"a b\" console=hvc0 loglevel=7 nacre.exec=%41%% nacre.time=1 é=ü -- x \"";
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below.max(1) as u64) as usize
    };
    for _ in 0..20_000 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = b" \"=-%\0.\t,x9"[next(11)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b" \"=-%\0.\t,x9"[next(11)]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = CommandLine::parse(&text);
        let words = line.init_args.len() + line.init_env.len() + line.complaints.count;
        assert!(words <= text.len().div_ceil(2), "{text:?}");
        assert!(line.exec.is_none_or(|exec| exec.bytes().count() <= text.len()));
        assert!(line.init_env.iter().all(|word| word.value.is_some()));
    }
}

#[test]
fn page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page::page(),
        "docs/command-line.md is out of date: run cargo run -p nacre-framework --example command-line"
    );
}
