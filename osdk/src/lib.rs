// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `cargo osdk` is made of: building, packing, booting and reading the kernel.
//!
//! The command line is [`cli`]. [`kernel`] builds the kernel, [`cpio`] and [`initramfs`] pack what it
//! boots from, [`machine`] describes the QEMU machine, [`guest`] runs it and reads its control channel
//! ([`control`]); [`symbols`] turns addresses into lines. The regression runner uses the same parts.
//!
//! A host program: nothing of it goes into the kernel.

#![forbid(unsafe_code)]

pub mod accel;

pub mod census;
pub mod check;
pub mod ci;
pub mod cli;
pub mod console;
pub mod control;
pub mod cpio;
pub mod cvm;
pub mod debug;
pub mod guest;
pub mod initramfs;
pub mod kernel;
pub mod libraries;
pub mod machine;
pub mod metadata;
pub mod modules;
pub mod new;
pub mod percent;
pub mod reproducible;
pub mod run;
pub mod source;
pub mod symbols;
pub mod test;
pub mod workspace;
