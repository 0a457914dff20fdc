// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tests have two forms in each ring, told by the names of their files.
//!
//! Of a kernel crate: `mod tests` at the end of the file it tests; `tests.rs` beside it, with files below `tests/`, when
//! that grows long. A host tool may instead have a folder `tests` beside `src`, which runs the program from outside.
//! Tests that need the machine are in modules called `guest_tests`.

use std::path::Path;

use anyhow::Result;

use crate::census::source_files;
use crate::metadata::{Graph, Package};
use crate::workspace::Workspace;

/// The most lines of a `mod tests` in the file that it tests.
const MAX_INLINE: usize = 150;

/// Tests of the workspace in any other form.
pub(super) fn known(workspace: &Workspace) -> Result<Vec<String>> {
    let graph = Graph::load(workspace)?;
    let mut problems = Vec::new();
    for package in graph.packages.values().filter(|package| package.is_member) {
        for file in source_files(package)? {
            let shown = super::rules::shown(workspace, &file.path);
            let place = file.path.strip_prefix(&package.folder).unwrap_or(&file.path);
            let text = std::fs::read_to_string(&file.path)?;
            let objections = [misnamed(place, is_tool(package)), too_long(&text)];
            problems.extend(objections.into_iter().flatten().map(|why| format!("{shown}: {why}")));
        }
    }
    Ok(problems)
}

fn is_tool(package: &Package) -> bool {
    let first = package.place.components().next().and_then(|part| part.as_os_str().to_str());
    matches!(first, Some("osdk" | "regression" | "fuzz" | "benchmark"))
}

/// What is wrong with the name of a file, given from its crate's folder.
fn misnamed(place: &Path, is_tool: bool) -> Option<&'static str> {
    let place = place.with_extension("");
    let mut parts = place.components().filter_map(|part| part.as_os_str().to_str());
    if parts.clone().next() == Some("tests") {
        return (!is_tool).then_some("tests of a kernel crate are in its src");
    }
    let is_odd =
        |part: &str| part != "guest_tests" && (part.ends_with("_tests") || part.ends_with("_test"));
    parts.any(is_odd).then_some("tests beside a file are in its tests.rs")
}

/// Whether the module of tests within a file is one to move.
fn too_long(text: &str) -> Option<&'static str> {
    let module = text.lines().skip_while(|line| *line != "mod tests {");
    let lines = module.take_while(|line| *line != "}").count();
    (lines > MAX_INLINE).then_some("mod tests is over 150 lines: move it to tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(place: &str) -> Option<&'static str> {
        misnamed(Path::new(place), false)
    }

    #[test]
    fn other_names_are_told() {
        assert!(name("src/port_tests.rs").is_some());
        assert!(name("src/io_test/mod.rs").is_some());
        assert!(name("tests/io.rs").is_some());
        assert!(misnamed(Path::new("tests/io.rs"), true).is_none());
        for good in ["src/tests.rs", "src/tests/io.rs", "src/guest_tests/user.rs", "src/test.rs"] {
            assert_eq!(name(good), None, "{good}");
        }
    }

    #[test]
    fn long_modules_are_told() {
        let file =
            |lines: usize| format!("mod tests {{\n{}}}\nfn x() {{}}\n", "    x\n".repeat(lines));
        assert_eq!(too_long(&file(149)), None);
        assert!(too_long(&file(150)).is_some());
    }
}
