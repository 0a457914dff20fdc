// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The first line of a script: `#! interpreter [argument]`.
//!
//! Spec: execve(2), "Interpreter scripts".

use abi::limits::BINPRM_BUF_SIZE;
use abi::{Result, err};

/// What the line names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) interpreter: &'a [u8],
    pub(crate) argument: Option<&'a [u8]>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !is_blank(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or(&[])
}

/// Reads the line from the first bytes of a file; None if it is no script.
pub(crate) fn parse(head: &[u8]) -> Result<Option<Line<'_>>> {
    let Some(rest) = head.strip_prefix(b"#!") else { return Ok(None) };
    let is_whole_file = head.len() < BINPRM_BUF_SIZE;
    let end = rest.iter().position(|b| matches!(b, b'\n' | 0));
    let line = match end {
        Some(end) => rest.get(..end).unwrap_or(&[]),
        None if is_whole_file => rest,
        None => {
            // The line goes on beyond what is looked at: fine if the
            // interpreter's name is complete.
            let trimmed = rest.iter().skip_while(|b| is_blank(b));
            if !trimmed.into_iter().any(is_blank) {
                return err!(ENOEXEC, "the interpreter's name is cut off");
            }
            rest
        }
    };
    let line = trim(line);
    if line.is_empty() {
        return err!(ENOEXEC, "no interpreter named");
    }
    let split = line.iter().position(is_blank).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(split);
    let argument = Some(trim(argument)).filter(|a| !a.is_empty());
    Ok(Some(Line { interpreter, argument }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn names(head: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
        parse(head).ok().flatten().map(|l| (l.interpreter, l.argument))
    }

    #[test]
    fn lines() {
        assert_eq!(parse(b"\x7fELF"), Ok(None));
        assert_eq!(names(b"#!/bin/sh\necho"), Some((b"/bin/sh".as_slice(), None)));
        assert_eq!(
            names(b"#! \t/bin/awk  -f  x \t\n"),
            Some((b"/bin/awk".as_slice(), Some(b"-f  x".as_slice())))
        );
        assert_eq!(names(b"#!/bin/sh"), Some((b"/bin/sh".as_slice(), None)));
        assert!(parse(b"#!\n").is_err());
        assert!(parse(b"#!   \t \n").is_err());
        assert!(parse(b"#!").is_err());
    }

    #[test]
    fn long_lines() {
        let mut head: Vec<u8> = b"#!/bin/".to_vec();
        head.resize(BINPRM_BUF_SIZE, b'a');
        assert!(parse(&head).is_err());
        head[20] = b' ';
        assert!(parse(&head).is_ok());
    }
}
