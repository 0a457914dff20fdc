/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which error of calls about clocks comes first, and what timers keep.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

/* Numbers of clocks as the kernel makes them: of the calling thread's CPU time, of no CPU time, of a descriptor. */
#define OWN_CPU (-2)
#define NO_CPU (-1)
#define DEVICE (-5)

static long sleep_on(int clock, int flags, const void *time) {
    return syscall(SYS_clock_nanosleep, clock, flags, time, NULL);
}

TEST(sleeping_on_clocks_that_cannot) {
    struct timespec good = {1, 0}, bad = {0, -1};
    EXPECT_ERRNO(sleep_on(CLOCK_THREAD_CPUTIME_ID, 0, &bad), EOPNOTSUPP);
    EXPECT_ERRNO(sleep_on(CLOCK_MONOTONIC_RAW, 0, BAD_POINTER), EOPNOTSUPP);
    EXPECT_ERRNO(sleep_on(DEVICE, 0, BAD_POINTER), EOPNOTSUPP);
    EXPECT_ERRNO(sleep_on(OWN_CPU, 3, &good), EINVAL);
    EXPECT_ERRNO(sleep_on(OWN_CPU, 0, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(sleep_on(NO_CPU, 0, &good), EINVAL);
    EXPECT_ERRNO(sleep_on(12, 0, BAD_POINTER), EINVAL);
}

TEST(setting_clocks_that_cannot) {
    struct timespec now = {1000000000, 0};
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, BAD_POINTER), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, BAD_POINTER), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clock_settime, OWN_CPU, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_clock_settime, OWN_CPU, &now), EPERM);
    EXPECT_ERRNO(syscall(SYS_clock_settime, NO_CPU, &now), EINVAL);
}

TEST(timers_that_could_not_be_made_have_a_number) {
    int id = -7;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 100};
    EXPECT_ERRNO(syscall(SYS_timer_create, 12, BAD_POINTER, &id), EFAULT);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &id), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_timer_create, DEVICE, NULL, &id), EOPNOTSUPP);
    EXPECT_EQ(id, -7);
    OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    EXPECT_EQ(id, 0);
    EXPECT_ERRNO(syscall(SYS_timer_create, NO_CPU, NULL, &id), EINVAL);
    EXPECT_EQ(id, 1);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), EINVAL);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, BAD_POINTER), EFAULT);
    OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
    EXPECT_EQ(id, 4);
}

TEST(intervals_of_timers_that_do_not_run) {
    struct itimerval idle = {.it_interval = {100, 0}}, seen;
    OK(setitimer(ITIMER_VIRTUAL, &idle, NULL));
    OK(getitimer(ITIMER_VIRTUAL, &seen));
    EXPECT_EQ(seen.it_interval.tv_sec, 100);
    EXPECT_EQ(seen.it_value.tv_sec, 0);
    OK(setitimer(ITIMER_REAL, &idle, NULL));
    OK(getitimer(ITIMER_REAL, &seen));
    EXPECT_EQ(seen.it_interval.tv_sec, 0);
}

TEST(alarms_of_centuries_wrap) {
    struct itimerval far = {.it_value = {9223372036, 0}};
    OK(setitimer(ITIMER_REAL, &far, NULL));
    unsigned left = alarm(0);
    CHECK(left > 0x25c17d04 - 1000 && left <= 0x25c17d04);
}
