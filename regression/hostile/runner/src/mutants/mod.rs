// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Breaks one check of the kernel at a time and sees that its witness notices.
//!
//! A file of `regression/hostile/mutations` is one mutation: pieces of text to replace, each of which must be there exactly once, the
//! witness that must fail with it (a scenario, a program of the regression suites, or a test in the guest or on the build machine), and how. Each is
//! built in a clone of the checkout's last commit. First the same witnesses must pass with the same build of the whole
//! kernel: so a failure is the mutation's.

mod lab;
mod mutation;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;

use osdk::workspace::Workspace;

use lab::Lab;
use mutation::Mutation;
use tree::Tree;

/// Options of `hostile mutants`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MutantsArgs {
    /// Only mutations whose name has this in it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Print what each mutation breaks, and who notices.
    #[arg(long)]
    list: bool,
    /// Only see that each mutation can be applied.
    #[arg(long)]
    dry_run: bool,
    /// Print the guest's console and the plugin's events of each run.
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the mutations.
pub(crate) fn run(workspace: &Workspace, args: &MutantsArgs) -> Result<ExitCode> {
    let mut mutations = mutation::load(workspace)?;
    let is_chosen =
        |name: &str| args.only.is_empty() || args.only.iter().any(|text| name.contains(text));
    mutations.retain(|mutation| is_chosen(&mutation.name));
    ensure!(!mutations.is_empty(), "no mutation is chosen");
    if args.list {
        for Mutation { name, title, witness, .. } in &mutations {
            println!("{name:<22} {title}: {}", witness.shown());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let tree = Tree::new(workspace)?;
    let mut lab = if args.dry_run { None } else { Some(Lab::new(workspace, &tree, args.verbose)?) };
    if let Some(lab) = &mut lab {
        lab.run_whole(&mutations)?;
    }
    let (mut good, mut bad) = (0, 0);
    for mutation in &mutations {
        let verdict = tree.apply(mutation).and_then(|()| match &mut lab {
            Some(lab) => lab.run_mutant(mutation),
            None => Ok("applies".to_owned()),
        });
        tree.restore()?;
        let (name, title) = (&mutation.name, &mutation.title);
        match verdict {
            Ok(text) => {
                good += 1;
                println!("ok     {name:<22} {title}: {text}");
            }
            Err(error) => {
                bad += 1;
                println!("FAILED {name:<22} {title}: {error:#}");
            }
        }
    }
    println!("{good} passed, {bad} failed");
    Ok(ExitCode::from(u8::from(bad > 0)))
}
