/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Resource limits, priorities, CPU sets, names of the system. */
#include "test.h"

#include <sys/utsname.h>

TEST(rlimit_set_and_get) {
    struct rlimit limit = {100, 200}, got;
    OK(setrlimit(RLIMIT_CORE, &limit));
    OK(getrlimit(RLIMIT_CORE, &got));
    EXPECT_EQ(got.rlim_cur, 100);
    EXPECT_EQ(got.rlim_max, 200);
    IN_CHILD(OK(getrlimit(RLIMIT_CORE, &got)); EXPECT_EQ(got.rlim_cur, 100));
}

TEST(rlimit_errors) {
    struct rlimit limit = {200, 100};
    EXPECT_ERRNO(setrlimit(RLIMIT_CORE, &limit), EINVAL);
    EXPECT_ERRNO(getrlimit(16, &limit), EINVAL);
    EXPECT_ERRNO(getrlimit(-1, &limit), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getrlimit, RLIMIT_CORE, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_setrlimit, RLIMIT_CORE, BAD_POINTER), EFAULT);
}

TEST(rlimit_hard_needs_privilege) {
    struct rlimit limit = {100, 200};
    OK(setrlimit(RLIMIT_FSIZE, &limit));
    OK(setuid(1000));
    limit.rlim_max = 201;
    EXPECT_ERRNO(setrlimit(RLIMIT_FSIZE, &limit), EPERM);
    limit.rlim_max = limit.rlim_cur = 150;
    OK(setrlimit(RLIMIT_FSIZE, &limit));
}

TEST(prlimit_old_and_new) {
    struct rlimit new = {50, 60}, old;
    OK(prlimit(0, RLIMIT_CORE, &new, &old));
    OK(prlimit(getpid(), RLIMIT_CORE, NULL, &old));
    EXPECT_EQ(old.rlim_cur, 50);
    pid_t child = SPAWN(pause());
    OK(prlimit(child, RLIMIT_CORE, NULL, &old));
    EXPECT_EQ(old.rlim_max, 60);
    EXPECT_ERRNO(prlimit(999999, RLIMIT_CORE, NULL, &old), ESRCH);
    kill(child, SIGKILL);
    EXPECT_SIGNAL(child, SIGKILL);
}

TEST(nofile_limits_descriptors) {
    struct rlimit limit = {10, 10};
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    int fd = 0;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
        EXPECT_LT(fd, 10);
    }
    EXPECT_EQ(errno, EMFILE);
    EXPECT_ERRNO(dup(0), EMFILE);
    EXPECT_ERRNO(dup2(0, 10), EBADF);
    EXPECT_ERRNO(fcntl(0, F_DUPFD, 10), EINVAL);
    int ends[2];
    EXPECT_ERRNO(pipe(ends), EMFILE);
}

TEST(nofile_above_limit_of_system) {
    struct rlimit limit = {1ul << 40, 1ul << 40};
    EXPECT_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}

TEST(fsize_limit_sends_sigxfsz) {
    struct rlimit limit = {1000, 1000};
    OK(setrlimit(RLIMIT_FSIZE, &limit));
    char block[600] = {0};
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(write(fd, block, 600), 600);
    EXPECT_EQ(write(fd, block, 600), 400);
    EXPECT_ERRNO(write(fd, block, 1), EFBIG);
    EXPECT_ERRNO(ftruncate(fd, 2000), EFBIG);
    EXPECT_SIGNAL(SPAWN(signal(SIGXFSZ, SIG_DFL); write(fd, block, 1)), SIGXFSZ);
}

TEST(nproc_limits_fork_bomb) {
    struct rlimit limit = {12, 12};
    pid_t pid = SPAWN(
        OK(setrlimit(RLIMIT_NPROC, &limit)); OK(setresuid(4242, 4242, 4242)); int made = 0;
        for (int i = 0; i < 40; i++) {
            pid_t child = fork();
            if (child == 0) {
                pause();
                _exit(0);
            }
            if (child < 0) {
                EXPECT_EQ(errno, EAGAIN);
                break;
            }
            made++;
        } EXPECT_EQ(made, 11);
        kill(-1, SIGKILL));
    EXPECT_EXIT(pid, 0);
}

TEST(cpu_limit_sends_sigxcpu) {
    struct rlimit limit = {1, 3};
    EXPECT_SIGNAL(SPAWN(OK(setrlimit(RLIMIT_CPU, &limit)); for (;;);), SIGXCPU);
}

TEST(stack_limit_is_inherited_by_exec) {
    struct rlimit limit = {1 << 20, 1 << 20};
    EXPECT_EXIT(SPAWN(OK(setrlimit(RLIMIT_STACK, &limit));
                      execl(test_program, test_program, "--helper", "stack_limit", (char *)NULL)), 0);
}

HELPER(stack_limit) {
    struct rlimit got;
    getrlimit(RLIMIT_STACK, &got);
    return got.rlim_cur == 1 << 20 ? 0 : 1;
}

TEST(priority_get_and_set) {
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 0);
    OK(setpriority(PRIO_PROCESS, 0, 5));
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 5);
    OK(setpriority(PRIO_PROCESS, 0, 100));
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 19);
    OK(setpriority(PRIO_PROCESS, 0, -3));
    EXPECT_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 23);
    OK(setpriority(PRIO_PROCESS, 0, 10));
    IN_CHILD(EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 10));
    EXPECT_ERRNO(setpriority(PRIO_PROCESS, 999999, 0), ESRCH);
    EXPECT_ERRNO(setpriority(9, 0, 0), EINVAL);
    OK(setuid(1000));
    EXPECT_ERRNO(setpriority(PRIO_PROCESS, 0, 0), EACCES);
    EXPECT_ERRNO(setpriority(PRIO_PROCESS, 1, 0), EPERM);
}

TEST(affinity) {
    cpu_set_t set;
    CPU_ZERO(&set);
    OK(sched_getaffinity(0, sizeof set, &set));
    CHECK(CPU_ISSET(0, &set));
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    OK(sched_setaffinity(0, sizeof set, &set));
    IN_CHILD(cpu_set_t mine; CPU_ZERO(&mine); OK(sched_getaffinity(0, sizeof mine, &mine));
             EXPECT_EQ(CPU_COUNT(&mine), 1); EXPECT_EQ(sched_getcpu(), 0));
    CPU_ZERO(&set);
    EXPECT_ERRNO(sched_setaffinity(0, sizeof set, &set), EINVAL);
    EXPECT_ERRNO(sched_getaffinity(999999, sizeof set, &set), ESRCH);
    EXPECT_ERRNO(syscall(SYS_sched_getaffinity, 0, 1, &set), EINVAL);
}

TEST(sched_calls) {
    OK(sched_yield());
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
    struct sched_param param = {99};
    OK(sched_getparam(0, &param));
    EXPECT_EQ(param.sched_priority, 0);
    EXPECT_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    EXPECT_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    EXPECT_EQ(sched_get_priority_min(SCHED_RR), 1);
    EXPECT_ERRNO(sched_getscheduler(-1), EINVAL);
    EXPECT_ERRNO(sched_getscheduler(999999), ESRCH);
}

TEST(uname_fields) {
    struct utsname name;
    OK(uname(&name));
    EXPECT_STR(name.sysname, "Linux");
    EXPECT_STR(name.machine, "x86_64");
    int major = 0, minor = 0;
    EXPECT_EQ(sscanf(name.release, "%d.%d", &major, &minor), 2);
    EXPECT_GE(major, 6);
    EXPECT_GT(strlen(name.version), 3);
    EXPECT_ERRNO(syscall(SYS_uname, BAD_POINTER), EFAULT);
}

TEST(hostname_set_and_get) {
    struct utsname name;
    OK(uname(&name));
    OK(sethostname("pearl", 5));
    struct utsname now;
    OK(uname(&now));
    EXPECT_STR(now.nodename, "pearl");
    EXPECT_ERRNO(sethostname("x", 65), EINVAL);
    IN_CHILD(OK(setuid(1000)); EXPECT_ERRNO(sethostname("x", 1), EPERM));
    OK(sethostname(name.nodename, strlen(name.nodename)));
}

TEST(sysinfo_is_plausible) {
    struct {
        long uptime;
        unsigned long loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        unsigned short procs, pad;
        unsigned long totalhigh, freehigh;
        unsigned mem_unit;
    } info;
    memset(&info, 0, sizeof info);
    OK(syscall(SYS_sysinfo, &info));
    EXPECT_GT(info.totalram * info.mem_unit, 64ul << 20);
    EXPECT_LT(info.freeram, info.totalram);
    EXPECT_GT(info.procs, 1);
}

TEST(getrusage_self) {
    struct rusage usage;
    for (volatile long i = 0; i < 60000000; i++) {
    }
    OK(getrusage(RUSAGE_SELF, &usage));
    EXPECT_GT(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec, 0);
    EXPECT_GT(usage.ru_minflt, 0);
    EXPECT_GT(usage.ru_maxrss, 100);
    EXPECT_ERRNO(getrusage(7, &usage), EINVAL);
}

TEST(times_counts) {
    /* struct tms: four clock_t. */
    long counts[4] = {-1, -1, -1, -1};
    long now = syscall(SYS_times, counts);
    EXPECT_GT(now, 0);
    EXPECT_GE(counts[0], 0);
    EXPECT_LT(counts[0], 100000);
    OK(syscall(SYS_times, NULL));
}

TEST(getcpu_call) {
    unsigned cpu = 99, node = 99;
    OK(syscall(SYS_getcpu, &cpu, &node, NULL));
    EXPECT_LT(cpu, 64);
    EXPECT_EQ(node, 0);
}

TEST(getrandom_fills) {
    unsigned char a[64] = {0}, b[64] = {0};
    EXPECT_EQ(syscall(SYS_getrandom, a, 64, 0), 64);
    EXPECT_EQ(syscall(SYS_getrandom, b, 64, 1), 64);
    CHECK(memcmp(a, b, 64) != 0);
    EXPECT_ERRNO(syscall(SYS_getrandom, a, 64, 0x100), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getrandom, BAD_POINTER, 64, 0), EFAULT);
    EXPECT_EQ(syscall(SYS_getrandom, a, 0, 0), 0);
}

TEST(unknown_system_calls) {
    EXPECT_ERRNO(syscall(336), ENOSYS);
    EXPECT_ERRNO(syscall(400), ENOSYS);
    EXPECT_ERRNO(syscall(9999), ENOSYS);
    EXPECT_ERRNO(syscall(-1), ENOSYS);
    EXPECT_ERRNO(syscall(0x7fffffff), ENOSYS);
    EXPECT_ERRNO(syscall(180), ENOSYS);
}

/* Uses this much of a CPU. */
static void burn_ms(long ms) {
    struct timespec used;
    do {
        OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used));
    } while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms);
}

TEST(busy_loops_run_in_parallel) {
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        SKIP("needs two CPUs");
    }
    long long start = test_now_ms();
    pid_t first = SPAWN(burn_ms(400)), second = SPAWN(burn_ms(400));
    EXPECT_EXIT(first, 0);
    EXPECT_EXIT(second, 0);
    long long took = test_now_ms() - start;
    EXPECT_GE(took, 400);
    EXPECT_LT(took, 600);
}
