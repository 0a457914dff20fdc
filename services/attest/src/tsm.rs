// SPDX-License-Identifier: Apache-2.0 OR MIT
//! configfs-tsm: a directory per report, with evidence to be read from it.
//!
//! Each write to `inblob` advances the generation; reading `outblob` gives the evidence that
//! was made last if it belongs to the present generation, and else makes it anew.
//!
//! Locks: a report's `state` (sleeping), held while the platform makes evidence.
//! Spec: Documentation/ABI/testing/configfs-tsm of Linux 6.12.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err, error};
use configfs::{Attribute, Form, Group, Item};
use framework::sync::Mutex;
use framework::time::monotonic_ns;

use crate::platform::{INPUT_LEN, Platform};

/// The most that `inblob` takes, whatever the provider makes of it.
const MAX_INPUT: usize = 64;
/// The longest evidence.
const MAX_OUTPUT: usize = 32 * 1024;
/// How long the host may take.
const TIMEOUT_NS: u64 = 30_000_000_000;

/// The files of a report; the last for providers that have it.
const ATTRIBUTES: [Attribute; 5] = [
    Attribute { name: "generation", perm: 0o444, form: Form::Text },
    Attribute { name: "provider", perm: 0o444, form: Form::Text },
    Attribute { name: "inblob", perm: 0o200, form: Form::Binary(MAX_INPUT) },
    Attribute { name: "outblob", perm: 0o444, form: Form::Binary(MAX_OUTPUT) },
    Attribute { name: "auxblob", perm: 0o444, form: Form::Binary(MAX_OUTPUT) },
];

/// Makes /sys/kernel/config/tsm/report.
pub(crate) fn register(platform: Arc<dyn Platform>) -> Result<()> {
    configfs::register("tsm", "report", Arc::new(Reports(platform)))
}

struct Reports(Arc<dyn Platform>);

impl Group for Reports {
    fn make(&self, _name: &[u8]) -> Result<Arc<dyn Item>> {
        Ok(Arc::new(Report { platform: self.0.clone(), state: Mutex::new(State::default()) }))
    }
}

/// A report instance.
struct Report {
    platform: Arc<dyn Platform>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    input: Vec<u8>,
    output: Option<Output>,
    /// Counts the writes.
    written: u64,
    /// The count of writes that `output` belongs to.
    read: u64,
}

/// Evidence, as it is read.
#[derive(Clone)]
struct Output {
    blob: Arc<[u8]>,
    auxiliary: Arc<[u8]>,
}

impl State {
    /// Counts a write; `EBUSY` if the count would come round to that of the last report.
    fn advance(&mut self) -> Result<()> {
        if self.written == self.read.wrapping_sub(1) {
            return err!(EBUSY, "written too often without a read");
        }
        self.written = self.written.wrapping_add(1);
        Ok(())
    }
}

impl Report {
    fn output(&self) -> Result<Output> {
        // Another reader may be waiting for the host.
        let state = self.state.lock_interruptible();
        let mut state = state.map_err(|_| error!(EINTR, "interrupted"))?;
        if state.input.is_empty() {
            return err!(EINVAL, "inblob comes first");
        }
        if let Some(output) = &state.output
            && state.read == state.written
        {
            return Ok(output.clone());
        }
        state.output = None;
        let output = self.evidence(&state.input)?;
        state.output = Some(output.clone());
        state.read = state.written;
        Ok(output)
    }

    fn evidence(&self, input: &[u8]) -> Result<Output> {
        let input: &[u8; INPUT_LEN] =
            input.try_into().map_err(|_| error!(EINVAL, "inblob is not of 64 bytes"))?;
        let deadline = monotonic_ns().saturating_add(TIMEOUT_NS);
        let evidence = self.platform.evidence(input, MAX_OUTPUT, deadline);
        let evidence = evidence.inspect_err(|failure| {
            log::error!("{}: no quote: {failure:?}", self.platform.provider().name);
        })?;
        Ok(Output { blob: evidence.blob.into(), auxiliary: evidence.auxiliary.into() })
    }
}

impl Item for Report {
    fn attributes(&self) -> &'static [Attribute] {
        let [common @ .., _] = &ATTRIBUTES;
        if self.platform.provider().has_auxiliary { &ATTRIBUTES } else { common }
    }

    fn show(&self, name: &str) -> Result<Arc<[u8]>> {
        match name {
            "generation" => Ok(format!("{}\n", self.state.lock().written).into_bytes().into()),
            "provider" => Ok(format!("{}\n", self.platform.provider().name).into_bytes().into()),
            "outblob" => Ok(self.output()?.blob),
            "auxblob" => Ok(self.output()?.auxiliary),
            _ => err!(EACCES, "cannot be read"),
        }
    }

    fn store(&self, name: &str, data: &[u8]) -> Result<()> {
        if name != "inblob" {
            return err!(EACCES, "cannot be written");
        }
        let mut input = Vec::new();
        input.try_reserve_exact(data.len()).map_err(|_| error!(ENOMEM))?;
        input.extend_from_slice(data);
        let mut state = self.state.lock();
        state.advance()?;
        state.input = input;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, errno};
    use abi::Errno;

    fn report(fake: &Arc<Fake>) -> Report {
        Report { platform: fake.clone(), state: Mutex::new(State::default()) }
    }

    #[test]
    fn a_quote_belongs_to_its_generation() {
        let fake = Arc::new(Fake::default());
        let report = report(&fake);
        assert_eq!(errno(report.show("outblob")), Some(Errno::EINVAL));
        assert_eq!(&*report.show("generation").unwrap(), b"0\n");
        report.store("inblob", &[1; 64]).unwrap();
        let first = report.show("outblob").unwrap();
        assert_eq!(report.show("outblob").unwrap(), first);
        assert_eq!(fake.quotes(), 1);
        report.store("inblob", &[2; 64]).unwrap();
        report.store("inblob", &[2; 64]).unwrap();
        assert_eq!(&*report.show("generation").unwrap(), b"3\n");
        assert_ne!(report.show("outblob").unwrap(), first);
        assert_eq!(fake.quotes(), 2);
        assert_eq!(&*report.show("provider").unwrap(), b"tdx_guest\n");
    }

    #[test]
    fn the_second_part_is_shown_where_there_is_one() {
        let names = |report: &Report| {
            report.attributes().iter().map(|attribute| attribute.name).collect::<Vec<_>>()
        };
        let [one, two] = [Fake::default(), Fake::other()].map(|fake| report(&Arc::new(fake)));
        assert_eq!(names(&one), ["generation", "provider", "inblob", "outblob"]);
        assert_eq!(names(&two)[4..], ["auxblob"]);
        two.store("inblob", &[1; 64]).unwrap();
        assert_eq!(&*two.show("auxblob").unwrap(), b"certificates");
        assert_eq!(two.show("outblob").unwrap().len(), b"quote of ".len() + 1184);
        assert_eq!(&*two.show("provider").unwrap(), b"other_guest\n");
    }

    #[test]
    fn the_input_has_64_bytes() {
        let report = report(&Arc::new(Fake::default()));
        for len in [1, 63] {
            report.store("inblob", &[1; 64][..len]).unwrap();
            assert_eq!(errno(report.show("outblob")), Some(Errno::EINVAL));
        }
    }

    #[test]
    fn failures_are_those_of_linux() {
        let fake = Arc::new(Fake::default());
        let report = report(&fake);
        report.store("inblob", &[1; 64]).unwrap();
        use crate::Failure::{Broken, Busy, Interrupted, Invalid, NoMemory, TimedOut};
        let expected = [
            (Busy, Errno::EBUSY),
            (TimedOut, Errno::ETIMEDOUT),
            (Interrupted, Errno::EINTR),
            (Broken, Errno::EIO),
            (Invalid, Errno::EINVAL),
            (NoMemory, Errno::ENOMEM),
        ];
        for (failure, number) in expected {
            fake.fail(Some(failure));
            assert_eq!(errno(report.show("outblob")), Some(number));
        }
        fake.fail(None);
        assert!(report.show("outblob").is_ok());
    }

    #[test]
    fn the_count_does_not_come_round() {
        let mut state = State { written: u64::MAX, read: 5, ..State::default() };
        for _ in 0..5 {
            state.advance().unwrap();
        }
        assert_eq!(state.written, 4);
        assert_eq!(errno(state.advance()), Some(Errno::EBUSY));
    }
}
