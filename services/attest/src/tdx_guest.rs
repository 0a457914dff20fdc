// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What Linux shows in a TDX guest alone: /dev/tdx_guest with TDREPORTs by ioctl, and the
//! folder of its registers.
//!
//! Spec: Documentation/virt/coco/tdx-guest.rst of Linux.

use alloc::string::String;
use alloc::sync::Arc;

use abi::device::MISC_MAJOR;
use abi::ioctl::tdx_guest::{REPORTDATA_LEN, TDX_CMD_GET_REPORT0};
use abi::{Result, err};
use framework::mm::{Reader, Writer};
use vfs::{DeviceId, DeviceNode, File, FileOps, IoctlContext, Opening};

use crate::platform::{INPUT_LEN, Platform};
use crate::registers;

/// The name of the device, and of the provider of evidence.
pub(crate) const NAME: &str = "tdx_guest";

/// The minor number is one of the dynamic ones.
const DEV: DeviceId = DeviceId::new(MISC_MAJOR, 125);

const _: () = assert!(INPUT_LEN == REPORTDATA_LEN);

/// Registers the device, and shows it in sysfs with its registers.
pub(crate) fn register(platform: &Arc<dyn Platform>) -> Result<()> {
    let folder = device(platform.clone())?;
    registers::register(platform, &folder)
}

fn device(platform: Arc<dyn Platform>) -> Result<String> {
    let open = move |_: DeviceId, _: &Opening<'_>| -> Result<Arc<dyn FileOps>> {
        Ok(Arc::new(Guest(platform.clone())))
    };
    vfs::register_chrdev(DEV.major, DEV.minor..DEV.minor + 1, Arc::new(open));
    vfs::register_node(DeviceNode { name: NAME, dev: DEV, perm: 0o600, gid: 0 });
    sysfs::device(&sysfs::Device {
        parent: "devices/virtual/misc",
        class: "misc",
        name: NAME,
        dev: DEV,
        numbering: sysfs::Numbering::Char,
    })
}

struct Guest(Arc<dyn Platform>);

impl FileOps for Guest {
    fn read(&self, _file: &File, _dst: &mut Writer<'_>) -> Result<usize> {
        err!(EINVAL, "nothing to read")
    }

    fn write(&self, _file: &File, _src: &mut Reader<'_>) -> Result<usize> {
        err!(EINVAL, "nothing to write")
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn ioctl(&self, _file: &File, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        if cmd != TDX_CMD_GET_REPORT0 {
            return err!(ENOTTY, "no such control");
        }
        let mut input = [0; INPUT_LEN];
        context.vm.read(context.arg, &mut input)?;
        let report = self.0.report(&input)?;
        context.vm.write(context.arg.wrapping_add(INPUT_LEN), &report)?;
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, errno};
    use abi::Errno;
    use cred::Cred;

    #[test]
    fn bad_calls_are_refused() {
        let guest = Guest(Fake::shared());
        let vm = framework::mm::VmSpace::new().unwrap();
        let cred = Cred::root();
        let context = IoctlContext { arg: 0x1000, vm: &vm, cred: &cred };
        let file = crate::fake::file();
        assert_eq!(errno(guest.ioctl(&file, 0x5401, &context)), Some(Errno::ENOTTY));
        assert_eq!(errno(guest.ioctl(&file, TDX_CMD_GET_REPORT0, &context)), Some(Errno::EFAULT));
        let mut byte = [0];
        assert_eq!(errno(guest.read(&file, &mut Writer::kernel(&mut byte))), Some(Errno::EINVAL));
    }
}
