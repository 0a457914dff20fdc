// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Symbols of a 64-bit ELF file, for rules that name places in the code.

use std::collections::HashMap;

use crate::span::Span;

/// Names and addresses.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    by_name: HashMap<String, (u64, u64)>,
}

const SHT_SYMTAB: u64 = 2;

impl Symbols {
    /// Reads the symbol table of `file`; empty if it has none.
    pub fn read(file: &[u8]) -> Self {
        Self { by_name: table(file).unwrap_or_default() }
    }

    /// The address of the symbol `name`, or of its end for `name.end`; the last part of a path will do if it is the only one.
    pub fn address(&self, name: &str) -> Option<u64> {
        if let Some((start, _)) = self.find(name) {
            return Some(start);
        }
        let (start, size) = self.find(name.strip_suffix(".end")?)?;
        start.checked_add(size)
    }

    /// The symbol that `address` is in; one of assembly has no length, and goes as far as the next.
    pub fn name(&self, address: u64) -> Option<String> {
        let has = |start: u64, len: u64| {
            start <= address && (len == 0 || address - start < len) && start >> 63 == address >> 63
        };
        let around = self.by_name.iter().filter(|(_, (start, len))| has(*start, *len));
        around.max_by_key(|(_, (start, _))| *start).map(|(name, _)| plain(name))
    }

    /// Where the functions and data are whose path begins with `path`, in order.
    pub fn below(&self, path: &str) -> Vec<Span> {
        let all = self.by_name.iter().filter(|(name, (_, len))| {
            *len > 0
                && plain(name).strip_prefix(path).is_some_and(|rest| !rest.starts_with(is_word))
        });
        let mut found: Vec<_> =
            all.map(|(_, (start, len))| Span { start: *start, end: *start + len }).collect();
        found.sort_by_key(|span| span.start);
        found.dedup();
        found
    }

    fn find(&self, name: &str) -> Option<(u64, u64)> {
        if let Some(found) = self.by_name.get(name) {
            return Some(*found);
        }
        // A mangled name has each part of the path after its length.
        let part = format!("{}{name}", name.len());
        let mut found = self.by_name.iter().filter(|(symbol, _)| symbol.contains(&part));
        match (found.next(), found.next()) {
            (Some((_, address)), None) => Some(*address),
            _ => None,
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The path of a mangled name, without its hash: `_ZN4acpi4cpus17h…E` is `acpi::cpus`. Any other name stays as it is.
fn plain(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("_ZN") else { return name.to_owned() };
    let mut parts = Vec::new();
    while let Some(digits) = rest.find(|digit: char| !digit.is_ascii_digit()).filter(|at| *at > 0) {
        let (number, tail) = rest.split_at(digits);
        let Some((part, tail)) = tail.split_at_checked(number.parse().unwrap_or(0)) else { break };
        parts.push(part);
        rest = tail;
    }
    parts.pop_if(|last| last.len() == 17 && last.starts_with('h'));
    let name = parts.join("::").replace("_$LT$", "<").replace("$GT$", ">").replace("$u20$", " ");
    name.replace("..", "::")
}

fn field(bytes: &[u8], at: u64, len: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let mut word = [0; 8];
    word.get_mut(..len)?.copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
    Some(u64::from_le_bytes(word))
}

fn table(file: &[u8]) -> Option<HashMap<String, (u64, u64)>> {
    if file.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let (headers, size, count) = (field(file, 40, 8)?, field(file, 58, 2)?, field(file, 60, 2)?);
    let section = |index: u64| headers.checked_add(index.checked_mul(size)?);
    let mut names = HashMap::new();
    for index in 0..count {
        let at = section(index)?;
        if field(file, at + 4, 4)? != SHT_SYMTAB {
            continue;
        }
        let (start, len) = (field(file, at + 24, 8)?, field(file, at + 32, 8)?);
        let strings = field(file, section(field(file, at + 40, 4)?)? + 24, 8)?;
        for symbol in 0..len / 24 {
            let at = start + symbol * 24;
            let name = usize::try_from(strings + field(file, at, 4)?).ok()?;
            let text = file.get(name..)?.split(|byte| *byte == 0).next()?;
            let place = (field(file, at + 8, 8)?, field(file, at + 16, 8)?);
            names.insert(String::from_utf8_lossy(text).into_owned(), place);
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_symbols_are_found() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let symbols = Symbols::read(&file);
        let start = symbols.address("main").unwrap();
        assert!(symbols.address("main.end").unwrap() > start);
        assert_eq!(symbols.address("no_such_symbol"), None);
        assert_eq!(symbols.name(start + 1).as_deref(), Some("main"));
        assert_eq!(symbols.name(u64::MAX), None);
        let test = symbols.below("hostile_format::symbols::tests");
        assert!(test.len() > 2, "{test:?}");
        assert_eq!(
            symbols.below("main"),
            [Span { start, end: symbols.address("main.end").unwrap() }]
        );
        assert!(symbols.below("hostile_format::symbols::test").is_empty());
    }

    #[test]
    fn mangled_names_are_made_plain() {
        let mangled = "_ZN9framework4boot4acpi4cpus17ha376719b9588183eE";
        assert_eq!(plain(mangled), "framework::boot::acpi::cpus");
        let method = "_ZN57_$LT$pvh..Map$u20$as$u20$framework..boot..pvh..Memory$GT$4read17ha376719b9588183eE";
        assert_eq!(plain(method), "<pvh::Map as framework::boot::pvh::Memory>::read");
        assert_eq!(plain("syscall_entry"), "syscall_entry");
    }

    #[test]
    fn damaged_files_have_none() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for len in [0, 4, 63, 1000, file.len() - 500] {
            let _ = Symbols::read(&file[..len]);
        }
        assert!(Symbols::read(b"\x7fELF\x02").by_name.is_empty());
    }
}
