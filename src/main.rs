// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The assembly: picks drivers and services, starts init; no logic.

#![forbid(unsafe_code)]

fn main() {}
