// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Address spaces on the hosted framework.

mod files;
mod model;
mod moves;
mod rules;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use abi::Errno;
use abi::mman::Prot;
use framework::mm::PAGE_SIZE;

use crate::{AddressSpace, Aslr, Limits, MapRequest, Result};

const RW: Prot = Prot::READ.union(Prot::WRITE);
const BASE: usize = 0x1000_0000;

fn space() -> Arc<AddressSpace> {
    AddressSpace::new(Limits::DEFAULT, Aslr::On).unwrap()
}

/// The address of page `n` of the test window.
const fn page(n: usize) -> usize {
    BASE + n * PAGE_SIZE
}

fn pages(range: Range<usize>) -> Range<usize> {
    page(range.start)..page(range.end)
}

/// Maps pages of the window, privately and anonymously.
fn map(space: &AddressSpace, range: Range<usize>, prot: Prot) {
    let len = range.len() * PAGE_SIZE;
    let at = space.mmap(&MapRequest::anonymous(len, prot).fixed(page(range.start))).unwrap();
    assert_eq!(at, page(range.start));
}

fn poke(space: &AddressSpace, addr: usize, byte: u8) -> bool {
    space.vm().write(addr, &[byte]).is_ok()
}

fn peek(space: &AddressSpace, addr: usize) -> Option<u8> {
    let mut byte = [0];
    space.vm().read(addr, &mut byte).ok().map(|()| byte[0])
}

fn areas(space: &AddressSpace) -> Vec<(Range<usize>, Prot)> {
    let mut found = Vec::new();
    space.each_area(0, |info| {
        found.push((info.area().range(), info.area().prot()));
        true
    });
    found
}

fn fails<T: core::fmt::Debug>(result: Result<T>, errno: Errno) {
    assert_eq!(result.unwrap_err().errno(), errno);
}
