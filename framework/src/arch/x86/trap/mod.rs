// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Between the rings: descriptor tables, entry code, exceptions, user mode.

mod decode;
mod entry;
mod exception;
pub(super) mod gdt;
pub(super) mod idt;
pub(super) mod registers;
pub(super) mod user;
