// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs the regression programs on Nacre and on Linux and compares.

fn main() {}
