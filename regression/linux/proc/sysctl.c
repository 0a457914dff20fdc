/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Parameters of /proc/sys: first values, forms, bounds, who may write, and what some of them do. */
#include "test.h"

#include <grp.h>
#include <sys/prctl.h>

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    return path;
}

/* What the parameter says, without the newline. */
static char *get(const char *name) {
    char *text = GET(path_of(name));
    text[strcspn(text, "\n")] = 0;
    return text;
}

/* Writes; returns what write(2) does. */
static ssize_t set(const char *name, const char *text) {
    int fd = OK(open(path_of(name), O_WRONLY));
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n;
}

#define EXPECT_SET(name, text, shown)                      \
    do {                                                   \
        EXPECT_EQ(set(name, text), (ssize_t)strlen(text)); \
        EXPECT_STR(get(name), shown);                      \
    } while (0)
#define EXPECT_BAD(name, text) EXPECT_ERRNO(set(name, text), EINVAL)

/* What parameters say at the start, which Debian's kernels agree on. */
static const struct {
    const char *name, *first;
} FIRST[] = {
    {"fs/aio-max-nr", "65536"},
    {"fs/mount-max", "100000"},
    {"fs/nr_open", "1048576"},
    {"fs/overflowuid", "65534"},
    {"fs/pipe-max-size", "1048576"},
    {"fs/protected_fifos", "0"},
    {"fs/protected_hardlinks", "1"},
    {"fs/protected_regular", "0"},
    {"fs/protected_symlinks", "1"},
    {"fs/suid_dumpable", "0"},
    {"kernel/cap_last_cap", "40"},
    {"kernel/core_uses_pid", "0"},
    {"kernel/dmesg_restrict", "1"},
    {"kernel/kptr_restrict", "0"},
    {"kernel/msgmax", "8192"},
    {"kernel/msgmnb", "16384"},
    {"kernel/msgmni", "32000"},
    {"kernel/ngroups_max", "65536"},
    {"kernel/perf_event_paranoid", "3"},
    {"kernel/pid_max", "32768"},
    {"kernel/pty/max", "4096"},
    {"kernel/randomize_va_space", "2"},
    {"kernel/sched_rr_timeslice_ms", "100"},
    {"kernel/sched_rt_period_us", "1000000"},
    {"kernel/sched_rt_runtime_us", "950000"},
    {"kernel/sem", "32000\t1024000000\t500\t32000"},
    {"kernel/shmall", "18446744073692774399"},
    {"kernel/shmmax", "18446744073692774399"},
    {"kernel/shmmni", "4096"},
    {"kernel/sysrq", "438"},
    {"kernel/unprivileged_userns_clone", "1"},
    {"kernel/yama/ptrace_scope", "0"},
    {"vm/max_map_count", "65530"},
    {"vm/mmap_min_addr", "65536"},
    {"vm/nr_hugepages", "0"},
    {"vm/overcommit_memory", "0"},
    {"vm/overcommit_ratio", "50"},
    {"vm/panic_on_oom", "0"},
    {"vm/swappiness", "60"},
};

TEST(first_values) {
    for (size_t i = 0; i < COUNT(FIRST); i++) {
        if (strcmp(get(FIRST[i].name), FIRST[i].first) != 0) {
            FAIL("%s is \"%s\"", FIRST[i].name, get(FIRST[i].name));
        }
    }
}

TEST(numbers_in_linux_forms) {
    EXPECT_SET("vm/swappiness", "100\n", "100");
    EXPECT_SET("vm/swappiness", " 0x10 ", "16");
    EXPECT_SET("vm/swappiness", "010", "8");
    const char *bad[] = {"-1", "201", "x", "5x", "\n", " ", "08", "99999999999", "0x", "--1", "+1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        EXPECT_BAD("vm/swappiness", bad[i]);
    }
    /* What follows the first number is for another write, which is not at the start. */
    int fd = OK(open(path_of("vm/swappiness"), O_WRONLY));
    EXPECT_EQ(write(fd, "5 6\n", 4), 2);
    EXPECT_EQ(write(fd, "6\n", 2), 2);
    EXPECT_STR(get("vm/swappiness"), "5");
    EXPECT_EQ(write(fd, "", 0), 0);
    EXPECT_EQ(pwrite(fd, "77", 2, 1), 2);
    EXPECT_STR(get("vm/swappiness"), "5");
    EXPECT_SET("vm/swappiness", "60", "60");
    EXPECT_SET("kernel/panic", "-5", "-5");
    EXPECT_SET("kernel/panic", "0", "0");
}

TEST(bounds) {
    EXPECT_BAD("fs/nr_open", "63");
    EXPECT_BAD("fs/nr_open", "2147483648");
    EXPECT_SET("fs/nr_open", "4096", "4096");
    struct rlimit limit = {64, 4097};
    EXPECT_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    EXPECT_SET("fs/nr_open", "1048576", "1048576");
    EXPECT_BAD("kernel/pid_max", "300");
    EXPECT_BAD("kernel/pid_max", "4194305");
    EXPECT_SET("kernel/pid_max", "4194304", "4194304");
    EXPECT_SET("kernel/pid_max", "32768", "32768");
    EXPECT_BAD("kernel/threads-max", "0");
    EXPECT_BAD("vm/max_map_count", "-1");
    EXPECT_BAD("vm/max_map_count", "2147483648");
    EXPECT_BAD("vm/overcommit_memory", "3");
    EXPECT_BAD("fs/suid_dumpable", "3");
    EXPECT_BAD("fs/protected_regular", "3");
    EXPECT_BAD("fs/protected_symlinks", "2");
    EXPECT_BAD("kernel/dmesg_restrict", "2");
    EXPECT_BAD("kernel/kptr_restrict", "3");
    EXPECT_BAD("kernel/yama/ptrace_scope", "4");
    EXPECT_BAD("fs/pipe-max-size", "-1");
    EXPECT_SET("fs/pipe-max-size", "1", "4096");
    EXPECT_SET("fs/pipe-max-size", "1048575", "1048576");
}

TEST(several_numbers_and_words) {
    EXPECT_EQ(set("kernel/sem", "100 200"), 7);
    EXPECT_STR(get("kernel/sem"), "100\t200\t500\t32000");
    EXPECT_EQ(set("kernel/sem", "32000 1024000000"), 16);
    EXPECT_SET("kernel/core_pattern", "core.%p\nrest", "core.%p");
    EXPECT_SET("kernel/core_pattern", "core", "core");
    EXPECT_SET("kernel/core_uses_pid", "1", "1");
    EXPECT_SET("kernel/core_uses_pid", "0", "0");
}

TEST(only_root_writes) {
    IN_CHILD(OK(setgroups(0, NULL)); OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000));
             EXPECT_ERRNO(open(path_of("vm/swappiness"), O_WRONLY), EACCES);
             EXPECT_STR(get("vm/swappiness"), "60"));
    EXPECT_ERRNO(open(path_of("kernel/osrelease"), O_WRONLY), EACCES);
    EXPECT_ERRNO(open(path_of("vm/drop_caches"), O_RDONLY), EACCES);
    EXPECT_BAD("vm/drop_caches", "0");
    EXPECT_EQ(set("vm/drop_caches", "1"), 1);
}

static void become_user(void) {
    OK(setgroups(0, NULL));
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
}

TEST(log_is_restricted) {
    char text[64];
    IN_CHILD(become_user(); EXPECT_ERRNO(open("/dev/kmsg", O_RDONLY), EPERM);
             EXPECT_ERRNO(syscall(SYS_syslog, 3, text, sizeof text), EPERM);
             EXPECT_ERRNO(syscall(SYS_syslog, 10, NULL, 0), EPERM));
    EXPECT_SET("kernel/dmesg_restrict", "0", "0");
    IN_CHILD(become_user(); OK(open("/dev/kmsg", O_RDONLY)); OK(syscall(SYS_syslog, 3, text, sizeof text));
             OK(syscall(SYS_syslog, 10, NULL, 0)); EXPECT_ERRNO(syscall(SYS_syslog, 4, text, sizeof text), EPERM));
    EXPECT_SET("kernel/dmesg_restrict", "1", "1");
}

static void shared_directory(mode_t mode) {
    OK(chmod(".", 0755));
    OK(mkdir("d", 0777));
    OK(chmod("d", mode));
}

TEST(hard_links_need_rights_to_the_file) {
    shared_directory(0777);
    PUT("secret", "x");
    OK(chmod("secret", 0644));
    PUT("open", "x");
    OK(chmod("open", 0666));
    PUT("raises", "x");
    OK(chmod("raises", 06777));
    OK(mkfifo("pipe", 0666));
    OK(chmod("pipe", 0666));
    IN_CHILD(become_user(); EXPECT_ERRNO(link("secret", "d/a"), EPERM); OK(link("open", "d/b"));
             EXPECT_ERRNO(link("raises", "d/c"), EPERM); EXPECT_ERRNO(link("pipe", "d/e"), EPERM));
    OK(link("secret", "d/a"));
    EXPECT_SET("fs/protected_hardlinks", "0", "0");
    IN_CHILD(become_user(); OK(link("secret", "d/f")));
    EXPECT_SET("fs/protected_hardlinks", "1", "1");
}

TEST(links_in_sticky_directories_are_followed_by_their_owner) {
    shared_directory(01777);
    PUT("f", "x");
    OK(chmod("f", 0644));
    IN_CHILD(become_user(); OK(symlink("../f", "d/users")));
    OK(symlink("../f", "d/roots"));
    OK(mkdir("d/sub", 0755));
    IN_CHILD(become_user(); OK(open("d/users", O_RDONLY)); OK(open("d/roots", O_RDONLY)));
    /* Root is not excused: the link may lead where root does harm. */
    EXPECT_ERRNO(open("d/users", O_RDONLY), EACCES);
    EXPECT_ERRNO(open("d/users", O_WRONLY | O_CREAT, 0600), EACCES);
    struct stat st;
    EXPECT_ERRNO(stat("d/users", &st), EACCES);
    OK(lstat("d/users", &st));
    OK(open("d/roots", O_RDONLY));
    EXPECT_SET("fs/protected_symlinks", "0", "0");
    OK(open("d/users", O_RDONLY));
    EXPECT_SET("fs/protected_symlinks", "1", "1");
    OK(chmod("d", 0777));
    OK(open("d/users", O_RDONLY));
}

TEST(files_in_sticky_directories_are_not_opened_by_creating) {
    shared_directory(01777);
    IN_CHILD(become_user(); umask(0); close(OK(open("d/f", O_CREAT | O_RDWR, 0666))); OK(mkfifo("d/p", 0666)));
    close(OK(open("d/f", O_CREAT | O_RDWR, 0600)));
    close(OK(open("d/p", O_CREAT | O_RDWR, 0600)));
    EXPECT_SET("fs/protected_regular", "1", "1");
    EXPECT_SET("fs/protected_fifos", "1", "1");
    EXPECT_ERRNO(open("d/f", O_CREAT | O_RDWR, 0600), EACCES);
    EXPECT_ERRNO(open("d/p", O_CREAT | O_RDWR, 0600), EACCES);
    close(OK(open("d/f", O_RDWR)));
    IN_CHILD(become_user(); close(OK(open("d/f", O_CREAT | O_RDWR, 0600))));
    OK(chmod("d", 01775));
    close(OK(open("d/f", O_CREAT | O_RDWR, 0600)));
    EXPECT_SET("fs/protected_regular", "2", "2");
    EXPECT_ERRNO(open("d/f", O_CREAT | O_RDWR, 0600), EACCES);
    EXPECT_SET("fs/protected_regular", "0", "0");
    EXPECT_SET("fs/protected_fifos", "0", "0");
}

TEST(suid_dumpable_says_what_becomes_of_who_changes_his_user) {
    EXPECT_SET("fs/suid_dumpable", "2", "2");
    IN_CHILD(OK(setuid(1000)); EXPECT_EQ(prctl(PR_GET_DUMPABLE), 2));
    EXPECT_SET("fs/suid_dumpable", "0", "0");
}

TEST(one_request_for_too_much_memory) {
    size_t much = 1ul << 40;
    EXPECT_EQ(mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
    void *p = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    OK(munmap(p, much));
    EXPECT_SET("vm/overcommit_memory", "1", "1");
    p = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    OK(munmap(p, much));
    EXPECT_SET("vm/overcommit_memory", "2", "2");
    p = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p == MAP_FAILED);
    EXPECT_SET("vm/overcommit_memory", "0", "0");
}

TEST(console_level) {
    char before[64];
    snprintf(before, sizeof before, "%s", get("kernel/printk"));
    EXPECT_EQ(set("kernel/printk", "3"), 1);
    EXPECT_EQ(strncmp(get("kernel/printk"), "3\t4\t1\t7", 7), 0);
    OK(set("kernel/printk", before));
}

TEST(adjustments_of_a_process_take_linux_forms) {
    const char *file = "/proc/self/oom_score_adj";
    int fd = OK(open(file, O_RDWR));
    EXPECT_EQ(write(fd, "0x10\n", 5), 5);
    EXPECT_EQ(atoi(GET(file)), 16);
    EXPECT_EQ(pwrite(fd, " -010 ", 6, 0), 6);
    EXPECT_EQ(atoi(GET(file)), -8);
    EXPECT_ERRNO(pwrite(fd, "1 2", 3, 0), EINVAL);
    EXPECT_ERRNO(pwrite(fd, "1001", 4, 0), EINVAL);
    EXPECT_ERRNO(pwrite(fd, "\n", 1, 0), EINVAL);
    EXPECT_EQ(pwrite(fd, "0", 1, 0), 1);
}
