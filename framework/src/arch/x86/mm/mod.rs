// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Page tables, translations, and accesses to user memory.

pub(crate) mod bytes;
pub(crate) mod paging;
pub(super) mod request;
pub(super) mod shootdown;
pub(super) mod tlb;
pub(crate) mod usercopy;
