/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* exit, wait4 and waitid. */
#include "test.h"

TEST(exit_status_is_low_byte) {
    EXPECT_EXIT(SPAWN(_exit(0x1ff)), 0xff);
    EXPECT_EXIT(SPAWN(_exit(256)), 0);
    EXPECT_EXIT(SPAWN(_exit(-1)), 255);
}

TEST(exit_group_and_exit_calls) {
    EXPECT_EXIT(SPAWN(syscall(SYS_exit, 5)), 5);
    EXPECT_EXIT(SPAWN(syscall(SYS_exit_group, 6)), 6);
}

TEST(exit_closes_descriptors) {
    int ends[2];
    OK(pipe(ends));
    pid_t pid = SPAWN(test_sleep_ms(50));
    close(ends[1]);
    char c;
    EXPECT_EQ(read(ends[0], &c, 1), 0);
    EXPECT_EXIT(pid, 0);
}

TEST(wait_without_children) {
    int status;
    EXPECT_ERRNO(wait(&status), ECHILD);
    EXPECT_ERRNO(waitpid(-1, &status, WNOHANG), ECHILD);
    EXPECT_ERRNO(waitpid(getpid(), &status, 0), ECHILD);
    EXPECT_ERRNO(waitpid(1, &status, 0), ECHILD);
}

TEST(wait4_bad_options) {
    EXPECT_ERRNO(waitpid(-1, NULL, 0x10), EINVAL);
    EXPECT_ERRNO(waitpid(-1, NULL, WEXITED), EINVAL);
    EXPECT_ERRNO(waitpid(-1, NULL, WNOWAIT), EINVAL);
}

TEST(wait4_int_min_is_esrch) {
    EXPECT_ERRNO(waitpid(INT_MIN, NULL, 0), ESRCH);
}

TEST(wait4_nohang) {
    pid_t pid = SPAWN(WAIT_WORD(&test_shared[0], 1));
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    test_shared[0] = 1;
    EXPECT_EXIT(pid, 0);
    EXPECT_ERRNO(waitpid(pid, NULL, WNOHANG), ECHILD);
}

TEST(wait4_bad_status_pointer) {
    pid_t pid = SPAWN(_exit(0));
    EXPECT_ERRNO(syscall(SYS_wait4, pid, BAD_POINTER, 0, NULL), EFAULT);
}

TEST(wait4_rusage) {
    pid_t pid = SPAWN(for (volatile long i = 0; i < 60000000; i++););
    struct rusage usage;
    memset(&usage, 0xff, sizeof usage);
    int status;
    EXPECT_EQ(wait4(pid, &status, 0, &usage), pid);
    CHECK(usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_sec < 60);
    EXPECT_GT(usage.ru_utime.tv_usec + usage.ru_utime.tv_sec * 1000000, 0);
    EXPECT_EQ(usage.ru_nsignals, 0);
    struct rusage children;
    OK(getrusage(RUSAGE_CHILDREN, &children));
    EXPECT_GT(children.ru_utime.tv_usec + children.ru_utime.tv_sec * 1000000, 0);
}

TEST(wait4_by_group) {
    pid_t other = SPAWN(setpgid(0, 0); _exit(1));
    EXPECT_ERRNO(waitpid(-99999, NULL, 0), ECHILD);
    OK(setpgid(other, other) == 0 || errno == EACCES || errno == ESRCH ? 0 : -1);
    pid_t mine = SPAWN(_exit(2));
    int status;
    EXPECT_EQ(waitpid(0, &status, 0), mine);
    EXPECT_EQ(WEXITSTATUS(status), 2);
    EXPECT_EQ(waitpid(-other, &status, 0), other);
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(wait4_signal_status) {
    pid_t pid = SPAWN(pause());
    OK(kill(pid, SIGTERM));
    int status = WAIT(pid);
    CHECK(WIFSIGNALED(status));
    EXPECT_EQ(status & 0xff, SIGTERM);
    CHECK(!WCOREDUMP(status));
}

TEST(wait4_stopped_and_continued) {
    pid_t pid = SPAWN(for (;;) pause(););
    OK(kill(pid, SIGSTOP));
    int status;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_EQ(status, (SIGSTOP << 8) | 0x7f);
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    OK(kill(pid, SIGCONT));
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
    EXPECT_EQ(status, 0xffff);
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    OK(kill(pid, SIGKILL));
    EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(wait4_without_untraced_ignores_stop) {
    pid_t pid = SPAWN(for (;;) pause(););
    OK(kill(pid, SIGSTOP));
    WAIT_STATE(pid, 'T');
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    OK(kill(pid, SIGKILL));
    EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(zombie_until_waited) {
    pid_t pid = SPAWN(_exit(0));
    WAIT_STATE(pid, 'Z');
    OK(kill(pid, 0));
    OK(kill(pid, SIGTERM));
    EXPECT_EXIT(pid, 0);
    EXPECT_ERRNO(kill(pid, 0), ESRCH);
}

TEST(sigchld_ignored_reaps) {
    signal(SIGCHLD, SIG_IGN);
    SPAWN(_exit(0));
    SPAWN(_exit(1));
    EXPECT_ERRNO(wait(NULL), ECHILD);
}

TEST(sigchld_nocldwait_reaps) {
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    OK(sigaction(SIGCHLD, &action, NULL));
    SPAWN(_exit(0));
    EXPECT_ERRNO(wait(NULL), ECHILD);
}

TEST(waitid_exited) {
    pid_t pid = SPAWN(_exit(33));
    siginfo_t info;
    memset(&info, 0, sizeof info);
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
    EXPECT_EQ(info.si_signo, SIGCHLD);
    EXPECT_EQ(info.si_code, CLD_EXITED);
    EXPECT_EQ(info.si_pid, pid);
    EXPECT_EQ(info.si_uid, getuid());
    EXPECT_EQ(info.si_status, 33);
}

TEST(waitid_killed) {
    pid_t pid = SPAWN(pause());
    OK(kill(pid, SIGKILL));
    siginfo_t info;
    OK(waitid(P_ALL, 0, &info, WEXITED));
    EXPECT_EQ(info.si_code, CLD_KILLED);
    EXPECT_EQ(info.si_status, SIGKILL);
    EXPECT_EQ(info.si_pid, pid);
}

TEST(waitid_nowait_leaves_zombie) {
    pid_t pid = SPAWN(_exit(3));
    siginfo_t info;
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    EXPECT_EQ(info.si_status, 3);
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    EXPECT_EXIT(pid, 3);
}

TEST(waitid_nohang_clears_info) {
    pid_t pid = SPAWN(WAIT_WORD(&test_shared[0], 1));
    siginfo_t info;
    memset(&info, 0xff, sizeof info);
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
    EXPECT_EQ(info.si_pid, 0);
    EXPECT_EQ(info.si_signo, 0);
    test_shared[0] = 1;
    EXPECT_EXIT(pid, 0);
}

TEST(waitid_stop_and_continue) {
    pid_t pid = SPAWN(for (;;) pause(););
    siginfo_t info;
    OK(kill(pid, SIGSTOP));
    OK(waitid(P_PID, (id_t)pid, &info, WSTOPPED));
    EXPECT_EQ(info.si_code, CLD_STOPPED);
    EXPECT_EQ(info.si_status, SIGSTOP);
    OK(kill(pid, SIGCONT));
    OK(waitid(P_PID, (id_t)pid, &info, WCONTINUED));
    EXPECT_EQ(info.si_code, CLD_CONTINUED);
    EXPECT_EQ(info.si_status, SIGCONT);
    OK(kill(pid, SIGKILL));
    OK(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED));
    EXPECT_EQ(info.si_pid, pid);
}

TEST(waitid_bad_arguments) {
    siginfo_t info;
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WNOHANG), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
    EXPECT_ERRNO(waitid((idtype_t)77, 0, &info, WEXITED), EINVAL);
    EXPECT_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

TEST(waitid_null_info) {
    pid_t pid = SPAWN(_exit(0));
    OK(waitid(P_PID, (id_t)pid, NULL, WEXITED));
    EXPECT_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

static void on_child(int signal) {
    (void)signal;
    test_shared[10]++;
}

TEST(wait_is_interrupted_without_restart) {
    struct sigaction action = {.sa_handler = on_child};
    OK(sigaction(SIGUSR1, &action, NULL));
    pid_t parent = getpid();
    pid_t pid = SPAWN(test_sleep_ms(100); kill(parent, SIGUSR1); pause());
    EXPECT_ERRNO(waitpid(pid, NULL, 0), EINTR);
    kill(pid, SIGKILL);
    EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(wait_restarts_with_sa_restart) {
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
    OK(sigaction(SIGUSR1, &action, NULL));
    pid_t parent = getpid();
    pid_t pid = SPAWN(test_sleep_ms(100); kill(parent, SIGUSR1); test_sleep_ms(100); _exit(8));
    int status;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), 8);
    EXPECT_EQ(test_shared[10], 1);
}

TEST(wait_blocks_until_exit) {
    long long start = test_now_ms();
    pid_t pid = SPAWN(test_sleep_ms(150));
    EXPECT_EXIT(pid, 0);
    EXPECT_GE(test_now_ms() - start, 145);
}
