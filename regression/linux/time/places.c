/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Timers and queued signals share the places that RLIMIT_SIGPENDING gives a user.
 */
#include "test.h"

static const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};

/* Places that the user has in use. */
static int places(void) {
    char *line = strstr(GET("/proc/self/status"), "SigQ:");
    CHECK(line != NULL);
    return atoi(line + 5);
}

static void become_user(int uid, rlim_t most) {
    struct rlimit limit = {most, most};
    OK(setrlimit(RLIMIT_SIGPENDING, &limit));
    OK(setresuid(uid, uid, uid));
}

static sigset_t block(int first, int second) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    sigaddset(&set, second);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    return set;
}

static int make(int notify, int number, timer_t *timer) {
    struct sigevent event = {.sigev_notify = notify, .sigev_signo = number};
    return timer_create(CLOCK_MONOTONIC, &event, timer);
}

static int queue(int number) {
    return sigqueue(getpid(), number, (union sigval){.sival_int = 1});
}

/* The next signal of the set, within two seconds. */
static siginfo_t next(const sigset_t *set) {
    siginfo_t info;
    struct timespec wait = {2, 0};
    OK(sigtimedwait(set, &info, &wait));
    return info;
}

TEST(timers_of_all_processes_have_places) {
    timer_t timer;
    block(SIGRTMIN, SIGRTMIN + 1);
    become_user(7001, 4);
    OK(make(SIGEV_SIGNAL, SIGRTMIN, &timer));
    OK(make(SIGEV_NONE, 0, &timer));
    OK(queue(SIGRTMIN));
    IN_CHILD({
        OK(make(SIGEV_SIGNAL, SIGUSR1, &timer));
        EXPECT_ERRNO(make(SIGEV_SIGNAL, SIGUSR1, &timer), EAGAIN);
        EXPECT_ERRNO(queue(SIGRTMIN + 1), EAGAIN);
        EXPECT_EQ(places(), 4);
    });
    EXPECT_EQ(places(), 3);
    OK(make(SIGEV_NONE, 0, &timer));
    EXPECT_ERRNO(queue(SIGRTMIN), EAGAIN);
    EXPECT_ERRNO(make(SIGEV_NONE, 0, &timer), EAGAIN);
    /* kill() is not refused. */
    OK(kill(getpid(), SIGRTMIN + 1));
}

TEST(a_timer_that_fails_takes_no_place) {
    timer_t timer;
    become_user(7002, 1);
    EXPECT_ERRNO(make(SIGEV_SIGNAL, 65, &timer), EINVAL);
    EXPECT_ERRNO(make(77, SIGUSR1, &timer), EINVAL);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, BAD_POINTER), EFAULT);
    OK(make(SIGEV_SIGNAL, SIGUSR1, &timer));
    /* At the limit it is refused before its event is looked at. */
    EXPECT_ERRNO(make(SIGEV_SIGNAL, 65, &timer), EAGAIN);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, NULL, BAD_POINTER), EOPNOTSUPP);
}

TEST(a_timers_signal_is_never_refused) {
    timer_t timer;
    sigset_t set = block(SIGRTMIN, SIGRTMIN + 1), own;
    become_user(7003, 2);
    OK(make(SIGEV_SIGNAL, SIGRTMIN + 1, &timer));
    OK(queue(SIGRTMIN));
    OK(timer_settime(timer, 0, &soon, NULL));
    sigemptyset(&own);
    sigaddset(&own, SIGRTMIN + 1);
    siginfo_t info = next(&own);
    EXPECT_EQ(info.si_code, SI_TIMER);
    EXPECT_EQ(places(), 2);
    EXPECT_EQ(next(&set).si_signo, SIGRTMIN);
    EXPECT_EQ(places(), 1);
    OK(timer_delete(timer));
    EXPECT_EQ(places(), 0);
}

TEST(exec_and_exit_give_places_back) {
    timer_t timer;
    become_user(7004, 2);
    pid_t child = SPAWN({
        OK(make(SIGEV_NONE, 0, &timer));
        OK(make(SIGEV_NONE, 0, &timer));
        char *arguments[] = {(char *)test_program, "--helper", "two_timers", NULL};
        execv(test_program, arguments);
        _exit(99);
    });
    EXPECT_EXIT(child, 0);
    EXPECT_EQ(places(), 0);
}

HELPER(two_timers) {
    (void)argc;
    (void)argv;
    timer_t timer;
    OK(make(SIGEV_NONE, 0, &timer));
    OK(make(SIGEV_NONE, 0, &timer));
    EXPECT_ERRNO(make(SIGEV_NONE, 0, &timer), EAGAIN);
    return 0;
}

static bool waits(int number) {
    sigset_t set;
    OK(sigpending(&set));
    return sigismember(&set, number) == 1;
}

TEST(exec_drops_what_timers_sent) {
    timer_t timer;
    block(SIGUSR1, SIGUSR2);
    become_user(7005, 4);
    pid_t child = SPAWN({
        OK(make(SIGEV_SIGNAL, SIGUSR1, &timer));
        OK(timer_settime(timer, 0, &soon, NULL));
        test_sleep_ms(20);
        CHECK(waits(SIGUSR1));
        OK(kill(getpid(), SIGUSR2));
        char *arguments[] = {(char *)test_program, "--helper", "only_the_other_signal", NULL};
        execv(test_program, arguments);
        _exit(99);
    });
    EXPECT_EXIT(child, 0);
    EXPECT_EQ(places(), 0);
}

HELPER(only_the_other_signal) {
    (void)argc;
    (void)argv;
    CHECK(!waits(SIGUSR1));
    CHECK(waits(SIGUSR2));
    EXPECT_EQ(places(), 1);
    return 0;
}

TEST(a_signal_that_was_flushed_comes_again) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGTSTP};
    event._sigev_un._tid = gettid();
    block(SIGTSTP, SIGTTIN);
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    for (int i = 0; i < 3; i++) {
        OK(timer_settime(timer, 0, &soon, NULL));
        test_sleep_ms(20);
        CHECK(waits(SIGTSTP));
        OK(kill(getpid(), SIGCONT));
        CHECK(!waits(SIGTSTP));
    }
}

TEST(two_timers_send_one_standard_signal_twice) {
    timer_t one, two;
    sigset_t set = block(SIGUSR1, SIGUSR2);
    OK(make(SIGEV_SIGNAL, SIGUSR1, &one));
    OK(make(SIGEV_SIGNAL, SIGUSR1, &two));
    OK(kill(getpid(), SIGUSR1));
    OK(timer_settime(one, 0, &soon, NULL));
    test_sleep_ms(20);
    OK(timer_settime(two, 0, &soon, NULL));
    test_sleep_ms(20);
    EXPECT_EQ(next(&set).si_code, SI_USER);
    EXPECT_EQ(next(&set).si_code, SI_TIMER);
    EXPECT_EQ(next(&set).si_code, SI_TIMER);
    struct timespec none = {0, 0};
    EXPECT_ERRNO(sigtimedwait(&set, NULL, &none), EAGAIN);
}

TEST(a_timer_that_repeats_waits_once_and_counts) {
    timer_t timer;
    sigset_t set = block(SIGRTMIN, SIGUSR1);
    OK(make(SIGEV_SIGNAL, SIGRTMIN, &timer));
    struct itimerspec often = {.it_value = {.tv_nsec = 1000000}, .it_interval = {.tv_nsec = 1000000}};
    OK(timer_settime(timer, 0, &often, NULL));
    test_sleep_ms(60);
    siginfo_t info = next(&set);
    EXPECT_EQ(info.si_signo, SIGRTMIN);
    EXPECT_GE(info.si_overrun, 10);
    EXPECT_EQ(timer_getoverrun(timer), info.si_overrun);
    EXPECT_LE(places(), 1);
    OK(timer_delete(timer));
}
