// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The reviewed list of differences that stay, with a reason each.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A run of so many calls of all families must use every entry.
pub(crate) const FULL_CALLS: u64 = 2_000_000;

/// The list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    #[serde(default)]
    difference: Vec<Entry>,
}

/// One difference that stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The class; `*` stands for any text.
    class: String,
    /// Name and first arguments of the call that differs, as Linux's record shows them; `*` is any text
    /// of one argument.
    #[serde(default)]
    call: String,
    /// Why it stays.
    reason: String,
}

impl Known {
    /// Reads the list.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let known: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        for entry in &known.difference {
            ensure!(!entry.reason.trim().is_empty(), "{} has no reason", entry.class);
        }
        Ok(known)
    }

    /// Whether an entry matches the class and the call of a difference.
    pub(crate) fn explains(&self, class: &str, call: &str) -> bool {
        self.difference.iter().any(|entry| entry.matches(class, call))
    }

    /// Entries that match no difference, given by class and call.
    pub(crate) fn unused<'a>(
        &self,
        seen: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Vec<String> {
        let is_unused =
            |entry: &&Entry| !seen.clone().any(|(class, call)| entry.matches(class, call));
        let shown = |entry: &Entry| format!("{}, {}", entry.class, entry.call);
        self.difference.iter().filter(is_unused).map(shown).collect()
    }
}

impl Entry {
    fn matches(&self, class: &str, call: &str) -> bool {
        let mut arguments = call.split(", ");
        matches(&self.class, class)
            && (self.call.is_empty()
                || self.call.split(", ").all(|pattern| {
                    arguments.next().is_some_and(|argument| matches(pattern, argument))
                }))
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    (0..=text.len()).filter_map(|at| text.get(at..)).any(|tail| matches(rest, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("socket: * / ENOSYS", "socket: EINVAL / ENOSYS"));
        assert!(matches("a*", "a"));
        assert!(!matches("a*b", "ac"));
        assert!(!matches("a", "ab"));
    }

    #[test]
    fn unused_entries_are_told() {
        let known: Known =
            toml::from_str("[[difference]]\nclass = 'a'\nreason = 'r'\n[[difference]]\nclass = 'b'\ncall = 'b(*, 1'\nreason = 'r'\n")
                .expect("a list");
        assert_eq!(known.unused([("a", "a()"), ("b", "b(2, 3, 1)")].into_iter()), ["b, b(*, 1"]);
        assert!(known.explains("a", "a()") && !known.explains("c", "c()"));
        assert!(known.explains("b", "b(7, 1, 2)") && !known.explains("b", "b(7, 2, 1)"));
    }
}
