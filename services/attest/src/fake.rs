// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A platform for tests: registers in memory, quotes made of reports, failures on demand.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Result};
use framework::sync::SpinLock;
use vfs::{File, FsContext, Mount, MountFlags, OpenFlags, Path, Resolver};

use crate::platform::{DIGEST_LEN, Failure, INPUT_LEN, Platform, REPORT_LEN};

#[derive(Default)]
pub(crate) struct Fake(SpinLock<State>);

#[derive(Default)]
struct State {
    extended: Vec<(usize, [u8; DIGEST_LEN])>,
    quotes: usize,
    failure: Option<Failure>,
}

impl Fake {
    pub(crate) fn shared() -> Arc<dyn Platform> {
        Arc::new(Self::default())
    }

    pub(crate) fn fail(&self, failure: Option<Failure>) {
        self.0.lock().failure = failure;
    }

    pub(crate) fn quotes(&self) -> usize {
        self.0.lock().quotes
    }

    pub(crate) fn extended(&self) -> Vec<(usize, [u8; DIGEST_LEN])> {
        self.0.lock().extended.clone()
    }
}

impl Platform for Fake {
    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<[u8; REPORT_LEN], Failure> {
        let mut report = [0; REPORT_LEN];
        report[128..192].copy_from_slice(input);
        for (index, register) in report[528..912].chunks_mut(DIGEST_LEN).enumerate() {
            register.fill(index as u8 + 1);
        }
        for (index, digest) in &self.0.lock().extended {
            report[720 + index * DIGEST_LEN..][..DIGEST_LEN].copy_from_slice(digest);
        }
        Ok(report)
    }

    fn extend(&self, index: usize, digest: &[u8; DIGEST_LEN]) -> Result<(), Failure> {
        self.0.lock().extended.push((index, *digest));
        Ok(())
    }

    fn quote(
        &self,
        report: &[u8; REPORT_LEN],
        max_len: usize,
        _deadline_ns: u64,
    ) -> Result<Vec<u8>, Failure> {
        let mut state = self.0.lock();
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        state.quotes += 1;
        let mut quote = b"quote of ".to_vec();
        quote.extend_from_slice(report);
        assert!(quote.len() <= max_len);
        Ok(quote)
    }

    fn ccel(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((b"CCEL".to_vec(), b"log".to_vec()))
    }
}

pub(crate) fn errno<T>(result: Result<T>) -> Option<Errno> {
    result.err().map(abi::Error::errno)
}

/// Opens a file of the tree that [`crate::register`] has filled.
pub(crate) fn open(path: &str, flags: OpenFlags) -> Result<Arc<File>> {
    sysfs::init();
    let root = vfs::new_fs(b"sysfs", b"sysfs", b"")?;
    let context = FsContext::new(Path::root_of(Mount::new(root, b"sysfs", MountFlags::empty())));
    let cred = cred::Cred::root();
    vfs::open(&Resolver::new(&context, &cred), path.as_bytes(), flags, 0)
}

/// Some open file.
pub(crate) fn file() -> Arc<File> {
    open("/devices/system/cpu/online", OpenFlags::RDONLY).unwrap()
}

#[test]
fn the_interfaces_are_made() {
    use framework::mm::{Reader, Writer};
    let fake = Arc::new(Fake::default());
    crate::init(Some(fake.clone()));
    let folder = "/devices/virtual/misc/tdx_guest";
    let file = |name: &str, flags| open(&std::format!("{folder}/measurements/{name}"), flags);
    let read = |name: &str| {
        let mut value = [0; 100];
        let count = file(name, OpenFlags::RDONLY).unwrap().read(&mut Writer::kernel(&mut value));
        value[..count.unwrap()].to_vec()
    };
    assert_eq!(read("mrtd:sha384"), [1; 48]);
    assert_eq!(read("rtmr3:sha384"), [8; 48]);
    let rtmr3 = file("rtmr3:sha384", OpenFlags::RDWR).unwrap();
    assert_eq!(errno(rtmr3.write(&mut Reader::kernel(&[9; 47]))), Some(Errno::EINVAL));
    assert_eq!(rtmr3.write(&mut Reader::kernel(&[9; 48])).unwrap(), 48);
    assert_eq!(fake.extended(), [(3, [9; 48])]);
    assert_eq!(read("rtmr3:sha384"), [9; 48]);
    for name in ["rtmr0:sha384", "rtmr1:sha384", "rtmr2:sha384", "mrtd:sha384", "mrowner"] {
        assert_eq!(errno(file(name, OpenFlags::RDWR)), Some(Errno::EACCES));
    }
    let mut log = [0; 10];
    let ccel = open("/firmware/acpi/tables/data/CCEL", OpenFlags::RDONLY).unwrap();
    assert_eq!(ccel.read(&mut Writer::kernel(&mut log)).unwrap(), 3);
}
