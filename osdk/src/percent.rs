// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Percent-encoding of a command for the kernel command line.

use std::fmt::Write;

/// Encodes every byte that is not an ASCII letter, a digit or one of `-_./`.
///
/// The result has no space, quote or equals sign, so it is one word of a kernel command line.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn plain_words_stay() {
        assert_eq!(encode(b"/bin/ls-l_a.b"), "/bin/ls-l_a.b");
    }

    #[test]
    fn the_rest_is_encoded() {
        assert_eq!(
            encode(b"echo $((6*7)); x='a b'"),
            "echo%20%24%28%286%2A7%29%29%3B%20x%3D%27a%20b%27"
        );
        assert_eq!(encode("é\n%".as_bytes()), "%C3%A9%0A%25");
    }
}
