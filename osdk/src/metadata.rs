// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The graph of crates, as Cargo tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::{KERNEL_TARGET, Workspace};

/// A crate of the graph.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The folder of its manifest.
    pub folder: PathBuf,
    /// The same from the top of the checkout; empty for the root package and crates from outside.
    pub place: PathBuf,
    /// Whether it belongs to the project.
    pub is_member: bool,
    /// Whether it runs in the compiler, not in the product.
    pub is_proc_macro: bool,
    /// Roots of its library and programs.
    pub roots: Vec<PathBuf>,
    /// Ids of what it depends on, leaving out what only its tests and build scripts need.
    pub deps: Vec<String>,
    /// Names of the crates outside the project that its manifest asks for, tests and build scripts included.
    pub outside: BTreeSet<String>,
}

/// All crates, by id.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The crates.
    pub packages: BTreeMap<String, Package>,
}

impl Graph {
    /// Asks Cargo, for the kernel's target.
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let output = workspace
            .cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", KERNEL_TARGET])
            .output()
            .context("cannot start cargo")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {errors}");
        Self::parse(&serde_json::from_slice(&output.stdout)?).context("cargo metadata is odd")
    }

    fn parse(json: &Value) -> Option<Self> {
        let members: BTreeSet<&str> =
            json.get("workspace_members")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let root = Path::new(json.get("workspace_root")?.as_str()?);
        let mut packages = BTreeMap::new();
        for package in json.get("packages")?.as_array()? {
            let id = package.get("id")?.as_str()?;
            packages.insert(id.to_owned(), parse_package(package, root, members.contains(id))?);
        }
        for node in json.get("resolve")?.get("nodes")?.as_array()? {
            let id = node.get("id")?.as_str()?;
            if let Some(package) = packages.get_mut(id) {
                let deps = node.get("deps")?.as_array()?.iter().filter(|dep| is_normal(dep));
                package.deps =
                    deps.filter_map(|dep| Some(dep.get("pkg")?.as_str()?.to_owned())).collect();
            }
        }
        Some(Self { packages })
    }

    /// The member with this name.
    pub fn member(&self, name: &str) -> Option<&Package> {
        self.packages.values().find(|package| package.is_member && package.name == name)
    }

    /// The crates that are linked into the kernel.
    ///
    /// Cargo's metadata joins the features that all members ask for, the host tools too; its tree does not.
    pub fn linked_into_kernel(&self, workspace: &Workspace) -> Result<Vec<&Package>> {
        let output = workspace
            .cargo()
            .args(["tree", "--package", "nacre", "--target", KERNEL_TARGET, "--locked"])
            .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe"])
            .output()
            .context("cannot start cargo")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo tree failed: {errors}");
        let text = String::from_utf8(output.stdout)?;
        let names: BTreeSet<_> = text.lines().filter_map(tree_line).collect();
        let linked = |package: &&Package| names.contains(&(&*package.name, &*package.version));
        Ok(self.packages.values().filter(linked).collect())
    }
}

/// Name and version in a line such as `log v0.4.35` or `nacre v0.1.0 (/some/path)`.
fn tree_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn parse_package(json: &Value, root: &Path, is_member: bool) -> Option<Package> {
    let manifest = Path::new(json.get("manifest_path")?.as_str()?);
    let targets = json.get("targets")?.as_array()?;
    let kinds = |target: &Value| -> Vec<String> {
        let kinds = target.get("kind").and_then(Value::as_array);
        kinds.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let is_root =
        |target: &&Value| kinds(target).iter().any(|kind| kind.ends_with("lib") || kind == "bin");
    let outside = json
        .get("dependencies")?
        .as_array()?
        .iter()
        .filter(|dep| dep.get("source").is_some_and(|source| !source.is_null()))
        .filter_map(|dep| dep.get("name")?.as_str().map(str::to_owned));
    Some(Package {
        name: json.get("name")?.as_str()?.to_owned(),
        version: json.get("version")?.as_str()?.to_owned(),
        folder: manifest.parent()?.to_owned(),
        place: manifest.parent()?.strip_prefix(root).unwrap_or(Path::new("")).to_owned(),
        is_member,
        is_proc_macro: targets.iter().any(|target| kinds(target).iter().any(|k| k == "proc-macro")),
        roots: targets
            .iter()
            .filter(is_root)
            .filter_map(|target| Some(PathBuf::from(target.get("src_path")?.as_str()?)))
            .collect(),
        deps: Vec::new(),
        outside: outside.collect(),
    })
}

fn is_normal(dep: &Value) -> bool {
    let kinds = dep.get("dep_kinds").and_then(Value::as_array);
    kinds.into_iter().flatten().any(|kind| kind.get("kind").is_some_and(Value::is_null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_graph() {
        let workspace = Workspace::find().unwrap();
        let graph = Graph::load(&workspace).unwrap();
        let linked = graph.linked_into_kernel(&workspace).unwrap();
        let names: Vec<_> = linked.iter().map(|package| package.name.as_str()).collect();
        assert!(names.contains(&"nacre-framework") && names.contains(&"log"));
        assert!(!names.contains(&"osdk") && !names.contains(&"clap"));
        assert_eq!(tree_line("log v0.4.35"), Some(("log", "0.4.35")));
        assert!(graph.member("osdk").unwrap().outside.contains("clap"));
    }
}
