/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Page tables: they go with the last page, and threads on two CPUs that share one keep their content. */
#include "test.h"

#include <pthread.h>

#define PAGE 4096ul
#define TABLE (512 * PAGE)
#define STEPS 100

static long table_kib(void) {
    const char *line = strstr(GET("/proc/self/status"), "VmPTE:");
    CHECK(line != NULL);
    return atol(line + strlen("VmPTE:"));
}

/* Addresses where nothing is, neither here nor on Linux, and far from all else. */
#define NOWHERE ((char *)0x200000000000)

static char *map_at(char *at, size_t length) {
    CHECK(mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
    return at;
}

TEST(tables_go_with_their_last_page) {
    for (size_t step = TABLE; step <= 512 * TABLE; step *= 512) {
        char *start = NOWHERE;
        long before = table_kib();
        for (int n = 0; n < STEPS; n++) {
            map_at(start + n * step, PAGE)[5] = n;
        }
        long full = table_kib();
        EXPECT_GE(full, before + STEPS * 4);
        for (int n = 1; n < STEPS; n += 2) {
            OK(munmap(start + n * step, PAGE));
        }
        EXPECT_LE(table_kib(), full - STEPS / 2 * 4);
        for (int n = 0; n < STEPS; n += 2) {
            EXPECT_EQ(start[n * step + 5], n);
            OK(munmap(start + n * step, PAGE));
        }
        EXPECT_LE(table_kib(), before);
    }
}

TEST(a_moved_page_leaves_no_table) {
    char *start = NOWHERE;
    long before = table_kib();
    for (int n = 0; n < STEPS; n++) {
        char *from = map_at(start + n * TABLE, PAGE), *to = start + (STEPS + n % 2) * TABLE + n * PAGE;
        from[5] = n;
        CHECK(mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
        EXPECT_EQ(to[5], n);
    }
    EXPECT_LE(table_kib(), before + 4 * 4);
    OK(munmap(start + STEPS * TABLE, 2 * TABLE));
    EXPECT_LE(table_kib(), before);
}

TEST(a_large_range_goes_with_its_tables) {
    char *start = NOWHERE;
    long before = table_kib();
    map_at(start, 8 * TABLE);
    for (size_t at = 0; at < 8 * TABLE; at += PAGE) {
        *(size_t *)(start + at) = at;
    }
    OK(munmap(start + TABLE / 2, 7 * TABLE));
    EXPECT_LE(table_kib(), before + 4 * 4);
    for (size_t at = 0; at < TABLE / 2; at += PAGE) {
        EXPECT_EQ(*(size_t *)(start + at), at);
        EXPECT_EQ(*(size_t *)(start + 15 * TABLE / 2 + at), 15 * TABLE / 2 + at);
    }
    map_at(start + TABLE, TABLE);
    EXPECT_EQ(start[TABLE], 0);
    OK(munmap(start, 8 * TABLE));
    EXPECT_LE(table_kib(), before);
}

/* Two threads, each on its CPU, that begin each round together. */
static pthread_barrier_t both;

static void run_two(void *(*work)(void *)) {
    pthread_t threads[2];
    pthread_barrier_init(&both, NULL, 2);
    for (long id = 0; id < 2; id++) {
        CHECK(pthread_create(&threads[id], NULL, work, (void *)id) == 0);
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(id % sysconf(_SC_NPROCESSORS_ONLN), &set);
        CHECK(pthread_setaffinity_np(threads[id], sizeof set, &set) == 0);
    }
    for (int id = 0; id < 2; id++) {
        CHECK(pthread_join(threads[id], NULL) == 0);
    }
}

#define PIECES 64
#define PIECE_PAGES 8
static char *shared_tables;

/* Maps, writes, checks and unmaps every other piece: the two threads' lie next to each other in one table, which goes when both have none. */
static void *churn(void *arg) {
    long id = (long)arg;
    unsigned seed = 7 + id;
    for (int round = 0; round < 10; round++) {
        char *pieces[PIECES] = {0};
        pthread_barrier_wait(&both);
        for (int step = 0; step < 2 * PIECES; step++) {
            int n = rand_r(&seed) % PIECES;
            char *at = shared_tables + (2 * n + id) * PIECE_PAGES * PAGE;
            if (pieces[n] == NULL) {
                pieces[n] = map_at(at, PIECE_PAGES * PAGE);
            }
            for (int page = 0; page < PIECE_PAGES; page++) {
                int *word = (int *)(at + page * PAGE);
                CHECK(*word == 0 || *word == 1000 * n + 2 * page + id);
                *word = 1000 * n + 2 * page + id;
            }
            int victim = rand_r(&seed) % PIECES;
            if (pieces[victim] != NULL) {
                char *gone = pieces[victim];
                for (int page = 0; page < PIECE_PAGES; page++) {
                    CHECK(*(int *)(gone + page * PAGE) == 1000 * victim + 2 * page + id);
                }
                if (seed % 2) {
                    OK(munmap(gone, PIECE_PAGES * PAGE));
                    pieces[victim] = NULL;
                } else {
                    OK(madvise(gone, PIECE_PAGES * PAGE, MADV_DONTNEED));
                    for (int page = 0; page < PIECE_PAGES; page++) {
                        int *word = (int *)(gone + page * PAGE);
                        CHECK(*word == 0);
                        *word = 1000 * victim + 2 * page + id;
                    }
                }
            }
        }
        for (int n = 0; n < PIECES; n++) {
            if (pieces[n] != NULL) {
                OK(munmap(pieces[n], PIECE_PAGES * PAGE));
            }
        }
    }
    return NULL;
}

TEST(threads_that_share_a_table_keep_their_content) {
    shared_tables = NOWHERE + TABLE - PIECES * PAGE;
    long before = table_kib();
    run_two(churn);
    /* Stacks of threads may have left a table. */
    EXPECT_LE(table_kib(), before + 4 * 4);
}

#define COPIES 200
static volatile int *copied;

/* Each thread writes every other word of a page that is shared copy-on-write with a child. */
static void *write_words(void *arg) {
    long id = (long)arg;
    for (int round = 1; round <= COPIES; round++) {
        static pid_t child;
        if (id == 0) {
            test_shared[0] = 0;
            child = SPAWN(WAIT_WORD(&test_shared[0], 1); _exit(copied[0] == round - 1 && copied[1] == round - 1 ? 3 : 4));
        }
        pthread_barrier_wait(&both);
        for (size_t word = id; word < PAGE / sizeof(int); word += 2) {
            copied[word] = round;
        }
        pthread_barrier_wait(&both);
        for (size_t word = 0; word < PAGE / sizeof(int); word++) {
            CHECK(copied[word] == round);
        }
        pthread_barrier_wait(&both);
        if (id == 0) {
            test_shared[0] = 1;
            EXPECT_EXIT(child, 3);
        }
    }
    return NULL;
}

TEST(threads_that_copy_one_page_lose_no_word) {
    copied = (int *)map_at(NOWHERE, PAGE);
    run_two(write_words);
}
