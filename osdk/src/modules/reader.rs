// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a file's tokens say of its modules: what they define, import, use and call.

use proc_macro2::Delimiter;

use super::methods::{self, Call, Method};
use super::{Module, Modules};
use crate::source::{Class, Kind, Source, Token};

/// Walks over the tokens of one file.
pub(super) struct Reader<'a> {
    modules: &'a mut Modules,
    /// Modules that are open, with the depth of their braces.
    stack: Vec<(usize, usize)>,
    /// Modules whose files are elsewhere, and the module that declares each.
    declared: Vec<(usize, String)>,
    /// The `impl` of a type that is open: the depth of its braces, and the type.
    of_type: Option<(usize, Vec<String>)>,
}

impl Reader<'_> {
    /// Reads a file that is `module`; gives the modules whose files are elsewhere, each behind the one that declares
    /// it.
    pub(super) fn read(
        modules: &mut Modules,
        module: usize,
        source: &Source,
    ) -> Vec<(usize, String)> {
        let stack = vec![(module, 0)];
        let mut reader = Reader { modules, stack, declared: Vec::new(), of_type: None };
        reader.all(source);
        reader.declared
    }

    fn all(&mut self, source: &Source) {
        let tokens: Vec<&Token> =
            source.tokens.iter().filter(|token| token.class != Class::Test).collect();
        let (mut at, mut depth) = (0, 0);
        while let Some(token) = tokens.get(at) {
            match &token.kind {
                Kind::Open(Delimiter::Brace) => depth += 1,
                Kind::Close(Delimiter::Brace) => {
                    depth = usize::saturating_sub(depth, 1);
                    self.stack.retain(|(_, inside)| *inside <= depth);
                    self.of_type.take_if(|(inside, _)| *inside > depth);
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
            ("impl", _) if begins_item(tokens, at) => {
                let path = methods::type_of_impl(tokens, at);
                self.of_type = path.map(|path| (depth + 1, path));
                at + 1
            }
            (
                "fn" | "struct" | "enum" | "trait" | "const" | "static" | "type" | "union",
                Some(next),
            ) => {
                if word == "fn" {
                    self.function(tokens, at, next, depth);
                }
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

    fn function(&mut self, tokens: &[&Token], at: usize, name: &str, depth: usize) {
        let of_type = self.of_type.as_ref().filter(|(inside, _)| *inside == depth);
        let method = of_type.map(|(_, path)| Method {
            of: path.clone(),
            name: name.to_owned(),
            reach: methods::reach(tokens, at),
        });
        if let Some(module) = self.module() {
            module.functions.insert(name.to_owned());
            module.methods.extend(method);
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
        let is_call = tokens.get(end).is_some_and(|token| {
            token.is_punct(':') || token.kind == Kind::Open(Delimiter::Parenthesis)
        });
        let Some(module) = self.module() else { return end };
        if is_member && is_call || path.len() > 1 {
            let mut rest = path.iter().rev().cloned();
            if let Some(name) = rest.next() {
                module.calls.push(Call { name, of: rest.next(), line });
            }
        }
        if !is_member {
            module.paths.push((path, line));
        }
        end
    }
}

/// Whether an item begins here; `impl Trait` stands within one.
fn begins_item(tokens: &[&Token], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| tokens.get(before)) else { return true };
    before.is_ident("unsafe")
        || before.is_punct(';')
        || matches!(
            before.kind,
            Kind::Open(Delimiter::Brace)
                | Kind::Close(Delimiter::Brace | Delimiter::Bracket | Delimiter::None)
        )
}

pub(super) fn name(token: &Token) -> Option<&str> {
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
