/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What calls about processes answer for children that wait or have ended, and for arguments of which a part is wrong.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#include <linux/capability.h>
#include <linux/futex.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static pid_t ended_child(void) {
    siginfo_t info;
    pid_t pid = SPAWN({});
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    return pid;
}

static pid_t waiting_child(void) {
    pid_t pid = SPAWN({
        for (;;) {
            pause();
        }
    });
    WAIT_STATE(pid, 'S');
    return pid;
}

static void become_user(void) {
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
    OK(prctl(PR_SET_DUMPABLE, 1));
}

TEST(robust_lists_of_children) {
    IN_CHILD({
        become_user();
        long head = 1, len = 0;
        pid_t waits = waiting_child(), ended = ended_child();
        OK(syscall(SYS_get_robust_list, waits, &head, &len));
        EXPECT_EQ(len, 24);
        head = 1;
        OK(syscall(SYS_get_robust_list, ended, &head, &len));
        EXPECT_EQ(head, 0);
        EXPECT_ERRNO(syscall(SYS_get_robust_list, 1, &head, &len), EPERM);
        EXPECT_ERRNO(syscall(SYS_get_robust_list, 4000000, &head, &len), ESRCH);
        EXPECT_ERRNO(syscall(SYS_get_robust_list, waits, &head, BAD_POINTER), EFAULT);
        OK(kill(waits, SIGKILL));
    });
}

TEST(scheduling_of_who_has_ended) {
    unsigned long none = 0, first = 1;
    pid_t ended = ended_child();
    EXPECT_ERRNO(syscall(SYS_sched_setaffinity, ended, 8, &none), EINVAL);
    EXPECT_ERRNO(syscall(SYS_sched_setaffinity, ended, 0, &first), EINVAL);
    OK(syscall(SYS_sched_setaffinity, ended, 8, &first));
    EXPECT_ERRNO(syscall(SYS_sched_setaffinity, -5, 0, KERNEL_POINTER), ESRCH);
    EXPECT_ERRNO(syscall(SYS_sched_getaffinity, 4000000, 0x80000000ul, &first), EINVAL);
    IN_CHILD({
        become_user();
        pid_t own = ended_child();
        OK(setpriority(PRIO_PROCESS, (id_t)own, 5));
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, (id_t)own, 1), EACCES);
    });
}

TEST(signals_to_who_has_ended) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    pid_t ended = ended_child();
    OK(syscall(SYS_rt_tgsigqueueinfo, ended, ended, SIGUSR1, &info));
    OK(syscall(SYS_tgkill, ended, ended, SIGUSR1));
    EXPECT_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getpid(), ended, SIGUSR1, &info), ESRCH);
}

TEST(answers_of_which_a_part_arrives) {
    unsigned node = 7, cpu = 7;
    EXPECT_ERRNO(syscall(SYS_getcpu, BAD_POINTER, &node, NULL), EFAULT);
    EXPECT_EQ(node, 0);
    EXPECT_ERRNO(syscall(SYS_getcpu, &cpu, BAD_POINTER, NULL), EFAULT);
    EXPECT_LT(cpu, 7);
    char *page = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    uint32_t *version = (uint32_t *)(page + 4092);
    *version = _LINUX_CAPABILITY_VERSION_3;
    OK(syscall(SYS_capget, version, NULL));
    EXPECT_ERRNO(syscall(SYS_capget, version, page), EFAULT);
}

TEST(small_settings) {
    EXPECT_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    OK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
    EXPECT_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY);
    IN_CHILD({ EXPECT_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_EARLY); });
    OK(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0));
    EXPECT_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
    EXPECT_ERRNO(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0), EINVAL);
    EXPECT_ERRNO(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(prctl(PR_SET_SPECULATION_CTRL, 77, 0, 0, 0), ENODEV);
    /* No slack for timers of real-time threads. */
    struct sched_param param = {5};
    OK(prctl(PR_SET_TIMERSLACK, 1234, 0, 0, 0));
    OK(sched_setscheduler(0, SCHED_RR, &param));
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 0);
    OK(prctl(PR_SET_TIMERSLACK, 99, 0, 0, 0));
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 0);
    param.sched_priority = 0;
    OK(sched_setscheduler(0, SCHED_OTHER, &param));
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 50000);
}

TEST(users_that_stay_change_nothing) {
    OK(setfsuid(1));
    OK(setresuid(-1, -1, -1));
    EXPECT_EQ(setfsuid(-1), 1);
    OK(setresuid(-1, 0, -1));
    EXPECT_EQ(setfsuid(-1), 0);
    OK(setfsgid(1));
    OK(setresgid(0, -1, 0));
    EXPECT_EQ(setfsgid(-1), 1);
}

TEST(futex_operations_nobody_knows) {
    uint32_t word = 7;
    struct timespec bad = {0, -1};
    EXPECT_ERRNO(syscall(SYS_futex, &word, 0x80000000u, 4, NULL, NULL, 0), ENOSYS);
    EXPECT_ERRNO(syscall(SYS_futex, &word, 0x200 | FUTEX_WAKE, 4, NULL, NULL, 0), ENOSYS);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 4, NULL, NULL, 0), ENOSYS);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 4, &bad, NULL, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_futex, BAD_POINTER, FUTEX_WAKE_OP, 1, NULL, &word, -2), EFAULT);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, NULL, &word, 0x70000000), ENOSYS);
}

TEST(priorities_need_no_lesser_capabilities) {
    IN_CHILD({
        struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct data[2] = {{0, 0xff, 0}, {0, 0, 0}};
        OK(setpgid(0, 0));
        OK(setresuid(1000, 1001, 0));
        pid_t child = waiting_child();
        OK(syscall(SYS_capset, &head, data));
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, (id_t)child, 5), EPERM);
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, (id_t)child, -20), EACCES);
        unsigned long first = 1;
        EXPECT_ERRNO(syscall(SYS_sched_setaffinity, child, 8, &first), EPERM);
        OK(setpriority(PRIO_PROCESS, 0, 5));
        OK(kill(child, SIGKILL));
    });
}

TEST(nice_values_of_who_has_ended_count) {
    pid_t ended = SPAWN({});
    WAIT_STATE(ended, 'Z');
    OK(setpriority(PRIO_PGRP, 0, 7));
    EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)ended), 7);
    EXPECT_EQ(getpriority(PRIO_PGRP, 0), 7);
    IN_CHILD({
        struct sched_param none = {0};
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(sched_setscheduler(ended, SCHED_IDLE, &none), EPERM);
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, (id_t)ended, 9), EPERM);
    });
}

TEST(futexes_that_never_change) {
    uint32_t *word = OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_ERRNO(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    EXPECT_EQ(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    uint32_t *shared = OK(mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(syscall(SYS_futex, shared, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
}

TEST(pending_signals_of_no_size) {
    OK(syscall(SYS_rt_sigpending, KERNEL_POINTER, 0));
    EXPECT_ERRNO(syscall(SYS_rt_sigpending, KERNEL_POINTER, 8), EFAULT);
    EXPECT_EQ(prctl(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0), 0);
}
