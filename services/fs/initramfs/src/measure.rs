// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How much memory an archive's files take: a walk over it that keeps nothing.

use crate::Refusal;
use crate::cpio::{self, Visit};
use crate::header::Header;
use crate::stream::Stream;

/// A page of memory, in which the content of files is kept.
const PAGE: u64 = 4096;

struct Measure {
    bytes: u64,
}

impl Visit for Measure {
    fn start(&mut self) {}

    fn take(
        &mut self,
        stream: &mut Stream<'_>,
        header: &Header,
        _name: &[u8],
    ) -> Result<(), Refusal> {
        let size = u64::from(header.size);
        self.bytes = self.bytes.saturating_add(size.next_multiple_of(PAGE));
        stream.skip(size)
    }
}

pub(crate) fn content_bytes(archive: &[u8]) -> Result<u64, Refusal> {
    let mut measure = Measure { bytes: 0 };
    cpio::walk(archive, &mut measure)?;
    Ok(measure.bytes)
}
