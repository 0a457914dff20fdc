// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is on the disk, what the guest writes there, and what a lie about it looks like.

/// Bytes in a sector.
pub(crate) const SECTOR: usize = 512;
/// The disk's size, in sectors.
pub(crate) const SECTORS: u64 = 8192;
/// The bytes that the guest reads and writes, from the disk's start.
pub(crate) const PART: usize = 4 * BLOCK;
/// From the request that has this sector on, the disk lies.
pub(crate) const TRIGGER: u64 = 4096;

const BLOCK: usize = 4096;

/// A disk of which every byte says in which sector it is.
pub(crate) fn original() -> Vec<u8> {
    (0..SECTORS as usize * SECTOR).map(|at| (at / SECTOR * 31 + 7) as u8).collect()
}

/// The same after the guest's write.
pub(crate) fn written() -> Vec<u8> {
    let mut bytes = original();
    bytes.iter_mut().take(PART).for_each(|byte| *byte = !*byte);
    bytes
}

/// The disk on which of each block only the first half was ever written.
pub(crate) fn torn(old: &[u8], new: &[u8]) -> Vec<u8> {
    let pairs = old.iter().zip(new).enumerate();
    pairs.map(|(at, (old, new))| if at % BLOCK < BLOCK / 2 { *new } else { *old }).collect()
}

/// The files by which the guest tells what it has read, by name.
pub(crate) fn files() -> [(&'static str, Vec<u8>); 4] {
    let (old, new) = (original(), written());
    let part = |bytes: &[u8], from: usize| bytes.iter().copied().skip(from).take(PART).collect();
    [
        ("none", part(&new, 0)),
        ("replay", part(&old, 0)),
        ("swap", part(&new, SECTOR)),
        ("tear", part(&torn(&old, &new), 0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lies_look_alike() {
        let files = files();
        for (number, (name, bytes)) in files.iter().enumerate() {
            assert_eq!(bytes.len(), PART, "{name}");
            assert!(files.iter().skip(number + 1).all(|(_, other)| other != bytes), "{name}");
        }
    }
}
