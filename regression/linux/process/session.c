/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Sessions, process groups and what kill does with them. */
#include "test.h"

TEST(setsid_makes_leader) {
    IN_CHILD(pid_t sid = OK(setsid()); EXPECT_EQ(sid, getpid()); EXPECT_EQ(getsid(0), sid);
             EXPECT_EQ(getpgrp(), sid));
}

TEST(setsid_refused_for_group_leader) {
    EXPECT_EQ(getpgrp(), getpid());
    EXPECT_ERRNO(setsid(), EPERM);
}

TEST(child_inherits_session_and_group) {
    pid_t sid = getsid(0), group = getpgrp();
    IN_CHILD(EXPECT_EQ(getsid(0), sid); EXPECT_EQ(getpgrp(), group));
}

TEST(setpgid_own_group) {
    IN_CHILD(OK(setpgid(0, 0)); EXPECT_EQ(getpgrp(), getpid()); OK(setpgid(getpid(), getpid())));
}

TEST(setpgid_of_child_and_join) {
    pid_t first = SPAWN(pause()), second = SPAWN(pause());
    OK(setpgid(first, first));
    OK(setpgid(second, first));
    EXPECT_EQ(getpgid(first), first);
    EXPECT_EQ(getpgid(second), first);
    OK(kill(-first, SIGKILL));
    EXPECT_SIGNAL(first, SIGKILL);
    EXPECT_SIGNAL(second, SIGKILL);
}

TEST(setpgid_errors) {
    EXPECT_ERRNO(setpgid(0, -1), EINVAL);
    EXPECT_ERRNO(setpgid(-5, 5), ESRCH);
    EXPECT_ERRNO(setpgid(1, 1), ESRCH);
    pid_t child = SPAWN(pause());
    EXPECT_ERRNO(setpgid(child, 1), EPERM);
    EXPECT_ERRNO(setpgid(child, 999999), EPERM);
    kill(child, SIGKILL);
    EXPECT_SIGNAL(child, SIGKILL);
}

TEST(setpgid_of_session_leader) {
    EXPECT_ERRNO(setpgid(0, 0), EPERM);
}

TEST(setpgid_after_exec_is_eacces) {
    pid_t child = SPAWN(execl(test_program, test_program, "--helper", "pause", (char *)NULL));
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", child);
    for (int i = 0; i < 500; i++) {
        char text[256] = "";
        int fd = OK(open(path, O_RDONLY));
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        if (n > 0 && memmem(text, (size_t)n, "--helper", 8)) {
            break;
        }
        test_sleep_ms(10);
    }
    EXPECT_ERRNO(setpgid(child, child), EACCES);
    kill(child, SIGKILL);
    EXPECT_SIGNAL(child, SIGKILL);
}

HELPER(pause) {
    pause();
    return 0;
}

TEST(getsid_getpgid_errors) {
    EXPECT_ERRNO(getsid(999999), ESRCH);
    EXPECT_ERRNO(getpgid(999999), ESRCH);
    EXPECT_ERRNO(getpgid(-1), ESRCH);
    EXPECT_GE(OK(getsid(1)), 0);
}

TEST(kill_zero_checks_only) {
    OK(kill(getpid(), 0));
    EXPECT_ERRNO(kill(999999, 0), ESRCH);
    EXPECT_ERRNO(kill(getpid(), 65), EINVAL);
    EXPECT_ERRNO(kill(getpid(), -1), EINVAL);
    EXPECT_ERRNO(kill(-999999, SIGTERM), ESRCH);
}

TEST(kill_group_zero) {
    pid_t pid = SPAWN(setpgid(0, 0); SPAWN(pause()); SPAWN(pause()); test_sleep_ms(50); kill(0, SIGTERM); pause());
    EXPECT_SIGNAL(pid, SIGTERM);
    for (int i = 0; i < 500 && kill(-pid, 0) == 0; i++) {
        test_sleep_ms(10);
    }
    EXPECT_ERRNO(kill(-pid, 0), ESRCH);
}

TEST(kill_init_is_ignored) {
    EXPECT_EQ(getuid(), 0);
    if (getpgid(1) == getpgrp()) {
        SKIP("pid 1 is not a plain init");
    }
    OK(kill(1, SIGWINCH));
    OK(kill(1, 0));
}

TEST(kill_needs_permission) {
    pid_t victim = SPAWN(pause());
    IN_CHILD(OK(setresuid(1000, 1000, 1000)); EXPECT_ERRNO(kill(victim, SIGTERM), EPERM);
             EXPECT_ERRNO(kill(victim, 0), EPERM); EXPECT_ERRNO(kill(1, SIGTERM), EPERM));
    kill(victim, SIGKILL);
    EXPECT_SIGNAL(victim, SIGKILL);
}

TEST(kill_same_user) {
    pid_t victim = SPAWN(OK(setresuid(1000, 1000, 1000)); test_shared[0] = 1; pause());
    WAIT_WORD(&test_shared[0], 1);
    IN_CHILD(OK(setresuid(1000, 1000, 1000)); OK(kill(victim, SIGTERM)));
    EXPECT_SIGNAL(victim, SIGTERM);
}

TEST(sigcont_within_session) {
    pid_t victim = SPAWN(OK(setresuid(1001, 1001, 1001)); raise(SIGSTOP); _exit(4));
    int status;
    EXPECT_EQ(waitpid(victim, &status, WUNTRACED), victim);
    IN_CHILD(OK(setresuid(1000, 1000, 1000)); EXPECT_ERRNO(kill(victim, SIGTERM), EPERM); OK(kill(victim, SIGCONT)));
    EXPECT_EXIT(victim, 4);
}

TEST(orphaned_stopped_group_gets_hup_and_cont) {
    /* The middle process leads a group in our session; its stopped child is orphaned with the group when it ends. */
    pid_t middle = SPAWN(
        pid_t stopped = SPAWN(OK(setpgid(0, 0)); test_shared[0] = getpid(); raise(SIGSTOP); test_sleep_ms(3000); _exit(0));
        int status; EXPECT_EQ(waitpid(stopped, &status, WUNTRACED), stopped));
    EXPECT_EXIT(middle, 0);
    for (int i = 0; i < 200 && kill(test_shared[0], 0) == 0; i++) {
        test_sleep_ms(10);
    }
    EXPECT_ERRNO(kill(test_shared[0], 0), ESRCH);
}

TEST(tgkill_and_tkill) {
    EXPECT_EQ(syscall(SYS_gettid), getpid());
    OK(syscall(SYS_tgkill, getpid(), getpid(), 0));
    OK(syscall(SYS_tkill, getpid(), 0));
    EXPECT_ERRNO(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);
    EXPECT_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
    EXPECT_SIGNAL(SPAWN(syscall(SYS_tgkill, getpid(), getpid(), SIGKILL); pause()), SIGKILL);
}
