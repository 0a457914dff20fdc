// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Static ELF programs: 64 bits, little-endian, not relocatable.
//!
//! Spec: System V ABI, chapters 4 and 5.

use framework::mm::{Cow, Frame, PAGE_SIZE, Perms, VmSpace};

const NO_PROGRAM: &str = "not a static ELF program";
const LOAD: u64 = 1;

/// Maps the segments of `file` into `space`; returns where the program starts.
pub(crate) fn load(file: &[u8], space: &VmSpace) -> Result<u64, &'static str> {
    if !file.starts_with(b"\x7fELF\x02\x01\x01") {
        return Err(NO_PROGRAM);
    }
    let number = |at: usize, len: usize| number(file, at, len).ok_or(NO_PROGRAM);
    let (table, size, count) = (number(32, 8)? as usize, number(54, 2)?, number(56, 2)?);
    for n in 0..count {
        let at = table.checked_add((n * size) as usize).ok_or(NO_PROGRAM)?;
        let field = |offset: usize, len: usize| number(at.saturating_add(offset), len);
        if field(0, 4)? == LOAD {
            let (start, len) = (field(8, 8)? as usize, field(32, 8)? as usize);
            let bytes = start.checked_add(len).and_then(|end| file.get(start..end));
            let place = (field(16, 8)? as usize, field(40, 8)? as usize);
            map(space, place, bytes.ok_or(NO_PROGRAM)?, perms(field(4, 4)?))?;
        }
    }
    number(24, 8)
}

/// Maps new pages at `(address, length)`, with `bytes` at their begin.
fn map(
    space: &VmSpace,
    (addr, len): (usize, usize),
    bytes: &[u8],
    perms: Perms,
) -> Result<(), &'static str> {
    let end = addr.checked_add(len).ok_or(NO_PROGRAM)?;
    let mut rest = bytes;
    let mut offset = addr % PAGE_SIZE;
    for page in (addr - offset..end).step_by(PAGE_SIZE) {
        let frame = Frame::zeroed().map_err(|_| "no memory for the program")?;
        let written = frame.write(offset, rest);
        (rest, offset) = (rest.get(written..).unwrap_or_default(), 0);
        let is_new = space.map(page, frame, perms, Cow::No).map_err(|_| "no memory for tables")?;
        if !is_new {
            return Err(NO_PROGRAM);
        }
    }
    Ok(())
}

fn perms(flags: u64) -> Perms {
    let all = [(4, Perms::READ), (2, Perms::WRITE), (1, Perms::EXEC)];
    all.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, perms)| perms).collect()
}

/// The number of `len` bytes at `at`.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_mapped_and_lies_refused() {
        let mut file = vec![0; 64 + 56];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (file[24], file[32], file[54], file[56]) = (0x10, 64, 56, 1);
        (file[64], file[68], file[80 + 1], file[96], file[104]) = (1, 5, 0x20, 120, 200);
        let space = VmSpace::new().unwrap();
        assert_eq!(load(&file, &space), Ok(0x10));
        let page = space.query(0x2000).unwrap();
        assert_eq!((page.perms, space.rss_pages()), (Perms::READ | Perms::EXEC, 1));
        let mut copy = [0; 120];
        page.frame.read(0, &mut copy);
        assert_eq!(copy, file[..]);
        for at in 0..file.len() {
            let mut lie = file.clone();
            lie[at] = 0xff;
            let _ = load(&lie[..at], &VmSpace::new().unwrap());
        }
        assert_eq!(load(&file[..119], &VmSpace::new().unwrap()), Err(NO_PROGRAM));
    }
}
