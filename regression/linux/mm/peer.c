/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A thread, on another CPU if there is one, that keeps using memory while it is taken away. */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>

/* More than one page table holds, and no multiple of it. */
#define PAGES 1300
#define SIZE (PAGES * 4096ul)
#define ROUNDS 12

enum { TOUCH, READ, WRITE, END };

static volatile char *volatile place;
static volatile int order, is_done = 1, seen, faulted;
static sigjmp_buf before;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(before, 1);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set); /* of no effect with one CPU */
}

static void obey(int what) {
    size_t last = SIZE - 4096;
    for (size_t at = 0; at <= last; at += what == TOUCH ? 4096 * 100 : last) {
        if (what == READ) {
            seen = place[at];
        } else {
            place[at] = (char)(what == TOUCH ? 5 : 7);
        }
    }
}

static void *peer(void *unused) {
    pin(1);
    for (;;) {
        while (is_done) {
            sched_yield();
        }
        volatile int what = order;
        if (what == END) {
            return unused;
        }
        faulted = 1;
        if (sigsetjmp(before, 1) == 0) {
            obey(what);
            faulted = 0;
        }
        is_done = 1;
    }
}

static void tell(int what) {
    order = what;
    is_done = 0;
    while (!is_done) {
        sched_yield();
    }
}

static pthread_t start(void) {
    struct sigaction action = {.sa_handler = on_fault};
    OK(sigaction(SIGSEGV, &action, NULL));
    pin(0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, peer, NULL), 0);
    return thread;
}

/* Memory that the peer has just written to. */
static char *fresh(void) {
    char *memory = OK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(memory, 5, SIZE);
    place = memory;
    tell(TOUCH);
    EXPECT_EQ(faulted, 0);
    return memory;
}

static void end(pthread_t thread) {
    order = END;
    is_done = 0;
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(unmapped_for_all_threads) {
    pthread_t thread = start();
    for (int i = 0; i < ROUNDS; i++) {
        char *memory = fresh();
        OK(munmap(memory, SIZE));
        tell(READ);
        EXPECT_EQ(faulted, 1);
    }
    end(thread);
}

TEST(protected_for_all_threads) {
    pthread_t thread = start();
    for (int i = 0; i < ROUNDS; i++) {
        char *memory = fresh();
        OK(mprotect(memory, SIZE, PROT_READ));
        tell(WRITE);
        EXPECT_EQ(faulted, 1);
        tell(READ);
        EXPECT_EQ(faulted, 0);
        EXPECT_EQ(seen, 5);
        OK(munmap(memory, SIZE));
    }
    end(thread);
}

TEST(moved_for_all_threads) {
    pthread_t thread = start();
    for (int i = 0; i < ROUNDS; i++) {
        char *memory = fresh();
        char *target = OK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        memset(target, 9, SIZE);
        CHECK(mremap(memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
        tell(WRITE);
        EXPECT_EQ(faulted, 1);
        place = target;
        tell(READ);
        EXPECT_EQ(faulted, 0);
        for (size_t at = 0; at < SIZE; at += 4096) {
            EXPECT_EQ(target[at], 5);
        }
        OK(munmap(target, SIZE));
    }
    end(thread);
}

TEST(forked_from_all_threads) {
    pthread_t thread = start();
    for (int i = 0; i < ROUNDS; i++) {
        char *memory = fresh();
        volatile int *go = &test_shared[0];
        *go = 0;
        pid_t child = SPAWN({
            while (!*go) {
                sched_yield();
            }
            EXPECT_EQ(memory[0], 5);
            EXPECT_EQ(memory[SIZE - 4096], 5);
        });
        tell(WRITE);
        EXPECT_EQ(faulted, 0);
        *go = 1;
        EXPECT_EXIT(child, 0);
        EXPECT_EQ(memory[SIZE - 4096], 7);
        OK(munmap(memory, SIZE));
    }
    end(thread);
}

/* Both threads map, touch and unmap pieces of their own, in one address space. */
static void *churn(void *cpu) {
    pin((int)(long)cpu);
    for (int i = 0; i < 40; i++) {
        char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; at < SIZE; at += 4096) {
            if (memory[at] != 0) {
                return "not zero";
            }
            memory[at] = (char)i;
        }
        if (munmap(memory, SIZE) != 0) {
            return "no munmap";
        }
    }
    return NULL;
}

TEST(pieces_of_two_threads) {
    pthread_t thread;
    void *other;
    EXPECT_EQ(pthread_create(&thread, NULL, churn, (void *)1), 0);
    CHECK(churn((void *)0) == NULL);
    EXPECT_EQ(pthread_join(thread, &other), 0);
    CHECK(other == NULL);
}
