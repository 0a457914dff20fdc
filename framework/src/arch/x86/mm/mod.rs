// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Page tables, translations, and accesses to user memory.

pub(super) mod shootdown;
