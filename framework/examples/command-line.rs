// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writes docs/command-line.md from the declared parameters.

#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md");
    std::fs::write(path, framework::cmdline::page::page())
}
