// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A running guest: its QEMU process, its control channel, and how it ended.
//!
//! The verdict comes from the control channel and QEMU's exit status, never from what the console shows. A QEMU that ended
//! without a word on either means a triple fault.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::console::{EscapeWatch, Newlines, RawTerminal, copy_output};
use crate::control::{Event, Frame, read_events};
use crate::machine::{EXIT_ORDERLY, EXIT_STOP, Machine};

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The first program ended with this status.
    Exit(u8),
    /// The guest powered off or restarted by a program's wish.
    PowerOff,
    /// The kernel stopped.
    Stop(StopReport),
    /// QEMU ended without a word from the kernel.
    TripleFault,
    /// It did not end in the time given.
    TimedOut,
    /// The user ended it.
    Interrupted(i32),
    /// QEMU itself failed; its messages.
    QemuFailed(String),
}

/// What the kernel said when it stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    /// The reason.
    pub message: String,
    /// Return addresses, innermost first.
    pub frames: Vec<Frame>,
}

/// The reason of a stop that came before the kernel could report.
pub const NO_REASON: &str = "it gave no reason";

/// How the console is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To this process's stdin and stdout.
    Attached(Newlines),
    /// The machine's chardev leads elsewhere.
    Elsewhere,
}

enum Message {
    Control(Event),
    ControlClosed,
    Signal(i32),
    Escape,
}

/// A started guest.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    messages: Receiver<Message>,
    output: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
    _terminal: Option<RawTerminal>,
    _folder: TempDir,
}

impl Guest {
    /// Starts `machine`.
    pub fn start(machine: &Machine, console: Console) -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("nacre-").tempdir().context("no temporary folder")?;
        let control = folder.path().join("control");
        let listener = UnixListener::bind(&control).context("cannot make the control channel")?;
        let (sender, messages) = mpsc::channel();
        let mut command = machine.command(&control);
        command.stderr(Stdio::piped());
        if let Console::Attached(_) = console {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        } else {
            command.stdin(Stdio::null()).stdout(Stdio::null());
        }
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", machine.qemu.display()))?;
        let errors = child.stderr.take().map(|stderr| {
            thread::spawn(move || {
                let mut text = String::new();
                let _ = stderr.take(64 * 1024).read_to_string(&mut text);
                text
            })
        });
        let (ready, go) = mpsc::channel();
        listen(listener, sender.clone(), ready);
        let mut terminal = None;
        let mut output = None;
        if let Console::Attached(newlines) = console {
            terminal = RawTerminal::enter();
            output = child.stdout.take().map(|from| {
                let sender = sender.clone();
                // A refusal leaves the pipe as it is.
                let _ = rustix::pipe::fcntl_setpipe_size(&from, PIPE_LEN);
                thread::spawn(move || {
                    let copied = copy_output(from, io::stdout().lock(), newlines);
                    if copied.is_err() {
                        // Nobody reads the output any more.
                        let _ = sender.send(Message::Signal(signal_hook::consts::SIGPIPE));
                    }
                })
            });
            if let Some(to) = child.stdin.take() {
                let escape = terminal.is_some().then(|| sender.clone());
                thread::spawn(move || forward_input(to, &go, escape.as_ref()));
            }
        }
        catch_signals(sender);
        Ok(Self { child, messages, output, errors, _terminal: terminal, _folder: folder })
    }

    /// Waits for the end; calls `each` with every event that is not part of a verdict.
    pub fn wait(self, timeout: Option<Duration>, each: impl FnMut(&Event)) -> Result<Ending> {
        self.wait_unless(timeout, each, || false)
    }

    /// The same; when `is_over` says that nothing more is to come, QEMU gets a moment to end.
    pub fn wait_unless(
        mut self,
        timeout: Option<Duration>,
        mut each: impl FnMut(&Event),
        mut is_over: impl FnMut() -> bool,
    ) -> Result<Ending> {
        let mut deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut verdict = Verdict::default();
        let mut cut: Option<Ending> = None;
        let mut was_over = false;
        let status = loop {
            match self.messages.recv_timeout(Duration::from_millis(50)) {
                Ok(Message::Control(event)) => {
                    verdict.take(&event);
                    // What ends a run leaves QEMU a moment to end by itself.
                    if matches!(event, Event::End | Event::Exit(_)) {
                        deadline = Some(sooner(deadline));
                    }
                    each(&event);
                }
                Ok(Message::Signal(signal)) => cut = Some(Ending::Interrupted(signal)),
                Ok(Message::Escape) => cut = Some(Ending::Interrupted(2)),
                Ok(Message::ControlClosed) => break self.child.wait()?,
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if !was_over && is_over() {
                was_over = true;
                deadline = Some(sooner(deadline));
            }
            if cut.is_none() && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                cut = Some(Ending::TimedOut);
            }
            if cut.is_some() {
                let _ = self.child.kill();
                break self.child.wait()?;
            }
        };
        self.finish(status, verdict, cut, each)
    }

    fn finish(
        mut self,
        status: ExitStatus,
        mut verdict: Verdict,
        cut: Option<Ending>,
        mut each: impl FnMut(&Event),
    ) -> Result<Ending> {
        if let Some(output) = self.output.take() {
            let _ = output.join();
        }
        // The reader of the control channel sees its end now that QEMU is gone.
        let end = Instant::now() + Duration::from_secs(1);
        while let Ok(message) =
            self.messages.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            match message {
                Message::Control(event) => {
                    verdict.take(&event);
                    each(&event);
                }
                Message::ControlClosed => break,
                Message::Signal(_) | Message::Escape => {}
            }
        }
        let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        Ok(verdict.ending(status.code(), cut, errors))
    }
}

/// The deadline of a guest that has said all.
fn sooner(deadline: Option<Instant>) -> Instant {
    let soon = Instant::now() + Duration::from_secs(2);
    deadline.map_or(soon, |deadline| deadline.min(soon))
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, Default)]
struct Verdict {
    exit: Option<u8>,
    powered_off: bool,
    stop: Option<StopReport>,
}

impl Verdict {
    fn take(&mut self, event: &Event) {
        match event {
            // The first word counts: nothing after a stop can be believed.
            Event::Exit(status) if self.exit.is_none() => self.exit = Some(*status),
            Event::PowerOff | Event::Restart => self.powered_off = true,
            Event::Stop(message) if self.stop.is_none() => {
                self.stop = Some(StopReport { message: message.clone(), frames: Vec::new() });
            }
            Event::Frame(frame) => {
                if let Some(stop) = &mut self.stop {
                    stop.frames.push(*frame);
                }
            }
            _ => {}
        }
    }

    fn ending(self, status: Option<i32>, cut: Option<Ending>, errors: String) -> Ending {
        if let Some(stop) = self.stop {
            return Ending::Stop(stop);
        }
        if status == Some(EXIT_STOP) {
            let message = NO_REASON.to_owned();
            return Ending::Stop(StopReport { message, frames: Vec::new() });
        }
        match (self.exit, cut) {
            (Some(status), _) => Ending::Exit(status),
            (None, Some(cut)) => cut,
            (None, None) if self.powered_off || status == Some(EXIT_ORDERLY) => Ending::PowerOff,
            (None, None) if status == Some(0) => Ending::TripleFault,
            (None, None) => Ending::QemuFailed(errors),
        }
    }
}

fn listen(listener: UnixListener, sender: Sender<Message>, ready: Sender<()>) {
    thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            let _ = read_events(BufReader::new(stream), |event| {
                if event == Event::Init {
                    let _ = ready.send(());
                }
                let _ = sender.send(Message::Control(event));
            });
        }
        let _ = sender.send(Message::ControlClosed);
    });
}

/// Room for output between QEMU and this process.
const PIPE_LEN: usize = 1 << 20;

/// How long a guest that does not tell may take until its console is ready for input.
const READY_LIMIT: Duration = Duration::from_secs(3);

/// Copies stdin to the console, once the guest tells that its first program starts.
///
/// A stdin that is no terminal ends with Ctrl-D, which is how a terminal says end of file. It is said again every
/// second: whoever reads next is to see the end too.
fn forward_input(mut to: ChildStdin, go: &Receiver<()>, escape: Option<&Sender<Message>>) {
    let _ = go.recv_timeout(READY_LIMIT);
    let mut watch = EscapeWatch::default();
    let mut buffer = [0; 4096];
    // Not through Stdin's buffer: what is typed while a program runs belongs to the guest as it comes.
    let Ok(mut from) = fs::File::open("/dev/stdin") else { return };
    while let Ok(len) = from.read(&mut buffer) {
        let keys = buffer.get(..len).unwrap_or_default();
        if keys.is_empty() {
            while escape.is_none() && to.write_all(&[4]).is_ok() {
                thread::sleep(Duration::from_secs(1));
            }
            return;
        }
        if let Some(escape) = escape
            && watch.sees(keys, Instant::now())
        {
            let _ = escape.send(Message::Escape);
        }
        if to.write_all(keys).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn catch_signals(sender: Sender<Message>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(Message::Signal(signal)).is_err() {
                // The guest is gone: then the signal does what it always does.
                RawTerminal::restore();
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(events: &[Event], status: Option<i32>) -> Ending {
        let mut verdict = Verdict::default();
        for event in events {
            verdict.take(event);
        }
        verdict.ending(status, None, "boom".into())
    }

    #[test]
    fn the_program_status_counts() {
        assert_eq!(ending(&[Event::Init, Event::Exit(7)], Some(33)), Ending::Exit(7));
        assert_eq!(ending(&[Event::PowerOff], Some(33)), Ending::PowerOff);
    }

    #[test]
    fn a_stop_outranks_all_else() {
        let frame = Frame { address: 1, slide: 0 };
        let events = [Event::Exit(0), Event::Stop("bad".into()), Event::Frame(frame), Event::End];
        let report = StopReport { message: "bad".into(), frames: vec![frame] };
        assert_eq!(ending(&events, Some(33)), Ending::Stop(report));
        assert!(matches!(ending(&[], Some(35)), Ending::Stop(_)));
    }

    #[test]
    fn silence_is_a_triple_fault() {
        assert_eq!(ending(&[], Some(0)), Ending::TripleFault);
        assert_eq!(ending(&[], Some(1)), Ending::QemuFailed("boom".into()));
        let mut verdict = Verdict::default();
        verdict.take(&Event::Init);
        assert_eq!(verdict.ending(None, Some(Ending::TimedOut), String::new()), Ending::TimedOut);
    }
}
