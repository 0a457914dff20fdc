// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The matrix as one HTML page without anything from outside.

use std::fmt::Write;

use crate::matrix::{Entry, Matrix, Row};

const STYLE: &str = include_str!("page.css");

/// Titles of the rows of the attack matrix.
pub(crate) const ROWS: [&str; 24] = [
    "False answers to host calls",
    "Interrupts into programs (Heckler)",
    "Forged exceptions (WeSee)",
    "Interrupts in the system-call gap",
    "Page acceptance, replay and removal",
    "Emulation of instructions",
    "Double fetch from shared memory",
    "False completions: used.id",
    "False lengths: used.len",
    "PCI configuration, BARs, MSI-X",
    "Hostile ACPI",
    "Random numbers",
    "Time",
    "Lost, spurious and flooding interrupts",
    "The last word",
    "Disk content",
    "Boot: command line, initramfs, memory map",
    "Quotes",
    "SNP guest requests",
    "Side channels",
    "Paravirtual features",
    "Attestation against what ran",
    "Surprise devices",
    "CPUs that the host does not run",
];

/// Renders the page.
pub(crate) fn render(matrix: &Matrix) -> String {
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Nacre under a hostile host</title><style>{STYLE}</style></head><body><main>"
    );
    head(&mut page, matrix);
    better(&mut page, matrix);
    page.push_str(FILTER);
    for (number, title) in (1u8..).zip(ROWS) {
        let rows: Vec<_> = matrix.rows.iter().filter(|row| row.row == number).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            page,
            "<section class=\"rows\"><h2><span class=\"number\">{number}</span>{}</h2><table><thead><tr>\
             <th>Scenario and what the host does</th><th>Nacre</th><th>Linux</th></tr></thead><tbody>",
            escape(title)
        );
        rows.iter().for_each(|row| table_row(&mut page, row));
        page.push_str("</tbody></table></section>");
    }
    page.push_str(NOTES);
    let _ = writeln!(page, "</main><script>{SCRIPT}</script></body></html>");
    page
}

const SCRIPT: &str = include_str!("page.js");

/// Boxes of the filter: the word that a row carries, and what is written there.
const FILTER: &str = "<nav><button data-show=\"\" class=\"on\">All</button>\
    <button data-show=\"differ\">They differ</button>\
    <button data-show=\"better\">Linux does better</button>\
    <button data-show=\"linux-bad\">Linux not safe</button>\
    <button data-show=\"linux-hang\">Linux hangs</button>\
    <button data-show=\"none\">Did not occur, or not applicable</button>\
    <button data-show=\"nacre-bad\">Nacre not safe</button>\
    <input type=\"search\" placeholder=\"Search\" aria-label=\"Search\"></nav>";

const NOTES: &str = "<section class=\"notes\"><h2>How to read this</h2>\
    <p><b>Safe</b> is one of: the workload's result is what it is under an honest host; the kernel stopped and told why; \
    the program got a clean error. <b>Not safe</b> is a wrong result, a kernel that goes on where it must not, an exception \
    in the kernel that nobody meant, or anything that an oracle saw (a page used before it was accepted, a secret in shared \
    memory, …). A <b>hang</b> or a silent reset has a colour of its own: availability is not promised to anybody, since the \
    host can always refuse to run a guest; of Nacre a reason is asked for all the same, and a hang counts as a failure.</p>\
    <p><b>Did not occur</b>: no lie of this kind reached Linux, so that the run says nothing about it. <b>Does not apply</b>: \
    the attack is made of something that Linux has not got here; the reason is given. <b>No opening</b>: Nacre never asks \
    the host for what this lie would be about.</p>\
    <p>Linux is Debian's stock cloud kernel as a TDX guest, with the same attacks, workloads and oracles. It is the measure \
    beside us, not an adversary. Expected reasons for a stop are checked for Nacre only. What TDX itself keeps a host from doing (a \
    #VE, or a vector below 32, at any instruction) is done here all the same, for a module that fails and for SNP, whose hosts \
    can: Linux makes no promise about it. Linux boots by BIOS, with ACPI and configuration space by ports; TDs of today boot it by \
    measured firmware. The host is simulated: a plugin of QEMU plays TDX module and hypervisor, so nothing here speaks about \
    caches, timing or memory encryption.</p></section>";

/// What an outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Good,
    Stopped,
    Hang,
    None,
    Bad,
}

impl Class {
    fn of(entry: &Entry) -> Self {
        match (entry.is_safe, entry.kind.as_str()) {
            (true, "correct") => Self::Good,
            (true, "no opening") | (false, "no attack" | "no verdict") => Self::None,
            (true, _) => Self::Stopped,
            (false, "hang" | "triple fault") => Self::Hang,
            (false, _) => Self::Bad,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Stopped => "stopped",
            Self::Hang => "hang",
            Self::None => "none",
            Self::Bad => "bad",
        }
    }
}

fn head(page: &mut String, matrix: &Matrix) {
    let nacre: Vec<_> = matrix.rows.iter().filter_map(|row| row.nacre.as_ref()).collect();
    let linux: Vec<_> = matrix.rows.iter().filter_map(|row| row.linux.as_ref()).collect();
    let lies = |entries: &[&Entry]| entries.iter().map(|entry| entry.fired).sum::<u64>();
    let _ = write!(
        page,
        "<header><h1>Nacre under a hostile host</h1><p>The same attacks on the release image of Nacre and on Debian's \
         stock Linux, each as a TDX guest under a simulated host that lies. Commit <code>{}</code>.</p>\
         <div class=\"tiles\">",
        escape(&matrix.commit)
    );
    let safe = nacre.iter().filter(|entry| entry.is_safe).count();
    let text = format!("{safe} of {}", nacre.len());
    tile(page, "Nacre", &text, &format!("scenarios safe, {} lies told", lies(&nacre)));
    let count = |class| linux.iter().filter(|entry| Class::of(entry) == class).count();
    let safe = count(Class::Good) + count(Class::Stopped);
    let struck = linux.len() - count(Class::None);
    let text = if linux.is_empty() { "not run".to_owned() } else { format!("{safe} of {struck}") };
    let absent = matrix.rows.iter().filter(|row| row.not_linux.is_some()).count();
    tile(page, "Linux", &text, &format!("scenarios safe, {} lies told", lies(&linux)));
    let text = format!("{} and {}", count(Class::Bad), count(Class::Hang));
    tile(page, "Linux, the others", &text, "not safe, and hangs or silent resets");
    let text = format!("{} and {absent}", count(Class::None));
    tile(page, "Linux, left out", &text, "attack did not occur, and does not apply");
    page.push_str("</div></header>");
}

/// Where Linux does better, as a list.
fn better(page: &mut String, matrix: &Matrix) {
    let rows: Vec<_> = matrix.rows.iter().filter(|row| linux_is_better(row)).collect();
    let beyond = matrix.rows.iter().filter(|row| nacre_is_better(row)).count();
    let _ = write!(
        page,
        "<section class=\"notes\"><h2>Where Linux does better</h2><p>In {} of the scenarios Linux goes on with the correct result \
         where Nacre stops, gives an error or fails. In {beyond} it is the other way round: Nacre is safe, and Linux is not safe, \
         hangs or stops where Nacre goes on.</p><ul>",
        rows.len()
    );
    for row in rows {
        let nacre = row.nacre.as_ref().map_or("", |entry| entry.summary.as_str());
        let _ = write!(
            page,
            "<li><a href=\"#{}\">{}</a> <span class=\"host\">Nacre: {}</span></li>",
            escape(&row.name),
            escape(&row.title),
            escape(nacre)
        );
    }
    page.push_str("</ul></section>");
}

fn linux_is_better(row: &Row) -> bool {
    let (Some(nacre), Some(linux)) = (&row.nacre, &row.linux) else { return false };
    Class::of(linux) == Class::Good && !matches!(Class::of(nacre), Class::Good | Class::None)
}

fn nacre_is_better(row: &Row) -> bool {
    let (Some(nacre), Some(linux)) = (&row.nacre, &row.linux) else { return false };
    let ends = matches!(Class::of(linux), Class::Bad | Class::Hang);
    nacre.is_safe && (ends || Class::of(linux) == Class::Stopped && Class::of(nacre) == Class::Good)
}

fn tile(page: &mut String, name: &str, value: &str, note: &str) {
    let _ = write!(
        page,
        "<div class=\"tile\"><div class=\"name\">{}</div><div class=\"value\">{}</div><div class=\"note\">{}</div></div>",
        escape(name),
        escape(value),
        escape(note)
    );
}

/// Words by which the filter finds a row.
fn words(row: &Row) -> String {
    let nacre = row.nacre.as_ref().map(Class::of);
    let linux = row.linux.as_ref().map(Class::of);
    let marks = [
        (nacre.is_some() && linux.is_some() && nacre != linux, "differ"),
        (linux_is_better(row), "better"),
        (linux == Some(Class::Bad), "linux-bad"),
        (linux == Some(Class::Hang), "linux-hang"),
        (linux == Some(Class::None) || row.not_linux.is_some(), "none"),
        (row.nacre.as_ref().is_some_and(|entry| !entry.is_safe), "nacre-bad"),
    ];
    let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    marks.join(" ")
}

fn table_row(page: &mut String, row: &Row) {
    let mark =
        if linux_is_better(row) { "<span class=\"better\">Linux does better</span>" } else { "" };
    let _ = write!(
        page,
        "<tr id=\"{0}\" data-words=\"{4}\"><td><div class=\"title\">{1}{mark}</div><div class=\"host\">{2}</div>\
         <code class=\"file\">{0}</code> <span class=\"expected\">safe: {3}</span></td>",
        escape(&row.name),
        escape(&row.title),
        escape(&row.host),
        escape(&row.expected),
        words(row)
    );
    cell(page, row.nacre.as_ref(), "not run");
    let absent = match &row.not_linux {
        Some(why) => format!(
            "<span class=\"badge none\">does not apply</span><div class=\"summary\">{}</div>",
            escape(why)
        ),
        None => "not run".to_owned(),
    };
    cell(page, row.linux.as_ref(), &absent);
    page.push_str("</tr>");
}

fn cell(page: &mut String, entry: Option<&Entry>, absent: &str) {
    let Some(entry) = entry else {
        let _ = write!(page, "<td class=\"absent\">{absent}</td>");
        return;
    };
    let kind = if entry.kind == "no attack" { "did not occur" } else { &entry.kind };
    let _ = write!(
        page,
        "<td><span class=\"badge {}\">{}</span><div class=\"summary\">{}</div><details><summary>evidence</summary><ul>",
        Class::of(entry).name(),
        escape(kind),
        escape(&entry.summary)
    );
    let _ = write!(
        page,
        "<li>{} lies in {} {}, {:.1} s</li>",
        entry.fired,
        entry.runs,
        if entry.runs == 1 { "run" } else { "runs" },
        entry.seconds
    );
    for line in entry.firings.iter().chain(&entry.said) {
        let _ = write!(page, "<li><code>{}</code></li>", escape(line));
    }
    for (kind, times) in &entry.violations {
        let _ = write!(page, "<li>oracle <code>{}</code>: {times}</li>", escape(kind));
    }
    if let Some(exits) = entry.exits {
        let _ = write!(
            page,
            "<li>{} host exits to the first program, {} from then on</li>",
            exits.boot, exits.work
        );
    }
    let _ = write!(page, "<li><code>{}</code></li></ul></details></td>", escape(&entry.command));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_said_cannot_become_markup() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
        assert!(render(&Matrix::default()).contains("not run"));
    }
}
