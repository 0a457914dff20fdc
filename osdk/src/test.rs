// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk test`: runs the in-guest unit tests and prints them as `cargo test` does.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use crate::control::Event;
use crate::guest::{Console, Ending, Guest};
use crate::kernel::{Build, Verbosity};
use crate::machine::Machine;
use crate::run::{MachineArgs, ProfileArg, report};
use crate::workspace::Workspace;

/// Time for all tests, unless `--timeout` says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// Options of `cargo osdk test`.
#[derive(Args, Clone, Debug)]
pub struct TestArgs {
    /// Run only tests whose name contains this
    filter: Option<String>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Which build of the kernel
    #[arg(long, value_enum, default_value = "dev")]
    profile: ProfileArg,
    /// Show the guest's console
    #[arg(long)]
    show_output: bool,
}

/// What the tests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failures: Vec<(String, String)>,
    announced: Option<(u64, u64)>,
}

impl Tally {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Test(_, Ok(())) => self.passed += 1,
            Event::Test(name, Err(message)) => self.failures.push((name.clone(), message.clone())),
            Event::TestsDone(passed, failed) => self.announced = Some((*passed, *failed)),
            _ => {}
        }
    }

    /// Why the run as a whole cannot be believed, if so.
    fn doubt(&self) -> Option<String> {
        let seen = (self.passed, self.failures.len() as u64);
        match self.announced {
            None => Some("the guest ended before its tests did".to_owned()),
            Some(told) if told != seen => Some(format!(
                "the guest told of {told:?} passed and failed tests, seen were {seen:?}"
            )),
            Some((0, 0)) => Some("no test ran".to_owned()),
            Some(_) => None,
        }
    }
}

/// Runs the tests; returns the exit status.
pub fn run(workspace: &Workspace, args: &TestArgs) -> Result<u8> {
    let build = Build {
        profile: args.profile.into(),
        features: vec!["ktest".to_owned()],
        verbosity: Verbosity::Normal,
    };
    let kernel = build.run(workspace)?;
    let folder = tempfile::Builder::new().prefix("nacre-").tempdir()?;
    let mut machine = args.machine.machine(workspace, &kernel, folder.path())?;
    // A project's tests are its own, not the framework's.
    let own = (!workspace.is_checkout()).then(|| workspace.package().replace('-', "_") + "::");
    if let Some(filter) = args.filter.as_ref().or(own.as_ref()) {
        machine.append(&format!("nacre.test={filter}"));
    }
    machine.append(&args.machine.append);
    let console = if args.show_output {
        Console::Attached(crate::console::Newlines::Plain)
    } else {
        machine.console = "null".to_owned();
        Console::Elsewhere
    };
    println!("\nrunning in-guest tests ({} CPUs)", machine.smp);
    let begin = Instant::now();
    let mut tally = Tally::default();
    let guest = Guest::start(&machine, console)?;
    let timeout = args.machine.timeout()?.unwrap_or(DEFAULT_TIMEOUT);
    let ending = guest.wait(Some(timeout), |event| {
        if let Event::Test(name, result) = event {
            println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        }
        tally.take(event);
    })?;
    if !matches!(ending, Ending::Exit(_) | Ending::PowerOff) {
        report(&ending, &kernel);
    }
    let orderly = matches!(ending, Ending::Exit(_) | Ending::PowerOff);
    Ok(summary(&tally, orderly, begin.elapsed()))
}

/// Runs the one test of this name, on two CPUs of a kernel built with its tests; what went wrong, if something did.
pub fn failure(kernel: &Path, name: &str, timeout: Duration) -> Result<Option<String>> {
    let mut machine = Machine::new(kernel)?;
    machine.smp = 2;
    machine.console = "null".to_owned();
    machine.append(&format!("nacre.test={name}"));
    let mut tally = Tally::default();
    let guest = Guest::start(&machine, Console::Elsewhere)?;
    let ending = guest.wait(Some(timeout), |event| tally.take(event))?;
    ensure!(
        tally.announced.is_none_or(|(passed, failed)| passed + failed == 1),
        "no one test is {name}"
    );
    if let Some((name, message)) = tally.failures.first() {
        return Ok(Some(format!("{name}: {message}")));
    }
    Ok(match ending {
        Ending::Exit(0) | Ending::PowerOff => tally.doubt(),
        Ending::Stop(stop) => Some(format!("kernel stop: {}", stop.message)),
        Ending::TimedOut => Some("hang".to_owned()),
        other => Some(format!("{other:?}")),
    })
}

fn summary(tally: &Tally, orderly: bool, took: Duration) -> u8 {
    let mut failed = tally.failures.len();
    if failed > 0 {
        println!("\nfailures:");
        for (name, message) in &tally.failures {
            println!("    {name}: {message}");
        }
    }
    let doubt = tally.doubt();
    if let Some(doubt) = &doubt {
        println!("\nerror: {doubt}");
    }
    if doubt.is_some() || !orderly {
        failed = failed.max(1);
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let passed = tally.passed;
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; finished in {:.2}s\n",
        took.as_secs_f64()
    );
    u8::from(failed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts() {
        let mut tally = Tally::default();
        assert!(tally.doubt().unwrap().contains("ended before"));
        tally.take(&Event::TestsDone(0, 0));
        assert!(tally.doubt().unwrap().contains("no test"));
        tally.take(&Event::Test("a".into(), Ok(())));
        tally.take(&Event::TestsDone(2, 0));
        assert!(tally.doubt().unwrap().contains("(2, 0)"));
        tally.take(&Event::TestsDone(1, 0));
        assert_eq!(tally.doubt(), None);
        assert_eq!(summary(&tally, true, Duration::ZERO), 0);
        assert_eq!(summary(&tally, false, Duration::ZERO), 1);
        tally.take(&Event::Test("b".into(), Err("no".into())));
        tally.take(&Event::TestsDone(1, 1));
        assert_eq!(summary(&tally, true, Duration::ZERO), 1);
    }
}
