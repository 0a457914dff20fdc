/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the operations of the latency suite share. */
#ifndef LATENCY_H
#define LATENCY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Fails the whole suite. */
void latency_die(const char *what, int line) __attribute__((noreturn));
#define OK(call)                                         \
    ({                                                   \
        __typeof__(call) ok_result = (call);             \
        if ((long)ok_result == -1) {                     \
            latency_die(#call, __LINE__);                \
        }                                                \
        ok_result;                                       \
    })

/* An operation, run in a child of its own, as root and in an empty folder. */
struct operation {
    const char *name;
    void (*run)(void);
};
void latency_add(const struct operation *operation);
#define OPERATION(id)                                                       \
    static void run_##id(void);                                             \
    __attribute__((constructor)) static void add_##id(void) {               \
        static const struct operation operation = {#id, run_##id};          \
        latency_add(&operation);                                            \
    }                                                                       \
    static void run_##id(void)

/* Runs statements in a child that ends behind them; its number. */
#define CHILD(...)                    \
    ({                                \
        pid_t child_pid = OK(fork()); \
        if (child_pid == 0) {         \
            __VA_ARGS__;              \
            _exit(0);                 \
        }                             \
        child_pid;                    \
    })
/* Waits for a child. */
void latency_join(pid_t pid);
/* Starts this many threads with small stacks. */
void latency_threads(int count, void *(*body)(void *));
/* Starts children that wait for signals, all in one group; the group. */
pid_t latency_crowd(int count);
void latency_sleep_ms(long ms);
/* Around the part of an operation whose whole time counts; in any process of it. */
void latency_part_begins(void);
void latency_part_ends(void);
/* Words shared by all processes of an operation, zero at its start. */
extern volatile uint32_t *latency_shared;

#endif
