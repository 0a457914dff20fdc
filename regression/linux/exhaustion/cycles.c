/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What is made and unmade thousands of times leaves nothing in the kernel. */
#include "exhaustion.h"

#include <pthread.h>
#include <sys/mount.h>

/* What caches and CPUs may keep, in KiB: less than one KiB for each cycle. */
#define KEPT 3000

typedef void cycle(int number);

static void run_cycles(cycle *cycle, int count) {
    for (int i = 0; i < 300; i++) {
        cycle(i);
    }
    test_sleep_ms(300);
    long before = free_kib();
    for (int i = 0; i < count; i++) {
        cycle(i);
    }
    /* What ends by itself may end later. */
    for (int i = 0; i < 50 && free_kib() < before - KEPT; i++) {
        test_sleep_ms(100);
    }
    long after = free_kib();
    EXPECT_GE(after, before - KEPT);
}

#define CYCLES(name, count)                      \
    static void cycle_of_##name(int number);     \
    TEST_LIMIT(cycles_of_##name, 90) {           \
        run_cycles(cycle_of_##name, count);      \
    }                                            \
    static void cycle_of_##name(__attribute__((unused)) int number)

static const char *name_of(int number) {
    static char name[32];
    snprintf(name, sizeof name, "f%d", number);
    return name;
}

static void *return_at_once(void *arg) {
    return arg;
}

CYCLES(threads, 4000) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, return_at_once, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

CYCLES(sessions, 4000) {
    IN_CHILD(OK(setsid()));
}

CYCLES(orphans, 4000) {
    IN_CHILD(SPAWN(_exit(0)));
}

CYCLES(failed_programs, 4000) {
    IN_CHILD(execl("/no/such/program", "x", (char *)NULL));
}

CYCLES(mounts, 4000) {
    mkdir("m", 0755);
    OK(mount("none", "m", "tmpfs", 0, NULL));
    PUT("m/f", "content");
    OK(umount("m"));
}

CYCLES(mounts_in_use, 4000) {
    mkdir("m", 0755);
    OK(mount("none", "m", "tmpfs", 0, NULL));
    int fd = OK(open("m/f", O_CREAT | O_RDWR, 0600));
    OK(umount2("m", MNT_DETACH));
    EXPECT_EQ(write(fd, "content", 7), 7);
    close(fd);
}

CYCLES(bind_mounts, 4000) {
    mkdir("m", 0755);
    OK(mount(".", "m", NULL, MS_BIND, NULL));
    OK(umount("m"));
}

CYCLES(pipes, 8000) {
    int ends[2];
    OK(pipe(ends));
    EXPECT_EQ(write(ends[1], "content", 7), 7);
    close(ends[0]);
    close(ends[1]);
}

CYCLES(files, 8000) {
    int fd = OK(open(name_of(number), O_CREAT | O_RDWR, 0600));
    EXPECT_EQ(write(fd, "content", 7), 7);
    OK(unlink(name_of(number)));
    close(fd);
}

CYCLES(directories, 8000) {
    OK(mkdir(name_of(number), 0700));
    OK(rmdir(name_of(number)));
}

CYCLES(renames, 8000) {
    close(OK(open(name_of(number), O_CREAT | O_RDWR, 0600)));
    OK(rename(name_of(number), "one"));
}

CYCLES(links, 8000) {
    OK(symlink("/a/place", name_of(number)));
    OK(unlink(name_of(number)));
}

CYCLES(mappings, 8000) {
    char *p = mmap(NULL, 16 * 4096, RW, (number & 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    p[0] = p[9 * 4096] = 1;
    OK(munmap(p, 16 * 4096));
}

CYCLES(mappings_far_apart, 4000) {
    char *at = (char *)(0x200000000000ul + ((unsigned long)number << 30));
    CHECK(mmap(at, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
    *at = 1;
    OK(munmap(at, 4096));
}

CYCLES(timers, 8000) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    OK(timer_delete(timer));
}

CYCLES(texts_of_proc, 4000) {
    CHECK(strlen(GET("/proc/self/maps")) > 0);
    CHECK(strlen(GET("/proc/self/status")) > 0);
}
