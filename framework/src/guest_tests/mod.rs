// SPDX-License-Identifier: Apache-2.0 OR MIT
//! In-guest tests of the framework: what only a machine can show.
//!
//! Run by `cargo osdk test`; they call the crate as its users do.

mod interrupts;
mod memory;
mod sched;
mod user;

use alloc::sync::Arc;

use crate::mm::{Cow, Frame, Perms, VmSpace};
use crate::task::Task;
use crate::user::UserContext;

/// Where test programs are mapped.
const CODE: usize = 0x40_0000;
/// A readable and writable page for them; the stack starts at its end.
const DATA: usize = 0x50_0000;

type Outcome<T = ()> = Result<T, &'static str>;

/// A program in an address space of its own, which becomes the current one.
fn program(code: &[u8]) -> Outcome<(Arc<VmSpace>, UserContext)> {
    let oom = |_| "no memory";
    let space = VmSpace::new().map_err(oom)?;
    let text = Frame::zeroed().map_err(oom)?;
    text.write(0, code);
    space.map(CODE, text, Perms::READ | Perms::EXEC, Cow::No).map_err(oom)?;
    let data = Frame::zeroed().map_err(oom)?;
    space.map(DATA, data, Perms::READ | Perms::WRITE, Cow::No).map_err(oom)?;
    Task::set_vm_space(Some(space.clone()));
    let mut context = UserContext::new().map_err(oom)?;
    context.x86_regs_mut().rip = CODE as u64;
    context.x86_regs_mut().rsp = DATA as u64 + 4096;
    Ok((space, context))
}
