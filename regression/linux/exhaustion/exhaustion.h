/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the exhaustion programs share: an ordinary user, how much memory is free, and whether the machine still works. */
#ifndef NACRE_EXHAUSTION_H
#define NACRE_EXHAUSTION_H

#include "test.h"

#include <grp.h>
#include <sys/prctl.h>

#define RW (PROT_READ | PROT_WRITE)

static inline void become_user(void) {
    OK(setgroups(0, NULL));
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
}

/* MemFree of /proc/meminfo. */
static inline long free_kib(void) {
    static char text[4096];
    int fd = open("/proc/meminfo", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *at = strstr(text, "MemFree:");
    return at == NULL ? -1 : atol(at + 8);
}

/* init's own kind of work still goes: a process, a file, text of /proc. */
static inline void expect_alive(void) {
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(7);
        }
        if (pid > 0) {
            EXPECT_EXIT(pid, 7);
            PUT("alive", "yes");
            EXPECT_STR(GET("alive"), "yes");
            CHECK(free_kib() > 0);
            return;
        }
        test_sleep_ms(50);
    }
    FAIL("fork keeps failing");
}

/* Ends a group with all that came of it, and waits until it is gone. */
static inline void kill_group(pid_t group) {
    CHECK(group > 1);
    while (kill(-group, SIGKILL) == 0 || errno == EPERM) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        test_sleep_ms(10);
    }
}

/* Areas that do not merge with their neighbours; how many there could be. */
static inline int make_areas(int count) {
    int made = 0;
    for (; made < count; made++) {
        if (mmap(NULL, 8192, made & 1 ? PROT_READ : RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
            break;
        }
    }
    return made;
}

#endif
