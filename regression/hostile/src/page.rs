// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The matrix as one HTML page without anything from outside.

use std::fmt::Write;

use crate::matrix::{Entry, Matrix, Row};

const STYLE: &str = include_str!("page.css");

/// Titles of the rows of the attack matrix.
pub(crate) const ROWS: [&str; 23] = [
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
    for (number, title) in (1u8..).zip(ROWS) {
        let rows: Vec<_> = matrix.rows.iter().filter(|row| row.row == number).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(
            page,
            "<section><h2><span class=\"number\">{number}</span>{}</h2><table><thead><tr>\
             <th>Scenario and what the host does</th><th>Nacre</th><th>Linux</th></tr></thead><tbody>",
            escape(title)
        );
        rows.iter().for_each(|row| table_row(&mut page, row));
        page.push_str("</tbody></table></section>");
    }
    page.push_str(NOTES);
    page.push_str("</main></body></html>\n");
    page
}

const NOTES: &str = "<section class=\"notes\"><h2>How to read this</h2>\
    <p><b>Safe</b> is one of: the workload's result is what it is under an honest host; the kernel stopped and told the \
    host why; the program got a clean error. A hang, a silent reset, a wrong result, or anything that an oracle saw \
    (a page used before it was accepted, a secret in shared memory, …) is not. Availability is not promised to anybody: \
    the host can always refuse to run a guest.</p>\
    <p>Linux is Debian's stock cloud kernel, unmodified and unhardened, with the same attacks, the same workload and the \
    same oracles. It is the measure beside us, not an adversary: where it carries on correctly and Nacre stops, Linux does \
    better for its user. Expected reasons are checked for Nacre only. The host is simulated: a plugin of QEMU plays TDX \
    module and hypervisor, so nothing here speaks about caches, timing or memory encryption.</p></section>";

fn head(page: &mut String, matrix: &Matrix) {
    let tally = |pick: fn(&Row) -> Option<&Entry>| {
        let entries: Vec<_> = matrix.rows.iter().filter_map(pick).collect();
        (entries.iter().filter(|entry| entry.is_safe).count(), entries.len())
    };
    let nacre = tally(|row| row.nacre.as_ref());
    let linux = tally(|row| row.linux.as_ref());
    let lies: u64 = matrix.rows.iter().filter_map(|row| row.nacre.as_ref()).map(|e| e.fired).sum();
    let better = matrix.rows.iter().filter(|row| linux_is_better(row)).count();
    let _ = write!(
        page,
        "<header><h1>Nacre under a hostile host</h1><p>The same attacks on the release image of Nacre and on Debian's \
         stock Linux, each as a TDX guest under a simulated host that lies. Commit <code>{}</code>.</p>\
         <div class=\"tiles\">",
        escape(&matrix.commit)
    );
    tile(page, "Nacre", &format!("{} of {}", nacre.0, nacre.1), "scenarios safe");
    let text =
        if linux.1 == 0 { "not run".to_owned() } else { format!("{} of {}", linux.0, linux.1) };
    tile(page, "Linux", &text, "scenarios safe");
    tile(page, "Lies told to Nacre", &lies.to_string(), "false answers, injections, changes");
    tile(page, "Linux does better", &better.to_string(), "goes on where Nacre stops");
    page.push_str("</div></header>");
}

fn linux_is_better(row: &Row) -> bool {
    let (Some(nacre), Some(linux)) = (&row.nacre, &row.linux) else { return false };
    linux.is_safe && linux.kind == "correct" && nacre.kind != "correct"
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

fn table_row(page: &mut String, row: &Row) {
    let mark =
        if linux_is_better(row) { "<span class=\"better\">Linux does better</span>" } else { "" };
    let _ = write!(
        page,
        "<tr id=\"{0}\"><td><div class=\"title\">{1}{mark}</div><div class=\"host\">{2}</div>\
         <code class=\"file\">{0}</code> <span class=\"expected\">safe: {3}</span></td>",
        escape(&row.name),
        escape(&row.title),
        escape(&row.host),
        escape(&row.expected)
    );
    cell(page, row.nacre.as_ref(), "not run");
    cell(
        page,
        row.linux.as_ref(),
        if row.not_linux.is_none() { "not run" } else { "does not apply" },
    );
    page.push_str("</tr>");
}

fn cell(page: &mut String, entry: Option<&Entry>, absent: &str) {
    let Some(entry) = entry else {
        let _ = write!(page, "<td class=\"absent\">{absent}</td>");
        return;
    };
    let class = match (entry.is_safe, entry.kind.as_str()) {
        (true, "correct") => "good",
        (true, _) => "stopped",
        (false, _) => "bad",
    };
    let _ = write!(
        page,
        "<td><span class=\"badge {class}\">{}</span><div class=\"summary\">{}</div><details><summary>evidence</summary><ul>",
        escape(&entry.kind),
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
    for line in &entry.firings {
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
