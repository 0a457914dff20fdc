// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The source files of a crate, and which of them are tests or hosted backend as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::metadata::Package;
use crate::source::{Class, Source};

/// A source file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is as a whole.
    pub class: Class,
}

impl SourceFile {
    /// Its tokens.
    pub fn source(&self) -> Result<Source> {
        Source::read(&self.path, self.class)
    }
}

/// All files below the crate's `src`, with `tests`, `benches` and `examples` beside it as tests.
pub fn source_files(package: &Package) -> Result<Vec<SourceFile>> {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        walk(&package.folder.join(folder), &mut paths)?;
    }
    paths.sort();
    let mut classes: BTreeMap<PathBuf, Class> = paths
        .into_iter()
        .map(|path| {
            let class = class_of_path(path.strip_prefix(&package.folder).unwrap_or(&path));
            (path, class)
        })
        .collect();
    // A module declared under an attribute has its files elsewhere.
    let declared: Vec<_> = classes.keys().cloned().collect();
    for path in declared {
        let class = classes.get(&path).copied().unwrap_or(Class::Code);
        let source = Source::read(&path, class)?;
        for (name, class) in source.outer_modules {
            let (file, folder) = module_paths(&path, &name);
            for (path, known) in &mut classes {
                if *path == file || path.starts_with(&folder) {
                    *known = (*known).max(class);
                }
            }
        }
    }
    Ok(classes.into_iter().map(|(path, class)| SourceFile { path, class }).collect())
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let meta = fs::metadata(&path).with_context(|| path.display().to_string())?;
        if meta.is_dir() {
            walk(&path, out)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
    Ok(())
}

/// What a file is by its path within the crate; in `src` the attribute of its `mod` tells, never its name.
fn class_of_path(path: &Path) -> Class {
    let is_aside = ["tests", "benches", "examples"].iter().any(|folder| path.starts_with(folder));
    if is_aside { Class::Test } else { Class::Code }
}

/// Where the module `name`, declared in `file`, has its file and its folder.
fn module_paths(file: &Path, name: &str) -> (PathBuf, PathBuf) {
    let parent = file.parent().unwrap_or(Path::new(""));
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    let base = match stem {
        "lib" | "main" | "mod" => parent.to_owned(),
        stem => parent.join(stem),
    };
    (base.join(format!("{name}.rs")), base.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_path() {
        assert_eq!(class_of_path(Path::new("src/mm/frame.rs")), Class::Code);
        assert_eq!(class_of_path(Path::new("tests/run.rs")), Class::Test);
        assert_eq!(class_of_path(Path::new("benches/run.rs")), Class::Test);
        assert_eq!(class_of_path(Path::new("src/mm/tests.rs")), Class::Code);
        assert_eq!(class_of_path(Path::new("src/hosted/sync.rs")), Class::Code);
    }

    #[test]
    fn modules_of_other_files() {
        let (file, folder) = module_paths(Path::new("src/mm.rs"), "fake");
        assert_eq!((file, folder), ("src/mm/fake.rs".into(), "src/mm/fake".into()));
        assert_eq!(module_paths(Path::new("src/lib.rs"), "a").0, Path::new("src/a.rs"));
    }

    #[test]
    fn attributes_reach_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "#[cfg(test)]\nmod fake;\nmod real;\nmod tests;\n");
        write("src/tests.rs", "fn product() {}\n");
        write("src/fake.rs", "fn a() {}\n");
        write("src/fake/deep.rs", "fn a() {}\n");
        write("src/real.rs", "fn a() {}\n");
        let package = Package {
            name: "x".into(),
            version: "0".into(),
            folder: folder.path().into(),
            place: "x".into(),
            is_member: true,
            is_proc_macro: false,
            roots: Vec::new(),
            deps: Vec::new(),
            outside: std::collections::BTreeSet::new(),
        };
        let files = source_files(&package).unwrap();
        let tests: Vec<_> = files.iter().filter(|file| file.class == Class::Test).collect();
        assert_eq!((files.len(), tests.len()), (5, 2));
    }
}
