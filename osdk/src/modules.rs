// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which file of a crate uses which: its modules, and where each path leads.
//!
//! Paths are followed through re-exports to the file that defines the name. Methods are not followed: who calls
//! one has named its type, or was given a value of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::Delimiter;

use crate::census::SourceFile;
use crate::source::{Class, Kind, Source, Token};

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
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub struct Modules {
    /// Its files.
    pub files: Vec<PathBuf>,
    modules: Vec<Module>,
    /// Files of exported macros.
    macros: BTreeMap<String, usize>,
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
        let mut reader = Reader { modules: self, stack: vec![(module, 0)], declared: Vec::new() };
        reader.read(&source);
        for (module, name) in reader.declared {
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
                if let Some(to) = self.file_of(at, path, MAX_HOPS)
                    && to != module.file
                {
                    let first = edges.entry((module.file, to)).or_insert(*line);
                    *first = (*line).min(*first);
                }
            }
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

/// Walks over the tokens of one file.
struct Reader<'a> {
    modules: &'a mut Modules,
    /// Modules that are open, with the depth of their braces.
    stack: Vec<(usize, usize)>,
    /// Modules whose files are elsewhere, and the module that declares each.
    declared: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn read(&mut self, source: &Source) {
        let tokens: Vec<&Token> =
            source.tokens.iter().filter(|token| token.class != Class::Test).collect();
        let (mut at, mut depth) = (0, 0);
        while let Some(token) = tokens.get(at) {
            match &token.kind {
                Kind::Open(Delimiter::Brace) => depth += 1,
                Kind::Close(Delimiter::Brace) => {
                    depth = usize::saturating_sub(depth, 1);
                    self.stack.retain(|(_, inside)| *inside <= depth);
                }
                Kind::Ident(word) => {
                    at = self.word(&tokens, at, word, depth);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn module(&mut self) -> Option<&mut Module> {
        let (module, _) = *self.stack.last()?;
        self.modules.modules.get_mut(module)
    }

    /// Reads what begins with a word; gives the place behind it.
    fn word(&mut self, tokens: &[&Token], at: usize, word: &str, depth: usize) -> usize {
        let next = tokens.get(at + 1).and_then(|token| name(token));
        match (word, next) {
            ("mod", Some(next)) => self.declaration(tokens, at, next, depth),
            // `impl Trait + use<'a>` imports nothing.
            ("use", _) if !tokens.get(at + 1).is_some_and(|token| token.is_punct('<')) => {
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                let is_public = before.is_some_and(|token| {
                    token.is_ident("pub") || token.kind == Kind::Close(Delimiter::Parenthesis)
                });
                self.import(tokens, at + 1, is_public)
            }
            ("pub", _) => behind_visibility(tokens, at + 1),
            (
                "fn" | "struct" | "enum" | "trait" | "const" | "static" | "type" | "union",
                Some(next),
            ) => {
                self.module().map(|module| module.items.insert(next.to_owned()));
                at + 1
            }
            ("macro_rules", _) => {
                if let (Some(next), Some(file)) = (
                    tokens.get(at + 2).and_then(|token| name(token)),
                    self.module().map(|m| m.file),
                ) {
                    self.module().map(|module| module.items.insert(next.to_owned()));
                    self.modules.macros.insert(next.to_owned(), file);
                }
                at + 3
            }
            _ => self.path(tokens, at),
        }
    }

    fn declaration(&mut self, tokens: &[&Token], at: usize, name: &str, depth: usize) -> usize {
        let Some(&(parent, _)) = self.stack.last() else { return at + 1 };
        match tokens.get(at + 2).map(|token| &token.kind) {
            Some(Kind::Punct(';')) => self.declared.push((parent, name.to_owned())),
            Some(Kind::Open(Delimiter::Brace)) => {
                let file = self.module().map_or(0, |module| module.file);
                let inner = Some(name.to_owned());
                let module = Module { file, parent: Some(parent), inner, ..Module::default() };
                let child = self.modules.add(module);
                self.modules.adopt(parent, name.to_owned(), child);
                self.stack.push((child, depth + 1));
            }
            _ => {}
        }
        at + 2
    }

    /// Reads the paths of a `use`, up to its `;`. A public one hands on and uses nothing by itself.
    fn import(&mut self, tokens: &[&Token], mut at: usize, is_public: bool) -> usize {
        let (mut path, mut outer) = (Vec::<String>::new(), Vec::new());
        let line = tokens.get(at).map(|token| token.line).filter(|_| !is_public);
        let mut alias = None;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match &token.kind {
                Kind::Ident(word) if word == "as" => {
                    alias = tokens.get(at).and_then(|token| name(token)).map(str::to_owned);
                    at += 1;
                }
                Kind::Ident(word) => path.push(word.clone()),
                Kind::Punct('*') => path.push("*".to_owned()),
                Kind::Open(_) => outer.push(path.len()),
                Kind::Close(_) | Kind::Punct(',' | ';') => {
                    let begin = outer.last().copied().unwrap_or(0);
                    if path.len() > begin {
                        self.imported(&path, alias.take(), line);
                    }
                    path.truncate(begin);
                    match token.kind {
                        Kind::Punct(';') => return at,
                        Kind::Close(_) => {
                            outer.pop();
                            path.truncate(outer.last().copied().unwrap_or(0));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        at
    }

    fn imported(&mut self, path: &[String], alias: Option<String>, line: Option<usize>) {
        let Some(module) = self.module() else { return };
        let mut path = path.to_vec();
        match path.last().map(String::as_str) {
            Some("*") => {
                path.pop();
                module.globs.push(path);
                return;
            }
            Some("self") => {
                path.pop();
            }
            _ => {}
        }
        if let Some(name) = alias.or_else(|| path.last().cloned()) {
            module.names.push((name, path.clone()));
        }
        module.paths.extend(line.map(|line| (path, line)));
    }

    /// Reads a path that is used.
    fn path(&mut self, tokens: &[&Token], at: usize) -> usize {
        let is = |at: usize, mark| tokens.get(at).is_some_and(|token| token.is_punct(mark));
        let mut path = Vec::new();
        let mut end = at;
        while let Some(name) = tokens.get(end).and_then(|token| name(token)) {
            path.push(name.to_owned());
            end += 1;
            if !is(end, ':') || !is(end + 1, ':') {
                break;
            }
            end += 2;
        }
        let is_member = at.checked_sub(1).is_some_and(|before| is(before, '.'));
        let line = tokens.get(at).map_or(0, |token| token.line);
        if let Some(module) = self.module().filter(|_| !is_member) {
            module.paths.push((path, line));
        }
        end
    }
}

fn name(token: &Token) -> Option<&str> {
    match &token.kind {
        Kind::Ident(name) => Some(name),
        _ => None,
    }
}

/// Behind `(in path)` and the like, which names a module but does not use it.
fn behind_visibility(tokens: &[&Token], at: usize) -> usize {
    let opens =
        tokens.get(at).is_some_and(|token| token.kind == Kind::Open(Delimiter::Parenthesis));
    let names_one = tokens.get(at + 1).and_then(|token| name(token));
    if !opens || !matches!(names_one, Some("in" | "crate" | "super" | "self")) {
        return at;
    }
    let close = Kind::Close(Delimiter::Parenthesis);
    let rest = tokens.iter().skip(at).position(|token| token.kind == close);
    rest.map_or(at, |rest| at + rest + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Edges of a crate made of these files, as "from to", by name.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Vec::new();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            sources.push(SourceFile { path, class: Class::Code });
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
}
