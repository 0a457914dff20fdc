/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* fork, vfork and the process forms of clone. */
#include "test.h"

#include <linux/sched.h>

static int global = 1;

TEST(fork_returns_twice) {
    pid_t parent = getpid();
    pid_t pid = SPAWN(_exit(getppid() == parent && getpid() != parent ? 7 : 1));
    CHECK(pid > 1);
    EXPECT_EXIT(pid, 7);
}

TEST(fork_child_pid_matches) {
    pid_t pid = SPAWN(test_shared[0] = getpid());
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(test_shared[0], pid);
}

TEST(fork_memory_is_private_both_ways) {
    int local = 1;
    pid_t pid = SPAWN(
        global = 2; local = 2; test_shared[0] = 1; WAIT_WORD(&test_shared[0], 2);
        EXPECT_EQ(global, 2); EXPECT_EQ(local, 2));
    WAIT_WORD(&test_shared[0], 1);
    EXPECT_EQ(global, 1);
    EXPECT_EQ(local, 1);
    global = 3;
    local = 3;
    test_shared[0] = 2;
    EXPECT_EXIT(pid, 0);
}

TEST(fork_heap_is_private) {
    char *block = malloc(1 << 20);
    memset(block, 'a', 1 << 20);
    IN_CHILD(for (int i = 0; i < 1 << 20; i += 4096) block[i] = 'b';);
    for (int i = 0; i < 1 << 20; i += 4096) {
        EXPECT_EQ(block[i], 'a');
    }
}

TEST(fork_shares_file_offset) {
    PUT("f", "0123456789");
    int fd = OK(open("f", O_RDONLY));
    char c[4];
    IN_CHILD(EXPECT_EQ(read(fd, c, 4), 4));
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

TEST(fork_descriptor_table_is_copied) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    IN_CHILD(close(fd));
    OK(fcntl(fd, F_GETFD));
}

TEST(fork_many_children) {
    pid_t pids[50];
    for (int i = 0; i < 50; i++) {
        pids[i] = SPAWN(_exit(i));
    }
    for (int i = 49; i >= 0; i--) {
        EXPECT_EXIT(pids[i], i);
    }
    EXPECT_ERRNO(wait(NULL), ECHILD);
}

TEST(fork_deep_chain) {
    for (int depth = 0; depth < 30; depth++) {
        pid_t pid = test_fork(__FILE__, __LINE__);
        if (pid > 0) {
            int status = WAIT(pid);
            _exit(WEXITSTATUS(status));
        }
    }
    _exit(0);
}

TEST(fork_clears_pending_signals_and_alarm) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    OK(raise(SIGUSR1));
    alarm(100);
    IN_CHILD(sigset_t pending; OK(sigpending(&pending)); EXPECT_EQ(sigismember(&pending, SIGUSR1), 0);
             EXPECT_EQ(alarm(0), 0));
    EXPECT_GT(alarm(0), 90);
}

TEST(fork_keeps_cwd_and_umask) {
    OK(mkdir("d", 0755));
    OK(chdir("d"));
    umask(027);
    IN_CHILD(char cwd[256]; CHECK(getcwd(cwd, sizeof cwd)); CHECK(strcmp(cwd + strlen(cwd) - 2, "/d") == 0);
             EXPECT_EQ(umask(0), 027); OK(chdir("/")));
    EXPECT_EQ(umask(0), 027);
    OK(access("../d", F_OK));
}

TEST(vfork_shares_memory_and_waits) {
    static volatile int seen;
    pid_t pid = vfork();
    if (pid == 0) {
        seen = 42;
        _exit(5);
    }
    EXPECT_EQ(seen, 42);
    EXPECT_EXIT(pid, 5);
}

TEST(vfork_parent_sleeps_until_exec) {
    long long start = test_now_ms();
    pid_t pid = vfork();
    if (pid == 0) {
        struct timespec delay = {0, 200000000};
        syscall(SYS_nanosleep, &delay, NULL);
        execl(test_program, test_program, "--helper", "exit3", (char *)NULL);
        _exit(1);
    }
    EXPECT_GE(test_now_ms() - start, 190);
    EXPECT_EXIT(pid, 3);
}

HELPER(exit3) {
    return 3;
}

static long raw_clone(unsigned long flags, void *stack, int *ptid, int *ctid) {
    return syscall(SYS_clone, flags, stack, ptid, ctid, 0);
}

TEST(clone_sigchld_is_fork) {
    long pid = OK(raw_clone(SIGCHLD, NULL, NULL, NULL));
    if (pid == 0) {
        _exit(9);
    }
    EXPECT_EXIT((pid_t)pid, 9);
}

TEST(clone_parent_settid) {
    int ptid = 0;
    long pid = OK(raw_clone(CLONE_PARENT_SETTID | SIGCHLD, NULL, &ptid, NULL));
    if (pid == 0) {
        _exit(0);
    }
    EXPECT_EQ(ptid, pid);
    EXPECT_EXIT((pid_t)pid, 0);
}

TEST(clone_child_settid) {
    int ctid = 0;
    long pid = OK(raw_clone(CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL, &ctid));
    if (pid == 0) {
        _exit(ctid == getpid() ? 0 : 1);
    }
    EXPECT_EQ(ctid, 0);
    EXPECT_EXIT((pid_t)pid, 0);
}

TEST(clone_files_shared) {
    long pid = OK(raw_clone(CLONE_FILES | SIGCHLD, NULL, NULL, NULL));
    if (pid == 0) {
        _exit(open("/dev/null", O_RDONLY) == 3 || 1 ? (dup2(0, 50) == 50 ? 0 : 1) : 1);
    }
    EXPECT_EXIT((pid_t)pid, 0);
    OK(fcntl(50, F_GETFD));
}

TEST(clone_fs_shared) {
    OK(mkdir("d", 0755));
    long pid = OK(raw_clone(CLONE_FS | SIGCHLD, NULL, NULL, NULL));
    if (pid == 0) {
        umask(0123 & 077);
        _exit(chdir("d") == 0 ? 0 : 1);
    }
    EXPECT_EXIT((pid_t)pid, 0);
    char cwd[256];
    CHECK(getcwd(cwd, sizeof cwd));
    EXPECT_STR(strrchr(cwd, '/'), "/d");
    EXPECT_EQ(umask(0), 023);
}

TEST(clone_other_exit_signal_needs_wclone) {
    signal(SIGUSR2, SIG_IGN);
    long pid = OK(raw_clone(SIGUSR2, NULL, NULL, NULL));
    if (pid == 0) {
        _exit(4);
    }
    EXPECT_ERRNO(waitpid((pid_t)pid, NULL, 0), ECHILD);
    int status;
    EXPECT_EQ(waitpid((pid_t)pid, &status, __WCLONE), pid);
    EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST(clone_takes_a_signal_that_does_not_exist) {
    static const unsigned long words[] = {0, 65, 128, 255};
    for (int i = 0; i < 4; i++) {
        long pid = OK(raw_clone(words[i], NULL, NULL, NULL));
        if (pid == 0) {
            _exit(4);
        }
        EXPECT_ERRNO(waitpid((pid_t)pid, NULL, 0), ECHILD);
        int status;
        EXPECT_EQ(waitpid((pid_t)pid, &status, __WCLONE), pid);
        EXPECT_EQ(WEXITSTATUS(status), 4);
    }
}

TEST(clone_thread_without_sighand_is_refused) {
    EXPECT_ERRNO(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL), EINVAL);
}

TEST(clone_sighand_without_vm_is_refused) {
    EXPECT_ERRNO(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL), EINVAL);
}

TEST(clone_parent_makes_sibling) {
    pid_t me = getpid();
    pid_t pid = SPAWN(long sibling = OK(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL, NULL));
                      if (sibling == 0) { _exit(getppid() == me ? 6 : 1); } test_shared[1] = (int)sibling);
    EXPECT_EXIT(pid, 0);
    EXPECT_EXIT(test_shared[1], 6);
}

TEST(clone_vm_vfork_with_own_stack) {
    static char stack[65536] __attribute__((aligned(16)));
    static volatile int seen;
    seen = 0;
    int body(void *arg) {
        seen = *(int *)arg;
        return 11;
    }
    int value = 77;
    pid_t pid = OK(clone(body, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &value));
    EXPECT_EQ(seen, 77);
    EXPECT_EXIT(pid, 11);
}

TEST(orphan_goes_to_init) {
    pid_t pid = SPAWN(pid_t grandchild = SPAWN(test_shared[1] = getppid(); test_shared[0] = 1;
                                               WAIT_WORD(&test_shared[0], 2);
                                               for (int i = 0; i < 200 && getppid() == test_shared[1]; i++)
                                                   test_sleep_ms(10);
                                               test_shared[2] = getppid(); test_shared[0] = 3);
                      (void)grandchild; WAIT_WORD(&test_shared[0], 1));
    EXPECT_EXIT(pid, 0);
    test_shared[0] = 2;
    WAIT_WORD(&test_shared[0], 3);
    EXPECT_EQ(test_shared[1], pid);
    EXPECT_EQ(test_shared[2], 1);
}
