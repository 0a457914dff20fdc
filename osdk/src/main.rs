// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk`: builds, runs, tests, debugs and measures the kernel.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    osdk::cli::main()
}
