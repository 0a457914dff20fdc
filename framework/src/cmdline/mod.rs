// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel command line, parsed once, at boot, by Linux's rules.
//!
//! [`get`] tells what it says. `parameters` declares every parameter once, those of
//! drivers and services too: name, kind, default, who reads it, what it means, and
//! what trust it takes away in a confidential VM. docs/command-line.md is made from
//! these lines. The framework acts on its own parameters only.
//!
//! Trust: the host writes the text; in a CVM it is measured before it is parsed.
//! Every text of UTF-8 has a meaning; any other bytes stop the boot.
//! Spec: Linux, `Documentation/admin-guide/kernel-parameters.rst`.

mod complaints;
mod init_words;
mod kind;
#[cfg(not(target_os = "none"))]
pub mod page;
mod parameter;
mod parameters;
mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use init_words::InitWords;
pub use kind::{Kind, List, Percent};
pub use parameter::Parameter;
pub use parameters::{CommandLine, IGNORED, PARAMETERS};
pub use words::Word;

use crate::sync::Once;

static LINE: Once<CommandLine<'static>> = Once::new();
static NONE: Once<CommandLine<'static>> = Once::new();

/// What the command line says; before boot has read it, that is nothing.
pub fn get() -> &'static CommandLine<'static> {
    LINE.get().unwrap_or_else(|| NONE.call_once(CommandLine::default))
}

/// Parses the command line; the first call counts.
pub(crate) fn install(text: &'static str) {
    LINE.call_once(|| CommandLine::parse(text));
}
