/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Every call that takes a pointer, with each kind of bad pointer: EFAULT (or a check that comes first), never more. */
#include "test.h"

#include <poll.h>

/* A page that is not mapped, one that cannot be read, one that cannot be written, the edge of user space and beyond. */
static void *bad[8];

static void prepare(void) {
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    OK(mprotect(p, 4096, PROT_NONE));
    OK(munmap(p + 2 * 4096, 4096));
    bad[0] = BAD_POINTER;
    bad[1] = p;
    bad[2] = p + 2 * 4096;
    bad[3] = KERNEL_POINTER;
    bad[4] = WILD_POINTER;
    bad[5] = (void *)-1ul;
    bad[6] = (void *)-4096ul;
    bad[7] = (void *)0xffff800000000000ul;
}

/* The call, with B for the bad pointer, fails with EFAULT for each. */
#define EACH(call)                                                                                             \
    do {                                                                                                       \
        for (size_t k_ = 0; k_ < COUNT(bad); k_++) {                                                           \
            void *B = bad[k_];                                                                                 \
            errno = 0;                                                                                         \
            long n_ = (call);                                                                                  \
            if (n_ != -1 || errno != EFAULT) FAIL("%s with %p: %ld, %s", #call, B, n_, strerrorname_np(errno)); \
        }                                                                                                      \
    } while (0)

TEST(paths) {
    prepare();
    char ok[256];
    EACH(syscall(SYS_open, B, O_RDONLY));
    EACH(syscall(SYS_openat, AT_FDCWD, B, O_RDONLY));
    EACH(syscall(SYS_creat, B, 0600));
    EACH(syscall(SYS_stat, B, ok));
    EACH(syscall(SYS_lstat, B, ok));
    EACH(syscall(SYS_access, B, 0));
    EACH(syscall(SYS_chdir, B));
    EACH(syscall(SYS_mkdir, B, 0700));
    EACH(syscall(SYS_rmdir, B));
    EACH(syscall(SYS_unlink, B));
    EACH(syscall(SYS_rename, B, "x"));
    EACH(syscall(SYS_link, B, "x"));
    EACH(syscall(SYS_symlink, B, "x"));
    EACH(syscall(SYS_symlink, "x", B));
    EACH(syscall(SYS_readlink, B, ok, 10));
    EACH(syscall(SYS_chmod, B, 0600));
    EACH(syscall(SYS_chown, B, 0, 0));
    EACH(syscall(SYS_truncate, B, 0));
    EACH(syscall(SYS_mknod, B, S_IFIFO | 0600, 0));
    EACH(syscall(SYS_chroot, B));
    EACH(syscall(SYS_statfs, B, ok));
    EACH(syscall(SYS_utimensat, AT_FDCWD, B, NULL, 0));
    EACH(syscall(SYS_execve, B, NULL, NULL));
    EACH(syscall(SYS_umount2, B, 0));
    PUT("x1", "x");
    EACH(syscall(SYS_rename, "x1", B));
    EACH(syscall(SYS_link, "x1", B));
}

TEST(results_written) {
    prepare();
    PUT("f", "content");
    OK(symlink("f", "s"));
    int fd = OK(open("f", O_RDWR)), dir = OK(open(".", O_RDONLY));
    EACH(syscall(SYS_stat, "f", B));
    EACH(syscall(SYS_lstat, "f", B));
    EACH(syscall(SYS_fstat, fd, B));
    EACH(syscall(SYS_newfstatat, AT_FDCWD, "f", B, 0));
    EACH(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, B));
    EACH(syscall(SYS_statfs, "/proc", B));
    EACH(syscall(SYS_fstatfs, fd, B));
    EACH(syscall(SYS_readlink, "s", B, 10));
    EACH(syscall(SYS_getcwd, B, 256));
    EACH(syscall(SYS_getdents64, dir, B, 4096));
    EACH(syscall(SYS_pipe, B));
    EACH(syscall(SYS_uname, B));
    EACH(syscall(SYS_sysinfo, B));
    EACH(syscall(SYS_getrlimit, 0, B));
    EACH(syscall(SYS_getrusage, 0, B));
    EACH(syscall(SYS_times, B));
    EACH(syscall(SYS_gettimeofday, B, NULL));
    EACH(syscall(SYS_clock_gettime, 0, B));
    EACH(syscall(SYS_clock_getres, 0, B));
    EACH(syscall(SYS_getitimer, 0, B));
    EACH(syscall(SYS_getrandom, B, 16, 0));
    EACH(syscall(SYS_getresuid, B, B, B));
    EACH(syscall(SYS_getresgid, B, B, B));
    EACH(syscall(SYS_rt_sigpending, B, 8));
    EACH(syscall(SYS_rt_sigprocmask, 0, NULL, B, 8));
    EACH(syscall(SYS_rt_sigaction, SIGUSR1, NULL, B, 8));
    EACH(syscall(SYS_sched_getaffinity, 0, 8, B));
    EACH(syscall(SYS_sched_getparam, 0, B));
    EACH(syscall(SYS_getcpu, B, NULL, NULL));
    EACH(syscall(SYS_read, fd, B, 4));
    EACH(syscall(SYS_pread64, fd, B, 4, 0));
    EACH(syscall(SYS_mincore, (uintptr_t)dir * 0 + ((uintptr_t)&fd & ~4095ul), 4096, B));
}

TEST(arguments_read) {
    prepare();
    PUT("f", "content");
    int fd = OK(open("f", O_RDWR));
    EACH(syscall(SYS_write, fd, B, 4));
    EACH(syscall(SYS_pwrite64, fd, B, 4, 0));
    EACH(syscall(SYS_readv, fd, B, 1));
    EACH(syscall(SYS_writev, fd, B, 1));
    EACH(syscall(SYS_nanosleep, B, NULL));
    EACH(syscall(SYS_clock_nanosleep, 0, 0, B, NULL));
    EACH(syscall(SYS_rt_sigprocmask, SIG_BLOCK, B, NULL, 8));
    EACH(syscall(SYS_rt_sigaction, SIGUSR1, B, NULL, 8));
    EACH(syscall(SYS_rt_sigsuspend, B, 8));
    EACH(syscall(SYS_rt_sigtimedwait, B, NULL, NULL, 8));
    EACH(syscall(SYS_sigaltstack, B, NULL));
    EACH(syscall(SYS_setrlimit, RLIMIT_CORE, B));
    EACH(syscall(SYS_prlimit64, 0, RLIMIT_CORE, B, NULL));
    EACH(syscall(SYS_setgroups, 2, B));
    EACH(syscall(SYS_sched_setaffinity, 0, 8, B));
    EACH(syscall(SYS_poll, B, 1, 0));
    EACH(syscall(SYS_select, 8, B, NULL, NULL, NULL));
    EACH(syscall(SYS_utimensat, AT_FDCWD, "f", B, 0));
    EACH(syscall(SYS_fcntl, fd, F_GETLK, B));
    EACH(syscall(SYS_fcntl, fd, F_SETLK, B));
    EACH(syscall(SYS_setitimer, 0, B, NULL) == 0 ? -2 : -1);
    EACH(syscall(SYS_sethostname, B, 5));
    EACH(syscall(SYS_execve, "/bin/busybox", B, NULL));
}

TEST(zero_length_needs_no_memory) {
    int zero = OK(open("/dev/zero", O_RDWR));
    EXPECT_EQ(syscall(SYS_read, zero, BAD_POINTER, 0), 0);
    EXPECT_EQ(syscall(SYS_write, zero, BAD_POINTER, 0), 0);
    EXPECT_EQ(syscall(SYS_poll, BAD_POINTER, 0, 0), 0);
    EXPECT_EQ(syscall(SYS_writev, zero, BAD_POINTER, 0), 0);
    EXPECT_EQ(syscall(SYS_getrandom, BAD_POINTER, 0, 0), 0);
}

TEST(string_at_the_edge_of_a_page) {
    prepare();
    char *edge = (char *)bad[2];
    PUT("f", "x");
    memcpy(edge - 2, "f", 2);
    OK(syscall(SYS_access, edge - 2, 0));
    edge[-1] = 'x';
    EXPECT_ERRNO(syscall(SYS_access, edge - 2, 0), EFAULT);
}

TEST(read_only_target) {
    static const char constant[4096] __attribute__((aligned(4096))) = "constant";
    int fd = OK(open("/dev/zero", O_RDONLY));
    EXPECT_ERRNO(syscall(SYS_read, fd, constant, 8), EFAULT);
    EXPECT_ERRNO(syscall(SYS_getcwd, constant, 100), EFAULT);
    EXPECT_STR(constant, "constant");
}

TEST(lengths_that_overflow) {
    char c[16];
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    long n = syscall(SYS_write, fd, (void *)-8ul, 100);
    EXPECT_EQ(n, -1);
    EXPECT_ERRNO(syscall(SYS_write, fd, c, -1l), EFAULT);
    struct { void *base; unsigned long length; } overflow[2] = {{c, 1ul << 62}, {c, 1ul << 62}};
    n = syscall(SYS_writev, fd, overflow, 2);
    CHECK(n == -1 || n > 0);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, c, 1ul << 40), ENOTDIR);
}
