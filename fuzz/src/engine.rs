// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loop: pick, mutate, run, look at the outcome.

use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::corpus;
use crate::mutate::{Random, mutate};
use crate::targets::Target;

/// How to fuzz.
pub(crate) struct Options {
    /// How long each target is fuzzed.
    pub(crate) time: Duration,
    /// Where the random numbers start.
    pub(crate) seed: u64,
    /// Whether inputs with new outcomes go into the source tree.
    pub(crate) keep: bool,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) executions: u64,
    pub(crate) seconds: f64,
    pub(crate) outcomes: usize,
    pub(crate) crash: Option<Crash>,
}

/// A failure.
pub(crate) struct Crash {
    pub(crate) message: String,
    pub(crate) file: PathBuf,
}

/// An input that takes longer than this is a failure.
const HANG: Duration = Duration::from_secs(10);
/// Inputs that are kept in memory for further mutation.
const MAX_POOL: usize = 2000;
/// Inputs that one run may add to the corpus of a target.
const MAX_KEPT: usize = 64;
/// Executions between two looks at the clock.
const BATCH: u64 = 64;

/// Fuzzes one target.
pub(crate) fn fuzz(target: &'static Target, options: &Options) -> Result<Report> {
    let message = quiet_panics();
    let watchdog = Watchdog::start(target);
    let mut pool = corpus::load(target.name)?;
    let seeds = pool.len();
    pool.extend((target.seeds)());
    pool.push(Vec::new());
    let mut seen = HashSet::new();
    let mut report = Report { executions: 0, seconds: 0.0, outcomes: 0, crash: None };
    let (begin, mut random) = (Instant::now(), Random::new(options.seed));
    let mut run = |input: &[u8], report: &mut Report| -> Result<Option<u64>> {
        watchdog.begin(input);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        report.executions += 1;
        let Ok(outcome) = outcome else {
            let message = message.lock().unwrap_or_else(PoisonError::into_inner).clone();
            report.crash = Some(Crash { message, file: corpus::save_crash(target.name, input)? });
            return Ok(None);
        };
        Ok(seen.insert(outcome).then_some(outcome))
    };
    for input in &pool {
        run(input, &mut report)?;
    }
    let (mut input, mut kept) = (Vec::new(), 0);
    while report.crash.is_none() && begin.elapsed() < options.time {
        for _ in 0..BATCH {
            let pick = |random: &mut Random| random.below(pool.len());
            let (chosen, other) = (pick(&mut random), pick(&mut random));
            input.clear();
            input.extend_from_slice(pool.get(chosen).map_or(&[][..], Vec::as_slice));
            let other = pool.get(other).map_or(&[][..], Vec::as_slice);
            mutate(&mut random, &mut input, other, target.max_len);
            if run(&input, &mut report)?.is_some() && pool.len() < MAX_POOL {
                if options.keep && kept < MAX_KEPT && seeds < MAX_KEPT {
                    corpus::keep(target.name, &input)?;
                    kept += 1;
                }
                pool.push(input.clone());
            }
            if report.crash.is_some() {
                break;
            }
        }
    }
    watchdog.stop();
    drop(panic::take_hook());
    report.seconds = begin.elapsed().as_secs_f64();
    report.outcomes = seen.len();
    Ok(report)
}

/// Has panics noted instead of printed.
fn quiet_panics() -> Arc<Mutex<String>> {
    let message = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&message);
    panic::set_hook(Box::new(move |info| {
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string().replace('\n', " ");
    }));
    message
}

/// Ends the process when one input takes too long.
struct Watchdog {
    shared: Arc<Shared>,
}

struct Shared {
    input: Mutex<Vec<u8>>,
    count: AtomicU64,
    is_over: AtomicBool,
}

impl Watchdog {
    fn start(target: &'static Target) -> Self {
        let shared = Arc::new(Shared {
            input: Mutex::default(),
            count: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || watch(target, &watched));
        Self { shared }
    }

    fn begin(&self, input: &[u8]) {
        let mut copy = self.shared.input.lock().unwrap_or_else(PoisonError::into_inner);
        copy.clear();
        copy.extend_from_slice(input);
        self.shared.count.fetch_add(1, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

fn watch(target: &Target, shared: &Shared) {
    let (mut last, mut since) = (0, Instant::now());
    while !shared.is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(200));
        let count = shared.count.load(Ordering::Relaxed);
        if count != last {
            (last, since) = (count, Instant::now());
        } else if since.elapsed() > HANG {
            let input = shared.input.lock().unwrap_or_else(PoisonError::into_inner);
            println!("fuzz {} ... FAILED: an input takes longer than {HANG:?}", target.name);
            if let Ok(file) = corpus::save_crash(target.name, &input) {
                println!("    repeat: {}", corpus::repro_command(target.name, &file));
            }
            println!("\n0 passed, 1 failed");
            std::process::exit(1);
        }
    }
}
