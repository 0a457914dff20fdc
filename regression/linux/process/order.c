/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Odd arguments of calls about processes: what is still written when a call fails, and which error comes first.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

TEST(waitid_writes_its_fields_even_if_it_fails) {
    unsigned char bytes[128];
    memset(bytes, 0xa5, sizeof bytes);
    EXPECT_ERRNO(syscall(SYS_waitid, P_ALL, 0, bytes, WEXITED, NULL), ECHILD);
    EXPECT_EQ(bytes[0] | bytes[11] | bytes[16] | bytes[27], 0);
    EXPECT_EQ(bytes[12], 0xa5);
    EXPECT_EQ(bytes[28], 0xa5);
    memset(bytes, 0xa5, sizeof bytes);
    EXPECT_ERRNO(syscall(SYS_waitid, P_ALL, 0, bytes, 0x1000000, NULL), EINVAL);
    EXPECT_EQ(bytes[0] | bytes[16], 0);
    EXPECT_ERRNO(syscall(SYS_waitid, P_ALL, 0, BAD_POINTER, 0x1000000, NULL), EFAULT);
    EXPECT_ERRNO(syscall(SYS_waitid, P_PIDFD, 0, NULL, WEXITED, NULL), EBADF);
    EXPECT_ERRNO(syscall(SYS_waitid, P_PIDFD, -1, NULL, WEXITED, NULL), EINVAL);
}

TEST(priorities_of_policies_nobody_has) {
    EXPECT_EQ(sched_get_priority_max(6), 0);
    EXPECT_EQ(sched_get_priority_min(6), 0);
    EXPECT_EQ(sched_get_priority_max(7), 0);
    EXPECT_ERRNO(sched_get_priority_max(4), EINVAL);
    EXPECT_ERRNO(sched_get_priority_max(8), EINVAL);
}

TEST(affinity_of_negative_numbers_and_long_masks) {
    unsigned long mask = 1;
    EXPECT_ERRNO(syscall(SYS_sched_setaffinity, -5, 8, &mask), ESRCH);
    EXPECT_ERRNO(syscall(SYS_sched_getaffinity, -5, 8, &mask), ESRCH);
    EXPECT_ERRNO(syscall(SYS_sched_setaffinity, 0, 1ul << 32, &mask), EINVAL);
    EXPECT_ERRNO(syscall(SYS_sched_getaffinity, 0, 1ul << 32, &mask), EINVAL);
    EXPECT_ERRNO(setpgid(-5, 0), EINVAL);
}

TEST(queued_signals_check_the_claim_first) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_USER;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, 4000000, 100, &info), EPERM);
    info.si_code = SI_QUEUE;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, 4000000, 100, &info), ESRCH);
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 100, &info), EINVAL);
    info.si_code = -50;
    ((char *)&info)[127] = 1;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info), E2BIG);
    /* Only as much is read as there can be. */
    char *page = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    siginfo_t *end = (siginfo_t *)(page + 4096 - 48);
    memset(end, 0, 48);
    end->si_code = SI_QUEUE;
    OK(syscall(SYS_rt_sigqueueinfo, getpid(), 0, end));
    end->si_code = -50;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 0, end), EFAULT);
}

TEST(wish_for_no_huge_pages) {
    EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    IN_CHILD(EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1));
    EXPECT_ERRNO(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(prctl(PR_SET_THP_DISABLE, 0, 0, 1, 0), EINVAL);
}

TEST(those_who_have_ended_are_still_somebodys) {
    pid_t ended = SPAWN(_exit(3));
    siginfo_t info;
    OK(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT));
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(kill(ended, SIGTERM), EPERM);
        EXPECT_ERRNO(kill(ended, 0), EPERM);
    });
    OK(kill(ended, SIGTERM));
    EXPECT_EXIT(ended, 3);
}

TEST(robust_lists_are_seen_by_what_one_may_have) {
    void *head = NULL;
    size_t len = 0;
    pid_t other = SPAWN(pause());
    /* Capabilities that are not in force just now count. */
    struct __user_cap_header_struct version = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2];
    OK(syscall(SYS_capget, &version, caps));
    caps[0].effective = caps[1].effective = 0;
    OK(syscall(SYS_capset, &version, caps));
    OK(syscall(SYS_get_robust_list, other, &head, &len));
    EXPECT_EQ(len, 24);
    caps[0].permitted = caps[1].permitted = 0;
    OK(syscall(SYS_capset, &version, caps));
    EXPECT_ERRNO(syscall(SYS_get_robust_list, other, &head, &len), EPERM);
    OK(kill(other, SIGKILL));
}

TEST(groups_are_looked_at_one_by_one) {
    char *page = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    gid_t *groups = (gid_t *)(page + 4096) - 1;
    *groups = 7;
    EXPECT_ERRNO(syscall(SYS_setgroups, 2, groups), EFAULT);
    *groups = (gid_t)-1;
    EXPECT_ERRNO(syscall(SYS_setgroups, 2, groups), EINVAL);
}
