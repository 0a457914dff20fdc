// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminal controls: decoding, checks in Linux's order, encoding.
//!
//! Spec: ioctl_tty(2).

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::ioctl::tty::*;
use abi::signal::Signal;
use abi::termios::{Cc, Control, Winsize};
use abi::{Result, err, error};
use framework::mm::Pod;
use task::Pgid;
use vfs::{File, IoctlContext};

use crate::ldisc::BUFFER_SIZE;
use crate::termios::{Layout, MAX_LAYOUT, Termios};
use crate::tty::Tty;

/// The modem lines of a cable that is always there.
const MODEM_LINES: u32 = TIOCM_DTR | TIOCM_RTS | TIOCM_CTS | TIOCM_CAR | TIOCM_DSR;

/// Largest size of an argument in memory.
const MAX_ARG: usize = MAX_LAYOUT;

/// When new settings take effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    Now,
    AfterDrain,
    AfterDrainAndFlush,
}

impl When {
    /// The three set calls of each layout follow one another.
    fn from_distance(distance: u32) -> Self {
        match distance {
            0 => Self::Now,
            1 => Self::AfterDrain,
            _ => Self::AfterDrainAndFlush,
        }
    }
}

/// The caller's side of a control.
struct Caller<'a> {
    context: &'a IoctlContext<'a>,
}

impl Caller<'_> {
    fn get_val<T: Pod>(&self) -> Result<T> {
        Ok(self.context.vm.read_val(self.context.arg)?)
    }

    fn get_i32(&self) -> Result<i32> {
        self.get_val()
    }

    fn put(&self, bytes: &[u8]) -> Result<usize> {
        self.context.vm.write(self.context.arg, bytes)?;
        Ok(0)
    }

    fn put_val<T: Pod>(&self, value: T) -> Result<usize> {
        self.context.vm.write_val(self.context.arg, value)?;
        Ok(0)
    }

    fn put_u32(&self, value: u32) -> Result<usize> {
        self.put_val(value)
    }
}

impl Tty {
    /// ioctl(2) on a file that is not hung up.
    pub(crate) fn ioctl(
        self: &Arc<Self>,
        file: &File,
        cmd: u32,
        context: &IoctlContext<'_>,
    ) -> Result<usize> {
        let caller = Caller { context };
        match cmd {
            TCGETS => self.get_termios(&caller, Layout::Termios),
            TCGETS2 => self.get_termios(&caller, Layout::Termios2),
            TCGETA => self.get_termios(&caller, Layout::Termio),
            TCSETS..=TCSETSF => {
                self.set_termios(&caller, Layout::Termios, When::from_distance(cmd - TCSETS))
            }
            TCSETS2..=TCSETSF2 => {
                self.set_termios(&caller, Layout::Termios2, When::from_distance(cmd - TCSETS2))
            }
            TCSETA..=TCSETAF => {
                self.set_termios(&caller, Layout::Termio, When::from_distance(cmd - TCSETA))
            }
            TIOCGWINSZ => caller.put_val(self.control.lock().window),
            TIOCSWINSZ => self.set_window(caller.get_val()?),
            TIOCINQ => {
                self.pump();
                let waiting = self.state.lock().ldisc.readable_bytes().min(BUFFER_SIZE);
                caller.put_u32(waiting as u32)
            }
            TIOCOUTQ => {
                let waiting = self.state.lock().output.len();
                caller.put_u32(waiting as u32)
            }
            TIOCSCTTY | TIOCNOTTY | TIOCGPGRP | TIOCSPGRP | TIOCGSID => {
                self.job_ioctl(file, cmd, &caller)
            }
            TCXONC | TCFLSH | TCSBRK | TCSBRKP | TIOCSBRK | TIOCCBRK => {
                self.line_ioctl(cmd, context.arg)
            }
            TIOCSTI => self.simulate_input(&caller),
            TIOCVHANGUP => {
                if !context.cred.capable(Caps::SYS_ADMIN) {
                    return err!(EPERM);
                }
                self.hang_up();
                Ok(0)
            }
            _ => self.small_ioctl(cmd, &caller),
        }
    }

    fn get_termios(&self, caller: &Caller<'_>, layout: Layout) -> Result<usize> {
        let bytes = self.state.lock().ldisc.termios().encode(layout);
        caller.put(bytes.get(..layout.size()).unwrap_or_default())
    }

    fn set_termios(&self, caller: &Caller<'_>, layout: Layout, when: When) -> Result<usize> {
        self.check_background(Signal::TTOU)?;
        let mut bytes = [0; MAX_ARG];
        let bytes = bytes.get_mut(..layout.size()).unwrap_or_default();
        caller.context.vm.read(caller.context.arg, bytes)?;
        if when != When::Now {
            self.drain()?;
        }
        let mut state = self.state.lock();
        if when == When::AfterDrainAndFlush {
            self.flush_input(&mut state);
        }
        let new = state.ldisc.termios().decode(layout, bytes);
        self.install_termios(&mut state, new);
        drop(state);
        self.wake_readers();
        Ok(0)
    }

    fn install_termios(&self, state: &mut crate::tty::State, new: Termios) {
        if state.ldisc.set_termios(new) {
            state.output.set_stopped(false);
            self.note_output(state);
        }
        self.made_room(state);
    }

    fn set_window(&self, new: Winsize) -> Result<usize> {
        let mut control = self.control.lock();
        let changed = control.window != new;
        control.window = new;
        drop(control);
        if changed {
            self.signal_foreground(Signal::WINCH);
        }
        Ok(0)
    }

    fn job_ioctl(self: &Arc<Self>, file: &File, cmd: u32, caller: &Caller<'_>) -> Result<usize> {
        let thread = task::current().ok_or(error!(ENOTTY))?;
        let process = thread.process();
        match cmd {
            TIOCSCTTY => {
                let steal = caller.context.arg == 1;
                self.set_controlling(&thread, file.can_read(), steal)?;
            }
            TIOCNOTTY => self.give_up(process)?,
            TIOCGPGRP => {
                let group = self.foreground_group(process)?;
                return caller.put_u32(group.map_or(0, Pgid::as_raw) as u32);
            }
            TIOCGSID => return caller.put_u32(self.session_id(process)?.as_raw() as u32),
            _ => {
                match self.check_background(Signal::TTOU) {
                    Err(why) if why.errno() == abi::Errno::EIO => {
                        return err!(ENOTTY, "orphaned background process");
                    }
                    checked => checked?,
                }
                self.set_foreground_group(process, Pgid::from_raw(caller.get_i32()?))?;
            }
        }
        Ok(0)
    }

    /// Controls of the line itself; a background process is stopped first.
    fn line_ioctl(&self, cmd: u32, arg: usize) -> Result<usize> {
        self.check_background(Signal::TTOU)?;
        match cmd {
            TCXONC => self.flow(arg)?,
            TCFLSH => self.flush(arg)?,
            // Breaks are not sent; what precedes one is.
            _ => self.drain()?,
        }
        Ok(0)
    }

    /// TCXONC: stops and starts the output, or asks the other end to.
    fn flow(&self, action: usize) -> Result<()> {
        let mut state = self.state.lock();
        match action {
            TCOOFF | TCOON => {
                let is_stopped = action == TCOOFF;
                state.ldisc.set_stopped_by_call(is_stopped);
                state.output.set_stopped(is_stopped);
                self.note_output(&state);
            }
            TCIOFF | TCION => {
                let key = if action == TCIOFF { Cc::Stop } else { Cc::Start };
                let byte = state.ldisc.termios().cc(key);
                if byte != 0 {
                    self.console.write(&[byte]);
                }
            }
            _ => return err!(EINVAL, "unknown flow action"),
        }
        Ok(())
    }

    /// TCFLSH: forgets input, output or both.
    fn flush(&self, queues: usize) -> Result<()> {
        if queues > TCIOFLUSH {
            return err!(EINVAL, "unknown queue");
        }
        let mut state = self.state.lock();
        if queues != TCOFLUSH {
            self.flush_input(&mut state);
        }
        if queues != TCIFLUSH {
            state.output.flush();
            self.note_output(&state);
        }
        Ok(())
    }

    /// TIOCSTI: root only, as where legacy TIOCSTI is configured out.
    fn simulate_input(&self, caller: &Caller<'_>) -> Result<usize> {
        if !caller.context.cred.capable(Caps::SYS_ADMIN) {
            return err!(EIO, "TIOCSTI is not available");
        }
        let byte: u8 = caller.get_val()?;
        self.type_in(&[byte]);
        Ok(0)
    }

    fn small_ioctl(&self, cmd: u32, caller: &Caller<'_>) -> Result<usize> {
        match cmd {
            TIOCEXCL | TIOCNXCL => {
                self.control.lock().is_exclusive = cmd == TIOCEXCL;
                Ok(0)
            }
            TIOCGEXCL => caller.put_u32(u32::from(self.control.lock().is_exclusive)),
            TIOCGDEV => caller.put_u32(self.dev().to_raw() as u32),
            TIOCGETD => caller.put_u32(0),
            TIOCSETD => match caller.get_i32()? {
                0 => Ok(0),
                _ => err!(EINVAL, "no such line discipline"),
            },
            TIOCMGET => caller.put_u32(MODEM_LINES),
            TIOCMBIS..=TIOCMSET => caller.get_i32().map(|_| 0),
            TIOCGSOFTCAR => {
                let control = self.state.lock().ldisc.termios().control;
                caller.put_u32(u32::from(control.contains(Control::CLOCAL)))
            }
            TIOCSSOFTCAR => {
                let is_local = caller.get_i32()? != 0;
                let mut state = self.state.lock();
                let mut new = state.ldisc.termios().clone();
                new.control.set(Control::CLOCAL, is_local);
                self.install_termios(&mut state, new);
                Ok(0)
            }
            _ => err!(ENOTTY, "not a control of terminals"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_calls_come_in_threes() {
        assert_eq!(When::from_distance(TCSETSF - TCSETS), When::AfterDrainAndFlush);
        assert_eq!(When::from_distance(0x5407 - TCSETA), When::AfterDrain);
        assert_eq!(TCSETSF2 - TCSETS2, 2);
    }
}
