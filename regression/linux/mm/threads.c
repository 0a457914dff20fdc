/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Pages that change while a thread on another CPU has just used them. */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>

#define PAGE 4096ul
#define ROUNDS 25
#define SEEN_FAULT (-1)

/*
 * The other thread reads (or writes) the page all the time while phase is WARM, so that its CPU knows where the page is. In HOLD it makes no
 * system call and touches nothing: what its CPU knows, it keeps, unless the kernel has it forget. In ACT it touches the page once.
 */
enum phase { IDLE, WARM, HOLD, ACT, DONE, END };
enum touch { READS, WRITES };

static volatile int phase, holds, warm, value;
static volatile enum touch touch;
static volatile int *volatile page;
static sigjmp_buf back;
static int cpus;

static void note_fault(int signal) {
    (void)signal;
    value = SEEN_FAULT;
    siglongjmp(back, 1);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu % cpus, &set);
    OK(sched_setaffinity(0, sizeof set, &set));
}

static void give_way(void) {
    if (cpus == 1) {
        sched_yield();
    }
}

static void act(void) {
    if (sigsetjmp(back, 1) == 0) {
        if (touch == WRITES) {
            *page = 77;
        }
        value = *page;
    }
    phase = DONE;
}

static void *other_thread(void *unused) {
    (void)unused;
    pin(1);
    while (phase != END) {
        switch (phase) {
        case WARM:
            if (touch == WRITES) {
                *page = 5;
            } else {
                (void)*page;
            }
            warm++;
            break;
        case HOLD:
            holds = 1;
            break;
        case ACT:
            act();
            break;
        default:
            break;
        }
        give_way();
    }
    return NULL;
}

static void begin(void) {
    cpu_set_t set;
    OK(sched_getaffinity(0, sizeof set, &set));
    cpus = CPU_COUNT(&set) > 1 ? 2 : 1;
    pin(0);
    signal(SIGSEGV, note_fault);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, other_thread, NULL), 0);
    pthread_detach(thread);
}

static void await(volatile int *word, int wanted) {
    while (*word != wanted) {
        give_way();
    }
}

/* Has the other CPU know the page at p. */
static void warm_up(volatile int *p, enum touch how) {
    page = p;
    touch = how;
    warm = holds = 0;
    phase = WARM;
    while (warm < 100) {
        give_way();
    }
    phase = HOLD;
    await(&holds, 1);
}

/* What the other thread reads from the page now, or SEEN_FAULT. */
static int seen(void) {
    phase = ACT;
    await(&phase, DONE);
    phase = IDLE;
    return value;
}

/* A page that holds 5. */
static int *new_page(void) {
    int *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    *p = 5;
    return p;
}

TEST(a_copied_page_is_seen_by_all_threads) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page();
        /* The page is shared with the child: the next write copies it. */
        pid_t child = SPAWN(pause());
        warm_up(p, READS);
        *p = 1000 + round;
        EXPECT_EQ(seen(), 1000 + round);
        OK(kill(child, SIGKILL));
        EXPECT_SIGNAL(child, SIGKILL);
        OK(munmap(p, PAGE));
    }
    phase = END;
}

TEST(a_protected_page_is_protected_from_all_threads) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page();
        warm_up(p, WRITES);
        OK(mprotect(p, PAGE, PROT_READ));
        EXPECT_EQ(seen(), SEEN_FAULT);
        EXPECT_EQ(*p, 5);
        OK(munmap(p, PAGE));
    }
    phase = END;
}

TEST(an_unmapped_page_is_gone_for_all_threads) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page();
        warm_up(p, READS);
        OK(munmap(p, PAGE));
        EXPECT_EQ(seen(), SEEN_FAULT);
    }
    phase = END;
}

TEST(a_moved_page_is_gone_for_all_threads) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page(), *to = new_page();
        warm_up(p, WRITES);
        CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
        EXPECT_EQ(seen(), SEEN_FAULT);
        EXPECT_EQ(*to, 5);
        OK(munmap(to, PAGE));
    }
    phase = END;
}

TEST(a_discarded_page_is_zero_for_all_threads) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page();
        warm_up(p, READS);
        OK(madvise(p, PAGE, MADV_DONTNEED));
        EXPECT_EQ(seen(), 0);
        OK(munmap(p, PAGE));
    }
    phase = END;
}

TEST(a_fork_keeps_what_other_threads_write_later) {
    begin();
    for (int round = 0; round < ROUNDS; round++) {
        int *p = new_page();
        warm_up(p, WRITES);
        test_shared[0] = 0;
        pid_t child = SPAWN(WAIT_WORD(&test_shared[0], 1); _exit(*p));
        EXPECT_EQ(seen(), 77);
        test_shared[0] = 1;
        EXPECT_EXIT(child, 5);
        OK(munmap(p, PAGE));
    }
    phase = END;
}
