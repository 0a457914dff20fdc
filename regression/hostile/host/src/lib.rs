// SPDX-License-Identifier: GPL-2.0-or-later
//! A TDX module and a host, played by a QEMU plugin to an unmodified image.
//!
//! [`insn`] is the instruction layer: it takes a vCPU over at an instruction without losing flags, injects exceptions,
//! and runs port and MSR work on the vCPU itself. [`tdx`] is the faithful TDX module, [`vmm`] the honest host; [`evil`]
//! may change what they answer, [`oracle`] watches. [`sections`] plays nothing and measures the kernel's longest sections.
//! [`ffi`] is the one file with unsafe code.
//!
//! Arguments (`-plugin libhostile_host.so,name=value,…`): see [`config::Config`].
#![deny(unsafe_code)]

pub mod config;
pub mod events;
pub mod evil;
pub mod ffi;
pub mod insn;
pub mod oracle;
pub mod sections;
pub mod tdx;
pub mod vmm;

use std::sync::OnceLock;

use config::{Config, Mode};
use events::Events;
use evil::Engine;

/// Where a vCPU goes on after a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With the instruction at hand.
    Continue,
    /// At this address.
    Jump(u64),
}

/// Everything that lives as long as QEMU.
pub struct Host {
    /// The arguments.
    pub config: Config,
    /// The events file and the counters.
    pub events: Events,
    /// The attacks.
    pub engine: Engine,
    /// The TDX module.
    pub module: tdx::Module,
    /// The instruction layer's own state.
    pub insn: insn::Layer,
}

static HOST: OnceLock<Host> = OnceLock::new();

/// The one host.
pub fn host() -> &'static Host {
    HOST.get().expect("the plugin is installed")
}

/// Reads the arguments and opens the files.
pub(crate) fn install(args: &[String], cpus: usize) -> Result<(), String> {
    let config = Config::parse(args, cpus)?;
    let events = Events::open(config.events.as_deref())?;
    let engine = Engine::new(&config)?;
    let module = tdx::Module::new(&config)?;
    let insn = insn::Layer::new(cpus, module.entry());
    HOST.set(Host { config, events, engine, module, insn }).map_err(|_| "loaded twice".to_owned())
}

/// QEMU ends.
pub(crate) fn finished() {
    let host = host();
    host.engine.on_exit();
    host.events.counts();
    if host.config.mode == Mode::Sections {
        sections::report(&host.events);
    }
}
