/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Memory exhaustion, fork bombs, deep nesting: the kernel refuses or kills, and goes on. */
#include "exhaustion.h"

#include <sys/mount.h>

static int died_or_exited(pid_t pid) {
    int status = WAIT(pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_LIMIT(touching_all_memory, 60) {
    /* Either an error (no overcommit) or the killer; the parent lives. */
    pid_t pid = SPAWN(for (;;) {
        char *p = mmap(NULL, 16 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) _exit(0);
        for (int i = 0; i < 16 << 20; i += 4096) p[i] = 1;
    });
    int signal = died_or_exited(pid);
    CHECK(signal == 0 || signal == SIGKILL || signal == SIGBUS || signal == SIGSEGV);
    expect_alive();
}

TEST_LIMIT(heap_until_it_fails, 60) {
    pid_t pid = SPAWN(for (char *end = (char *)syscall(SYS_brk, 0);;) {
        char *next = (char *)syscall(SYS_brk, end + (8 << 20));
        if (next == end) _exit(0);
        memset(end, 1, 8 << 20);
        end = next;
    });
    int signal = died_or_exited(pid);
    CHECK(signal == 0 || signal == SIGKILL || signal == SIGSEGV || signal == SIGBUS);
    expect_alive();
}

TEST_LIMIT(files_fill_memory, 60) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, NULL));
    static char block[1 << 20];
    memset(block, 1, sizeof block);
    pid_t pid = SPAWN(int fd = open("m/f", O_WRONLY | O_CREAT, 0600); long total = 0;
                      for (ssize_t n; total < 4l << 30 && (n = write(fd, block, sizeof block)) > 0;) total += n; _exit(errno == ENOSPC || errno == ENOMEM ? 0 : 0));
    int signal = died_or_exited(pid);
    CHECK(signal == 0 || signal == SIGKILL);
    unlink("m/f");
    OK(umount2("m", MNT_DETACH));
    expect_alive();
}

TEST_LIMIT(shared_memory_fills, 60) {
    pid_t pid = SPAWN(for (;;) {
        char *p = mmap(NULL, 16 << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) _exit(0);
        for (int i = 0; i < 16 << 20; i += 4096) p[i] = 1;
    });
    int signal = died_or_exited(pid);
    CHECK(signal == 0 || signal == SIGKILL || signal == SIGBUS);
    expect_alive();
}

TEST_LIMIT(pipes_fill, 60) {
    struct rlimit limit = {4096, 4096};
    pid_t pid = SPAWN(setrlimit(RLIMIT_NOFILE, &limit); static char block[65536]; int ends[2];
                      while (pipe2(ends, O_NONBLOCK) == 0) if (write(ends[1], block, sizeof block) < 0 && errno != EAGAIN) break; _exit(0));
    int signal = died_or_exited(pid);
    CHECK(signal == 0 || signal == SIGKILL);
    expect_alive();
}

TEST_LIMIT(fork_bomb_under_limit, 60) {
    struct rlimit limit = {60, 60};
    pid_t pid = SPAWN(OK(setrlimit(RLIMIT_NPROC, &limit)); OK(setresuid(3333, 3333, 3333)); alarm(3); for (;;) fork(););
    WAIT(pid);
    IN_CHILD(OK(setresuid(3333, 3333, 3333)); kill(-1, SIGKILL));
    expect_alive();
}

TEST_LIMIT(copies_of_a_large_process, 60) {
    /* Children that each write to all of a copied area; some may be refused or killed. */
    size_t length = 32 << 20;
    char *p = mmap(NULL, length, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, length);
    pid_t pids[24];
    PUT("/proc/self/oom_score_adj", "-1000"); /* the killer takes the children */
    for (int k = 0; k < 24; k++) {
        pids[k] = fork();
        if (pids[k] == 0) {
            PUT("/proc/self/oom_score_adj", "0");
            for (size_t i = 0; i < length; i += 4096) {
                p[i] = (char)k;
            }
            test_sleep_ms(200);
            _exit(0);
        }
    }
    for (int k = 0; k < 24; k++) {
        if (pids[k] > 0) {
            int signal = died_or_exited(pids[k]);
            CHECK(signal == 0 || signal == SIGKILL || signal == SIGBUS || signal == SIGSEGV);
        }
    }
    EXPECT_EQ(p[4096], 1);
    expect_alive();
}

TEST_LIMIT(many_small_files, 60) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, "size=64m,nr_inodes=20000"));
    char path[64];
    int made = 0;
    for (; made < 25000; made++) {
        snprintf(path, sizeof path, "m/%d", made);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) {
            break;
        }
        close(fd);
    }
    EXPECT_EQ(errno, ENOSPC);
    CHECK(made > 15000 && made < 20000);
    OK(umount2("m", MNT_DETACH));
    expect_alive();
}

TEST_LIMIT(memory_comes_back, 60) {
    /* Far more than the machine has, in turns. */
    for (int i = 0; i < 15; i++) {
        char *p = mmap(NULL, 32 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED);
        memset(p, 1, 32 << 20);
        OK(munmap(p, 32 << 20));
    }
    for (int i = 0; i < 8; i++) {
        IN_CHILD(char *p = mmap(NULL, 48 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); CHECK(p != MAP_FAILED); memset(p, 1, 48 << 20));
    }
}

TEST(processes_come_back) {
    for (int i = 0; i < 600; i++) {
        EXPECT_EXIT(SPAWN(_exit(i & 127)), i & 127);
    }
}

TEST(huge_sizes_in_calls) {
    // Low, so that a terabyte behind it still are user addresses.
    char *page = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    int fd = OK(open("/dev/zero", O_RDWR)), null = OK(open("/dev/null", O_WRONLY));
    long n = syscall(SYS_read, fd, page, 1ul << 62);
    CHECK(n == -1 || n <= 1 << 20);
    EXPECT_EQ(syscall(SYS_write, null, page, 0x7ffff000ul), 0x7ffff000);
    EXPECT_ERRNO(syscall(SYS_write, null, page, 1ul << 63), EFAULT);
    EXPECT_EQ(syscall(SYS_write, null, page, 1ul << 40), 0x7ffff000);
    EXPECT_ERRNO(syscall(SYS_getcwd, page, 0), ERANGE);
    EXPECT_ERRNO(syscall(SYS_getgroups, INT_MAX, NULL) >= 0 ? (errno = EINVAL, -1) : -1, EINVAL);
    EXPECT_ERRNO(syscall(SYS_poll, page, 0xffffffffu, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_readv, fd, page, 5000), EINVAL);
    EXPECT_ERRNO(syscall(SYS_select, INT_MAX, KERNEL_POINTER, NULL, NULL, NULL), EFAULT);
}
