// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /dev/kmsg: the kernel log, one record a read; programs add records by writing.
//!
//! The offset of the file is the number of the next record.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::PollEvents;
use abi::{Errno, Result, err, error};
use framework::log;
use framework::mm::{Reader, Writer};
use framework::sync::{Wait, WaitQueue, Waiter};
use framework::time::monotonic_ns;
use vfs::{File, FileOps, SeekFrom};

pub(crate) struct Kmsg;

/// The longest record that a program may write.
const MAX_LINE: usize = 1024 - 32;
/// The log announces nothing: a reader looks again this often.
const LOOK_AGAIN_NS: u64 = 100_000_000;

static NEVER: WaitQueue = WaitQueue::new();

/// The record in the form of /dev/kmsg: `6,339,5140900,-;text`.
fn format_record(record: &log::Record) -> String {
    let mut out = format!("{},{},{},-;", record.priority, record.seq, record.time_us);
    for c in record.text.chars() {
        match c {
            '\\' => out.push_str("\\x5c"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c) & 0xff)),
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}

/// Splits `<N>text` into the level and the text; the default level is 4.
fn split_priority(text: &str) -> (u8, &str) {
    let parsed = text.strip_prefix('<').and_then(|rest| {
        let (number, text) = rest.split_once('>')?;
        Some(((number.parse::<u32>().ok()? & 7) as u8, text))
    });
    parsed.unwrap_or((4, text))
}

fn next_record(file: &File, seq: u64) -> Result<log::Record> {
    loop {
        if let Some(record) = log::read(seq) {
            return Ok(record);
        }
        if file.is_nonblocking() {
            return err!(EAGAIN, "no new record");
        }
        let wait = Wait::interruptible().deadline_ns(monotonic_ns() + LOOK_AGAIN_NS);
        match NEVER.wait(wait, || log::read(seq)) {
            Ok(record) => return Ok(record),
            Err(why) => {
                let error = abi::Error::from(why);
                if error.errno() != Errno::ETIMEDOUT {
                    return Err(error);
                }
            }
        }
    }
}

impl FileOps for Kmsg {
    fn read(&self, file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        let offset = file.lock_offset();
        let record = next_record(file, offset.get())?;
        if record.seq > offset.get() {
            let was_started = offset.get() != 0;
            offset.set(record.seq);
            if was_started {
                return err!(EPIPE, "records were overwritten");
            }
        }
        let text = format_record(&record);
        if text.len() > dst.remaining() {
            return err!(EINVAL, "the buffer is too small for the record");
        }
        offset.set(record.seq + 1);
        Ok(dst.write(text.as_bytes())?)
    }

    fn write(&self, _file: &File, src: &mut Reader<'_>) -> Result<usize> {
        let len = src.remaining();
        if len > MAX_LINE {
            return err!(EINVAL, "record too long");
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| error!(ENOMEM))?;
        bytes.resize(len, 0);
        src.read_exact(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let (priority, text) = split_priority(&text);
        log::append(priority, text.trim_end_matches('\n'));
        Ok(len)
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let (first, next) = log::bounds();
        let offset = file.lock_offset();
        offset.set(match to {
            SeekFrom::Start(0) | SeekFrom::Data(0) => first,
            SeekFrom::End(0) => next,
            SeekFrom::Start(_) | SeekFrom::End(_) | SeekFrom::Data(_) => {
                return err!(ESPIPE, "kmsg seeks to its ends only");
            }
            SeekFrom::Current(_) | SeekFrom::Hole(_) => return err!(EINVAL, "seek in kmsg"),
        });
        Ok(0)
    }

    fn poll(&self, file: &File, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        if let Some(waiter) = waiter {
            NEVER.enlist(waiter);
        }
        let (_, next) = log::bounds();
        if file.offset() < next { PollEvents::ALWAYS } else { PollEvents::WRITABLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_and_escapes() {
        assert_eq!(split_priority("<3>oh no"), (3, "oh no"));
        assert_eq!(split_priority("<14>user"), (6, "user"));
        assert_eq!(split_priority("<x>y"), (4, "<x>y"));
        let record = log::Record { seq: 7, priority: 6, time_us: 99, text: "a\\b\nc".into() };
        assert_eq!(format_record(&record), "6,7,99,-;a\\x5cb\\x0ac\n");
    }
}
