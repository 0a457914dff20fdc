// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A program: its address space, and what it may ask of the kernel.

use framework::boot;
use framework::mm::{Cow, Frame, PAGE_SIZE, Perms, Reader, VmSpace};
use framework::task::Task;
use framework::user::{Trap, UserContext};

use crate::console::Serial;
use crate::{archive, elf};

/// The page that is the program's stack.
const STACK: usize = 0x7000_0000;
/// System calls, with Linux's numbers.
const WRITE: u64 = 1;
const EXIT: u64 = 60;
/// What Linux returns for a bad address, and for a call that does not exist.
const EFAULT: i64 = -14;
const ENOSYS: i64 = -38;

/// Runs the file `name` of the initramfs; returns its exit status.
pub(crate) fn run(name: &[u8]) -> Result<u8, &'static str> {
    let initramfs = boot::take_initramfs().ok_or("there is no initramfs")?;
    let file = archive::find(&initramfs, name).ok_or("the program is not in the initramfs")?;
    let console = Serial::claim()?;

    let space = VmSpace::new().map_err(|_| "no memory for page tables")?;
    let entry = elf::load(file, &space)?;
    let stack = Frame::zeroed().map_err(|_| "no memory for the stack")?;
    let _ = space.map(STACK, stack, Perms::READ | Perms::WRITE, Cow::No);
    Task::set_vm_space(Some(space.clone()));

    let mut user = UserContext::new().map_err(|_| "no memory for registers")?;
    user.set_pc(entry);
    user.set_sp((STACK + PAGE_SIZE) as u64);
    loop {
        match user.run() {
            Trap::Syscall => {}
            Trap::Event => continue,
            Trap::PageFault(_) | Trap::Fault(_) => return Err("the program caused an exception"),
        }
        let [first, second, third, ..] = user.arguments();
        let result = match user.syscall_number() {
            WRITE => write(&space, &console, second as usize, third as usize),
            EXIT => return Ok(first as u8),
            _ => ENOSYS,
        };
        user.set_result(result as u64);
    }
}

/// Writes bytes of the program's to the console, at most 256 of them.
fn write(space: &VmSpace, console: &Serial, addr: usize, len: usize) -> i64 {
    let mut buffer = [0; 256];
    let read = Reader::user(space, addr, len).and_then(|mut bytes| bytes.read(&mut buffer));
    match read {
        Ok(count) => {
            console.write(buffer.get(..count).unwrap_or_default());
            count as i64
        }
        Err(_) => EFAULT,
    }
}
