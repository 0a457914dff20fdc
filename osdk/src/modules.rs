// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which file of a crate uses which: its modules, and where each path leads.
//!
//! Paths are followed through re-exports to the file that defines the name, symbols to the file that includes the
//! assembly. Who calls a method has named its type, or was given a value of it, so methods are followed only where
//! the `impl`s of a type are in several files; `methods.rs` says which.

mod methods;
mod reader;
mod symbols;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::methods::{Call, Method};
use self::reader::Reader;
use self::symbols::Symbols;
use crate::census::SourceFile;

/// How many re-exports are followed before a path counts as leading nowhere.
const MAX_HOPS: usize = 16;

/// A module, in a file of its own or inside one.
#[derive(Debug, Default)]
struct Module {
    file: usize,
    parent: Option<usize>,
    /// Its name, if it shares its parent's file.
    inner: Option<String>,
    children: BTreeMap<String, usize>,
    /// What `use` calls which path.
    names: Vec<(String, Vec<String>)>,
    /// What `use path::*` takes all of.
    globs: Vec<Vec<String>>,
    /// Names that are defined here.
    items: BTreeSet<String>,
    /// Paths that are used, and on which line.
    paths: Vec<(Vec<String>, usize)>,
    /// Methods of types, whichever their file.
    methods: Vec<Method>,
    /// Functions that are defined here, methods too.
    functions: BTreeSet<String>,
    /// Calls of what may be a method.
    calls: Vec<Call>,
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub struct Modules {
    /// Its files.
    pub files: Vec<PathBuf>,
    modules: Vec<Module>,
    /// Files of exported macros.
    macros: BTreeMap<String, usize>,
    symbols: Symbols,
}

/// A line by which one file uses another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The file that uses the other, by its place in [`Modules::files`].
    pub from: usize,
    /// The file that is used.
    pub to: usize,
    /// The first line that does so.
    pub line: usize,
}

impl Modules {
    /// Reads the modules below the crate root `root`, without tests.
    pub fn read(root: &Path, files: &[SourceFile]) -> Result<Self> {
        let mut modules = Self::default();
        modules.file(root, None, files)?;
        Ok(modules)
    }

    /// Reads a file and all below it; gives its module.
    fn file(&mut self, path: &Path, parent: Option<usize>, files: &[SourceFile]) -> Result<usize> {
        let source = files.iter().find(|file| file.path == path);
        let source = source.with_context(|| format!("no file {}", path.display()))?.source()?;
        // A file may be declared twice, for two configurations.
        let known = self.files.iter().position(|file| file == path);
        let file = known.unwrap_or_else(|| {
            self.files.push(path.to_owned());
            self.files.len() - 1
        });
        let module = self.add(Module { file, parent, ..Module::default() });
        self.symbols.read(file, path, &source)?;
        for (module, name) in Reader::read(self, module, &source) {
            let places = self.places(path, module, &name);
            let place = places.into_iter().find(|place| files.iter().any(|f| f.path == *place));
            let place = place.with_context(|| format!("{}: mod {name}", path.display()))?;
            let child = self.file(&place, Some(module), files)?;
            self.adopt(module, name, child);
        }
        Ok(module)
    }

    fn add(&mut self, module: Module) -> usize {
        self.modules.push(module);
        self.modules.len() - 1
    }

    /// Makes `child` the module `name` of another. Of two, for two configurations, the one with a file of its own
    /// is the machine's and stays.
    fn adopt(&mut self, module: usize, name: String, child: usize) {
        if let Some(module) = self.modules.get_mut(module) {
            module.children.insert(name, child);
        }
    }

    /// Where the file of `mod name;` may be, when it stands in `file`.
    fn places(&self, file: &Path, module: usize, name: &str) -> [PathBuf; 2] {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let mut folder = file.parent().unwrap_or(Path::new("")).to_owned();
        if !matches!(stem, "lib" | "main" | "mod") {
            folder.push(stem);
        }
        // Modules written out in the file add their names.
        let (mut at, mut inner) = (Some(module), Vec::new());
        while let Some(module) = at.and_then(|at| self.modules.get(at)) {
            inner.extend(module.inner.as_ref());
            at = module.parent.filter(|_| module.inner.is_some());
        }
        folder.extend(inner.into_iter().rev());
        [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]
    }

    /// Every pair of files of which one uses the other.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeMap::new();
        for (at, module) in self.modules.iter().enumerate() {
            for (path, line) in &module.paths {
                if let Some(to) = self.file_of(at, path, MAX_HOPS) {
                    note(&mut edges, module.file, to, *line);
                }
            }
        }
        for edge in self.symbols.edges().into_iter().chain(self.method_edges()) {
            note(&mut edges, edge.from, edge.to, edge.line);
        }
        edges.into_iter().map(|((from, to), line)| Edge { from, to, line }).collect()
    }

    /// The file that defines what a path in `module` names, if this crate does.
    fn file_of(&self, module: usize, path: &[String], hops: usize) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let this = self.modules.get(module)?;
        match first.as_str() {
            "crate" => self.below(0, rest, hops),
            "self" => self.below(module, rest, hops),
            "super" => self.below(self.outer(module)?, rest, hops),
            name if this.children.contains_key(name) => self.below(module, path, hops),
            name => self.imported(module, name, rest, hops),
        }
    }

    fn outer(&self, module: usize) -> Option<usize> {
        self.modules.get(module)?.parent
    }

    /// Follows `path` from `module` down, and through what it re-exports.
    fn below(&self, module: usize, path: &[String], hops: usize) -> Option<usize> {
        let this = self.modules.get(module)?;
        // A module alone is no use of anything in it.
        let (first, rest) = path.split_first()?;
        if first == "super" {
            return self.below(this.parent?, rest, hops);
        }
        if let Some(child) = this.children.get(first) {
            return self.below(*child, rest, hops);
        }
        if let Some(file) = self.imported(module, first, rest, hops) {
            return Some(file);
        }
        let exported = (module == 0 && !this.items.contains(first)).then(|| self.macros.get(first));
        Some(exported.flatten().copied().unwrap_or(this.file))
    }

    /// What `name`, and `rest` below it, is by a `use` of `module`.
    fn imported(&self, module: usize, name: &str, rest: &[String], hops: usize) -> Option<usize> {
        let (hops, this) = (hops.checked_sub(1)?, self.modules.get(module)?);
        if let Some((_, path)) = this.names.iter().find(|(known, _)| known == name) {
            let whole: Vec<_> = path.iter().chain(rest).cloned().collect();
            return self.file_of_use(module, &whole, name, hops);
        }
        this.globs.iter().find_map(|glob| {
            let from = self.module_of(module, glob, hops)?;
            let target = self.modules.get(from)?;
            let has = target.items.contains(name)
                || target.children.contains_key(name)
                || target.names.iter().any(|(known, _)| known == name);
            let whole: Vec<_> = [name.to_owned()].into_iter().chain(rest.iter().cloned()).collect();
            if has {
                self.below(from, &whole, hops)
            } else if from != module {
                self.imported(from, name, rest, hops)
            } else {
                None
            }
        })
    }

    /// As [`Self::file_of`], for the path of a `use` that gives `name`, which therefore does not mean itself.
    fn file_of_use(
        &self,
        module: usize,
        path: &[String],
        name: &str,
        hops: usize,
    ) -> Option<usize> {
        if path.first().is_some_and(|first| first == name)
            && !self.modules.get(module)?.children.contains_key(name)
        {
            return None;
        }
        self.file_of(module, path, hops)
    }

    /// The module that a path names.
    fn module_of(&self, module: usize, path: &[String], hops: usize) -> Option<usize> {
        let hops = hops.checked_sub(1)?;
        let mut at = module;
        for (n, name) in path.iter().enumerate() {
            let this = self.modules.get(at)?;
            at = match (name.as_str(), this.children.get(name)) {
                ("crate", _) => 0,
                ("self", _) => at,
                ("super", _) => this.parent?,
                (_, Some(child)) => *child,
                (name, None) => {
                    let (_, to) = this.names.iter().find(|(known, _)| known == name)?;
                    let is_itself = n == 0 && to.first().is_some_and(|first| first == name);
                    if is_itself { return None } else { self.module_of(at, to, hops)? }
                }
            };
        }
        Some(at)
    }
}

fn note(edges: &mut BTreeMap<(usize, usize), usize>, from: usize, to: usize, line: usize) {
    if from != to {
        let first = edges.entry((from, to)).or_insert(line);
        *first = line.min(*first);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::Class;

    /// Edges of a crate made of these files, as "from to", by name.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Vec::new();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if name.ends_with(".rs") {
                sources.push(SourceFile { path, class: Class::Code });
            }
        }
        let modules = Modules::read(&folder.path().join("lib.rs"), &sources).unwrap();
        let name = |file: usize| {
            let path = modules.files.get(file).unwrap().strip_prefix(folder.path()).unwrap();
            path.display().to_string()
        };
        modules.edges().iter().map(|e| format!("{} {}", name(e.from), name(e.to))).collect()
    }

    #[test]
    fn paths_lead_through_re_exports_to_the_definition() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod user;\n"),
            ("a/mod.rs", "mod deep;\npub use self::deep::Deep as Renamed;\npub use deep::*;\n"),
            ("a/deep.rs", "pub struct Deep;\npub fn call() {}\n"),
            ("b.rs", "pub use crate::a::call;\n"),
            ("user.rs", "use crate::b;\nfn f(_: crate::a::Renamed) { b::call() }\n"),
        ];
        assert_eq!(edges(&files), ["user.rs a/deep.rs"]);
    }

    #[test]
    fn modules_alone_visibility_members_and_tests_are_no_uses() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b;\npub(in crate::b) fn f(x: X) { x.b.g() }\n"),
            ("b.rs", "pub fn g() {}\n#[cfg(test)]\nmod tests { use crate::a::f; }\n"),
        ];
        assert!(edges(&files).is_empty());
    }

    #[test]
    fn inner_modules_macros_and_super_are_followed() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "mod machine {\n    mod deep;\n    pub fn f() { super::super::b::g() }\n}\n"),
            ("a/machine/deep.rs", "fn h() { super::f(); crate::shout!() }\n"),
            ("b.rs", "pub fn g() {}\n"),
            ("c.rs", "#[macro_export]\nmacro_rules! shout { () => { $crate::b::g() } }\n"),
        ];
        let expected =
            ["a.rs b.rs", "a/machine/deep.rs a.rs", "a/machine/deep.rs c.rs", "c.rs b.rs"];
        let mut found = edges(&files);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn symbols_lead_to_the_file_with_the_assembly() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            (
                "a.rs",
                "core::arch::global_asm!(\n    include_str!(\"a.S\"),\n    f = sym crate::b::f,\n);\n",
            ),
            ("a.S", "# calls nothing of shout_c\n.global go\ngo:\n    call shout\n"),
            (
                "b.rs",
                "unsafe extern \"C\" {\n    fn go();\n    fn elsewhere();\n}\npub fn f() {}\n",
            ),
            (
                "c.rs",
                "#[unsafe(no_mangle)]\nextern \"C\" fn shout() {}\nextern \"C\" fn go_on() {}\n",
            ),
        ];
        assert_eq!(edges(&files), ["a.rs b.rs", "a.rs c.rs", "b.rs a.rs"]);
    }

    #[test]
    fn methods_lead_to_the_file_of_their_impl() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            (
                "a.rs",
                "pub struct A<T>(T);\nimpl<T: Fn() -> u8> A<T> {\n    fn f(&self) { self.deep(); Self::far() }\n}\n",
            ),
            ("b.rs", "use crate::a::A;\nimpl<T> A<T> {\n    pub(crate) fn deep(&self) {}\n}\n"),
            (
                "c.rs",
                "use super::a as x;\nimpl<T> x::A<T>\nwhere\n    T: for<'a> Fn(&'a u8),\n{\n    pub(super) const fn far() {}\n}\n",
            ),
        ];
        assert_eq!(edges(&files), ["a.rs b.rs", "a.rs c.rs", "b.rs a.rs", "c.rs a.rs"]);
    }

    #[test]
    fn methods_that_may_be_another_s_are_not_followed() {
        let a = "pub struct A;\nimpl A { fn f(&self) { self.deep(); B::far(); x.own() } }\n";
        let b = "use crate::a::A;\nimpl A {\n    pub(crate) fn deep(&self) {}\n    pub(crate) fn far() {}\n    fn own(&self) {}\n    pub fn all(&self) {}\n}\n";
        let c = "struct C;\nimpl C { fn deep(&self) {} }\nimpl Into<u8> for C { fn g(x: impl Fn()) { x.all() } }\n";
        let files = [("lib.rs", "mod a;\nmod b;\nmod c;\n"), ("a.rs", a), ("b.rs", b), ("c.rs", c)];
        assert_eq!(edges(&files), ["b.rs a.rs"]);
    }
}
