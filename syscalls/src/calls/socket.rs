// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sockets, of which there are none yet: no address family is known, and no descriptor is one.
//!
//! Errors come in Linux's order, so that programs fall back as they do on a Linux without
//! the family.

use crate::arg::{Addr, Fd, UserPtr};
use crate::cx::Context;
use abi::socket::{SOCK_CLOEXEC, SOCK_MAX, SOCK_NONBLOCK, SOCK_TYPE_MASK};
use abi::{Result, err};

/// The end of the numbers of address families.
const FAMILIES: i32 = 46;

/// What is wrong with a new socket.
fn refuse(family: i32, kind: u32) -> Result<()> {
    let is_family = (0..FAMILIES).contains(&family);
    if is_family && kind & SOCK_TYPE_MASK >= SOCK_MAX {
        return err!(EINVAL, "type of socket");
    }
    err!(EAFNOSUPPORT, "no address family exists")
}

fn check_flags(kind: u32) -> Result<()> {
    if kind & !(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return err!(EINVAL, "flags of a socket");
    }
    Ok(())
}

/// socket(2).
pub(crate) fn sys_socket(_cx: &mut Context, family: i32, kind: u32, _protocol: i32) -> Result<()> {
    check_flags(kind)?;
    refuse(family, kind)
}

/// socketpair(2): the place for the descriptors is looked at first.
pub(crate) fn sys_socketpair(
    cx: &mut Context,
    family: i32,
    kind: u32,
    _protocol: i32,
    out: UserPtr<i32>,
) -> Result<()> {
    check_flags(kind)?;
    // What Linux leaves there are numbers that it gives back at once.
    for index in 0..2 {
        let place = out.at(index)?;
        let before = place.read(cx.vm())?;
        place.write(cx.vm(), &before)?;
    }
    refuse(family, kind)
}

/// The calls on a socket: the descriptor may be open, but is none.
pub(crate) fn sys_on_socket(cx: &mut Context, fd: Fd) -> Result<()> {
    cx.file(fd)?.not_path()?;
    err!(ENOTSOCK, "not a socket")
}

/// accept4(2).
pub(crate) fn sys_accept4(
    cx: &mut Context,
    fd: Fd,
    _address: Addr,
    _len: Addr,
    flags: u32,
) -> Result<()> {
    if flags & !(SOCK_CLOEXEC | SOCK_NONBLOCK) != 0 {
        return err!(EINVAL, "flags");
    }
    sys_on_socket(cx, fd)
}
