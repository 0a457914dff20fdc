// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A platform for tests: registers in memory, quotes made of reports, failures on demand.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::mount::MountFlags;
use abi::{Errno, Result};
use framework::cvm::{Evidence, FirmwareLog, Provider, Register};
use framework::sync::SpinLock;
use vfs::{File, FsContext, Mount, Path, Resolver};

use crate::platform::{Failure, INPUT_LEN, Platform};

pub(crate) struct Fake {
    provider: Provider,
    report_len: usize,
    state: SpinLock<State>,
}

#[derive(Default)]
struct State {
    extended: Vec<(usize, Vec<u8>)>,
    quotes: usize,
    failure: Option<Failure>,
}

/// Two registers, of which programs may extend the second.
static REGISTERS: [Register; 2] = [
    Register { name: "fixed:sha384", at: 128, len: 48, extend: None },
    Register { name: "open:sha384", at: 176, len: 48, extend: Some(7) },
];

impl Default for Fake {
    fn default() -> Self {
        let provider = Provider { name: "tdx_guest", has_auxiliary: false };
        Self { provider, report_len: 1024, state: SpinLock::default() }
    }
}

impl Fake {
    /// A platform of another kind: longer reports, evidence in two parts.
    pub(crate) fn other() -> Self {
        let provider = Provider { name: "other_guest", has_auxiliary: true };
        Self { provider, report_len: 1184, state: SpinLock::default() }
    }

    pub(crate) fn shared() -> Arc<dyn Platform> {
        Arc::new(Self::default())
    }

    pub(crate) fn fail(&self, failure: Option<Failure>) {
        self.state.lock().failure = failure;
    }

    pub(crate) fn quotes(&self) -> usize {
        self.state.lock().quotes
    }

    pub(crate) fn extended(&self) -> Vec<(usize, Vec<u8>)> {
        self.state.lock().extended.clone()
    }
}

impl Platform for Fake {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<Vec<u8>, Failure> {
        let mut report = std::vec![0; self.report_len];
        report[..64].copy_from_slice(input);
        for (n, register) in REGISTERS.iter().enumerate() {
            report[register.at..][..register.len].fill(n as u8 + 1);
        }
        for (_, digest) in &self.state.lock().extended {
            report[REGISTERS[1].at..][..digest.len()].copy_from_slice(digest);
        }
        Ok(report)
    }

    fn registers(&self) -> &'static [Register] {
        &REGISTERS
    }

    fn extend(&self, index: usize, digest: &[u8]) -> Result<(), Failure> {
        self.state.lock().extended.push((index, digest.to_vec()));
        Ok(())
    }

    fn evidence(
        &self,
        input: &[u8; INPUT_LEN],
        max_len: usize,
        _deadline_ns: u64,
    ) -> Result<Evidence, Failure> {
        let report = self.report(input)?;
        let mut state = self.state.lock();
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        state.quotes += 1;
        let mut blob = b"quote of ".to_vec();
        blob.extend_from_slice(&report);
        assert!(blob.len() <= max_len);
        Ok(Evidence { blob, auxiliary: b"certificates".to_vec() })
    }

    fn firmware_log(&self) -> Option<FirmwareLog> {
        Some(FirmwareLog { table: b"CCEL".to_vec(), log: b"log".to_vec() })
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
    assert_eq!(read("fixed:sha384"), [1; 48]);
    assert_eq!(read("open:sha384"), [2; 48]);
    let open_one = file("open:sha384", OpenFlags::RDWR).unwrap();
    assert_eq!(errno(open_one.write(&mut Reader::kernel(&[9; 47]))), Some(Errno::EINVAL));
    assert_eq!(open_one.write(&mut Reader::kernel(&[9; 48])).unwrap(), 48);
    assert_eq!(fake.extended(), [(7, [9; 48].to_vec())]);
    assert_eq!(read("open:sha384"), [9; 48]);
    assert_eq!(errno(file("fixed:sha384", OpenFlags::RDWR)), Some(Errno::EACCES));
    let mut log = [0; 10];
    let ccel = open("/firmware/acpi/tables/data/CCEL", OpenFlags::RDONLY).unwrap();
    assert_eq!(ccel.read(&mut Writer::kernel(&mut log)).unwrap(), 3);
}
