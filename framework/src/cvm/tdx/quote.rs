// SPDX-License-Identifier: Apache-2.0 OR MIT
//! GetQuote: a report goes to the host in shared memory, a quote comes back there.
//!
//! One buffer, made at boot and kept: while the host has not given it back, there is no
//! other quote. What comes back is copied out once, bounded, and is for a verifier to judge.
//!
//! Trust: the host writes all of the buffer, at any time.
//! Spec: GHCI 1.5, TDG.VP.VMCALL, GetQuote.

use alloc::vec::Vec;

use crate::cvm::{CvmError, Exchange};
use crate::host::SharedBuf;

/// Version, status, length in, length out; then data.
const HEADER: usize = 24;
const VERSION: u64 = 1;
const STATUS: usize = 8;
const OUT_LEN: usize = 20;
/// The status while the host is at it.
const IN_FLIGHT: u64 = u64::MAX;
/// Length of the buffer, in bytes.
pub(super) const BUFFER_LEN: usize = 128 * 1024;
/// How long to wait before another look, at first and at most.
const FIRST_NAP_NS: u64 = 1_000_000;
const LONGEST_NAP_NS: u64 = 250_000_000;

/// The host's quote of a report, at most `max_len` bytes of it; waits for it as long as
/// `exchange` lets it. `ask` asks the host, by physical address and length of the buffer.
pub(super) fn quote(
    report: &[u8],
    ask: impl FnOnce(u64, u64) -> Result<(), CvmError>,
    max_len: usize,
    exchange: &mut Exchange<'_>,
) -> Result<Vec<u8>, CvmError> {
    let buffer = exchange.buffer.ok_or(CvmError::NoMemory)?;
    if take(buffer, 0) == Ok(None) {
        return Err(CvmError::Busy);
    }
    fill(buffer, report).map_err(|_| CvmError::Invalid)?;
    let asked = ask(buffer.device_addr(), buffer.len() as u64);
    let mut nap_ns = FIRST_NAP_NS;
    let result = asked.and_then(|()| {
        loop {
            if let Some(quote) = take(buffer, max_len)? {
                return Ok(quote);
            }
            (exchange.nap)(nap_ns)?;
            nap_ns = LONGEST_NAP_NS.min(nap_ns * 2);
        }
    });
    if asked.is_err() {
        // Not the host's: it must not look as if it were in flight.
        let _ = buffer.store_u64(STATUS, 0);
    }
    result
}

/// Puts the report into the buffer, and zeros all else.
fn fill(buffer: &SharedBuf, report: &[u8]) -> Result<(), crate::host::OutOfRange> {
    for at in (0..buffer.len()).step_by(1024) {
        buffer.write(at, &[0; 1024])?;
    }
    buffer.store_u64(0, VERSION)?;
    buffer.write(HEADER - 8, &(report.len() as u32).to_le_bytes())?;
    buffer.write(HEADER, report)
}

/// The quote in the buffer, if the host has finished it.
pub(super) fn take(buffer: &SharedBuf, max_len: usize) -> Result<Option<Vec<u8>>, CvmError> {
    let is_done = buffer.load_u64(STATUS).check(|status| match *status {
        0 => Ok(true),
        IN_FLIGHT => Ok(false),
        _ => Err(CvmError::Host("GetQuote: the quote failed")),
    })?;
    if !is_done {
        return Ok(None);
    }
    let most = max_len.min(buffer.len() - HEADER);
    let len = buffer.load_u32(OUT_LEN).check(|len| match *len as usize {
        len if (1..=most).contains(&len) => Ok(len),
        _ => Err(CvmError::Host("GetQuote: a length out of range")),
    })?;
    let mut quote = Vec::new();
    quote.try_reserve_exact(len).map_err(|_| CvmError::NoMemory)?;
    quote.resize(len, 0);
    buffer.read_into(HEADER, &mut quote).map_err(|_| CvmError::Invalid)?;
    Ok(Some(quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosted;

    fn answer(status: u64, len: u32) -> SharedBuf {
        let buffer = SharedBuf::new(4096).unwrap();
        fill(&buffer, &[7; 1024]).unwrap();
        hosted::device_write(buffer.device_addr() + STATUS as u64, &status.to_le_bytes());
        hosted::device_write(buffer.device_addr() + OUT_LEN as u64, &len.to_le_bytes());
        hosted::device_write(buffer.device_addr() + HEADER as u64, &[9; 100]);
        buffer
    }

    #[test]
    fn a_good_answer_is_copied() {
        assert_eq!(take(&answer(0, 100), 1000).unwrap().unwrap(), [9; 100]);
        assert_eq!(take(&answer(IN_FLIGHT, 100), 1000), Ok(None));
    }

    #[test]
    fn lengths_and_states_are_checked() {
        for (status, len) in [(1, 100), (0, 0), (0, 1001), (0, 4 << 20), (0, u32::MAX)] {
            let result = take(&answer(status, len), 1000);
            assert!(matches!(result, Err(CvmError::Host(_))), "{status} {len}");
        }
        assert!(matches!(take(&answer(0, 4073), 1 << 20), Err(CvmError::Host(_))));
    }

    #[test]
    fn each_field_is_read_once() {
        let buffer = answer(0, 100);
        let addr = buffer.device_addr();
        let mut reads = Vec::new();
        hosted::before_access(move |at, len| {
            // The host says something else as soon as a field was read.
            assert!(!reads.contains(&at), "read twice");
            reads.push(at);
            if len > 8 {
                assert_eq!(len, 100);
                hosted::device_write(addr + OUT_LEN as u64, &u32::MAX.to_le_bytes());
                hosted::device_write(addr + STATUS as u64, &u64::MAX.to_le_bytes());
            }
        });
        assert_eq!(take(&buffer, 1000).unwrap().unwrap().len(), 100);
        hosted::no_hook();
    }
}
