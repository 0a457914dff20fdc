// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Simulated machines under the policy.

mod machine;

use std::vec::Vec;

use crate::class::{Params, Policy};
use machine::{Machine, Sim};

const SECOND: u64 = 1000;

fn shares(machine: &Machine) -> Vec<u64> {
    machine.tasks.iter().map(|task| task.run_ms()).collect()
}

fn assert_near(value: u64, wanted: u64, percent: u64) {
    let slack = wanted * percent / 100 + 8;
    assert!(value.abs_diff(wanted) <= slack, "{value} is not near {wanted}");
}

fn fifo(priority: u8) -> Params {
    Params { policy: Policy::Fifo, priority, reset_on_fork: false }
}

#[test]
fn equals_share_equally() {
    let mut m = Machine::new(1);
    (0..5).for_each(|_| m.spawn(Sim::busy(0)));
    m.run(10 * SECOND);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 2 * SECOND, 2));
    assert_eq!(m.idle_ms[0], 0);
}

#[test]
fn nice_weighs() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(5));
    m.spawn(Sim::busy(-5));
    m.run(30 * SECOND);
    let total = 1024 + 335 + 3121;
    for (ms, weight) in shares(&m).into_iter().zip([1024, 335, 3121]) {
        assert_near(ms, 30 * SECOND * weight / total, 8);
    }
}

#[test]
fn idle_class_gets_leftovers() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0).with(Params { policy: Policy::Idle, ..Params::default() }));
    m.run(20 * SECOND);
    let shares = shares(&m);
    assert!(shares[1] > 0 && shares[1] < 20 * SECOND / 50, "{shares:?}");
}

#[test]
fn two_loops_use_two_cpus() {
    let mut m = Machine::new(2);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0));
    m.run(5 * SECOND);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 5 * SECOND, 1));
}

#[test]
fn three_loops_share_two_cpus() {
    let mut m = Machine::new(2);
    (0..3).for_each(|_| m.spawn(Sim::busy(0)));
    m.run(30 * SECOND);
    assert_eq!(m.idle_ms, [0, 0]);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 20 * SECOND, 30));
}

#[test]
fn many_loops_spread() {
    let mut m = Machine::new(4);
    (0..16).for_each(|_| m.spawn(Sim::busy(0)));
    m.run(20 * SECOND);
    assert_eq!(m.idle_ms, [0; 4]);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 5 * SECOND, 15));
}

#[test]
fn work_moves_to_a_cpu_that_falls_idle() {
    let mut m = Machine::new(2);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0));
    m.run(SECOND);
    m.end(0);
    m.run(SECOND);
    let before = shares(&m);
    m.run(10 * SECOND);
    let after = shares(&m);
    for n in 1..3 {
        assert_near(after[n] - before[n], 10 * SECOND, 2);
    }
}

#[test]
fn affinity_binds_and_rebinding_moves() {
    let mut m = Machine::new(2);
    m.spawn(Sim::busy(0).on(0b01));
    m.spawn(Sim::busy(0).on(0b01));
    m.run(10 * SECOND);
    assert_eq!(m.idle_ms[1], 10 * SECOND);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 5 * SECOND, 2));
    // One of them runs now: either way it must leave within two ticks.
    m.rebind(1, 0b10);
    let before = shares(&m);
    m.run(5 * SECOND);
    let after = shares(&m);
    (0..2).for_each(|n| assert_near(after[n] - before[n], 5 * SECOND, 1));
}

#[test]
fn a_sleeper_preempts_a_loop_soon() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::periodic(0, 1, 20));
    // The start of a new task is no wake-up.
    m.run(SECOND);
    m.tasks[1].forget_waits();
    m.run(19 * SECOND);
    let sleeper = &m.tasks[1];
    assert_near(sleeper.run_ms(), 20 * SECOND / 21, 5);
    assert!(sleeper.worst_wait() <= 4, "waited {} ms", sleeper.worst_wait());
}

#[test]
fn sleepers_are_prompt_on_many_cpus() {
    for hogs in 1..6 {
        let mut m = Machine::new(2);
        (0..hogs).for_each(|_| m.spawn(Sim::busy(0)));
        m.run(SECOND / 2);
        m.spawn(Sim::periodic(0, 1, 10));
        m.run(SECOND / 2);
        m.tasks[hogs].forget_waits();
        m.run(20 * SECOND);
        let wait = m.tasks[hogs].worst_wait();
        assert!(wait <= 5, "{hogs} hogs: waited {wait} ms");
    }
}

#[test]
fn sleeping_gives_no_hoard() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0));
    m.spawn(Sim::periodic(0, 5 * SECOND, 10 * SECOND));
    m.run(60 * SECOND);
    assert!(m.tasks[0].worst_wait() <= 50, "waited {} ms", m.tasks[0].worst_wait());
}

#[test]
fn realtime_goes_first() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::periodic(0, 30, 60).with(fifo(10)));
    m.spawn(Sim::periodic(0, 10, 50).with(fifo(20)));
    m.run(10 * SECOND);
    assert_eq!(m.tasks[2].worst_wait(), 0);
    assert!(m.tasks[1].worst_wait() <= 10);
    assert!(m.tasks[0].run_ms() > 4 * SECOND);
}

#[test]
fn round_robin_takes_turns_and_fifo_does_not() {
    let round_robin = Params { policy: Policy::RoundRobin, priority: 5, reset_on_fork: false };
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0).with(round_robin));
    m.spawn(Sim::busy(0).with(round_robin));
    m.run(10 * SECOND);
    shares(&m).into_iter().for_each(|ms| assert_near(ms, 5 * SECOND, 4));
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0).with(fifo(5)));
    m.spawn(Sim::busy(0).with(fifo(5)));
    m.run(SECOND);
    assert_eq!(shares(&m), [SECOND, 0]);
}

#[test]
fn changing_the_class_of_a_waiting_task_counts_at_once() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0));
    m.run(SECOND);
    let before = shares(&m);
    m.set_params(1, fifo(1));
    m.run(SECOND);
    m.set_params(1, Params::default());
    let after = shares(&m);
    assert_eq!((after[0] - before[0], after[1] - before[1]), (0, SECOND));
    m.run(20 * SECOND);
    assert!(m.tasks[0].run_ms() > 5 * SECOND);
}

#[test]
fn yielding_passes_the_cpu_on() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.spawn(Sim::busy(0).yielding());
    m.run(10 * SECOND);
    let shares = shares(&m);
    assert!(shares[0] > 3 * shares[1] && shares[1] > 0, "{shares:?}");
}

#[test]
fn waking_elsewhere_before_the_sleep_is_through_does_no_harm() {
    let mut m = Machine::new(2);
    // CPU 1 has a clock far ahead of that of CPU 0.
    (0..4).for_each(|_| m.spawn(Sim::busy(0).on(0b10)));
    m.run(40 * SECOND);
    m.spawn(Sim::busy(0).on(0b01));
    m.spawn(Sim::busy(0).on(0b01));
    m.run(SECOND);
    m.wake_while_blocking(4, 0b10);
    m.spawn(Sim::busy(0).on(0b01));
    m.run(SECOND);
    assert!(m.tasks[6].run_ms() > 400, "the new task got {} ms", m.tasks[6].run_ms());
}

#[test]
fn a_fork_bomb_does_not_starve_others() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    for _ in 0..200 {
        m.spawn(Sim::busy(0));
        m.run(10);
    }
    assert!(m.tasks[0].worst_wait() < 2 * SECOND, "waited {} ms", m.tasks[0].worst_wait());
}

#[test]
fn a_crowd_of_sleepers_does_not_starve_a_new_task() {
    let mut m = Machine::new(1);
    (0..1000).for_each(|_| m.spawn(Sim::periodic(0, 1, 300)));
    m.run(5 * SECOND);
    m.spawn(Sim::periodic(0, 1, 300));
    m.run(5 * SECOND);
    let new = &m.tasks[1000];
    assert!(new.run_ms() > 0 && new.worst_wait() < 2 * SECOND, "waited {} ms", new.worst_wait());
}

#[test]
fn a_waker_pair_costs_one_switch_each_way() {
    let mut m = Machine::new(1);
    m.spawn(Sim::busy(0));
    m.run(1);
    m.end(0);
    m.spawn(Sim::periodic(0, 1, 1));
    m.run(SECOND);
    assert_near(m.tasks[1].run_ms(), SECOND / 2, 5);
    assert_eq!(m.policy.runnable(), m.runnable());
}
