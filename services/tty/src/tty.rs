// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A terminal: one line discipline on one console, and who sleeps on it.
//!
//! Input takes this way: the interrupt fills the [`InputQueue`]; the terminal's
//! own kernel task, or a reader that comes first, passes it through the line
//! discipline; readers are woken. Output goes straight to the console, unless it
//! is stopped: then up to [`PENDING_SIZE`] bytes wait.
//!
//! Locks: `reading` or `writing` > `state` > `control`, the input ring.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::signal::Signal;
use abi::termios::{Cc, Input};
use abi::{Result, error};
use class::Console;
use framework::sync::{Mutex, SpinLock, WaitQueue};
use framework::task::TaskBuilder;
use vfs::DeviceId;

use crate::control::Control;
use crate::input::{Device, InputQueue};
use crate::ldisc::{Effects, KeySignal, LineDiscipline};

/// Bytes of output that wait while it is stopped.
pub(crate) const PENDING_SIZE: usize = 4096;

/// Waiting input at which IXOFF asks the sender to stop, and to go on.
const THROTTLE_AT: usize = 4096 - 128;
const UNTHROTTLE_AT: usize = 128;

/// A terminal.
pub struct Tty {
    dev: DeviceId,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) input: Arc<InputQueue>,
    pub(crate) state: Mutex<State>,
    /// Held for one read call: reads do not interleave.
    pub(crate) reading: Mutex<()>,
    /// Held for one write call: writes do not interleave.
    pub(crate) writing: Mutex<()>,
    pub(crate) readers: WaitQueue,
    pub(crate) writers: WaitQueue,
    /// Counts what readers have to look at: input, new settings, hang-ups.
    pub(crate) input_events: AtomicU32,
    /// The line discipline refused bytes; only a reader makes room.
    is_full: AtomicBool,
    /// Output waits, and there is no room for more.
    pub(crate) output_full: AtomicBool,
    /// Output waits.
    pub(crate) output_waits: AtomicBool,
    pub(crate) control: SpinLock<Control>,
    /// How often the line was hung up; files opened before are dead.
    pub(crate) hangups: AtomicU32,
}

/// What the `state` lock protects.
pub(crate) struct State {
    pub(crate) ldisc: LineDiscipline,
    pub(crate) output: OutputQueue,
    /// IXOFF: the sender was asked to stop.
    is_throttled: bool,
}

/// The way to the console, with a stop in it.
pub(crate) struct OutputQueue {
    console: Arc<dyn Console>,
    pending: Vec<u8>,
    is_stopped: bool,
}

impl OutputQueue {
    /// Sends bytes, or keeps them while stopped; what does not fit is dropped.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if !self.is_stopped {
            self.console.write(bytes);
            return;
        }
        let room = PENDING_SIZE.saturating_sub(self.pending.len()).min(bytes.len());
        if self.pending.try_reserve(room).is_ok() {
            self.pending.extend(bytes.iter().take(room));
        }
    }

    /// Whether any processed buffer fits.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_stopped || self.pending.len() + crate::ldisc::OutputBuffer::SIZE <= PENDING_SIZE
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn set_stopped(&mut self, is_stopped: bool) {
        self.is_stopped = is_stopped;
        if !is_stopped {
            let pending = core::mem::take(&mut self.pending);
            self.console.write(&pending);
        }
    }

    pub(crate) fn flush(&mut self) {
        self.pending.clear();
    }
}

/// The world as the line discipline changes it.
struct World<'a> {
    output: &'a mut OutputQueue,
    tty: &'a Tty,
}

impl Effects for World<'_> {
    fn output(&mut self, bytes: &[u8]) {
        self.output.put(bytes);
    }

    fn signal(&mut self, signal: KeySignal) {
        self.tty.signal_foreground(match signal {
            KeySignal::Interrupt => Signal::INT,
            KeySignal::Quit => Signal::QUIT,
            KeySignal::Suspend => Signal::TSTP,
        });
    }

    fn flush_output(&mut self) {
        self.output.flush();
    }

    fn flow_changed(&mut self, is_stopped: bool) {
        self.output.set_stopped(is_stopped);
    }
}

impl Tty {
    /// A terminal on `console`, receiving, with its input task running.
    ///
    /// # Errors
    /// `ENOMEM` without memory for its buffers or its task.
    pub fn start(dev: DeviceId, console: Arc<dyn Console>) -> Result<Arc<Self>> {
        let tty = Self::new(dev, console)?;
        let worker = tty.clone();
        TaskBuilder::new("tty-input", move || worker.process_input()).spawn()?;
        tty.console.set_receiver(tty.input.clone());
        Ok(tty)
    }

    /// A terminal without a task: somebody has to call [`Self::pump`].
    pub(crate) fn new(dev: DeviceId, console: Arc<dyn Console>) -> Result<Arc<Self>> {
        let mut pending = Vec::new();
        pending.try_reserve_exact(PENDING_SIZE).map_err(|_| error!(ENOMEM))?;
        let output = OutputQueue { console: console.clone(), pending, is_stopped: false };
        Ok(Arc::new(Self {
            dev,
            console,
            input: Arc::new(InputQueue::new()?),
            state: Mutex::new(State { ldisc: LineDiscipline::new()?, output, is_throttled: false }),
            reading: Mutex::new(()),
            writing: Mutex::new(()),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            input_events: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
            output_full: AtomicBool::new(false),
            output_waits: AtomicBool::new(false),
            control: SpinLock::new(Control::default()),
            hangups: AtomicU32::new(0),
        }))
    }

    /// The device number.
    pub fn dev(&self) -> DeviceId {
        self.dev
    }

    /// The name of its device file.
    pub fn name(&self) -> &str {
        self.console.name()
    }

    /// The input task: waits for bytes and passes them on, for ever.
    fn process_input(&self) {
        loop {
            self.input.arrived.wait_until(|| {
                let may_go = !self.is_full.load(Ordering::Acquire) && !self.input.is_empty();
                may_go.then_some(())
            });
            self.pump();
        }
    }

    /// Passes what has arrived through the line discipline.
    pub(crate) fn pump(&self) {
        let mut buffer = [0; 128];
        loop {
            let mut state = self.state.lock();
            let State { ldisc, output, is_throttled } = &mut *state;
            let count = self.input.peek(&mut buffer);
            if count == 0 {
                return;
            }
            let was_waiting = ldisc.polls_readable();
            let bytes = buffer.get(..count).unwrap_or_default();
            let taken = ldisc.receive(bytes, &mut World { output, tty: self });
            self.is_full.store(taken < count, Ordering::Release);
            let device = self.input.consume(taken);
            let stop_sender = ldisc.len() >= THROTTLE_AT && !*is_throttled;
            if stop_sender && ldisc.termios().input.contains(Input::IXOFF) {
                self.console.write(&[ldisc.termios().cc(Cc::Stop)]);
                *is_throttled = true;
            }
            let is_readable = ldisc.is_readable();
            self.note_output(&state);
            drop(state);
            if device == Device::HeldBack {
                self.console.resume();
            }
            if is_readable || was_waiting {
                self.wake_readers();
            }
            if taken < count {
                return;
            }
        }
    }

    /// Input was taken out of `state`: whoever held some back may go on.
    pub(crate) fn made_room(&self, state: &mut State) {
        if state.is_throttled && state.ldisc.len() <= UNTHROTTLE_AT {
            state.is_throttled = false;
            self.console.write(&[state.ldisc.termios().cc(Cc::Start)]);
        }
        if self.is_full.load(Ordering::Relaxed) && state.ldisc.has_room() {
            self.is_full.store(false, Ordering::Release);
            self.input.arrived.wake_all();
        }
    }

    /// Drops all input, also what has not passed the line discipline.
    pub(crate) fn flush_input(&self, state: &mut State) {
        state.ldisc.flush_input();
        if self.input.clear() == Device::HeldBack {
            self.console.resume();
        }
        self.made_room(state);
    }

    /// Publishes the state of the output to those who wait without the lock.
    pub(crate) fn note_output(&self, state: &State) {
        let waits = state.output.len() > 0;
        let is_full = !state.output.has_room();
        let waited = self.output_waits.swap(waits, Ordering::AcqRel);
        let was_full = self.output_full.swap(is_full, Ordering::AcqRel);
        if (waited && !waits) || (was_full && !is_full) {
            self.writers.wake_all();
        }
    }

    /// Something that readers wait for has, or may have, happened.
    pub(crate) fn wake_readers(&self) {
        self.input_events.fetch_add(1, Ordering::AcqRel);
        self.readers.wake_all();
    }

    /// Signals the foreground group, if there is one.
    pub(crate) fn signal_foreground(&self, signal: Signal) {
        let owner = self.control.lock().owner.clone();
        if let Some(owner) = owner {
            owner.numbers.signal_group(owner.foreground, signal);
        }
    }

    /// Gives bytes to the line discipline as if they had been typed (TIOCSTI).
    pub(crate) fn type_in(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        let State { ldisc, output, .. } = &mut *state;
        ldisc.receive(bytes, &mut World { output, tty: self });
        self.note_output(&state);
        drop(state);
        self.wake_readers();
    }
}
