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
    /// A test in the guest, on two CPUs, by its full name.
    Guest(String),
    /// A test on the build machine.
    Unit(Unit),
}

impl Witness {
    /// As lists name it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Scenario(name, _) => format!("scenario `{name}`"),
            Self::Program(name) => format!("program `{name}`"),
            Self::Guest(name) => format!("test `{name}` in the guest"),
            Self::Unit(unit) => format!("test `{}` of `{}`", unit.test, unit.package),
        }
    }
}

/// A mutation, as its file has it: one of `scenario`, `program`, `guest` and `unit` says who must notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    title: String,
    scenario: Option<String>,
    run: Option<u32>,
    program: Option<String>,
    guest: Option<String>,
    unit: Option<Unit>,
    notices: String,
    change: Vec<Change>,
}

/// A test on the build machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    /// The package.
    pub(super) package: String,
    /// The test's full name.
    pub(super) test: String,
    /// Its file in the package's `tests`, if it is there: then it is one that plain `cargo test` ignores.
    pub(super) file: Option<String>,
}

impl Mutation {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let raw: Raw = toml::from_str(text)?;
        let witness = match (raw.scenario, raw.program, raw.guest, raw.unit, raw.run) {
            (Some(scenario), None, None, None, run) => Witness::Scenario(scenario, run),
            (None, Some(program), None, None, None) => Witness::Program(program),
            (None, None, Some(test), None, None) => Witness::Guest(test),
            (None, None, None, Some(unit), None) => Witness::Unit(unit),
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
    use std::path::Path;

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
        let (package, test, file) = ("p".to_owned(), "a::b".to_owned(), None);
        assert_eq!(witness(unit).unwrap(), Witness::Unit(Unit { package, test, file }));
        let scenario = "scenario = \"s\"\nrun = 2\n";
        assert_eq!(witness(scenario).unwrap(), Witness::Scenario("s".to_owned(), Some(2)));
        let guest = "guest = \"a::b\"\n";
        assert_eq!(witness(guest).unwrap(), Witness::Guest("a::b".to_owned()));
        assert!(witness("").is_err());
        assert!(witness(&format!("{unit}{scenario}")).is_err());
        assert!(witness("program = \"a/b\"\nrun = 1\n").is_err());
    }

    /// All text of a folder's files with this ending.
    fn text_below(folder: &Path, ending: &str) -> String {
        let mut text = String::new();
        for entry in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                text += &text_below(&entry, ending);
            } else if entry.extension().is_some_and(|it| it == ending) {
                text += &std::fs::read_to_string(entry).unwrap();
            }
        }
        text
    }

    #[test]
    fn mutations_fit_the_source_and_name_witnesses() {
        let workspace = Workspace::find().unwrap();
        let names: Vec<_> =
            suite::load(&workspace).unwrap().into_iter().map(|attack| attack.name).collect();
        let framework = text_below(&workspace.root().join("framework/src"), "rs");
        for mutation in load(&workspace).unwrap() {
            let name = &mutation.name;
            match &mutation.witness {
                Witness::Scenario(scenario, _) => {
                    assert!(names.contains(scenario), "{name}: no scenario {scenario}");
                }
                Witness::Program(program) => {
                    let (suite, test) = program.split_once('/').unwrap();
                    let folder = workspace.root().join("regression/linux").join(suite);
                    let has = |word| text_below(&folder, "c").contains(&format!("{word}({test}"));
                    assert!(has("TEST") || has("TEST_LIMIT"), "{name}: no program {program}");
                }
                Witness::Guest(test) => {
                    let function = format!("fn {}()", test.rsplit("::").next().unwrap());
                    assert!(framework.contains(&function), "{name}: no test {test}");
                }
                Witness::Unit(..) => {}
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
