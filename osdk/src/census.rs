// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk census`: figures about the kernel's source.
//!
//! Counts tokens of the source files, not of what one configuration compiles: code behind a feature counts too.

mod files;
mod inputs;
mod sites;

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::metadata::{Graph, Package};
use crate::source::Class;
use crate::workspace::Workspace;

pub use files::{SourceFile, source_files};
pub use inputs::{InputSite, input_sites, is_boundary};
pub use sites::{PanicSite, UnsafeKind, UnsafeSite, panic_sites, unsafe_sites, untrusted_sites};

/// The one crate with unsafe code.
pub const UNSAFE_CRATE: &str = "nacre-framework";

/// Options of `cargo osdk census`.
#[derive(Args, Clone, Debug)]
pub struct CensusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Name each unexplained unsafe site and each panicking site of the safe crates
    #[arg(long)]
    sites: bool,
}

/// Figures of one crate.
#[derive(Clone, Debug, Default)]
pub struct CrateCount {
    /// Name of the crate.
    pub name: String,
    /// Its version, for a crate from outside.
    pub version: String,
    /// Lines with code: no blanks, comments, tests or hosted backend.
    pub code: usize,
    /// Lines of the hosted backend.
    pub hosted: usize,
    /// Lines of tests.
    pub tests: usize,
    /// Unsafe blocks, functions, and so on, in the product.
    pub unsafe_sites: BTreeMap<UnsafeKind, usize>,
    /// Blocks, functions and implementations with their reason.
    pub explained: usize,
    /// Places that may panic, by what they are.
    pub panics: BTreeMap<&'static str, usize>,
    /// Mentions of `Untrusted`.
    pub untrusted: usize,
    /// Places that take host input.
    pub inputs: usize,
    /// Files with their code lines.
    pub files: Vec<(String, usize)>,
    /// Places worth naming.
    pub named: Vec<String>,
}

impl CrateCount {
    fn unsafe_total(&self) -> usize {
        self.unsafe_sites.values().sum()
    }

    /// Sites that have a contract to answer or to state.
    fn to_explain(&self) -> usize {
        self.unsafe_total() - self.unsafe_sites.get(&UnsafeKind::Other).copied().unwrap_or(0)
    }

    fn blocks(&self) -> usize {
        self.unsafe_sites.get(&UnsafeKind::Block).copied().unwrap_or(0)
    }
}

/// The whole census.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The kernel's crates.
    pub kernel: Vec<CrateCount>,
    /// Host tools.
    pub tools: Vec<CrateCount>,
    /// Crates from outside that are linked into the kernel.
    pub outside: Vec<CrateCount>,
}

/// Prints the census.
pub fn run(workspace: &Workspace, args: &CensusArgs) -> Result<u8> {
    let census = take(workspace)?;
    if args.json {
        println!("{:#}", census.json());
    } else {
        print!("{}", census.text());
        if args.sites {
            for count in &census.kernel {
                count.named.iter().for_each(|site| println!("{site}"));
            }
        }
    }
    Ok(0)
}

/// Takes the census of a checkout.
pub fn take(workspace: &Workspace) -> Result<Census> {
    let graph = Graph::load(workspace)?;
    let linked = graph.linked_into_kernel(workspace)?;
    let mut census = Census::default();
    for package in &linked {
        let count = count(workspace, package)?;
        if package.is_member { census.kernel.push(count) } else { census.outside.push(count) }
    }
    for package in graph.packages.values().filter(|package| package.is_member) {
        if !linked.iter().any(|linked| linked.name == package.name) {
            census.tools.push(count(workspace, package)?);
        }
    }
    for list in [&mut census.kernel, &mut census.tools, &mut census.outside] {
        list.sort_by(|a, b| b.code.cmp(&a.code).then_with(|| a.name.cmp(&b.name)));
    }
    Ok(census)
}

fn count(workspace: &Workspace, package: &Package) -> Result<CrateCount> {
    let mut count = CrateCount { name: package.name.clone(), ..CrateCount::default() };
    if !package.is_member {
        count.version.clone_from(&package.version);
    }
    for file in source_files(package)? {
        let shown = file.path.strip_prefix(workspace.root()).unwrap_or(&file.path);
        let shown = shown.display().to_string();
        let source = file.source().with_context(|| format!("cannot read {shown}"))?;
        let code = source.code_lines(Class::Code);
        count.code += code;
        count.hosted += source.code_lines(Class::Hosted);
        count.tests += source.code_lines(Class::Test);
        count.untrusted += untrusted_sites(&source);
        count.inputs += input_sites(&source, is_boundary(&package.name)).len();
        for site in unsafe_sites(&source) {
            *count.unsafe_sites.entry(site.kind).or_default() += 1;
            if site.kind == UnsafeKind::Other {
                continue;
            }
            if site.explained {
                count.explained += 1;
            } else {
                count.named.push(format!("{shown}:{}: unsafe without its reason", site.line));
            }
        }
        for site in panic_sites(&source) {
            *count.panics.entry(site.what).or_default() += 1;
            if package.name != UNSAFE_CRATE {
                count.named.push(format!("{shown}:{}: {}", site.line, site.what));
            }
        }
        count.files.push((shown, code));
    }
    Ok(count)
}

impl Census {
    /// The largest files of the kernel.
    fn largest(&self) -> Vec<(&str, usize)> {
        let files = self.kernel.iter().flat_map(|count| &count.files);
        let mut all: Vec<_> = files.map(|(name, lines)| (name.as_str(), *lines)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(10);
        all
    }

    fn safe_crates(&self) -> impl Iterator<Item = &CrateCount> {
        self.kernel.iter().filter(|count| count.name != UNSAFE_CRATE)
    }

    fn safe_panics(&self) -> BTreeMap<&'static str, usize> {
        let mut all = BTreeMap::new();
        for (what, number) in self.safe_crates().flat_map(|count| &count.panics) {
            *all.entry(*what).or_default() += number;
        }
        all
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let head = [
            "crate",
            "code",
            "hosted",
            "tests",
            "blocks",
            "fns",
            "impls",
            "explained",
            "Untrusted",
        ];
        let rows = |counts: &[CrateCount]| -> Vec<Vec<String>> { counts.iter().map(row).collect() };
        let mut kernel = rows(&self.kernel);
        kernel.push(row(&total(&self.kernel)));
        writeln!(out, "Kernel crates (lines of code; unsafe sites)\n{}", table(&head, &kernel))?;
        writeln!(out, "Host tools\n{}", table(&head, &rows(&self.tools)))?;
        writeln!(out, "Crates from outside, linked into the kernel")?;
        let outside: Vec<_> = self
            .outside
            .iter()
            .map(|c| {
                let name = format!("{} {}", c.name, c.version);
                vec![name, c.code.to_string(), c.blocks().to_string(), c.unsafe_total().to_string()]
            })
            .collect();
        writeln!(out, "{}", table(&["crate", "code", "blocks", "unsafe sites"], &outside))?;
        let outside_unsafe: usize = self.safe_crates().map(CrateCount::unsafe_total).sum();
        writeln!(out, "Unsafe sites outside framework/: {outside_unsafe}")?;
        let all = total(&self.kernel);
        writeln!(out, "Unsafe sites with their reason: {} of {}", all.explained, all.to_explain())?;
        writeln!(out, "Places that take host input: {} (docs/host-inputs.md)", all.inputs)?;
        writeln!(out, "Places in safe crates that may panic:")?;
        for what in sites::PANIC_KINDS {
            let number = self.safe_panics().get(what).copied().unwrap_or(0);
            writeln!(out, "  {what:<14} {number:>5}")?;
        }
        writeln!(out, "Largest kernel files (lines of code)")?;
        for (name, lines) in self.largest() {
            writeln!(out, "  {lines:>5}  {name}")?;
        }
        Ok(())
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let list = |counts: &[CrateCount]| counts.iter().map(count_json).collect::<Vec<_>>();
        let all = total(&self.kernel);
        let largest: Vec<_> = self
            .largest()
            .into_iter()
            .map(|(file, lines)| json!({ "file": file, "code_lines": lines }))
            .collect();
        json!({
            "kernel": list(&self.kernel),
            "tools": list(&self.tools),
            "outside": list(&self.outside),
            "unsafe_outside_framework": self.safe_crates().map(CrateCount::unsafe_total).sum::<usize>(),
            "unsafe_total": all.unsafe_total(),
            "unsafe_to_explain": all.to_explain(),
            "unsafe_explained": all.explained,
            "host_input_sites": all.inputs,
            "panicking_in_safe_crates": self.safe_panics(),
            "largest_files": largest,
        })
    }
}

fn total(counts: &[CrateCount]) -> CrateCount {
    let mut all = CrateCount { name: "total".to_owned(), ..CrateCount::default() };
    for count in counts {
        all.code += count.code;
        all.hosted += count.hosted;
        all.tests += count.tests;
        all.explained += count.explained;
        all.untrusted += count.untrusted;
        all.inputs += count.inputs;
        for (kind, number) in &count.unsafe_sites {
            *all.unsafe_sites.entry(*kind).or_default() += number;
        }
    }
    all
}

fn row(count: &CrateCount) -> Vec<String> {
    let number = |kind| count.unsafe_sites.get(&kind).copied().unwrap_or(0);
    let mut row = vec![count.name.clone()];
    let figures = [
        count.code,
        count.hosted,
        count.tests,
        number(UnsafeKind::Block),
        number(UnsafeKind::Fn),
        number(UnsafeKind::Impl) + number(UnsafeKind::Other),
        count.explained,
        count.untrusted,
    ];
    row.extend(figures.map(|figure| figure.to_string()));
    row
}

fn count_json(count: &CrateCount) -> Value {
    let number = |kind| count.unsafe_sites.get(&kind).copied().unwrap_or(0);
    json!({
        "name": count.name,
        "version": count.version,
        "code_lines": count.code,
        "hosted_lines": count.hosted,
        "test_lines": count.tests,
        "unsafe_blocks": number(UnsafeKind::Block),
        "unsafe_fns": number(UnsafeKind::Fn),
        "unsafe_impls": number(UnsafeKind::Impl),
        "unsafe_others": number(UnsafeKind::Other),
        "unsafe_explained": count.explained,
        "panicking": count.panics,
        "untrusted_sites": count.untrusted,
    })
}

/// A table with the first column to the left and figures to the right.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0)
    };
    let mut out = String::new();
    for row in &all {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            if column == 0 {
                out += &format!("  {cell:<width$}");
            } else {
                out += &format!("  {cell:>width$}");
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_counted() {
        let census = take(&Workspace::find().unwrap()).unwrap();
        let json = census.json();
        assert!(json["kernel"].as_array().unwrap().len() >= 15);
        assert!(census.tools.iter().any(|count| count.name == "osdk" && count.code > 500));
        assert!(census.outside.iter().any(|count| count.name == "log"));
        assert!(census.text().contains("Unsafe sites outside framework"));
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["abc".to_owned(), "7".to_owned()]];
        assert_eq!(table(&["x", "code"], &rows), "  x    code\n  abc     7\n");
    }
}
