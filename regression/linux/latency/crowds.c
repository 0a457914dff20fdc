/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Many processes and threads: their ends, signals to them, and what they sleep on. */
#include "latency.h"

#include <linux/futex.h>
#include <poll.h>

#define CROWD 700
#define THREADS 1000

static void futex(volatile uint32_t *word, int what, uint32_t value, long many, volatile uint32_t *other) {
    syscall(SYS_futex, word, what, value, many, other, 0);
}

static void *sleep_on_word(void *arg) {
    (void)arg;
    futex(&latency_shared[0], FUTEX_WAIT, 0, 0, NULL);
    return NULL;
}

OPERATION(idle) {
    latency_sleep_ms(5);
}

/* The parent of a group with a stopped member ends; the group is in the session of the first process. */
OPERATION(exit_stopped_children) {
    pid_t group = latency_crowd(CROWD);
    int status;
    OK(kill(group, SIGSTOP));
    OK(waitpid(group, &status, WUNTRACED));
}

/* The same with all of them stopped, up to where the parent is gone: that time counts. */
OPERATION(exit_700_stopped) {
    int go[2];
    char byte = 'x';
    OK(pipe(go));
    pid_t parent = CHILD({
        pid_t group = latency_crowd(CROWD);
        int status;
        OK(kill(-group, SIGSTOP));
        for (int i = 0; i < CROWD; i++) {
            OK(waitpid(-group, &status, WUNTRACED));
        }
        latency_shared[1] = 1;
        OK(read(go[0], &byte, 1));
    });
    while (latency_shared[1] == 0) {
        latency_sleep_ms(1);
    }
    latency_part_begins();
    OK(write(go[1], &byte, 1));
    latency_join(parent);
    latency_part_ends();
}

OPERATION(exit_all_stopped) {
    pid_t group = latency_crowd(CROWD);
    OK(kill(-group, SIGSTOP));
    latency_sleep_ms(5);
}

OPERATION(exit_zombies) {
    for (int i = 0; i < CROWD; i++) {
        CHILD((void)0);
    }
}

OPERATION(signal_group) {
    pid_t group = latency_crowd(CROWD);
    for (int i = 0; i < 5; i++) {
        OK(kill(-group, i % 2 ? SIGCONT : SIGSTOP));
    }
    OK(kill(-group, SIGKILL));
    while (wait(NULL) > 0) {
    }
}

OPERATION(exit_threads) {
    latency_join(CHILD(latency_threads(THREADS, sleep_on_word), latency_sleep_ms(1)));
}

OPERATION(kill_threads) {
    pid_t child = CHILD(latency_threads(THREADS, sleep_on_word), latency_shared[1] = 1, sleep_on_word(NULL));
    while (latency_shared[1] == 0) {
        latency_sleep_ms(1);
    }
    for (int i = 0; i < 4; i++) {
        OK(kill(child, i % 2 ? SIGCONT : SIGSTOP));
        latency_sleep_ms(2);
    }
    OK(kill(child, SIGKILL));
    latency_join(child);
}

/* The other threads end one by one, each by itself. */
OPERATION(end_threads) {
    latency_threads(THREADS, sleep_on_word);
    latency_sleep_ms(1);
    latency_shared[0] = 1;
    futex(&latency_shared[0], FUTEX_WAKE, INT_MAX, 0, NULL);
    latency_sleep_ms(10);
}

OPERATION(exec_of_threads) {
    latency_join(CHILD({
        latency_threads(THREADS, sleep_on_word);
        OK(execl("/bin/true", "true", NULL));
    }));
}

/* Signals that no thread takes, and to one thread by its number. */
OPERATION(signal_threads) {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    latency_threads(THREADS, sleep_on_word);
    for (int i = 0; i < 20; i++) {
        OK(kill(getpid(), SIGUSR1));
        OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
    }
}

OPERATION(futex_requeue) {
    latency_threads(THREADS, sleep_on_word);
    latency_sleep_ms(1);
    for (int i = 0; i < 4; i++) {
        futex(&latency_shared[i], FUTEX_REQUEUE, 0, INT_MAX, &latency_shared[i + 1]);
    }
    futex(&latency_shared[4], FUTEX_WAKE, INT_MAX, 0, NULL);
}

static int ends[2];

static void *read_pipe(void *arg) {
    char byte;
    (void)arg;
    (void)!read(ends[0], &byte, 1);
    return NULL;
}

static void *poll_pipe(void *arg) {
    struct pollfd fds[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    (void)arg;
    poll(fds, 2, -1);
    return NULL;
}

OPERATION(pipe_sleepers) {
    OK(pipe(ends));
    latency_threads(2 * THREADS, read_pipe);
    latency_sleep_ms(1);
    OK(close(ends[1]));
    latency_sleep_ms(10);
}

OPERATION(pipe_pollers) {
    OK(pipe(ends));
    latency_threads(2 * THREADS, poll_pipe);
    latency_sleep_ms(1);
    OK(write(ends[1], "x", 1));
    latency_sleep_ms(10);
}

static void *sleep_until(void *arg) {
    struct timespec *at = (struct timespec *)&latency_shared[16];
    (void)arg;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL);
    return NULL;
}

/* All at the same time. */
OPERATION(sleepers_until) {
    struct timespec *at = (struct timespec *)&latency_shared[16];
    clock_gettime(CLOCK_MONOTONIC, at);
    at->tv_sec += 1;
    latency_threads(THREADS, sleep_until);
    sleep_until(NULL);
    latency_sleep_ms(10);
}

OPERATION(timers) {
    struct itimerspec when = {{0, 0}, {0, 300000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    signal(SIGUSR1, SIG_IGN);
    for (int i = 0; i < 2000; i++) {
        timer_t timer;
        OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
        OK(timer_settime(timer, 0, &when, NULL));
    }
    latency_sleep_ms(400);
}

OPERATION(groups) {
    for (int i = 0; i < CROWD; i++) {
        pid_t child = CHILD(for (;;) { pause(); });
        OK(setpgid(child, child));
    }
    OK(kill(-1, 0));
    OK(setpriority(PRIO_USER, 0, 0));
    OK(getpriority(PRIO_USER, 0));
    /* Who leads a group may not make a session. */
    OK(setpgid(0, getpgid(getppid())));
    OK(setsid());
}

/* Ends what an operation leaves behind: see measure. */
OPERATION(kill_all) {
    latency_crowd(CROWD);
    for (int i = 0; i < 5; i++) {
        OK(kill(-1, SIGCONT));
    }
}
