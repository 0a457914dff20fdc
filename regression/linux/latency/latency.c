/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Latency: how long a task of high priority waits for its CPU while others do what takes the kernel long.
 *
 * The same program on Nacre and on Linux, on one CPU and under QEMU's -icount, so a nanosecond is an instruction. A sleeper
 * of real-time priority wakes every PERIOD_NS and keeps its worst delay; each operation runs in a child meanwhile. A line
 * `measure <operation> instructions <delay>` goes to the results channel (descriptor 100, or standard output). What runs is
 * also told to whoever watches the instructions, by one that does nothing else.
 *
 * With `--times` as the first argument there is no sleeper, and the line tells how long the marked part of the operation took.
 */
#include "latency.h"

#define RESULTS_FD 100
/* No multiple of anything that a kernel does regularly. */
#define PERIOD_NS 47123
#define MOST_OPERATIONS 96

volatile uint32_t *latency_shared;
static volatile uint64_t *worst;
/* When the part that counts began, and what it took. */
static volatile uint64_t *part;
static const struct operation *operations[MOST_OPERATIONS];
static int count;

void latency_add(const struct operation *operation) {
    if (count < MOST_OPERATIONS) {
        operations[count++] = operation;
    }
}

static void say(const char *text) {
    if (write(RESULTS_FD, text, strlen(text)) < 0) {
        (void)!write(1, text, strlen(text));
    }
}

void latency_die(const char *what, int line) {
    char text[256];
    snprintf(text, sizeof text, "fail latency line:%d %s: %s\n", line, what, strerror(errno));
    say(text);
    kill(0, SIGKILL);
    _exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void latency_sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
}

void latency_part_begins(void) {
    part[0] = now_ns();
}

void latency_part_ends(void) {
    part[1] = now_ns() - part[0];
}

void latency_join(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) != pid) {
    }
}

void latency_threads(int number, void *(*body)(void *)) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int i = 0; i < number; i++) {
        pthread_t thread;
        errno = pthread_create(&thread, &small, body, (void *)(intptr_t)i);
        if (errno != 0) {
            latency_die("pthread_create", __LINE__);
        }
    }
}

pid_t latency_crowd(int number) {
    pid_t group = 0;
    for (int i = 0; i < number; i++) {
        pid_t child = CHILD(for (;;) { pause(); });
        if (group == 0) {
            group = child;
        }
        OK(setpgid(child, group));
    }
    return group;
}

static void start_sleeper(void) {
    if (OK(fork()) != 0) {
        return;
    }
    struct sched_param priority = {.sched_priority = 50};
    OK(sched_setscheduler(0, SCHED_FIFO, &priority));
    prctl(PR_SET_TIMERSLACK, 1);
    for (uint64_t due = now_ns() + PERIOD_NS;; due += PERIOD_NS) {
        struct timespec at = {(time_t)(due / 1000000000), (long)(due % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        uint64_t now = now_ns();
        if (now - due > *worst) {
            *worst = now - due;
        }
        if (now > due + PERIOD_NS) {
            due = now;
        }
    }
}

/* Says what runs from now on, to who watches the instructions. */
static void mark(const char *name) {
    __asm__ volatile("xchg %%bx, %%bx" : : "S"(name), "d"(strlen(name)) : "memory");
}

static void measure(const struct operation *operation, bool is_whole_time) {
    char text[128], folder[64];
    if (!is_whole_time) {
        start_sleeper();
    }
    snprintf(folder, sizeof folder, "/tmp/%s", operation->name);
    OK(mkdir(folder, 0755));
    memset((void *)latency_shared, 0, 4096);
    latency_sleep_ms(1);
    mark(operation->name);
    *worst = 0;
    part[0] = part[1] = 0;
    int status;
    pid_t child = OK(fork());
    if (child == 0) {
        OK(setpgid(0, 0));
        OK(chdir(folder));
        OK(fcntl(RESULTS_FD, F_GETFD) >= 0 ? fcntl(RESULTS_FD, F_SETFD, FD_CLOEXEC) : 0);
        operation->run();
        _exit(0);
    }
    OK(waitpid(child, &status, 0));
    latency_sleep_ms(1);
    uint64_t delay = is_whole_time ? part[1] : *worst;
    kill(-1, SIGKILL);
    while (wait(NULL) > 0) {
    }
    snprintf(text, sizeof text, "measure %s instructions %llu\n", operation->name, (unsigned long long)delay);
    mark("");
    if (status != 0) {
        snprintf(text, sizeof text, "fail %s latency.c:0 status %#x\n", operation->name, (unsigned)status);
    }
    say(text);
}

int main(int argc, char **argv) {
    struct rlimit many = {20000, 20000};
    setrlimit(RLIMIT_NOFILE, &many);
    setrlimit(RLIMIT_NPROC, &many);
    setrlimit(RLIMIT_SIGPENDING, &many);
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    latency_shared = (volatile uint32_t *)shared;
    worst = (volatile uint64_t *)(shared + 4096);
    part = worst + 1;
    /* A group of its own in the session of the first process, which makes orphaned groups a matter of that one. */
    OK(setpgid(0, 0));
    bool is_whole_time = argc > 1 && strcmp(argv[1], "--times") == 0;
    int first = is_whole_time ? 2 : 1;
    for (int i = 0; i < count; i++) {
        bool is_wanted = argc <= first;
        for (int word = first; word < argc; word++) {
            is_wanted |= strcmp(argv[word], operations[i]->name) == 0;
        }
        if (is_wanted) {
            measure(operations[i], is_whole_time);
        }
    }
    return 0;
}
