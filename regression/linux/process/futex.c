/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* futex. */
#include "test.h"

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
