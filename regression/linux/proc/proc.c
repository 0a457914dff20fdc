/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The text files and links of /proc. */
#include "test.h"

#include <dirent.h>
#include <sys/prctl.h>

/* The value after "key:" in a text, without leading blanks; up to the end of the line. */
static char *field(const char *text, const char *key) {
    static char value[512];
    size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            const char *start = line + length + 1;
            start += strspn(start, " \t");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(start, "\n"), start);
            return value;
        }
    }
    FAIL("no line \"%s:\"", key);
}

static char *proc(pid_t pid, const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return path;
}

TEST(self_is_a_link) {
    char text[32] = "", mine[32];
    snprintf(mine, sizeof mine, "%d", getpid());
    OK(readlink("/proc/self", text, sizeof text));
    EXPECT_STR(text, mine);
    OK(readlink("/proc/thread-self", text, sizeof text));
    CHECK(strstr(text, "/task/"));
}

TEST(status_fields) {
    OK(prctl(PR_SET_NAME, "a name"));
    char *text = GET("/proc/self/status");
    EXPECT_EQ(strncmp(text, "Name:\ta name\n", 13), 0);
    EXPECT_EQ(strncmp(field(text, "State"), "R (running)", 11), 0);
    EXPECT_EQ(atoi(field(text, "Pid")), getpid());
    EXPECT_EQ(atoi(field(text, "Tgid")), getpid());
    EXPECT_EQ(atoi(field(text, "PPid")), getppid());
    EXPECT_STR(field(text, "Uid"), "0\t0\t0\t0");
    EXPECT_STR(field(text, "Gid"), "0\t0\t0\t0");
    EXPECT_EQ(atoi(field(text, "Threads")), 1);
    EXPECT_GT(atoi(field(text, "VmSize")), 100);
    EXPECT_GT(atoi(field(text, "VmRSS")), 10);
    CHECK(strstr(field(text, "VmRSS"), " kB"));
    EXPECT_EQ(strlen(field(text, "SigBlk")), 16);
    EXPECT_EQ(strlen(field(text, "CapEff")), 16);
    EXPECT_STR(field(text, "Umask"), "0022");
}

static void nothing(int signal) {
    (void)signal;
}

TEST(status_signal_masks) {
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, nothing);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGTERM);
    char *text = GET("/proc/self/status");
    EXPECT_EQ(strtoul(field(text, "SigBlk"), NULL, 16), 1ul << (SIGHUP - 1) | 1ul << (SIGTERM - 1));
    EXPECT_EQ(strtoul(field(text, "SigIgn"), NULL, 16) & (1ul << (SIGUSR1 - 1)), 1ul << (SIGUSR1 - 1));
    EXPECT_EQ(strtoul(field(text, "SigCgt"), NULL, 16) & (1ul << (SIGUSR2 - 1)), 1ul << (SIGUSR2 - 1));
    unsigned long pending = strtoul(field(text, "SigPnd"), NULL, 16) | strtoul(field(text, "ShdPnd"), NULL, 16);
    EXPECT_EQ(pending, 1ul << (SIGTERM - 1));
}

TEST(stat_line) {
    OK(prctl(PR_SET_NAME, "odd) (name"));
    char *text = GET("/proc/self/stat"), *end = strrchr(text, ')');
    char mine[32];
    snprintf(mine, sizeof mine, "%d (odd) (name) ", getpid());
    EXPECT_EQ(strncmp(text, mine, strlen(mine)), 0);
    char state;
    int ppid, pgrp, session, fields = 0;
    EXPECT_EQ(sscanf(end + 2, "%c %d %d %d", &state, &ppid, &pgrp, &session), 4);
    EXPECT_EQ(state, 'R');
    EXPECT_EQ(ppid, getppid());
    EXPECT_EQ(pgrp, getpgrp());
    EXPECT_EQ(session, getsid(0));
    for (char *word = strtok(end + 2, " \n"); word; word = strtok(NULL, " \n")) {
        fields++;
    }
    EXPECT_EQ(fields, 50);
}

TEST(stat_states) {
    pid_t pid = SPAWN(for (;;) pause(););
    WAIT_STATE(pid, 'S');
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    kill(pid, SIGCONT);
    WAIT_STATE(pid, 'S');
    kill(pid, SIGKILL);
    WAIT_STATE(pid, 'Z');
    char *text = GET(proc(pid, "status"));
    CHECK(strstr(text, "State:\tZ (zombie)"));
    EXPECT_SIGNAL(pid, SIGKILL);
    EXPECT_ERRNO(open(proc(pid, "stat"), O_RDONLY), ENOENT);
}

TEST(stat_times_grow) {
    for (volatile long i = 0; i < 400000000; i++) {
    }
    char *end = strrchr(GET("/proc/self/stat"), ')');
    long utime = -1, stime = -1;
    EXPECT_EQ(sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &utime, &stime), 2);
    EXPECT_GT(utime, 0);
    EXPECT_GE(stime, 0);
}

TEST(statm_numbers) {
    long size = 0, resident = 0, shared = -1;
    EXPECT_EQ(sscanf(GET("/proc/self/statm"), "%ld %ld %ld", &size, &resident, &shared), 3);
    CHECK(size >= resident && resident > 0 && shared >= 0);
}

TEST(cmdline_and_comm) {
    char expected[256], got[256];
    int length = snprintf(expected, sizeof expected, "%s", test_program) + 1;
    int fd = OK(open("/proc/self/cmdline", O_RDONLY));
    ssize_t n = OK(read(fd, got, sizeof got));
    EXPECT_GE(n, length);
    EXPECT_MEM(got, expected, (size_t)length);
    EXPECT_EQ(got[n - 1], 0);
    OK(prctl(PR_SET_NAME, "pearl"));
    EXPECT_STR(GET("/proc/self/comm"), "pearl\n");
}

TEST(cmdline_of_other_process) {
    pid_t pid = SPAWN(execl("/bin/busybox", "sleep", "1000", (char *)NULL));
    char text[64] = "";
    for (int i = 0; i < 300 && memcmp(text, "sleep\0001000", 11) != 0; i++) {
        int fd = OK(open(proc(pid, "cmdline"), O_RDONLY));
        OK(read(fd, text, sizeof text));
        close(fd);
        test_sleep_ms(10);
    }
    EXPECT_MEM(text, "sleep\0001000", 11);
    char link[128] = "";
    OK(readlink(proc(pid, "exe"), link, sizeof link));
    CHECK(strstr(link, "busybox"));
    kill(pid, SIGKILL);
    EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(environ_content) {
    char got[4096];
    int fd = OK(open("/proc/self/environ", O_RDONLY));
    ssize_t n = OK(read(fd, got, sizeof got));
    CHECK(n > 0 && memmem(got, (size_t)n, "PATH=", 5));
}

TEST(exe_cwd_and_root_links) {
    char text[256] = "", cwd[256];
    OK(readlink("/proc/self/exe", text, sizeof text));
    EXPECT_STR(text, test_program);
    OK(mkdir("here", 0700));
    OK(chdir("here"));
    CHECK(getcwd(cwd, sizeof cwd));
    memset(text, 0, sizeof text);
    OK(readlink("/proc/self/cwd", text, sizeof text));
    EXPECT_STR(text, cwd);
    memset(text, 0, sizeof text);
    OK(readlink("/proc/self/root", text, sizeof text));
    EXPECT_STR(text, "/");
    PUT("f", "via cwd");
    EXPECT_STR(GET("/proc/self/cwd/f"), "via cwd");
    int fd = OK(open("/proc/self/exe", O_RDONLY));
    char magic[4];
    EXPECT_EQ(read(fd, magic, 4), 4);
    EXPECT_MEM(magic, "\177ELF", 4);
}

TEST(deleted_names_are_marked) {
    char text[256] = "";
    OK(mkdir("gone", 0700));
    OK(chdir("gone"));
    OK(rmdir("../gone"));
    OK(readlink("/proc/self/cwd", text, sizeof text));
    CHECK(strstr(text, "/gone (deleted)"));
    OK(chdir("/tmp"));
    int fd = OK(open("/tmp/unlinked", O_RDWR | O_CREAT, 0600));
    OK(unlink("/tmp/unlinked"));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(text, 0, sizeof text);
    OK(readlink(path, text, sizeof text));
    EXPECT_STR(text, "/tmp/unlinked (deleted)");
}

TEST(fd_directory) {
    int fd = OK(open("/dev/null", O_RDWR)), ends[2], found = 0;
    OK(pipe(ends));
    char path[64], text[128] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(readlink(path, text, sizeof text));
    EXPECT_STR(text, "/dev/null");
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    memset(text, 0, sizeof text);
    OK(readlink(path, text, sizeof text));
    EXPECT_EQ(strncmp(text, "pipe:[", 6), 0);
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));) {
        found += entry->d_name[0] != '.';
        EXPECT_EQ(strspn(entry->d_name, "0123456789."), strlen(entry->d_name));
    }
    EXPECT_GE(found, 3);
    EXPECT_ERRNO(readlink("/proc/self/fd/999", text, sizeof text), ENOENT);
}

TEST(fd_link_reopens) {
    PUT("f", "content");
    int fd = OK(open("f", O_RDONLY));
    OK(unlink("f"));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT_STR(GET(path), "content");
    int ends[2];
    OK(pipe(ends));
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    int writer = OK(open(path, O_WRONLY));
    EXPECT_EQ(write(writer, "x", 1), 1);
    char c;
    EXPECT_EQ(read(ends[0], &c, 1), 1);
}

TEST(fdinfo_shows_position) {
    PUT("f", "0123456789");
    int fd = OK(open("f", O_RDWR | O_APPEND));
    OK(lseek(fd, 7, SEEK_SET));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    char *text = GET(path);
    EXPECT_EQ(atoi(field(text, "pos")), 7);
    EXPECT_EQ(strtol(field(text, "flags"), NULL, 8) & (O_APPEND | O_ACCMODE), O_APPEND | O_RDWR);
}

/* Reading holds the offset that the text tells. */
TEST(fdinfo_of_itself) {
    int fd = OK(open("/dev/null", O_RDONLY));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = OK(open(path, O_RDONLY));
    OK(dup2(info, fd));
    char text[256] = "";
    OK(read(fd, text, sizeof text - 1));
    EXPECT_EQ(atoi(field(text, "pos")), 0);
    long first = (long)strlen(text);
    OK(lseek(fd, 0, SEEK_SET));
    OK(read(fd, text, 4));
    OK(pread(fd, text, sizeof text - 1, 0));
    EXPECT_EQ(atoi(field(text, "pos")), 4);
    EXPECT_EQ((long)strlen(text), first);
}

TEST(maps_lines) {
    char *p = mmap((void *)0x20000000000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    char *q = mmap((void *)0x20000100000, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char line[128], *text = GET("/proc/self/maps");
    snprintf(line, sizeof line, "%lx-%lx r--p 00000000 00:00 0 ", (unsigned long)p, (unsigned long)p + 8192);
    CHECK(strstr(text, line));
    snprintf(line, sizeof line, "%lx-%lx rw-s 00000000 ", (unsigned long)q, (unsigned long)q + 4096);
    CHECK(strstr(text, line));
    CHECK(strstr(text, " r-xp "));
    CHECK(strstr(text, test_program));
    CHECK(strstr(text, "[stack]\n"));
    CHECK(strstr(text, "[heap]\n"));
    unsigned long last = 0;
    for (char *l = text; *l; l = strchr(l, '\n') + 1) {
        unsigned long from, to;
        EXPECT_EQ(sscanf(l, "%lx-%lx", &from, &to), 2);
        CHECK(from >= last && to > from);
        last = to;
    }
}

TEST(maps_merge_and_split) {
    char line[128];
    char *p = mmap((void *)0x30000000000, 4 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE));
    char *text = GET("/proc/self/maps");
    snprintf(line, sizeof line, "%lx-%lx rw-p", (unsigned long)p + 4096, (unsigned long)p + 8192);
    CHECK(strstr(text, line));
    OK(mprotect(p + 4096, 4096, PROT_READ));
    text = GET("/proc/self/maps");
    snprintf(line, sizeof line, "%lx-%lx r--p", (unsigned long)p, (unsigned long)p + 4 * 4096);
    CHECK(strstr(text, line));
}

TEST(mounts_lists_file_systems) {
    char *text = GET("/proc/mounts");
    CHECK(strstr(text, " /proc proc rw"));
    CHECK(strstr(text, " /dev devtmpfs rw") || strstr(text, " /dev tmpfs rw"));
    CHECK(strstr(GET("/proc/self/mounts"), " /proc proc rw"));
}

TEST(mountinfo_lines) {
    char *text = GET("/proc/self/mountinfo");
    int id, parent, major, minor;
    EXPECT_EQ(sscanf(text, "%d %d %d:%d / / ", &id, &parent, &major, &minor), 4);
    CHECK(strstr(text, " - proc proc rw"));
}

TEST(meminfo_fields) {
    char *text = GET("/proc/meminfo");
    long total = atol(field(text, "MemTotal")), free = atol(field(text, "MemFree")), available = atol(field(text, "MemAvailable"));
    CHECK(total > 50000 && free > 0 && free < total && available > 0 && available < total);
    CHECK(strstr(field(text, "MemTotal"), " kB"));
    EXPECT_GE(atol(field(text, "Cached")), 0);
    EXPECT_GE(atol(field(text, "SwapTotal")), 0);
}

TEST(meminfo_follows_use) {
    long before = atol(field(GET("/proc/meminfo"), "MemFree"));
    char *p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    memset(p, 1, 64 << 20);
    long during = atol(field(GET("/proc/meminfo"), "MemFree"));
    EXPECT_GT(before - during, 40000);
    OK(munmap(p, 64 << 20));
    for (int i = 0; i < 300 && atol(field(GET("/proc/meminfo"), "MemFree")) < during + 30000; i++) {
        test_sleep_ms(10);
    }
    EXPECT_GT(atol(field(GET("/proc/meminfo"), "MemFree")), during + 30000);
}

static long meminfo(const char *key) {
    return atol(field(GET("/proc/meminfo"), key));
}

/* Waits until a figure is at most `limit` again: what ended gives its memory back a little later. */
static int falls_to(const char *key, long limit) {
    for (int i = 0; i < 300 && meminfo(key) > limit; i++) {
        test_sleep_ms(10);
    }
    return meminfo(key) <= limit;
}

TEST(meminfo_counts_kernel_stacks) {
    enum { CHILDREN = 20 };
    long before = meminfo("KernelStack");
    CHECK(before > 0);
    pid_t pids[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        if ((pids[i] = fork()) == 0) {
            pause();
            _exit(0);
        }
    }
    /* At least 8 KiB each. */
    EXPECT_GE(meminfo("KernelStack"), before + 8 * CHILDREN);
    for (int i = 0; i < CHILDREN; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    CHECK(falls_to("KernelStack", before + 8 * CHILDREN / 2));
}

TEST(meminfo_counts_page_tables) {
    enum { TABLES = 100 };
    int ready[2], done[2];
    char c;
    OK(pipe(ready));
    OK(pipe(done));
    long before = meminfo("PageTables");
    CHECK(before > 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* One page in each of many tables. */
        char *p = mmap(NULL, (size_t)TABLES << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        madvise(p, (size_t)TABLES << 21, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < TABLES; i++) {
            p[i << 21] = 1;
        }
        if (write(ready[1], "x", 1) != 1 || read(done[0], &c, 1) != 1) _exit(1);
        _exit(0);
    }
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    EXPECT_GE(meminfo("PageTables"), before + 4 * TABLES);
    EXPECT_EQ(write(done[1], "x", 1), 1);
    EXPECT_EQ(waitpid(pid, NULL, 0), pid);
    CHECK(falls_to("PageTables", before + 4 * TABLES / 2));
}

TEST(meminfo_counts_slabs) {
    /* Descriptors of files: each is an object of some hundred bytes. */
    enum { FILES = 900 };
    int fds[FILES];
    /* From one reading: between two of them the other CPU's tasks come and go. */
    char *text = GET("/proc/meminfo");
    long before = atol(field(text, "Slab"));
    CHECK(before > 0);
    EXPECT_EQ(atol(field(text, "SReclaimable")) + atol(field(text, "SUnreclaim")), before);
    for (int i = 0; i < FILES; i++) {
        CHECK((fds[i] = open("/dev/null", O_RDONLY)) >= 0);
    }
    EXPECT_GT(meminfo("Slab"), before);
    for (int i = 0; i < FILES; i++) {
        close(fds[i]);
    }
}

TEST(cpuinfo_fields) {
    char *text = GET("/proc/cpuinfo");
    EXPECT_EQ(strncmp(text, "processor\t: 0\n", 14), 0);
    CHECK(strstr(text, "vendor_id\t: "));
    CHECK(strstr(text, "model name\t: "));
    CHECK(strstr(text, "flags\t\t: "));
    CHECK(strstr(text, " sse2 "));
}

TEST(uptime_and_loadavg) {
    double up = 0, idle = -1, one = -1, five = -1, fifteen = -1;
    int running = 0, total = 0, last = 0;
    EXPECT_EQ(sscanf(GET("/proc/uptime"), "%lf %lf\n", &up, &idle), 2);
    CHECK(up > 0 && idle >= 0);
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    CHECK(up <= (double)t.tv_sec + 1 && up >= (double)t.tv_sec - 2);
    EXPECT_EQ(sscanf(GET("/proc/loadavg"), "%lf %lf %lf %d/%d %d\n", &one, &five, &fifteen, &running, &total, &last), 6);
    CHECK(one >= 0 && running >= 1 && total >= 2 && last >= getpid() - 1000);
}

TEST(system_stat) {
    char *text = GET("/proc/stat");
    long user, nice, system, idle;
    EXPECT_EQ(sscanf(text, "cpu  %ld %ld %ld %ld", &user, &nice, &system, &idle), 4);
    CHECK(user + system + idle > 0);
    CHECK(strstr(text, "\ncpu0 "));
    CHECK(strstr(text, "\nbtime "));
    CHECK(strstr(text, "\nctxt "));
    CHECK(strstr(text, "\nprocesses "));
    CHECK(strstr(text, "\nprocs_running "));
}

TEST(version_and_filesystems) {
    EXPECT_EQ(strncmp(GET("/proc/version"), "Linux version ", 14), 0);
    char *text = GET("/proc/filesystems");
    CHECK(strstr(text, "nodev\tproc\n"));
    CHECK(strstr(text, "nodev\ttmpfs\n"));
    EXPECT_EQ(strncmp(GET("/proc/cmdline"), "", 0), 0);
}

TEST(directory_lists_processes) {
    pid_t child = SPAWN(pause());
    char name[32];
    snprintf(name, sizeof name, "%d", child);
    DIR *dir = opendir("/proc");
    int self = 0, found = 0, files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        found += strcmp(entry->d_name, name) == 0;
        self += strcmp(entry->d_name, "self") == 0;
        files += strcmp(entry->d_name, "meminfo") == 0;
    }
    EXPECT_EQ(found, 1);
    EXPECT_EQ(self, 1);
    EXPECT_EQ(files, 1);
    kill(child, SIGKILL);
    EXPECT_SIGNAL(child, SIGKILL);
}

TEST(process_directory_owner) {
    struct stat st;
    pid_t pid = SPAWN(OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000));
                      execl("/bin/busybox", "sleep", "1000", (char *)NULL));
    for (int i = 0; i < 300; i++) {
        OK(stat(proc(pid, ""), &st));
        if (st.st_uid == 1000) {
            break;
        }
        test_sleep_ms(10);
    }
    EXPECT_EQ(st.st_uid, 1000);
    EXPECT_EQ(st.st_mode & 0777, 0555);
    IN_CHILD(OK(setuid(2000)); char link[64]; EXPECT_ERRNO(readlink(proc(pid, "exe"), link, 64), EACCES);
             EXPECT_ERRNO(open(proc(pid, "fd"), O_RDONLY | O_DIRECTORY), EACCES); close(OK(open(proc(pid, "stat"), O_RDONLY))));
    kill(pid, SIGKILL);
    EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(files_of_a_dead_process) {
    pid_t pid = SPAWN(pause());
    int fd = OK(open(proc(pid, "stat"), O_RDONLY));
    kill(pid, SIGKILL);
    EXPECT_SIGNAL(pid, SIGKILL);
    char text[64];
    EXPECT_ERRNO(read(fd, text, sizeof text), ESRCH);
}

TEST(proc_is_read_only) {
    EXPECT_ERRNO(open("/proc/new", O_CREAT | O_WRONLY, 0600), ENOENT);
    EXPECT_ERRNO(mkdir("/proc/d", 0700), ENOENT);
    EXPECT_ERRNO(unlink("/proc/meminfo"), EPERM);
    struct stat st;
    OK(stat("/proc/meminfo", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0444);
    EXPECT_EQ(st.st_size, 0);
}

TEST(read_in_pieces) {
    char whole[8192], pieces[8192];
    int fd = OK(open("/proc/cpuinfo", O_RDONLY));
    ssize_t length = OK(read(fd, whole, sizeof whole)), have = 0, n;
    OK(lseek(fd, 0, SEEK_SET));
    while (have < length && (n = OK(read(fd, pieces + have, 13))) > 0) {
        have += n;
    }
    EXPECT_GE(have, length);
    EXPECT_MEM(whole, pieces, 60);
}

TEST(limits_file) {
    struct rlimit limit = {77, 99};
    OK(setrlimit(RLIMIT_CORE, &limit));
    char *text = GET("/proc/self/limits");
    EXPECT_EQ(strncmp(text, "Limit                     Soft Limit           Hard Limit           Units", 72), 0);
    CHECK(strstr(text, "Max core file size        77                   99                   bytes"));
    CHECK(strstr(text, "Max open files "));
}

TEST(sys_kernel_files) {
    CHECK(strlen(GET("/proc/sys/kernel/ostype")) == 6);
    EXPECT_STR(GET("/proc/sys/kernel/ostype"), "Linux\n");
    EXPECT_GT(atoi(GET("/proc/sys/kernel/pid_max")), 300);
    EXPECT_GT(strlen(GET("/proc/sys/kernel/osrelease")), 2);
}
