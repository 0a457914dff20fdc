// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sessions and their controlling terminals; process groups' rules.

mod groups;
mod terminal;

pub use terminal::{Session, Terminal};
