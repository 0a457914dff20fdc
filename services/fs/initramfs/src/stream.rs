// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bytes of an archive, wherever they come from, with their position.

use crate::gzip::Gzip;
use crate::{Reason, Refusal};

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(Gzip<'a>),
}

/// A stream of archive bytes.
pub(crate) struct Stream<'a> {
    source: Source<'a>,
    position: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn plain(data: &'a [u8], position: u64) -> Self {
        Self { source: Source::Plain(data), position }
    }

    pub(crate) fn gzip(data: &'a [u8]) -> Result<Self, Reason> {
        Ok(Self { source: Source::Gzip(Gzip::new(data)?), position: 0 })
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The archive's bytes behind this stream, once it is read to its end.
    pub(crate) fn rest(&self) -> &'a [u8] {
        match &self.source {
            Source::Plain(data) => data,
            Source::Gzip(gzip) => gzip.rest(),
        }
    }

    pub(crate) fn refuse(&self, reason: Reason) -> Refusal {
        Refusal { offset: self.position, reason }
    }

    /// Bytes at the position, at most `max`; empty at the end only.
    pub(crate) fn chunk(&mut self, max: usize) -> Result<&[u8], Refusal> {
        let offset = self.position;
        let all = match &mut self.source {
            Source::Plain(data) => *data,
            Source::Gzip(gzip) => gzip.chunk().map_err(|reason| Refusal { offset, reason })?,
        };
        Ok(all.get(..max).unwrap_or(all))
    }

    pub(crate) fn advance(&mut self, count: usize) {
        self.position += count as u64;
        match &mut self.source {
            Source::Plain(data) => *data = data.get(count..).unwrap_or_default(),
            Source::Gzip(gzip) => gzip.advance(count),
        }
    }

    /// Fills `out`.
    pub(crate) fn read_exact(&mut self, out: &mut [u8]) -> Result<(), Refusal> {
        let mut rest = out;
        while !rest.is_empty() {
            let chunk = self.chunk(rest.len())?;
            let count = chunk.len();
            let Some((now, later)) = rest.split_at_mut_checked(count).filter(|_| count > 0) else {
                return Err(self.refuse(Reason::Truncated));
            };
            now.copy_from_slice(chunk);
            rest = later;
            self.advance(count);
        }
        Ok(())
    }

    /// Leaves out `count` bytes.
    pub(crate) fn skip(&mut self, count: u64) -> Result<(), Refusal> {
        let mut left = count;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let have = self.chunk(wanted)?.len();
            if have == 0 {
                return Err(self.refuse(Reason::Truncated));
            }
            self.advance(have);
            left -= have as u64;
        }
        Ok(())
    }

    /// Leaves out zeros; whether anything follows.
    pub(crate) fn skip_zeros(&mut self) -> Result<bool, Refusal> {
        loop {
            let chunk = self.chunk(usize::MAX)?;
            let zeros = chunk.iter().position(|&byte| byte != 0);
            let (count, is_end) = match zeros {
                Some(count) => (count, true),
                None => (chunk.len(), chunk.is_empty()),
            };
            self.advance(count);
            if is_end {
                return Ok(zeros.is_some());
            }
        }
    }
}
