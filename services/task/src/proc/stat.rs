// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/stat and statm.
//!
//! Spec: proc_pid_stat(5), proc_pid_statm(5).

use pseudofs::{Text, put};

/// The fields of /proc/PID/stat that can differ from zero here.
#[derive(Clone, Default)]
pub(crate) struct ProcessStat<'a> {
    pub(crate) pid: i32,
    pub(crate) comm: &'a [u8],
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) terminal: i32,
    pub(crate) foreground: i32,
    pub(crate) flags: u32,
    pub(crate) minor_faults: u64,
    pub(crate) children_minor_faults: u64,
    pub(crate) major_faults: u64,
    pub(crate) children_major_faults: u64,
    /// Clock ticks (of 10 ms), as the next three.
    pub(crate) user_time: u64,
    pub(crate) system_time: u64,
    pub(crate) children_user_time: u64,
    pub(crate) children_system_time: u64,
    pub(crate) priority: i32,
    pub(crate) nice: i32,
    pub(crate) threads: usize,
    pub(crate) start_time: u64,
    /// What only those see who may trace the process: zeros for others.
    pub(crate) memory: MemoryStat,
    pub(crate) pending: u64,
    pub(crate) blocked: u64,
    pub(crate) ignored: u64,
    pub(crate) caught: u64,
    pub(crate) is_waiting: bool,
    pub(crate) exit_signal: i32,
    pub(crate) processor: usize,
    pub(crate) realtime_priority: u32,
    pub(crate) policy: u32,
    pub(crate) exit_code: i32,
}

/// The addresses and sizes in /proc/PID/stat.
#[derive(Clone, Default)]
pub(crate) struct MemoryStat {
    /// Bytes.
    pub(crate) size: usize,
    /// Pages.
    pub(crate) resident: usize,
    pub(crate) resident_limit: u64,
    pub(crate) code: (usize, usize),
    pub(crate) start_stack: usize,
    pub(crate) stack_pointer: u64,
    pub(crate) instruction_pointer: u64,
    pub(crate) data: (usize, usize),
    pub(crate) start_brk: usize,
    pub(crate) args: (usize, usize),
    pub(crate) env: (usize, usize),
}

/// The one line of /proc/PID/stat.
pub(crate) fn stat(out: &mut Text, s: &ProcessStat<'_>) {
    put!(out, "{} (", s.pid);
    out.push(s.comm);
    put!(out, ") {} {} {} {}", s.state, s.parent, s.group, s.session);
    put!(out, " {} {} {}", s.terminal, s.foreground, s.flags);
    put!(out, " {} {}", s.minor_faults, s.children_minor_faults);
    put!(out, " {} {}", s.major_faults, s.children_major_faults);
    put!(out, " {} {}", s.user_time, s.system_time);
    put!(out, " {} {}", s.children_user_time, s.children_system_time);
    put!(out, " {} {} {} 0 {}", s.priority, s.nice, s.threads, s.start_time);
    let m = &s.memory;
    put!(out, " {} {} {}", m.size, m.resident, m.resident_limit);
    put!(out, " {} {} {}", m.code.0, m.code.1, m.start_stack);
    put!(out, " {} {}", m.stack_pointer, m.instruction_pointer);
    // These four sets hold the standard signals only, as decimal numbers.
    let low = |set: u64| set & 0x7fff_ffff;
    put!(out, " {} {} {} {}", low(s.pending), low(s.blocked), low(s.ignored), low(s.caught));
    put!(out, " {} 0 0 {} {}", u8::from(s.is_waiting), s.exit_signal, s.processor);
    put!(out, " {} {} 0 0 0", s.realtime_priority, s.policy);
    put!(out, " {} {} {}", m.data.0, m.data.1, m.start_brk);
    put!(out, " {} {} {} {}", m.args.0, m.args.1, m.env.0, m.env.1);
    put!(out, " {}\n", s.exit_code);
}

/// /proc/PID/statm, all in pages: size, resident, shared, text, data with stack.
pub(crate) fn statm(out: &mut Text, pages: [usize; 5]) {
    let [size, resident, shared, text, data] = pages;
    put!(out, "{size} {resident} {shared} {text} 0 {data} 0\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_linux_prints_cat() {
        let memory = MemoryStat {
            size: 2_379_776,
            resident: 331,
            resident_limit: u64::MAX,
            code: (4_198_400, 5_785_993),
            start_stack: 140_725_995_508_192,
            data: (6_141_704, 6_178_576),
            start_brk: 564_023_296,
            args: (140_725_995_515_819, 140_725_995_515_839),
            env: (140_725_995_515_839, 140_725_995_515_881),
            ..MemoryStat::default()
        };
        let cat = ProcessStat {
            pid: 141,
            comm: b"cat",
            state: 'R',
            parent: 135,
            group: 135,
            session: 135,
            terminal: 1088,
            foreground: 135,
            flags: 4_194_304,
            minor_faults: 61,
            priority: 20,
            threads: 1,
            start_time: 323,
            memory,
            exit_signal: 17,
            ..ProcessStat::default()
        };
        let mut out = Text::default();
        stat(&mut out, &cat);
        assert_eq!(
            out.as_str(),
            "141 (cat) R 135 135 135 1088 135 4194304 61 0 0 0 0 0 0 0 20 0 1 0 323 2379776 331 \
             18446744073709551615 4198400 5785993 140725995508192 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 \
             6141704 6178576 564023296 140725995515819 140725995515839 140725995515839 \
             140725995515881 0\n"
        );
    }

    #[test]
    fn a_command_name_is_printed_raw() {
        let mut out = Text::default();
        let odd = ProcessStat { comm: b"a) R 1", state: 'Z', ..ProcessStat::default() };
        stat(&mut out, &odd);
        assert!(out.as_str().starts_with("0 (a) R 1) Z 0 "));
        assert_eq!(out.as_str().split_whitespace().count(), 54);
    }

    #[test]
    fn statm_has_seven_fields() {
        let mut out = Text::default();
        statm(&mut out, [581, 365, 353, 388, 93]);
        assert_eq!(out.as_str(), "581 365 353 388 0 93 0\n");
    }
}
