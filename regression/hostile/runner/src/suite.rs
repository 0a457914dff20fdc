// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The scenarios, as the folder has them.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use hostile_format::Scenario;
use osdk::workspace::Workspace;

/// A scenario with its name.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The file.
    pub(crate) file: PathBuf,
    /// What it says.
    pub(crate) scenario: Scenario,
}

/// All scenarios, by row of the matrix and name.
pub(crate) fn load(workspace: &Workspace) -> Result<Vec<Attack>> {
    let folder = workspace.root().join("regression/hostile/scenarios");
    let mut attacks = Vec::new();
    let files = folder.read_dir().with_context(|| folder.display().to_string())?;
    for file in files {
        let file = file?.path();
        if file.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let shown = file.display();
        let text = std::fs::read_to_string(&file).with_context(|| shown.to_string())?;
        let scenario = Scenario::parse(&text).map_err(|why| anyhow!("{shown}: {why}"))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        attacks.push(Attack { name, file, scenario });
    }
    attacks.sort_by(|a, b| (a.scenario.row, &a.name).cmp(&(b.scenario.row, &b.name)));
    Ok(attacks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_read() {
        let attacks = load(&Workspace::find().unwrap()).unwrap();
        assert!(attacks.len() >= 60, "{} scenarios", attacks.len());
        assert!(attacks.iter().filter(|attack| attack.scenario.short).count() >= 4);
    }
}
