// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What host and module say, as functions of bytes for the fuzzer.

use super::quote;
use super::ve::{VeInfo, Verdict, judge};
use crate::host::SharedBuf;
use crate::hosted;

/// What the module says of an exception of a program, 20 bytes of it: the program goes on
/// behind CPUID alone.
pub fn user_exception(data: &[u8]) -> u64 {
    let number = |at: usize| {
        data.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |n| u64::from_le_bytes(*n))
    };
    let info = VeInfo { reason: number(0), gpa: number(8), len: number(16) as u32 };
    match judge(info) {
        Verdict::Cpuid(len) => {
            assert!(info.reason == 10 && (2..=15).contains(&len));
            len.into()
        }
        Verdict::Signal => 0,
    }
}

/// GetQuote's buffer: a byte that says before which access the host changes the header, the
/// later header (24 bytes), then the buffer.
pub fn quote_buffer(data: &[u8]) -> u64 {
    const MOST: usize = 256;
    let Some(([when, later @ ..], bytes)) = data.split_first_chunk::<25>() else { return 0 };
    let Ok(buffer) = SharedBuf::new(512) else { return 1 };
    let (addr, when, later) = (buffer.device_addr(), usize::from(*when), *later);
    hosted::device_write(addr, bytes.get(..512).unwrap_or(bytes));
    let mut accesses = 0;
    hosted::before_access(move |_, _| {
        if accesses == when {
            hosted::device_write(addr, &later);
        }
        accesses += 1;
    });
    let result = quote::take(&buffer, MOST);
    hosted::no_hook();
    match result {
        Ok(Some(quote)) => {
            assert!((1..=MOST).contains(&quote.len()));
            2 + quote.len() as u64 / 64
        }
        Ok(None) => 10,
        Err(error) => crate::fuzz::hash(alloc::format!("{error:?}").as_bytes()),
    }
}
