/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Clocks, sleeping, interval timers. */
#include "test.h"

#include <sys/timex.h>

static volatile int hits;

static void count(int signal) {
    (void)signal;
    hits++;
}

static long long now(clockid_t clock) {
    struct timespec t;
    OK(clock_gettime(clock, &t));
    CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long raw(clockid_t clock) {
    struct timespec t;
    OK(syscall(SYS_clock_gettime, clock, &t));
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

TEST(clocks_never_go_back) {
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE};
    for (size_t k = 0; k < COUNT(clocks); k++) {
        long long last = raw(clocks[k]);
        for (int i = 0; i < 2000; i++) {
            long long next = raw(clocks[k]);
            EXPECT_GE(next, last);
            last = next;
        }
    }
}

TEST(library_clock_agrees_with_call) {
    /* Through the vDSO if there is one. */
    long long a = now(CLOCK_MONOTONIC), b = raw(CLOCK_MONOTONIC), c = now(CLOCK_MONOTONIC);
    CHECK(a <= b && b <= c);
    a = now(CLOCK_REALTIME), b = raw(CLOCK_REALTIME), c = now(CLOCK_REALTIME);
    CHECK(a <= b && b <= c);
}

TEST(realtime_is_plausible) {
    struct timeval t;
    OK(gettimeofday(&t, NULL));
    EXPECT_GT(t.tv_sec, 1700000000);
    long seconds = time(NULL);
    EXPECT_LE(labs(seconds - t.tv_sec), 1);
    long stored = 0;
    EXPECT_LE(labs(syscall(SYS_time, &stored) - t.tv_sec), 1);
    EXPECT_LE(labs(stored - t.tv_sec), 1);
    EXPECT_ERRNO(syscall(SYS_time, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_gettimeofday, BAD_POINTER, NULL), EFAULT);
}

TEST(cpu_clock_stands_still_in_sleep) {
    long long before = now(CLOCK_PROCESS_CPUTIME_ID);
    test_sleep_ms(200);
    EXPECT_LT(now(CLOCK_PROCESS_CPUTIME_ID) - before, 150000000);
    for (volatile long i = 0; i < 50000000; i++) {
    }
    EXPECT_GT(now(CLOCK_PROCESS_CPUTIME_ID) - before, 1000000);
}

TEST(clock_getres_and_errors) {
    struct timespec t;
    OK(clock_getres(CLOCK_MONOTONIC, &t));
    CHECK(t.tv_sec == 0 && t.tv_nsec == 1);
    OK(clock_getres(CLOCK_MONOTONIC_COARSE, &t));
    CHECK(t.tv_sec == 0 && t.tv_nsec >= 1000000);
    OK(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
    EXPECT_ERRNO(syscall(SYS_clock_gettime, 77, &t), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_clock_getres, 77, &t), EINVAL);
}

TEST(clock_settime_needs_privilege) {
    struct timespec t;
    OK(clock_gettime(CLOCK_REALTIME, &t));
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
    t.tv_nsec = 1000000000;
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL);
    t.tv_nsec = 0;
    IN_CHILD(OK(setuid(1000)); EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EPERM));
}

TEST(clock_settime_moves_realtime_only) {
    if (getpid() != getsid(0) || access("/tests/init", F_OK) != 0) {
        SKIP("only in a test guest");
    }
    struct timespec start, t;
    long long mono = now(CLOCK_MONOTONIC);
    OK(clock_gettime(CLOCK_REALTIME, &start));
    t = start;
    t.tv_sec += 100000;
    OK(clock_settime(CLOCK_REALTIME, &t));
    OK(clock_gettime(CLOCK_REALTIME, &t));
    EXPECT_GE(t.tv_sec - start.tv_sec, 100000);
    EXPECT_LT(now(CLOCK_MONOTONIC) - mono, 20000000000);
    OK(clock_settime(CLOCK_REALTIME, &start));
}

TEST(nanosleep_sleeps_long_enough) {
    static const long waits[] = {0, 1, 1000, 1000000, 30000000, 120000000};
    for (size_t i = 0; i < COUNT(waits); i++) {
        struct timespec wish = {0, waits[i]};
        long long start = now(CLOCK_MONOTONIC);
        OK(nanosleep(&wish, NULL));
        EXPECT_GE(now(CLOCK_MONOTONIC) - start, waits[i]);
    }
}

TEST(nanosleep_errors) {
    struct timespec bad = {0, 1000000000}, negative = {-1, 0};
    EXPECT_ERRNO(syscall(SYS_nanosleep, &bad, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_nanosleep, &negative, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_nanosleep, BAD_POINTER, NULL), EFAULT);
}

TEST(nanosleep_is_not_busy) {
    long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    test_sleep_ms(300);
    EXPECT_LT(now(CLOCK_PROCESS_CPUTIME_ID) - cpu, 100000000);
}

TEST(clock_nanosleep_absolute) {
    struct timespec until;
    OK(clock_gettime(CLOCK_MONOTONIC, &until));
    until.tv_nsec += 80000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    EXPECT_GE(now(CLOCK_MONOTONIC), until.tv_sec * 1000000000LL + until.tv_nsec);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    struct timespec past = {1, 0};
    EXPECT_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL), 0);
    EXPECT_EQ(clock_nanosleep(77, 0, &past, NULL), EINVAL);
}

TEST(sleepers_wake_in_order) {
    int ends[2];
    OK(pipe(ends));
    for (int i = 5; i > 0; i--) {
        SPAWN(test_sleep_ms(i * 120); write(ends[1], &i, sizeof i));
    }
    for (int want = 1; want <= 5; want++) {
        int got = 0;
        EXPECT_EQ(read(ends[0], &got, sizeof got), sizeof got);
        EXPECT_EQ(got, want);
    }
}

TEST(alarm_fires_and_replaces) {
    signal(SIGALRM, count);
    EXPECT_EQ(alarm(10), 0);
    unsigned left = alarm(1);
    CHECK(left == 10 || left == 9);
    EXPECT_ERRNO(pause(), EINTR);
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(alarm(0), 0);
}

TEST(setitimer_real_repeats) {
    signal(SIGALRM, count);
    struct itimerval timer = {.it_interval = {0, 20000}, .it_value = {0, 20000}}, old;
    OK(setitimer(ITIMER_REAL, &timer, NULL));
    while (hits < 4) {
        pause();
    }
    timer = (struct itimerval){0};
    OK(setitimer(ITIMER_REAL, &timer, &old));
    EXPECT_EQ(old.it_interval.tv_usec, 20000);
    int seen = hits;
    test_sleep_ms(80);
    EXPECT_EQ(hits, seen);
}

TEST(getitimer_counts_down) {
    struct itimerval timer = {.it_value = {100, 0}}, got;
    OK(setitimer(ITIMER_REAL, &timer, NULL));
    test_sleep_ms(50);
    OK(getitimer(ITIMER_REAL, &got));
    CHECK(got.it_value.tv_sec < 100 && got.it_value.tv_sec > 50);
    EXPECT_EQ(got.it_interval.tv_sec, 0);
}

TEST(itimer_virtual_and_prof) {
    signal(SIGVTALRM, count);
    struct itimerval timer = {.it_value = {0, 30000}};
    OK(setitimer(ITIMER_VIRTUAL, &timer, NULL));
    test_sleep_ms(60);
    EXPECT_EQ(hits, 0);
    while (hits == 0) {
    }
    signal(SIGPROF, count);
    OK(setitimer(ITIMER_PROF, &timer, NULL));
    while (hits == 1) {
        getppid();
    }
}

TEST(itimer_errors) {
    struct itimerval timer = {.it_value = {0, 1000000}};
    EXPECT_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, &timer, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_setitimer, 7, &timer, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getitimer, 7, &timer), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, BAD_POINTER), EFAULT);
}

TEST(busy_process_does_not_starve_sleeper) {
    pid_t busy = SPAWN(for (;;););
    for (int i = 0; i < 5; i++) {
        long long start = now(CLOCK_MONOTONIC);
        test_sleep_ms(10);
        EXPECT_LT(now(CLOCK_MONOTONIC) - start, 3000000000);
    }
    kill(busy, SIGKILL);
    EXPECT_SIGNAL(busy, SIGKILL);
}

TEST(two_busy_processes_share_the_cpu) {
    /* Both make progress while both are busy. */
    pid_t a = SPAWN(for (;;) test_shared[0]++), b = SPAWN(for (;;) test_shared[1]++);
    test_sleep_ms(700);
    kill(a, SIGKILL);
    kill(b, SIGKILL);
    EXPECT_SIGNAL(a, SIGKILL);
    EXPECT_SIGNAL(b, SIGKILL);
    CHECK(test_shared[0] > 1000 && test_shared[1] > 1000);
}

/* Found by `make differential`. */
TEST(clocks_without_sleep_and_timers_say_so_first) {
    timer_t timer;
    struct timespec bad = {0, 0x3fffffff};
    struct sigevent event = {.sigev_notify = 99};
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_REALTIME_COARSE, 0, &bad, NULL), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, BAD_POINTER, NULL), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME_COARSE, &event, &timer), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer), EINVAL);
}

TEST(alarm_clocks_need_a_capability) {
    struct timespec none = {0, 0};
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, 8, 2, &none, NULL), EINVAL);
    OK(syscall(SYS_clock_nanosleep, 9, TIMER_ABSTIME, &none, NULL));
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(syscall(SYS_clock_nanosleep, 9, TIMER_ABSTIME, &none, NULL), EPERM);
    });
}
