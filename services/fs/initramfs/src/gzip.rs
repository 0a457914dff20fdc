// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One gzip member, decompressed piece by piece through a window.
//!
//! Spec: RFC 1952.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::error;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::Reason;

/// Output window; a power of two that deflate's 32 KiB fit in.
const WINDOW: usize = 64 * 1024;

/// 16 KiB of tables: three to four times as fast as four kilobytes.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// A gzip member being decompressed.
pub(crate) struct Gzip<'a> {
    input: &'a [u8],
    state: Box<DecompressorOxide>,
    window: Vec<u8>,
    /// Where the next output goes.
    next: usize,
    /// What was put out and not taken yet.
    ready: core::ops::Range<usize>,
    crc: Digest<'static, u32, Table<16>>,
    total: u32,
    is_done: bool,
}

impl<'a> Gzip<'a> {
    /// Starts on `input`, which begins with a gzip header.
    pub(crate) fn new(input: &'a [u8]) -> Result<Self, Reason> {
        let body = skip_header(input).ok_or(Reason::Truncated)??;
        let mut window = Vec::new();
        let reserved = window.try_reserve_exact(WINDOW);
        reserved.map_err(|_| Reason::File(error!(ENOMEM, "no window for gzip")))?;
        window.resize(WINDOW, 0);
        Ok(Self {
            input: body,
            state: Box::default(),
            window,
            next: 0,
            ready: 0..0,
            crc: CRC.digest(),
            total: 0,
            is_done: false,
        })
    }

    /// Bytes that are ready; empty at the end.
    pub(crate) fn chunk(&mut self) -> Result<&[u8], Reason> {
        while self.ready.is_empty() && !self.is_done {
            self.inflate()?;
        }
        Ok(self.window.get(self.ready.clone()).unwrap_or_default())
    }

    pub(crate) fn advance(&mut self, count: usize) {
        self.ready.start = self.ready.end.min(self.ready.start + count);
    }

    /// What follows the member, once it is done.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.input
    }

    fn inflate(&mut self) -> Result<(), Reason> {
        let (status, taken, put) =
            decompress(&mut self.state, self.input, &mut self.window, self.next, 0);
        self.input = self.input.get(taken..).unwrap_or_default();
        self.ready = self.next..self.next + put;
        let out = self.window.get(self.ready.clone()).unwrap_or_default();
        self.crc.update(out);
        self.total = self.total.wrapping_add(out.len() as u32);
        self.next = self.ready.end % WINDOW;
        match status {
            TINFLStatus::Done => {
                self.is_done = true;
                self.check_trailer()
            }
            TINFLStatus::HasMoreOutput if put > 0 || taken > 0 => Ok(()),
            TINFLStatus::HasMoreOutput
            | TINFLStatus::NeedsMoreInput
            | TINFLStatus::FailedCannotMakeProgress => Err(Reason::Truncated),
            TINFLStatus::BadParam | TINFLStatus::Adler32Mismatch | TINFLStatus::Failed => {
                Err(Reason::BadCompression)
            }
            _ => Err(Reason::BadCompression),
        }
    }

    fn check_trailer(&mut self) -> Result<(), Reason> {
        let Some((trailer, rest)) = self.input.split_first_chunk::<8>() else {
            return Err(Reason::Truncated);
        };
        self.input = rest;
        let [a, b, c, d, e, f, g, h] = *trailer;
        let (crc, len) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if crc != self.crc.clone().finalize() || len != self.total {
            return Err(Reason::BadChecksum);
        }
        Ok(())
    }
}

/// The data behind the header; `None` if the header does not end.
fn skip_header(input: &[u8]) -> Option<Result<&[u8], Reason>> {
    let (fixed, mut rest) = input.split_first_chunk::<10>()?;
    let [_, _, method, flags, ..] = *fixed;
    if method != 8 {
        return Some(Err(Reason::BadCompression));
    }
    if flags & RESERVED != 0 {
        return Some(Err(Reason::Unsupported("a reserved gzip flag")));
    }
    if flags & FEXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FHCRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(Ok(rest))
}
