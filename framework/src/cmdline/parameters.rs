// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every parameter of the command line, declared once: [`PARAMETERS`].
//!
//! A line is: what it means, its name, the field of [`CommandLine`] and its type,
//! the kind of its value, the default, who reads it, and what it widens in a
//! confidential VM: what the host may then do that it otherwise may not.

use super::InitWords;
use super::complaints::Complaints;
use super::kind::{FromValue, Kind, List, Percent, Value};
use super::parameter::Parameter;

/// The seconds of which a 64-bit number holds the nanoseconds.
const MAX_SECONDS: u64 = u64::MAX / 1_000_000_000;

macro_rules! optional {
    () => {
        None
    };
    ($some:expr) => {
        Some($some)
    };
}

macro_rules! parameters {
    ($(
        $(#[doc = $help:literal])+
        $name:literal => $field:ident: $type:ty, $kind:expr, $default:literal, $reader:literal
        $(, $widens:literal)?;
    )+) => {
        /// All parameters.
        pub const PARAMETERS: &[Parameter] = &[$(Parameter {
            name: $name,
            kind: $kind,
            default: $default,
            reader: $reader,
            help: &[$($help),+],
            widens: optional!($($widens)?),
        }),+];

        /// What a command line says.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct CommandLine<'a> {
            /// The line as it was given.
            pub text: &'a str,
            $($(#[doc = $help])+ pub $field: $type,)+
            /// Arguments for the first program.
            pub init_args: InitWords<'a>,
            /// Environment for the first program: all have a value.
            pub init_env: InitWords<'a>,
            pub(crate) complaints: Complaints<'a>,
        }

        impl<'a> CommandLine<'a> {
            /// Sets the field of a parameter; `None` when the type does not hold the value.
            pub(super) fn set(&mut self, parameter: &Parameter, value: Value<'a>) -> Option<()> {
                match parameter.name {
                    $($name => self.$field = FromValue::from_value(value)?,)+
                    _ => return None,
                }
                Some(())
            }
        }
    };
}

parameters! {
    /// Where the log and the first program's terminal are: a serial port (`ttyS0`) or
    /// the virtio console (`hvc0`). The last one counts.
    "console" => console: Option<&'a str>, Kind::Word,
        "the first serial port; in a CVM `hvc0`", "services/init, the log, host",
        "A serial port: its lines are used as by `nacre.serial`.";
    /// Keeps the kernel's log off the console; stops are still told.
    "quiet" => is_quiet: bool, Kind::Flag, "off", "the log";
    /// Only records more urgent than this go to the console: 4 lets errors pass, 5
    /// warnings too, 7 information too.
    "loglevel" => log_level: Option<u8>, Kind::Number { min: 0, max: 15, unit: "level" },
        "7; 1 with `quiet`", "the log";
    /// The first program on the root file system. Words for init before it are dropped.
    "init" => init: Option<&'a str>, Kind::Word,
        "`/sbin/init`, `/etc/init`, `/bin/init`, `/bin/sh`", "services/init";
    /// The first program in the initramfs. Words for init before it are dropped.
    "rdinit" => rdinit: Option<&'a str>, Kind::Word, "`/init`", "services/init";
    /// A command that `/bin/sh -c` runs as the first program, on a terminal of its own.
    "nacre.exec" => exec: Option<Percent<'a>>, Kind::Percent, "", "services/init";
    /// Devices of other kinds than these are left alone; a name that does not exist stands
    /// for none.
    "nacre.devices" => devices: Option<List<'a>>,
        Kind::List(&["virtio-blk", "virtio-console", "virtio-rng"]), "all", "drivers/virtio";
    /// Serial ports that a CVM uses; other machines use all.
    "nacre.serial" => serial: Option<List<'a>>,
        Kind::List(&["ttyS0", "ttyS1", "ttyS2", "ttyS3"]), "none but the console", "host",
        "The ports are probed and used, by a call of the host for each byte.";
    /// How long a disk may take for a request before it is shut off; 0 is for ever.
    "nacre.io_timeout" => io_timeout_s: Option<u32>,
        Kind::Number { min: 0, max: u32::MAX as u64, unit: "seconds" }, "30", "drivers/virtio";
    /// The wall clock at boot, in a CVM. Other machines ask the clock of the PC.
    "nacre.time" => time_s: Option<u64>,
        Kind::Number { min: 0, max: MAX_SECONDS, unit: "seconds since 1970" }, "0", "the clock",
        "Whoever writes the command line sets the clock, within what its measurement lets pass.";
    /// Uses QEMU's debug console at port 0xe9 and its exits at 0xf4 and 0x604 in a CVM
    /// too; `cargo osdk` reads the exit status there.
    "nacre.control" => has_control: bool, Kind::Flag, "off; always on outside of a CVM", "cvm",
        "The host learns the exit status of the first program, reasons of stops, and with \
         `nacre.trace` every system call with the begin of its buffers.";
    /// Runs in a confidential VM even if the host may debug it.
    "nacre.cvm_debug" => may_debug_cvm: bool, Kind::Flag, "off", "cvm",
        "The host may read and write all memory and registers: nothing is confidential.";
    /// Tells each system call in strace's form on the control channel.
    "nacre.trace" => has_trace: bool, Kind::Flag, "off", "syscalls";
    /// Stops the kernel instead of starting a program, as `panic`, `overflow` (of the
    /// kernel stack) or `fatal`: for the tests of stops.
    "nacre.test_stop" => test_stop: Option<&'a str>, Kind::Word, "", "services/init";
    /// `SEED,RATE`, in a kernel that is built with `fail-alloc`: of the allocations that may
    /// fail, one in RATE does.
    "nacre.fail_alloc" => fail_alloc: Option<&'a str>, Kind::Word, "none", "framework::mm";
    /// Which in-guest tests run, in a kernel that is built with them: those whose name
    /// contains this.
    "nacre.test" => test: Option<&'a str>, Kind::Word, "all", "framework::test";
}

/// Parameters of Linux that mean nothing here yet, or cannot mean anything, and are no
/// words for init either.
pub const IGNORED: [(&str, &str); 7] = [
    ("root", "there are no file systems on disks yet: the root is the initramfs"),
    ("ro", "the root can be written"),
    ("rw", "the root can be written"),
    ("panic", "a stop always ends the machine"),
    ("debug", "use `loglevel`"),
    ("earlyprintk", "the log begins as early as it can"),
    ("nokaslr", "the kernel is where the loader put it"),
];
