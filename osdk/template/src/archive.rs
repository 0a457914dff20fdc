// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files of the initramfs: a cpio archive in the format `newc`.
//!
//! Trust: the loader chose the bytes; every length is checked.

/// Bytes of an entry before its name, and where two of its numbers are.
const HEADER: usize = 110;
const FILE_SIZE: usize = 54;
const NAME_SIZE: usize = 94;

/// The content of the file `name`, written without a leading slash.
pub(crate) fn find<'a>(archive: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = archive;
    while rest.starts_with(b"070701") {
        let (name_size, file_size) = (number(rest, NAME_SIZE)?, number(rest, FILE_SIZE)?);
        let name_end = HEADER.checked_add(name_size)?;
        let start = name_end.checked_next_multiple_of(4)?;
        let end = start.checked_add(file_size)?;
        let content = rest.get(start..end)?;
        if rest.get(HEADER..name_end)?.strip_suffix(b"\0") == Some(name) {
            return Some(content);
        }
        rest = rest.get(end.checked_next_multiple_of(4)?..)?;
    }
    None
}

/// The eight hexadecimal digits at `at`.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = core::str::from_utf8(bytes.get(at..at + 8)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, content: &str) -> Vec<u8> {
        let [name_size, size] = [name.len() + 1, content.len()];
        let mut numbers = [0; 13];
        (numbers[6], numbers[11]) = (size, name_size);
        let fields: String = numbers.iter().map(|field| format!("{field:08x}")).collect();
        let mut bytes = format!("070701{fields}{name}\0").into_bytes();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn files_are_found() {
        let archive = [entry("a", "first"), entry("init", "second"), entry("b", "")].concat();
        assert_eq!(find(&archive, b"init"), Some(&b"second"[..]));
        assert_eq!(find(&archive, b"b"), Some(&b""[..]));
        assert_eq!(find(&archive, b"c"), None);
        for len in 0..archive.len() {
            let _ = find(&archive[..len], b"c");
        }
    }
}
