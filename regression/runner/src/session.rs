// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Running suites in guests until each test has a verdict.
//!
//! A guest works through a queue of suites. If it stops, hangs or loses a suite's main program, the test that ran is
//! failed with the reason and what was still to do goes to a fresh guest.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use osdk::control;
use osdk::machine::Clock;
use osdk::symbols::Symbols;

use crate::kernel::{Kernel, Kind};
use crate::programs::{Programs, Suite};
use crate::protocol::{Event, parse};
use crate::qemu::{Guest, Launch, Said};
use crate::report::{Outcome, Verdict};

/// What all guests of a run share.
pub(crate) struct Context<'a> {
    /// The kernel.
    pub(crate) kernel: &'a Kernel,
    /// The programs.
    pub(crate) programs: &'a Programs,
    /// CPUs per guest.
    pub(crate) smp: u32,
    /// Memory per guest in MiB.
    pub(crate) mem_mib: u32,
    /// Words for the end of the kernel's command line.
    pub(crate) append: &'a str,
    /// Where logs go.
    pub(crate) logs: PathBuf,
    /// Longest silence of a guest before it counts as hung.
    pub(crate) patience: Duration,
}

/// Tests of one suite that are still to run.
pub(crate) struct Work<'a> {
    /// The suite.
    pub(crate) suite: &'a Suite,
    /// Names of the tests.
    pub(crate) tests: Vec<String>,
}

/// After so many guests were lost, the remaining tests fail unrun.
const LOST_GUESTS: usize = 40;

impl Context<'_> {
    /// Runs all tests of the queue in guests, one after the other.
    pub(crate) fn run(&self, shard: usize, mut queue: Vec<Work<'_>>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        // Linux loses a guest now and then to the emulator; a test that was hit runs once more. Nacre gets no second chance.
        let mut retried = HashSet::new();
        for boot in 0.. {
            queue.retain(|work| !work.tests.is_empty());
            if queue.is_empty() {
                break;
            }
            let log = self.logs.join(format!("{}-{shard}-{boot}", self.kernel.kind.name()));
            let mut run = Run { queue, outcomes: &mut outcomes, at: 0, current: None };
            let end = self.guest(&log, &mut run);
            let victim = run.running();
            let second_chance = self.kernel.kind == Kind::Linux && retried.insert(victim);
            let another_helps = run.settle(&end, second_chance);
            queue = run.queue;
            if boot >= LOST_GUESTS || (!another_helps && boot >= 1) {
                abandon(&mut queue, &mut outcomes, end.why());
            }
        }
        outcomes
    }

    /// Runs one guest to its end and says how it ended.
    fn guest(&self, log: &std::path::Path, run: &mut Run<'_, '_>) -> End {
        let plan: String = run.queue.iter().map(|work| plan_line(work) + "\n").collect();
        let initramfs = log.with_extension("cpio");
        let started = self.programs.initramfs(&plan, self.kernel.kind).and_then(|bytes| {
            std::fs::write(&initramfs, bytes)?;
            let launch = Launch {
                kernel: self.kernel,
                initramfs: &initramfs,
                append: self.append,
                smp: self.smp,
                mem_mib: self.mem_mib,
                clock: Clock::Host,
                log,
            };
            Guest::start(&launch)
        });
        let mut guest = match started {
            Ok(guest) => guest,
            Err(error) => return End::Lost { booted: false, why: format!("{error:#}") },
        };
        let end = self.listen(&mut guest, run);
        drop(guest);
        let _ = std::fs::remove_file(initramfs);
        end
    }

    fn print_backtrace(&self, why: &str, frames: &[control::Frame]) {
        match Symbols::load(&self.kernel.image) {
            Ok(symbols) => eprintln!("{why}\n{}", symbols.backtrace(frames)),
            Err(error) => eprintln!("{why}\n({error:#})"),
        }
    }

    fn listen(&self, guest: &mut Guest, run: &mut Run<'_, '_>) -> End {
        let mut booted = false;
        let mut stop: Option<String> = None;
        let mut frames = Vec::new();
        let mut mark = 0;
        loop {
            match guest.next(if stop.is_some() { Duration::from_secs(3) } else { self.patience }) {
                Said::Result(line) => match parse(&line) {
                    Event::Boot => booted = true,
                    Event::Done => {
                        guest.finish(Duration::from_secs(10));
                        return End::Done;
                    }
                    Event::Feed(keys) => {
                        std::thread::sleep(Duration::from_millis(50));
                        mark = guest.console_len();
                        guest.type_keys(&keys);
                    }
                    Event::Expect(test, bytes) => {
                        if let Err(shown) =
                            guest.await_console(mark, &bytes, Duration::from_secs(8))
                        {
                            let shown = shown.escape_ascii().to_string();
                            let expected = bytes.escape_ascii();
                            let why = format!("console shows \"{shown}\", expected \"{expected}\"");
                            run.verdict(&test, Verdict::Failed(why));
                        }
                        mark += bytes.len();
                    }
                    event => run.note(event),
                },
                Said::Control(line) => match control::parse(&line) {
                    control::Event::Stop(message) => stop = Some(format!("kernel stop: {message}")),
                    control::Event::Frame(frame) => frames.push(frame),
                    control::Event::End if stop.is_some() => {
                        let why = stop.unwrap_or_default();
                        self.print_backtrace(&why, &frames);
                        return End::Lost { booted, why };
                    }
                    _ => {}
                },
                Said::Closed => {
                    let code = guest.finish(Duration::from_secs(3));
                    let why = stop
                        .unwrap_or_else(|| format!("the guest ended early (QEMU status {code:?})"));
                    return End::Lost { booted, why };
                }
                Said::Nothing => {
                    let silent = self.patience.as_secs();
                    let why =
                        stop.unwrap_or_else(|| format!("the guest was silent for {silent} s"));
                    return End::Lost { booted, why };
                }
            }
        }
    }
}

/// How a guest ended.
enum End {
    /// It did all of its work.
    Done,
    /// It stopped, hung, or never started.
    Lost {
        /// Its `init` had begun.
        booted: bool,
        /// What the report says.
        why: String,
    },
}

impl End {
    fn why(&self) -> &str {
        match self {
            Self::Done => "they end without a verdict",
            Self::Lost { why, .. } => why,
        }
    }
}

/// The state of one guest's work.
struct Run<'a, 'o> {
    queue: Vec<Work<'a>>,
    outcomes: &'o mut Vec<Outcome>,
    /// The line of the plan that runs.
    at: usize,
    current: Option<(String, Instant)>,
}

impl Run<'_, '_> {
    fn note(&mut self, event: Event) {
        match event {
            Event::Start(test) => self.current = Some((test, Instant::now())),
            Event::Ok(test) => self.verdict(&test, Verdict::Passed),
            Event::Fail(test, why) => self.verdict(&test, Verdict::Failed(why)),
            Event::Skip(test, why) => self.verdict(&test, Verdict::Skipped(why)),
            Event::Exit(number, status) => {
                if status != 0 || self.queue.get(number).is_some_and(|w| !w.tests.is_empty()) {
                    self.fail_current(&format!("the suite's program ended with status {status}"));
                }
                self.at = number + 1;
                self.current = None;
            }
            Event::Other(line) => {
                if let Some(text) = line.strip_prefix("progress ") {
                    eprintln!("{text}");
                }
            }
            _ => {}
        }
    }

    /// Takes the first verdict of a test, or a failure over a success.
    fn verdict(&mut self, test: &str, verdict: Verdict) {
        let Some(work) = self.queue.get_mut(self.at) else { return };
        let suite = work.suite.name.clone();
        let time = match &self.current {
            Some((name, since)) if name == test => since.elapsed(),
            _ => Duration::ZERO,
        };
        if let Verdict::Failed(why) = &verdict {
            eprintln!("FAILED {suite}/{test}: {why}");
        }
        if let Some(place) = work.tests.iter().position(|name| name == test) {
            work.tests.remove(place);
            self.outcomes.push(Outcome { suite, test: test.to_owned(), verdict, time });
        } else if matches!(verdict, Verdict::Failed(_)) {
            let known = self.outcomes.iter_mut().find(|o| o.suite == suite && o.test == test);
            match known {
                Some(known) if known.verdict == Verdict::Passed => known.verdict = verdict,
                Some(_) => {}
                None => self.outcomes.push(Outcome { suite, test: test.to_owned(), verdict, time }),
            }
        }
    }

    /// Fails the test that ran, or the next of the suite if none had started.
    fn fail_current(&mut self, why: &str) {
        let pending = self.queue.get(self.at).map(|work| work.tests.as_slice()).unwrap_or_default();
        let current = self.current.as_ref().map(|(name, _)| name.clone());
        let running = current.filter(|name| pending.contains(name));
        if let Some(test) = running.or_else(|| pending.first().cloned()) {
            self.verdict(&test, Verdict::Failed(why.to_owned()));
        }
    }

    /// The test that runs, if one does.
    fn running(&self) -> Option<String> {
        self.current.as_ref().map(|(name, _)| name.clone())
    }

    /// Settles the end of a guest; whether a fresh one may get further.
    fn settle(&mut self, end: &End, second_chance: bool) -> bool {
        let End::Lost { booted, why } = end else { return true };
        if second_chance {
            eprintln!("regression: a Linux guest was lost ({why}), trying again");
        } else {
            self.fail_current(why);
        }
        *booted || second_chance
    }
}

fn abandon(queue: &mut Vec<Work<'_>>, outcomes: &mut Vec<Outcome>, why: &str) {
    for work in queue.drain(..) {
        for test in work.tests {
            let verdict = Verdict::Failed(format!("not run, guests keep failing: {why}"));
            outcomes.push(Outcome {
                suite: work.suite.name.clone(),
                test,
                verdict,
                time: Duration::ZERO,
            });
        }
    }
}

fn plan_line(work: &Work<'_>) -> String {
    let mut words = work.suite.command.clone();
    if work.tests.len() != work.suite.tests.len() {
        words.extend(work.tests.iter().cloned());
    }
    words.join("\t")
}
