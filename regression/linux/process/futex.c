/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* futex. */
#include "test.h"

#include <pthread.h>
#include <linux/futex.h>

static long futex(volatile int *word, int op, long value, const void *timeout, volatile int *other) {
    return syscall(SYS_futex, word, op, value, timeout, other, 0);
}

/* Waiters that time out while others move them between two words: nobody wakes them, so none may say that it was
 * woken, and none may be left behind. */
TEST(requeue_against_timeouts) {
    enum { WAITERS = 4, MOVERS = 2, MOST = 100 };
    volatile int *first = &test_shared[0], *second = &test_shared[1], *stop = &test_shared[2], *woken = &test_shared[3];
    pid_t pids[WAITERS + MOVERS];
    for (int i = 0; i < WAITERS; i++) {
        pids[i] = SPAWN(
            for (unsigned n = i; !*stop; n = n * 1103515245 + 12345) {
                struct timespec timeout = {.tv_nsec = (n >> 16) % 60000};
                if (futex(first, FUTEX_WAIT, 0, &timeout, NULL) == 0) __sync_fetch_and_add(woken, 1);
            });
    }
    for (int i = WAITERS; i < WAITERS + MOVERS; i++) {
        pids[i] = SPAWN(
            while (!*stop) {
                futex(first, FUTEX_REQUEUE, 0, (void *)MOST, second);
                futex(second, FUTEX_REQUEUE, 0, (void *)MOST, first);
            });
    }
    test_sleep_ms(1500);
    *stop = 1;
    for (int i = 0; i < WAITERS + MOVERS; i++) {
        EXPECT_EXIT(pids[i], 0);
    }
    EXPECT_EQ(*woken, 0);
    EXPECT_EQ(futex(first, FUTEX_WAKE, MOST, NULL, NULL), 0);
    EXPECT_EQ(futex(second, FUTEX_WAKE, MOST, NULL, NULL), 0);
}

enum { TURNS = 3000 };

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    /* Where there is one CPU, both threads stay there. */
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* Waits for its turns, which have this parity, and gives each to the other thread. */
static void take_turns(int parity) {
    volatile int *turn = &test_shared[0];
    pin(parity);
    for (int n = parity; n < TURNS; n += 2) {
        for (int now; (now = __atomic_load_n(turn, __ATOMIC_SEQ_CST)) != n;) {
            if (futex(turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL) == -1) {
                CHECK(errno == EAGAIN || errno == EINTR);
            }
        }
        __atomic_store_n(turn, n + 1, __ATOMIC_SEQ_CST);
        OK(futex(turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL));
    }
}

static void *second_thread(void *unused) {
    take_turns(1);
    return unused;
}

TEST(two_threads_give_each_other_turns) {
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, second_thread, NULL), 0);
    take_turns(0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(test_shared[0], TURNS);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counted;

static void *count(void *cpu) {
    pin((int)(intptr_t)cpu);
    for (int n = 0; n < 20000; n++) {
        pthread_mutex_lock(&mutex);
        counted++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

TEST(a_mutex_of_four_threads_counts) {
    pthread_t threads[4];
    for (intptr_t n = 0; n < 4; n++) {
        EXPECT_EQ(pthread_create(&threads[n], NULL, count, (void *)(n % 2)), 0);
    }
    for (int n = 0; n < 4; n++) {
        EXPECT_EQ(pthread_join(threads[n], NULL), 0);
    }
    EXPECT_EQ(counted, 4 * 20000);
}
