// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Parameter`]: what is declared of each parameter.

use super::kind::Kind;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name; dashes and underscores are the same.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds without it; empty if nothing does.
    pub default: &'static str,
    /// Who reads it.
    pub reader: &'static str,
    /// What it means.
    pub help: &'static [&'static str],
    /// What it lets the host do that it may not do otherwise, in a confidential VM.
    pub widens: Option<&'static str>,
}
