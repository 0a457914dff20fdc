/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* User and group ids, supplementary groups, capabilities as far as root's. */
#include "test.h"

#include <grp.h>
#include <sys/prctl.h>

static void expect_ids(uid_t real, uid_t effective, uid_t saved) {
    uid_t r, e, s;
    OK(getresuid(&r, &e, &s));
    EXPECT_EQ(r, real);
    EXPECT_EQ(e, effective);
    EXPECT_EQ(s, saved);
    EXPECT_EQ(getuid(), real);
    EXPECT_EQ(geteuid(), effective);
}

TEST(root_starts_as_root) {
    expect_ids(0, 0, 0);
    EXPECT_EQ(getgid(), 0);
    EXPECT_EQ(getegid(), 0);
}

TEST(setuid_root_sets_all) {
    OK(setuid(1000));
    expect_ids(1000, 1000, 1000);
    EXPECT_ERRNO(setuid(0), EPERM);
    EXPECT_ERRNO(setuid(1001), EPERM);
    OK(setuid(1000));
}

TEST(setuid_unprivileged_swaps_with_saved) {
    OK(setresuid(1000, 1001, 1002));
    OK(setuid(1002));
    expect_ids(1000, 1002, 1002);
    OK(setuid(1000));
    expect_ids(1000, 1000, 1002);
    EXPECT_ERRNO(setuid(1001), EPERM);
}

TEST(seteuid_and_back) {
    OK(seteuid(1000));
    expect_ids(0, 1000, 0);
    OK(seteuid(0));
    expect_ids(0, 0, 0);
}

TEST(setreuid_saves_effective) {
    OK(setreuid(1000, 1001));
    expect_ids(1000, 1001, 1001);
    OK(setreuid(1001, 1000));
    expect_ids(1001, 1000, 1000);
}

TEST(setreuid_same_real_keeps_saved) {
    OK(setresuid(5, 6, 7));
    EXPECT_ERRNO(setreuid((uid_t)-1, 9), EPERM);
    OK(setreuid((uid_t)-1, 7));
    expect_ids(5, 7, 7);
}

TEST(setresuid_keeps_minus_one) {
    OK(setresuid((uid_t)-1, 7, (uid_t)-1));
    expect_ids(0, 7, 0);
    EXPECT_ERRNO(setresuid(8, (uid_t)-1, (uid_t)-1), EPERM);
    OK(setresuid(7, 7, 7));
    EXPECT_ERRNO(setresuid((uid_t)-1, 0, (uid_t)-1), EPERM);
}

TEST(setgid_family) {
    gid_t r, e, s;
    OK(setresgid(10, 11, 12));
    OK(getresgid(&r, &e, &s));
    EXPECT_EQ(r, 10);
    EXPECT_EQ(e, 11);
    EXPECT_EQ(s, 12);
    OK(setgid(20));
    OK(getresgid(&r, &e, &s));
    EXPECT_EQ(r, 20);
    EXPECT_EQ(s, 20);
    OK(setuid(1000));
    EXPECT_ERRNO(setgid(0), EPERM);
    EXPECT_ERRNO(setresgid(1, 1, 1), EPERM);
}

TEST(setgroups_and_getgroups) {
    gid_t groups[3] = {30, 10, 20}, got[8];
    OK(setgroups(3, groups));
    EXPECT_EQ(getgroups(0, NULL), 3);
    EXPECT_EQ(getgroups(8, got), 3);
    EXPECT_EQ(got[0] + got[1] + got[2], 60);
    EXPECT_ERRNO(getgroups(2, got), EINVAL);
    EXPECT_ERRNO(getgroups(-1, got), EINVAL);
    OK(setuid(1000));
    EXPECT_ERRNO(setgroups(0, NULL), EPERM);
    EXPECT_EQ(getgroups(0, NULL), 3);
}

TEST(setgroups_too_many) {
    EXPECT_ERRNO(syscall(SYS_setgroups, 65537, BAD_POINTER), EINVAL);
    EXPECT_ERRNO(syscall(SYS_setgroups, 2, BAD_POINTER), EFAULT);
}

TEST(fork_inherits_ids) {
    gid_t group = 33;
    OK(setgroups(1, &group));
    OK(setresgid(4, 4, 4));
    OK(setresuid(1, 1, 0));
    IN_CHILD(expect_ids(1, 1, 0); EXPECT_EQ(getegid(), 4); EXPECT_EQ(getgroups(0, NULL), 1));
}

TEST(supplementary_group_gives_access) {
    PUT("f", "x");
    OK(chown("f", 0, 77));
    OK(chmod("f", 0040));
    OK(chmod(".", 0755));
    gid_t group = 77;
    IN_CHILD(OK(setgroups(0, NULL)); OK(setgid(1000)); OK(setuid(1000)); EXPECT_ERRNO(open("f", O_RDONLY), EACCES));
    IN_CHILD(OK(setgroups(1, &group)); OK(setgid(1000)); OK(setuid(1000)); OK(open("f", O_RDONLY)));
}

TEST(setuid_program) {
    char *copy = "/tmp/suid-helper";
    int from = OK(open(test_program, O_RDONLY)), to = OK(open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    static char block[65536];
    for (ssize_t n; (n = OK(read(from, block, sizeof block))) > 0;) {
        EXPECT_EQ(write(to, block, (size_t)n), n);
    }
    close(to);
    OK(chown(copy, 1234, 5678));
    OK(chmod(copy, 06755));
    pid_t pid = SPAWN(OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000));
                      execl(copy, copy, "--helper", "suid", (char *)NULL); _exit(9));
    int status = WAIT(pid);
    unlink(copy);
    EXPECT_EQ(status, 0);
}

HELPER(suid) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    return r == 1000 && e == 1234 && s == 1234 && gr == 1000 && ge == 5678 && gs == 5678 ? 0 : 1;
}

TEST(chown_clears_setuid_bits) {
    PUT("f", "x");
    OK(chmod("f", 06755));
    OK(chown("f", 5, 5));
    struct stat st;
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode & 07777, 0755);
}

TEST(prctl_name) {
    char name[17] = "";
    OK(prctl(PR_SET_NAME, "a-name-longer-than-fifteen", 0, 0, 0));
    OK(prctl(PR_GET_NAME, name, 0, 0, 0));
    EXPECT_STR(name, "a-name-longer-t");
}

TEST(prctl_parent_death_signal) {
    int sig = -1;
    OK(prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0));
    OK(prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0));
    EXPECT_EQ(sig, SIGUSR1);
    EXPECT_ERRNO(prctl(PR_SET_PDEATHSIG, 65, 0, 0, 0), EINVAL);
}

TEST(prctl_no_new_privs) {
    EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    EXPECT_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    IN_CHILD(EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
}

TEST(prctl_unknown) {
    EXPECT_ERRNO(prctl(0x7fffffff, 0, 0, 0, 0), EINVAL);
}
