/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Signals to threads that run on two CPUs at once. */
#include "test.h"

#include <pthread.h>

#define ROUNDS 50

static volatile int tids[2], handled, ends;

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    /* Where there is one CPU, both stay there. */
    (void)sched_setaffinity(0, sizeof set, &set);
}

static void note(int signal) {
    (void)signal;
    handled = gettid();
}

/* Runs without a system call, and counts. */
static void *spin(void *unused) {
    (void)unused;
    pin(1);
    tids[1] = gettid();
    while (!ends) {
        test_shared[1]++;
    }
    return NULL;
}

static pthread_t begin(void) {
    pin(0);
    tids[0] = gettid();
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, spin, NULL), 0);
    while (tids[1] == 0) {
        sched_yield();
    }
    return thread;
}

static void await_handled(int tid) {
    long long end = test_now_ms() + 10000;
    while (handled == 0 && test_now_ms() < end) {
        sched_yield();
    }
    EXPECT_EQ(handled, tid);
    handled = 0;
}

TEST(a_signal_reaches_the_thread_that_it_is_for) {
    signal(SIGUSR1, note);
    pthread_t thread = begin();
    for (int round = 0; round < ROUNDS; round++) {
        int tid = tids[round % 2];
        OK(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
        await_handled(tid);
    }
    ends = 1;
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(a_signal_to_the_process_goes_to_a_thread_that_lets_it) {
    signal(SIGUSR1, note);
    pthread_t thread = begin();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    EXPECT_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        OK(kill(getpid(), SIGUSR1));
        await_handled(tids[1]);
    }
    ends = 1;
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(a_stop_stops_all_threads) {
    pid_t child = SPAWN(begin(); for (;;) test_shared[0]++);
    while (test_shared[0] < 1000 || test_shared[1] < 1000) {
        sched_yield();
    }
    for (int round = 0; round < 5; round++) {
        int status;
        OK(kill(child, SIGSTOP));
        EXPECT_EQ(OK(waitpid(child, &status, WUNTRACED)), child);
        CHECK(WIFSTOPPED(status));
        test_sleep_ms(20);
        int before[] = {test_shared[0], test_shared[1]};
        test_sleep_ms(50);
        EXPECT_EQ(test_shared[0], before[0]);
        EXPECT_EQ(test_shared[1], before[1]);
        OK(kill(child, SIGCONT));
        long long end = test_now_ms() + 10000;
        while ((test_shared[0] == before[0] || test_shared[1] == before[1]) && test_now_ms() < end) {
            sched_yield();
        }
        EXPECT_NE(test_shared[0], before[0]);
        EXPECT_NE(test_shared[1], before[1]);
    }
    OK(kill(child, SIGKILL));
    EXPECT_SIGNAL(child, SIGKILL);
}

TEST(threads_that_spin_are_killed) {
    for (int round = 0; round < 10; round++) {
        test_shared[0] = 0;
        pid_t child = SPAWN(begin(); test_shared[0] = 1; for (;;) handled++);
        WAIT_WORD(&test_shared[0], 1);
        OK(kill(child, SIGKILL));
        EXPECT_SIGNAL(child, SIGKILL);
    }
}

TEST(the_end_of_the_process_ends_threads_that_spin) {
    for (int round = 0; round < 10; round++) {
        EXPECT_EXIT(SPAWN(begin(); _exit(3)), 3);
    }
}
