// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Mutation`]: a file of `regression/hostile/mutations`.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use osdk::workspace::Workspace;

/// A mutation.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    /// The file's name without its ending.
    pub(super) name: String,
    /// What is broken.
    pub(super) title: String,
    /// Who must fail.
    pub(super) witness: Witness,
    /// What its verdict must say: a failure for another reason is not the check's.
    pub(super) notices: String,
    /// What is replaced.
    pub(super) changes: Vec<Change>,
}

/// Who must notice a mutation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Witness {
    /// A scenario; only this run of it, if it has several.
    Scenario(String, Option<u32>),
    /// A program of the regression suites, on two CPUs.
    Program(String),
    /// A test on the build machine: the package, and the test's full name.
    Unit(String, String),
}

impl Witness {
    /// As lists name it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Scenario(name, _) => format!("scenario `{name}`"),
            Self::Program(name) => format!("program `{name}`"),
            Self::Unit(package, name) => format!("test `{name}` of `{package}`"),
        }
    }
}

/// A mutation, as its file has it: one of `scenario`, `program` and `unit` says who must notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    scenario: Option<String>,
    run: Option<u32>,
    program: Option<String>,
    unit: Option<Unit>,
    notices: String,
    change: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    package: String,
    test: String,
}

impl Mutation {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let raw: Raw = toml::from_str(text)?;
        let witness = match (raw.scenario, raw.program, raw.unit) {
            (Some(scenario), None, None) => Witness::Scenario(scenario, raw.run),
            (None, Some(program), None) if raw.run.is_none() => Witness::Program(program),
            (None, None, Some(unit)) if raw.run.is_none() => Witness::Unit(unit.package, unit.test),
            _ => bail!("it names no witness, or more than one"),
        };
        ensure!(!raw.notices.is_empty(), "its witness notices nothing");
        ensure!(!raw.change.is_empty(), "it changes nothing");
        let (title, notices, changes) = (raw.title, raw.notices, raw.change);
        Ok(Self { name: name.to_owned(), title, witness, notices, changes })
    }
}

/// Text that is replaced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) file: PathBuf,
    from: String,
    to: String,
}

impl Change {
    /// The text of the file with the replacement made.
    pub(super) fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.from).count();
        let shown = self.file.display();
        ensure!(found == 1, "{shown} has the text to replace {found} times: {:?}", self.from);
        Ok(text.replacen(&self.from, &self.to, 1))
    }
}

/// All mutations, by name.
pub(super) fn load(workspace: &Workspace) -> Result<Vec<Mutation>> {
    let folder = workspace.root().join("regression/hostile/mutations");
    let mut mutations = Vec::new();
    for file in folder.read_dir().with_context(|| folder.display().to_string())? {
        let file = file?.path();
        if file.extension().is_some_and(|ending| ending == "toml") {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let mutation = Mutation::parse(&name, &std::fs::read_to_string(&file)?);
            mutations.push(mutation.map_err(|error| anyhow!("{}: {error}", file.display()))?);
        }
    }
    mutations.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite;

    #[test]
    fn one_witness_each() {
        let parse = |who: &str| {
            let change = "[[change]]\nfile = \"f\"\nfrom = \"a\"\nto = \"b\"\n";
            Mutation::parse("m", &format!("title = \"t\"\nnotices = \"n\"\n{who}{change}"))
        };
        let witness = |who: &str| parse(who).map(|mutation| mutation.witness);
        let unit = "unit = { package = \"p\", test = \"a::b\" }\n";
        assert_eq!(witness(unit).unwrap(), Witness::Unit("p".to_owned(), "a::b".to_owned()));
        let scenario = "scenario = \"s\"\nrun = 2\n";
        assert_eq!(witness(scenario).unwrap(), Witness::Scenario("s".to_owned(), Some(2)));
        assert!(witness("").is_err());
        assert!(witness(&format!("{unit}{scenario}")).is_err());
        assert!(witness("program = \"a/b\"\nrun = 1\n").is_err());
    }

    #[test]
    fn mutations_fit_the_source_and_name_scenarios() {
        let workspace = Workspace::find().unwrap();
        let names: Vec<_> =
            suite::load(&workspace).unwrap().into_iter().map(|attack| attack.name).collect();
        for mutation in load(&workspace).unwrap() {
            let name = &mutation.name;
            if let Witness::Scenario(scenario, _) = &mutation.witness {
                assert!(names.contains(scenario), "{name}: no scenario {scenario}");
            }
            for change in &mutation.changes {
                let text = std::fs::read_to_string(workspace.root().join(&change.file)).unwrap();
                change.apply(&text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            }
        }
    }

    #[test]
    fn each_oracle_is_seen_to_fire() {
        let workspace = Workspace::find().unwrap();
        let file = workspace.root().join("regression/hostile/host/src/oracle/mod.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, kinds) = text.split_once("const KINDS: [&str; ").unwrap();
        let (kinds, _) = kinds.split_once("];\n").unwrap();
        let kinds: Vec<_> = kinds.split('"').skip(1).step_by(2).collect();
        assert!(kinds.contains(&"double_fetch"), "{kinds:?}");
        let mutations = load(&workspace).unwrap();
        for kind in kinds {
            let wanted = format!("violation: {kind}");
            assert!(mutations.iter().any(|it| it.notices == wanted), "no mutation for {kind}");
        }
    }
}
