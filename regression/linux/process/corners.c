/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What calls about processes say in the corners: zombies, threads by number, nice values, futexes of two kinds. */
#include "test.h"

#include <linux/futex.h>

static pid_t zombie(void) {
    pid_t pid = SPAWN(_exit(3));
    siginfo_t info;
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    return pid;
}

TEST(zombies_are_scheduled_still) {
    pid_t pid = zombie();
    struct sched_param param = {.sched_priority = 0};
    struct timespec interval;
    cpu_set_t set;
    EXPECT_EQ(sched_getscheduler(pid), SCHED_OTHER);
    OK(sched_getparam(pid, &param));
    CHECK(sched_getaffinity(pid, sizeof set, &set) >= 0);
    CHECK(CPU_COUNT(&set) > 0);
    OK(sched_rr_get_interval(pid, &interval));
    param.sched_priority = 0;
    OK(sched_setscheduler(pid, SCHED_OTHER, &param));
    OK(sched_setparam(pid, &param));
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    OK(sched_setaffinity(pid, sizeof set, &set));
    EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), 0);
    OK(setpriority(PRIO_PROCESS, (id_t)pid, 1));
    struct rlimit limit;
    OK(prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
    OK(kill(pid, 0));
    clockid_t clock;
    struct timespec time;
    EXPECT_EQ(clock_getcpuclockid(pid, &clock), 0);
    OK(clock_gettime(clock, &time));
    EXPECT_EXIT(pid, 3);
    EXPECT_ERRNO(sched_getscheduler(pid), ESRCH);
}

TEST(policies_are_inherited) {
    struct sched_param param = {.sched_priority = 7};
    OK(sched_setscheduler(0, SCHED_FIFO, &param));
    IN_CHILD(struct sched_param mine; EXPECT_EQ(sched_getscheduler(0), SCHED_FIFO); OK(sched_getparam(0, &mine));
             EXPECT_EQ(mine.sched_priority, 7));
    OK(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param));
    IN_CHILD(EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER));
}

static char stack[65536];

static int thread(void *argument) {
    volatile int *shared = argument;
    shared[1] = setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5;
    shared[2] = (int)syscall(SYS_gettid);
    while (shared[3] == 0) {
        sched_yield();
    }
    shared[4] = 1;
    syscall(SYS_exit, 0);
    return 0;
}

TEST(each_thread_has_a_number_and_a_nice_value) {
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    OK(clone(thread, stack + sizeof stack, flags, (void *)test_shared));
    while (test_shared[2] == 0) {
        sched_yield();
    }
    pid_t tid = test_shared[2];
    EXPECT_EQ(test_shared[1], 1);
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 0);
    EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)tid), 5);
    EXPECT_EQ(getpgid(tid), getpgrp());
    EXPECT_EQ(getsid(tid), getsid(0));
    EXPECT_ERRNO(setpgid(tid, 0), EINVAL);
    test_shared[3] = 1;
    WAIT_WORD(&test_shared[4], 1);
}

static long futex(unsigned *word, int operation, unsigned value, unsigned long second, unsigned *other, unsigned bits) {
    return syscall(SYS_futex, word, operation, value, second, other, bits);
}

TEST(futexes_of_two_words) {
    static unsigned a, b = 5;
    EXPECT_EQ(futex(&a, FUTEX_WAKE_OP, 1, 1, &b, FUTEX_OP(FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_EQ, 0)), 0);
    EXPECT_EQ(b, 4);
    EXPECT_EQ(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, 1, &b, FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 0)), 0);
    EXPECT_EQ(b, 9);
    EXPECT_ERRNO(futex(&a, FUTEX_WAKE_OP, 1, 1, &b, 5u << 28), ENOSYS);
    EXPECT_ERRNO(futex(&a, FUTEX_WAKE_OP, 1, 1, BAD_POINTER, 0), EFAULT);
    /* A private futex is only a name. */
    EXPECT_EQ(futex(BAD_POINTER, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0), 0);
    EXPECT_ERRNO(futex(BAD_POINTER, FUTEX_WAKE, 1, 0, NULL, 0), EFAULT);
    EXPECT_ERRNO(futex(KERNEL_POINTER, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0), EFAULT);
    EXPECT_ERRNO(futex((unsigned *)0x11, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0), EINVAL);
}

TEST(wake_op_wakes_at_both_words) {
    unsigned *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t one = SPAWN(OK(futex(&words[0], FUTEX_WAIT, 0, 0, NULL, 0)));
    pid_t two = SPAWN(OK(futex(&words[1], FUTEX_WAIT, 0, 0, NULL, 0)));
    WAIT_STATE(one, 'S');
    WAIT_STATE(two, 'S');
    EXPECT_EQ(futex(&words[0], FUTEX_WAKE_OP, 1, 1, &words[1], FUTEX_OP(FUTEX_OP_OR, 2, FUTEX_OP_CMP_LT, 1)), 2);
    EXPECT_EQ(words[1], 2);
    EXPECT_EXIT(one, 0);
    EXPECT_EXIT(two, 0);
}

static unsigned word;

static int waiter(void *argument) {
    volatile int *shared = argument;
    shared[2] = (int)syscall(SYS_gettid);
    long result = futex(&word, FUTEX_WAIT_PRIVATE, 0, 0, NULL, 0);
    shared[4] = result == 0 ? 1 : 2;
    syscall(SYS_exit, 0);
    return 0;
}

TEST(private_and_shared_futexes_do_not_meet) {
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    OK(clone(waiter, stack + sizeof stack, flags, (void *)test_shared));
    while (test_shared[2] == 0) {
        sched_yield();
    }
    test_sleep_ms(200);
    EXPECT_EQ(futex(&word, FUTEX_WAKE, 1, 0, NULL, 0), 0);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0), 1);
    WAIT_WORD(&test_shared[4], 1);
}

TEST(zombies_never_stop) {
    pid_t pid = zombie();
    siginfo_t info;
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG), ECHILD);
    EXPECT_ERRNO(waitid(P_PID, (id_t)pid, &info, WSTOPPED), ECHILD);
    EXPECT_ERRNO(waitid(P_PGID, (id_t)getpgrp(), &info, WCONTINUED), ECHILD);
    EXPECT_EXIT(pid, 3);
}
