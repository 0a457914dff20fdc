// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Verdicts, and how they are shown: plain lines and JUnit XML.

use std::fmt::Write as _;
use std::time::Duration;

use crate::kernel::Kind;

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It held.
    Passed,
    /// It did not; why.
    Failed(String),
    /// It cannot run there; why.
    Skipped(String),
}

/// One test's verdict.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The suite's name.
    pub(crate) suite: String,
    /// The test's name.
    pub(crate) test: String,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// From its start line to its verdict.
    pub(crate) time: Duration,
}

impl Outcome {
    /// With failing allocations a test may fail, but not take the machine with it.
    pub(crate) fn excuse_failure(&mut self) {
        if let Verdict::Failed(why) = &self.verdict
            && !why.starts_with("kernel stop")
            && !why.starts_with("the guest ")
        {
            self.verdict = Verdict::Skipped(format!("failed, which may be: {why}"));
        }
    }
}

/// Counts of a whole run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Tests that held.
    pub(crate) passed: usize,
    /// Tests that did not.
    pub(crate) failed: usize,
    /// Tests that could not run.
    pub(crate) skipped: usize,
}

/// Counts verdicts.
pub(crate) fn totals(outcomes: &[Outcome]) -> Totals {
    let mut totals = Totals::default();
    for outcome in outcomes {
        match outcome.verdict {
            Verdict::Passed => totals.passed += 1,
            Verdict::Failed(_) => totals.failed += 1,
            Verdict::Skipped(_) => totals.skipped += 1,
        }
    }
    totals
}

/// Prints one line per test.
pub(crate) fn print_outcomes(outcomes: &[Outcome]) {
    for Outcome { suite, test, verdict, time } in outcomes {
        let seconds = time.as_secs_f64();
        match verdict {
            Verdict::Passed => println!("ok {suite}/{test} ({seconds:.1} s)"),
            Verdict::Failed(why) => println!("FAILED {suite}/{test}: {why}"),
            Verdict::Skipped(why) => println!("skipped {suite}/{test}: {why}"),
        }
    }
}

/// Prints one line per suite, the failures with how to repeat them, and the counts last.
pub(crate) fn print_plain(kind: Kind, outcomes: &[Outcome], every_test: bool) {
    let mut suites: Vec<&str> = outcomes.iter().map(|o| o.suite.as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let of_suite: Vec<Outcome> =
            outcomes.iter().filter(|o| o.suite == suite).cloned().collect();
        let Totals { passed, failed, skipped } = totals(&of_suite);
        let time: Duration = of_suite.iter().map(|o| o.time).sum();
        println!(
            "{suite:<10} {passed:4} passed {failed:3} failed {skipped:3} skipped {:7.1} s",
            time.as_secs_f64()
        );
        for outcome in of_suite {
            match outcome.verdict {
                Verdict::Failed(why) => println!("    FAILED {suite}/{}: {why}", outcome.test),
                Verdict::Skipped(why) => println!("    skipped {suite}/{}: {why}", outcome.test),
                Verdict::Passed if every_test => println!("    ok {suite}/{}", outcome.test),
                Verdict::Passed => {}
            }
        }
    }
    let failed: Vec<&Outcome> =
        outcomes.iter().filter(|o| matches!(o.verdict, Verdict::Failed(_))).collect();
    if !failed.is_empty() {
        println!("repeat with:");
        for outcome in failed.iter().take(20) {
            let (kernel, suite, test) = (kind.name(), &outcome.suite, &outcome.test);
            println!("    cargo run -p regression -- test --kernel {kernel} --only {suite}/{test}");
        }
    }
    let totals = totals(outcomes);
    println!("{} passed, {} failed", totals.passed, totals.failed);
}

/// The verdicts as JUnit XML.
pub(crate) fn junit(kind: Kind, outcomes: &[Outcome]) -> String {
    let Totals { failed, skipped, .. } = totals(outcomes);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let count = outcomes.len();
    let name = kind.name();
    let _ = writeln!(
        xml,
        "<testsuite name=\"regression-{name}\" tests=\"{count}\" failures=\"{failed}\" skipped=\"{skipped}\">"
    );
    for Outcome { suite, test, verdict, time } in outcomes {
        let head = format!(
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escape(suite),
            escape(test),
            time.as_secs_f64()
        );
        let _ = match verdict {
            Verdict::Passed => writeln!(xml, "{head}/>"),
            Verdict::Failed(why) => {
                writeln!(xml, "{head}><failure message=\"{}\"/></testcase>", escape(why))
            }
            Verdict::Skipped(why) => {
                writeln!(xml, "{head}><skipped message=\"{}\"/></testcase>", escape(why))
            }
        };
    }
    xml.push_str("</testsuite>\n");
    xml
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(test: &str, verdict: Verdict) -> Outcome {
        Outcome { suite: "s".into(), test: test.into(), verdict, time: Duration::ZERO }
    }

    #[test]
    fn counts_and_escapes() {
        let outcomes = [
            outcome("a", Verdict::Passed),
            outcome("b", Verdict::Failed("x < \"1\"\u{7}".into())),
            outcome("c", Verdict::Skipped("no".into())),
        ];
        assert_eq!(totals(&outcomes), Totals { passed: 1, failed: 1, skipped: 1 });
        let xml = junit(Kind::Linux, &outcomes);
        assert!(xml.contains("x &lt; &quot;1&quot;\u{fffd}"));
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\""));
    }
}
