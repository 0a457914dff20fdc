// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Writes docs/compatibility.md from the system-call table.

#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    std::fs::write(path, syscalls::compatibility::page())
}
