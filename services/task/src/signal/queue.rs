// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals that wait for delivery: a set and what each carries.
//!
//! A standard signal is held once; a real-time one as often as it was sent, up
//! to RLIMIT_SIGPENDING, which may be often: none is searched for. One queue belongs to
//! each thread and one to each process; the locks around it, which spin, are the owners'.

use alloc::{collections::LinkedList, vec::Vec};

use abi::signal::{SI_USER, SigInfo, SigSet, Signal};
use abi::{Result, err};

use crate::signal::place::{Holder, Payer, WaitingTimer};

/// Of signals that have no effect any more, so many are dropped at each use of the queue.
const DROPPED_AT_ONCE: usize = 8;

struct Queued {
    info: SigInfo,
    holder: Holder,
}

/// Nodes of memory, each for a signal; there is none in those that are not yet used.
type Nodes = LinkedList<Option<Queued>>;

/// What a signal needs on its way into a queue: that is made before the queue is locked.
pub(crate) struct Sender {
    signal: Signal,
    timer: Option<WaitingTimer>,
    /// A node for a signal that may wait beside others of its number.
    room: Nodes,
}

impl Sender {
    /// Anybody.
    #[inline]
    pub(crate) fn of(signal: Signal) -> Self {
        let room = if signal.is_realtime() { new_node() } else { Nodes::new() };
        Self { signal, timer: None, room }
    }

    /// A timer.
    pub(crate) fn timer(signal: Signal, timer: WaitingTimer) -> Self {
        Self { signal, timer: Some(timer), room: new_node() }
    }

    /// Whether it is a timer that has gone.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.timer.as_ref().is_some_and(WaitingTimer::is_over)
    }

    /// Its signal.
    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }
}

/// A node, if there is memory: without, the bare number is delivered, or the sender told.
fn new_node() -> Nodes {
    let mut room = Nodes::new();
    if framework::mm::admit().is_ok() {
        room.push_back(None);
    }
    room
}

/// All that waits of one signal, the oldest first. To be dropped without a lock, as it may
/// be much.
#[derive(Default)]
pub(crate) struct Line {
    nodes: Nodes,
    /// How many of them timers sent.
    timers: usize,
}

/// Signals waiting for a thread or a process.
#[derive(Default)]
pub(crate) struct SigQueue {
    set: SigSet,
    /// Standard signals, each once.
    standard: Vec<Queued>,
    /// Real-time signals, and standard ones of timers: those wait beside and behind.
    /// One without a signal was flushed, and is not yet dropped as a whole.
    lines: Vec<(Option<Signal>, Line)>,
}

/// What the CPU raises in the middle of an instruction; these go first.
const SYNCHRONOUS: SigSet =
    SigSet::of(&[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP, Signal::FPE, Signal::SYS]);

/// The member to deliver next: synchronous ones first, then the lowest.
fn next_to_deliver(set: SigSet) -> Option<Signal> {
    set.intersection(SYNCHRONOUS).first().or(set.first())
}

impl SigQueue {
    /// The signals that wait.
    pub(crate) fn set(&self) -> SigSet {
        self.set
    }

    /// Adds a signal. A standard one that waits already is dropped, unless a timer sends
    /// it: as on Linux, that one waits beside. EAGAIN for a real-time one that a program
    /// queued beyond its limit.
    pub(crate) fn push(
        &mut self,
        Sender { signal, timer, room }: Sender,
        info: SigInfo,
        payer: Payer,
    ) -> Result<()> {
        self.drop_some();
        let is_of_timer = timer.is_some();
        if !signal.is_realtime() && !is_of_timer && self.set.contains(signal) {
            return Ok(());
        }
        let holder = timer.map(Holder::Timer).or_else(|| payer.place(signal, &info));
        let is_kept = holder.is_some_and(|holder| self.keep(signal, info, holder, room));
        if !is_kept && !is_of_timer && signal.is_realtime() && info.code != SI_USER {
            return err!(EAGAIN, "too many signals wait");
        }
        self.set.add(signal);
        Ok(())
    }

    /// Keeps what a signal carries; false without memory.
    fn keep(&mut self, signal: Signal, info: SigInfo, holder: Holder, mut room: Nodes) -> bool {
        if let Some(node) = room.front_mut() {
            let Some(line) = self.line_or_new(signal) else { return false };
            line.timers += usize::from(matches!(holder, Holder::Timer(_)));
            *node = Some(Queued { info, holder });
            line.nodes.append(&mut room);
            return true;
        }
        let is_alone = !signal.is_realtime() && matches!(holder, Holder::Own(_));
        let is_kept = is_alone && self.standard.try_reserve(1).is_ok();
        if is_kept {
            self.standard.push(Queued { info, holder });
        }
        is_kept
    }

    /// Takes the first entry of `signal`; None if it does not wait.
    pub(crate) fn take(&mut self, signal: Signal) -> Option<SigInfo> {
        self.drop_some();
        if !self.set.contains(signal) {
            return None;
        }
        let number = signal.number();
        let info = match self.standard.iter().position(|queued| queued.info.signo == number) {
            Some(at) => self.standard.remove(at).into_info(),
            // What it carried found no memory: the bare number is delivered.
            None => self.take_of_line(signal).unwrap_or_else(|| SigInfo::user(signal, 0, 0)),
        };
        if !self.lines.iter().any(|(of, _)| *of == Some(signal)) {
            self.set.remove(signal);
        }
        Some(info)
    }

    /// The first entry of the line of `signal`, which is removed if it was the last.
    fn take_of_line(&mut self, signal: Signal) -> Option<SigInfo> {
        let at = self.lines.iter().position(|(of, _)| *of == Some(signal))?;
        let (_, line) = self.lines.get_mut(at)?;
        let first = line.nodes.pop_front().flatten();
        if line.nodes.is_empty() {
            self.lines.swap_remove(at);
        } else if first.as_ref().is_some_and(Queued::is_of_timer) {
            line.timers -= 1;
        }
        first.map(Queued::into_info)
    }

    /// Takes the next signal among `wanted`.
    pub(crate) fn take_any(&mut self, wanted: SigSet) -> Option<(Signal, SigInfo)> {
        let signal = next_to_deliver(self.set.intersection(wanted))?;
        self.take(signal).map(|info| (signal, info))
    }

    /// Drops all that wait among `signals`, which are standard ones: those of timers little
    /// by little, as there may be many.
    pub(crate) fn flush(&mut self, signals: SigSet) {
        if self.set.intersection(signals).is_empty() {
            return;
        }
        self.set = self.set.without(signals);
        let is_gone = |number| Signal::new(number).is_ok_and(|signal| signals.contains(signal));
        self.standard.retain(|queued| !is_gone(queued.info.signo));
        for (of, _) in &mut self.lines {
            of.take_if(|of| signals.contains(*of));
        }
        self.drop_some();
    }

    /// Takes out all that waits of `signal`, which may be much.
    pub(crate) fn take_all(&mut self, signal: Signal) -> Option<Line> {
        self.set.remove(signal);
        self.standard.retain(|queued| queued.info.signo != signal.number());
        let at = self.lines.iter().position(|(of, _)| *of == Some(signal))?;
        Some(self.lines.swap_remove(at).1)
    }

    /// The line of `signal`; None without memory for it.
    fn line_or_new(&mut self, signal: Signal) -> Option<&mut Line> {
        let at = self.lines.iter().position(|(of, _)| *of == Some(signal));
        if at.is_none() {
            self.lines.try_reserve(1).ok()?;
            self.lines.push((Some(signal), Line::default()));
        }
        let at = at.unwrap_or(self.lines.len() - 1);
        self.lines.get_mut(at).map(|(_, line)| line)
    }

    /// Drops some of what was flushed.
    #[inline]
    fn drop_some(&mut self) {
        if !self.lines.is_empty() {
            self.drop_of_flushed();
        }
    }

    fn drop_of_flushed(&mut self) {
        let Some(at) = self.lines.iter().position(|(of, _)| of.is_none()) else { return };
        let Some((_, line)) = self.lines.get_mut(at) else { return };
        (0..DROPPED_AT_ONCE).for_each(|_| drop(line.nodes.pop_front()));
        if line.nodes.is_empty() {
            self.lines.swap_remove(at);
        }
    }

    /// Takes out a line of what was flushed; None if there is none left.
    pub(crate) fn take_flushed(&mut self) -> Option<Line> {
        let at = self.lines.iter().position(|(of, _)| of.is_none())?;
        Some(self.lines.swap_remove(at).1)
    }

    /// Takes what waits of a signal that a timer has sent, to be put back without that. The
    /// caller is the only one who takes signals meanwhile.
    pub(crate) fn take_with_timers(&mut self) -> Option<(Signal, Line)> {
        self.lines.iter_mut().find_map(|(of, line)| {
            let signal = of.filter(|_| line.timers > 0)?;
            Some((signal, core::mem::take(line)))
        })
    }

    /// Puts back what [`Self::take_with_timers`] took, before what has come meanwhile.
    pub(crate) fn put_back(&mut self, signal: Signal, mut rest: Line) {
        let Some(at) = self.lines.iter().position(|(of, _)| *of == Some(signal)) else { return };
        let Some((_, line)) = self.lines.get_mut(at) else { return };
        rest.nodes.append(&mut line.nodes);
        rest.timers += line.timers;
        *line = rest;
        if !line.nodes.is_empty() {
            return;
        }
        self.lines.swap_remove(at);
        if !self.standard.iter().any(|queued| queued.info.signo == signal.number()) {
            self.set.remove(signal);
        }
    }
}

impl Line {
    /// What others than timers sent.
    pub(crate) fn without_timers(mut self) -> Self {
        let mut rest = Self::default();
        while !self.nodes.is_empty() {
            let behind = self.nodes.split_off(1);
            let first = core::mem::replace(&mut self.nodes, behind);
            if first.front().is_some_and(|node| !node.as_ref().is_some_and(Queued::is_of_timer)) {
                rest.nodes.append(&mut { first });
            }
        }
        rest
    }
}

impl Queued {
    fn is_of_timer(&self) -> bool {
        matches!(self.holder, Holder::Timer(_))
    }

    /// What it tells the program: a timer's signal how often it was missed until now.
    fn into_info(self) -> SigInfo {
        match self.holder {
            Holder::Timer(waiting) => self.info.with_overrun(waiting.deliver()),
            Holder::Own(_) => self.info,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use abi::signal::SI_QUEUE;

    use super::*;
    use crate::signal::place::TimerSignal;
    use crate::user_count::UserCount;

    fn push(q: &mut SigQueue, info: SigInfo, payer: Payer) -> Result<()> {
        let signal = Signal::new(info.signo).unwrap();
        q.push(Sender::of(signal), info, payer)
    }

    #[test]
    fn synchronous_signals_go_first() {
        let mut set = SigSet::of(&[Signal::HUP, Signal::SEGV]);
        assert_eq!(next_to_deliver(set), Some(Signal::SEGV));
        set.remove(Signal::SEGV);
        assert_eq!(next_to_deliver(set), Some(Signal::HUP));
    }

    fn queued(signal: Signal, value: u64) -> SigInfo {
        let mut info = SigInfo::user(signal, 1, 0);
        info.code = SI_QUEUE;
        info.words[1] = value;
        info
    }

    #[test]
    fn standard_once_realtime_in_order() {
        let user = Arc::new(UserCount::new(0));
        let payer = || Payer { user: user.clone(), limit: 3 };
        let mut q = SigQueue::default();
        let rt = Signal::new(40).unwrap();
        for _ in 0..2 {
            push(&mut q, SigInfo::user(Signal::INT, 1, 0), payer()).unwrap();
        }
        push(&mut q, queued(rt, 1), payer()).unwrap();
        push(&mut q, queued(rt, 2), payer()).unwrap();
        assert!(push(&mut q, queued(rt, 3), payer()).is_err());
        assert_eq!(user.signals(), 3);
        // kill(2) of a real-time signal beyond the limit still sets the bit.
        let other = Signal::new(41).unwrap();
        push(&mut q, SigInfo::user(other, 1, 0), payer()).unwrap();
        assert_eq!(q.take_any(SigSet::ALL).unwrap().0, Signal::INT);
        assert!(!q.set().contains(Signal::INT));
        assert_eq!(q.take(rt).unwrap().words[1], 1);
        assert!(q.set().contains(rt));
        assert_eq!(q.take(rt).unwrap().words[1], 2);
        assert_eq!(q.take(rt), None);
        assert_eq!(q.take(other).unwrap().pid(), 0);
        assert_eq!(user.signals(), 0);
    }

    #[test]
    fn flush_releases() {
        let user = Arc::new(UserCount::new(0));
        let payer = || Payer { user: user.clone(), limit: 10 };
        let mut q = SigQueue::default();
        push(&mut q, SigInfo::kernel(Signal::TSTP), payer()).unwrap();
        push(&mut q, SigInfo::kernel(Signal::CONT), payer()).unwrap();
        q.flush(SigSet::STOPPING);
        assert_eq!(q.set(), SigSet::of(&[Signal::CONT]));
        drop(q);
        assert_eq!(user.signals(), 0);
    }

    #[test]
    fn signals_of_timers_wait_beside_others() {
        let user = Arc::new(UserCount::new(0));
        let payer = || Payer { user: user.clone(), limit: 3 };
        let timer = || Arc::new(TimerSignal::new(payer(), Arc::default()).unwrap());
        let (one, two) = (timer(), timer());
        let info = SigInfo::timer(Signal::ALRM, 0, 0, 0);
        let send = |q: &mut SigQueue, timer: &Arc<TimerSignal>| {
            let sender = Sender::timer(Signal::ALRM, timer.expire(0).unwrap());
            q.push(sender, info, payer()).unwrap();
        };
        let kill = SigInfo::user(Signal::ALRM, 1, 0);
        let mut q = SigQueue::default();
        push(&mut q, kill, payer()).unwrap();
        send(&mut q, &one);
        send(&mut q, &two);
        push(&mut q, kill, payer()).unwrap();
        assert!(one.expire(3).is_none());
        assert_eq!(user.signals(), 3);
        assert_eq!(q.take(Signal::ALRM).unwrap().pid(), 1);
        assert_eq!(q.take(Signal::ALRM).unwrap(), info.with_overrun(4));
        assert!(one.expire(0).is_some());
        assert!(q.set().contains(Signal::ALRM));
        q.flush(SigSet::of(&[Signal::ALRM]));
        assert!(two.expire(0).is_some());
        assert_eq!((q.take(Signal::ALRM), user.signals()), (None, 2));
    }

    #[test]
    fn an_exec_drops_what_timers_sent() {
        let user = Arc::new(UserCount::new(0));
        let payer = || Payer { user: user.clone(), limit: 100 };
        let mut q = SigQueue::default();
        let rt = Signal::new(40).unwrap();
        let send = |q: &mut SigQueue, signal: Signal| {
            let timer = Arc::new(TimerSignal::new(payer(), Arc::default()).unwrap());
            let sender = Sender::timer(signal, timer.expire(0).unwrap());
            q.push(sender, SigInfo::timer(signal, 0, 0, 0), payer()).unwrap();
        };
        send(&mut q, rt);
        push(&mut q, queued(rt, 1), payer()).unwrap();
        send(&mut q, rt);
        push(&mut q, queued(rt, 2), payer()).unwrap();
        send(&mut q, Signal::ALRM);
        push(&mut q, SigInfo::user(Signal::TERM, 1, 0), payer()).unwrap();
        send(&mut q, Signal::TERM);
        while let Some((signal, line)) = q.take_with_timers() {
            q.put_back(signal, line.without_timers());
        }
        assert_eq!(q.set(), SigSet::of(&[rt, Signal::TERM]));
        assert_eq!(user.signals(), 3);
        assert_eq!(q.take(rt).unwrap().words[1], 1);
        assert_eq!(q.take(rt).unwrap().words[1], 2);
        assert_eq!(q.take(Signal::TERM).unwrap().pid(), 1);
        assert!(q.set().is_empty());
    }

    #[test]
    fn many_flushed_go_little_by_little() {
        let user = Arc::new(UserCount::new(0));
        let payer = || Payer { user: user.clone(), limit: 100 };
        let mut q = SigQueue::default();
        for _ in 0..3 * DROPPED_AT_ONCE {
            let timer = Arc::new(TimerSignal::new(payer(), Arc::default()).unwrap());
            let info = SigInfo::timer(Signal::TSTP, 0, 0, 0);
            let sender = Sender::timer(Signal::TSTP, timer.expire(0).unwrap());
            q.push(sender, info, payer()).unwrap();
        }
        q.flush(SigSet::STOPPING);
        assert!(q.set().is_empty());
        assert_eq!(user.signals(), 2 * DROPPED_AT_ONCE as u64);
        assert_eq!(q.take(Signal::TSTP), None);
        assert_eq!(user.signals(), DROPPED_AT_ONCE as u64);
        drop(q);
        assert_eq!(user.signals(), 0);
    }
}
