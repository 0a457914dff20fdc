// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs programs in guests of both kernels.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use osdk::control;
use osdk::machine::Clock;

use super::class::{Difference, Record};
use super::shrink::CALLS;
use crate::kernel::{Kernel, Kind};
use crate::programs::Programs;
use crate::qemu::{Guest, Launch, Said};

/// Where the guest finds which programs to show in words.
const LIST: &str = "etc/programs";
/// Linux's command line: four levels of page tables and no protection keys, as here, so that addresses end at the same place
/// and memory to execute can be read; no random addresses, so that a run can be repeated.
const LINUX_WORDS: &str = "no5lvl nopku norandmaps";
/// Longest silence of a guest.
const PATIENCE: Duration = Duration::from_secs(100);
/// The same for a single program.
const SHORT_PATIENCE: Duration = Duration::from_secs(40);
/// Programs whose hashes a guest tells at once.
const AT_ONCE: u64 = 16;
/// A kernel that so many programs silence is not compared any further.
const MAX_SILENCERS: usize = 8;

/// What all guests of a run share.
pub(super) struct Guests<'a> {
    /// The programs of the guest.
    pub(super) programs: &'a Programs,
    /// Linux, Nacre.
    pub(super) kernels: [&'a Kernel; 2],
    /// See [`super::DifferentialArgs`].
    pub(super) seed: u64,
    /// The same.
    pub(super) family: &'a str,
    /// CPUs per guest.
    pub(super) smp: u32,
    /// Memory per guest in MiB.
    pub(super) mem_mib: u32,
    /// Where consoles are kept.
    pub(super) logs: PathBuf,
    /// Where Linux's hashes are kept, which change only with the programs.
    pub(super) cache: PathBuf,
}

/// A hash per program.
#[derive(Default)]
pub(super) struct Hashes {
    /// Calls that were made.
    pub(super) calls: u64,
    /// By program.
    pub(super) hashes: Vec<u64>,
    /// Programs that silenced or stopped the kernel, each time that they ran, and how.
    pub(super) silencers: Vec<(u64, String)>,
}

/// A program with some of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Variant {
    /// Which program.
    pub(super) number: u64,
    /// Its calls to make, a bit each.
    pub(super) mask: u64,
}

impl Variant {
    /// Asks for the state at the end, too.
    pub(super) const STATE: u64 = 1 << 63;

    /// All calls of a program.
    pub(super) fn calls(number: u64) -> Self {
        Self { number, mask: !Self::STATE }
    }

    /// All calls, and the state at the end.
    pub(super) fn whole(number: u64) -> Self {
        Self { number, mask: u64::MAX }
    }
}

impl Guests<'_> {
    /// Hashes of `count` programs from `first` on, of both kernels.
    pub(super) fn hashes(&self, first: u64, count: u64) -> Result<[Hashes; 2]> {
        let [linux, nacre] = self.kernels;
        std::thread::scope(|scope| {
            let linux = scope.spawn(|| self.cached(linux, first, count));
            let nacre = self.hashes_of(nacre, first, count)?;
            Ok([joined(linux)?, nacre])
        })
    }

    fn cached(&self, kernel: &Kernel, first: u64, count: u64) -> Result<Hashes> {
        let mut key = DefaultHasher::new();
        self.programs.content("differ")?.hash(&mut key);
        (self.seed, self.family, first, count, self.smp).hash(&mut key);
        let file = self.cache.join(format!("{:016x}", key.finish()));
        if let Ok(text) = std::fs::read_to_string(&file) {
            return text.lines().try_fold(Hashes::default(), read_hashes);
        }
        let hashes = self.hashes_of(kernel, first, count)?;
        if !hashes.silencers.is_empty() {
            return Ok(hashes);
        }
        let words: String = hashes.hashes.iter().map(|hash| format!(" {hash:x}")).collect();
        std::fs::write(file, format!("hashes {first} {}{words}\n", hashes.calls))?;
        Ok(hashes)
    }

    /// Runs the programs; where the guest falls silent, the same once more, and what silences
    /// it again one by one.
    fn hashes_of(&self, kernel: &Kernel, first: u64, count: u64) -> Result<Hashes> {
        let name = kernel.kind.name();
        let mut hashes = Hashes::default();
        let mut silent_at = None;
        while (hashes.hashes.len() as u64) < count {
            let done = hashes.hashes.len() as u64;
            let ended = self.hash_run(kernel, first + done, count - done, PATIENCE, &mut hashes)?;
            let next = hashes.hashes.len() as u64;
            let Some(why) = ended else {
                ensure!(next == count, "{name} ran {next} of {count} programs");
                break;
            };
            println!("{name} after program {}: {why}", first + next);
            if silent_at == Some(next) {
                self.one_by_one(kernel, first + next, AT_ONCE.min(count - next), &mut hashes)?;
            }
            silent_at = Some(next);
        }
        Ok(hashes)
    }

    /// A guest's hashes are added; tells why it ended before its time.
    fn hash_run(
        &self,
        kernel: &Kernel,
        first: u64,
        count: u64,
        patience: Duration,
        hashes: &mut Hashes,
    ) -> Result<Option<String>> {
        let words =
            ["hash", &self.seed.to_string(), &first.to_string(), &count.to_string(), self.family];
        let (lines, ended) = self.run(kernel, &words, "", patience)?;
        let so_far = std::mem::take(hashes);
        *hashes = lines.iter().map(String::as_str).try_fold(so_far, read_hashes)?;
        Ok(ended)
    }

    fn one_by_one(
        &self,
        kernel: &Kernel,
        first: u64,
        count: u64,
        hashes: &mut Hashes,
    ) -> Result<()> {
        for number in first..first + count {
            if let Some(why) = self.hash_run(kernel, number, 1, SHORT_PATIENCE, hashes)? {
                hashes.hashes.push(0);
                hashes.silencers.push((number, format!("{}: {why}", kernel.kind.name())));
                ensure!(hashes.silencers.len() <= MAX_SILENCERS, "{:?}", hashes.silencers);
            }
        }
        Ok(())
    }

    /// The fewest first calls of a program that silence one of the kernels, as the other kernel answers them.
    pub(super) fn shortest(&self, number: u64) -> Result<String> {
        let (mut fits, mut silences) = (0, CALLS);
        while silences - fits > 1 {
            let middle = fits.midpoint(silences);
            let (_, ended) = self.first_calls(number, middle)?;
            if ended { silences = middle } else { fits = middle }
        }
        let (text, _) = self.first_calls(number, silences)?;
        Ok(format!("calls up to number {}:\n{text}", silences - 1))
    }

    /// What the first `count` calls give on the kernels that survive them, and whether one did not.
    fn first_calls(&self, number: u64, count: u32) -> Result<(String, bool)> {
        let list = format!("{number} {:x}\n", (1_u64 << count) - 1);
        let words = ["text", &self.seed.to_string(), self.family, &format!("/{LIST}")];
        let (mut text, mut has_ended) = (String::new(), false);
        for kernel in self.kernels {
            let (lines, ended) = self.run(kernel, &words, &list, SHORT_PATIENCE)?;
            has_ended |= ended.is_some();
            let records = lines.iter().filter_map(|line| Record::parse(line));
            text.extend(records.map(|r| format!("    {}: {r}\n", kernel.kind.name())));
        }
        Ok((text, has_ended))
    }

    /// All lines that a guest says; one that does not come to its end is an error.
    fn texts(&self, kernel: &Kernel, words: &[&str], list: &str) -> Result<Vec<String>> {
        let name = kernel.kind.name();
        for try_again in [true, false] {
            let (lines, ended) = self.run(kernel, words, list, PATIENCE)?;
            match ended {
                None => return Ok(lines),
                Some(why) if try_again => println!("{name}, {words:?}: {why}"),
                Some(why) => bail!("{name}, seed {}, {words:?}: {why}", self.seed),
            }
        }
        Ok(vec![])
    }

    /// The first difference of each variant, in their order.
    pub(super) fn differences(&self, variants: &[Variant]) -> Result<Vec<Option<Difference>>> {
        if variants.is_empty() {
            return Ok(vec![]);
        }
        let list: String =
            variants.iter().map(|v| format!("{} {:x}\n", v.number, v.mask)).collect();
        let words = ["text", &self.seed.to_string(), self.family, &format!("/{LIST}")];
        let [linux, nacre] = self.kernels;
        let (linux, nacre) = std::thread::scope(|scope| {
            let linux = scope.spawn(|| self.texts(linux, &words, &list));
            let nacre = self.texts(nacre, &words, &list)?;
            anyhow::Ok((joined(linux)?, nacre))
        })?;
        let (mut linux, mut nacre) = (read_texts(&linux), read_texts(&nacre));
        let find = |variant: &Variant| {
            let linux = linux.remove(variant).unwrap_or_default();
            let nacre = nacre.remove(variant).unwrap_or_default();
            Difference::find(variant.number, variant.mask, linux, nacre)
        };
        Ok(variants.iter().map(find).collect())
    }

    /// All lines that a guest says, and why it ended before its time.
    fn run(
        &self,
        kernel: &Kernel,
        words: &[&str],
        list: &str,
        patience: Duration,
    ) -> Result<(Vec<String>, Option<String>)> {
        let name = kernel.kind.name();
        let log = self.logs.join(format!("differential-{name}-{}", std::process::id()));
        let initramfs = log.with_extension("cpio");
        let plan = format!("/tests/differ\t{}\n", words.join("\t"));
        let files = [(LIST, list.as_bytes())];
        std::fs::write(&initramfs, self.programs.initramfs_with(&plan, kernel.kind, &files)?)?;
        let launch = Launch {
            kernel,
            initramfs: &initramfs,
            append: if kernel.kind == Kind::Linux { LINUX_WORDS } else { "" },
            smp: self.smp,
            mem_mib: self.mem_mib,
            clock: Clock::Host,
            log: &log,
        };
        let mut guest = Guest::start(&launch)?;
        let said = listen(&mut guest, patience);
        drop(guest);
        std::fs::remove_file(initramfs)?;
        said.with_context(|| format!("{name}, seed {}, {words:?}", self.seed))
    }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| bail!("a guest's thread panicked"))
}

/// What the guest says until it is done, and why it did not come to that.
fn listen(guest: &mut Guest, patience: Duration) -> Result<(Vec<String>, Option<String>)> {
    let mut lines = Vec::new();
    let why = loop {
        match guest.next(patience) {
            Said::Result(line) if line.starts_with("trouble") => bail!("{line}"),
            Said::Result(line) if line.trim_end() == "done" => {
                guest.finish(Duration::from_secs(10));
                return Ok((lines, None));
            }
            Said::Result(line) => lines.push(line),
            Said::Control(line) => {
                if let control::Event::Stop(message) = control::parse(&line) {
                    break format!("the kernel stopped: {message}");
                }
            }
            Said::Closed => break "the guest ended early".to_owned(),
            Said::Nothing => break "the guest was silent".to_owned(),
        }
    };
    let why = format!("{why}; it had said {}", last(&lines));
    Ok((lines, Some(why)))
}

fn last(lines: &[String]) -> String {
    let line = lines.last().map_or("nothing", String::as_str);
    format!("\"{}\"", line.get(..60).unwrap_or(line))
}

/// Adds a line `hashes FIRST CALLS HASH...`; others are passed over.
fn read_hashes(mut hashes: Hashes, line: &str) -> Result<Hashes> {
    let Some(rest) = line.trim_end().strip_prefix("hashes ") else { return Ok(hashes) };
    let mut words = rest.split(' ').skip(1);
    hashes.calls += words.next().context("a number of calls")?.parse::<u64>()?;
    for word in words {
        hashes.hashes.push(u64::from_str_radix(word, 16)?);
    }
    Ok(hashes)
}

/// The records of each program, between `program NUMBER MASK` and `ended HASH`.
fn read_texts(lines: &[String]) -> BTreeMap<Variant, Vec<Record>> {
    let mut texts: BTreeMap<Variant, Vec<Record>> = BTreeMap::new();
    let mut at = None;
    for line in lines {
        if let Some(rest) = line.trim_end().strip_prefix("program ") {
            at = rest.split_once(' ').and_then(|(number, mask)| {
                let mask = u64::from_str_radix(mask, 16).ok()?;
                Some(Variant { number: number.parse().ok()?, mask })
            });
        } else if let (Some(variant), Some(record)) = (at, Record::parse(line)) {
            texts.entry(variant).or_default().push(record);
        }
    }
    texts
}
