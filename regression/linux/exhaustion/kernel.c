/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What an ordinary user can make large or many in the kernel: it is refused or its owner killed, and the machine lives. */
#include "exhaustion.h"

#include <pthread.h>
#include <sys/utsname.h>

TEST(number_of_areas) {
    /* vm.max_map_count */
    char *three = mmap(NULL, 3 * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(three != MAP_FAILED);
    int made = make_areas(70000);
    EXPECT_ERRNO(mmap(NULL, 8192, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0, ENOMEM);
    CHECK(made > 65400 && made <= 65530);
    /* Nor are areas cut. */
    EXPECT_ERRNO(mprotect(three + 4096, 4096, PROT_READ), ENOMEM);
    EXPECT_ERRNO(munmap(three + 4096, 4096), ENOMEM);
}

/* Touches pages until little more than what the kernel keeps for itself is free, and sleeps. */
static void fill_memory(void) {
    long enough = sysconf(_SC_PHYS_PAGES) / 64 * 4 + 6000; /* KiB */
    char *at = mmap(NULL, 8ul << 30, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (unsigned long i = 0; (i & 0x3ffff) != 0 || free_kib() > enough; i += 4096) {
        at[i] = 1;
    }
    test_shared[0] = 1;
    for (;;) {
        pause();
    }
}

TEST_LIMIT(records_of_areas, 120) {
    /* What is left of memory goes to records of areas alone: in the end they are refused, or somebody is killed. */
    pid_t large = SPAWN(fill_memory());
    while (test_shared[0] == 0 && waitpid(large, NULL, WNOHANG) == 0) {
        test_sleep_ms(10);
    }
    pid_t group = test_fork(__FILE__, __LINE__);
    if (group == 0) {
        setpgid(0, 0);
        become_user();
        for (int n = 0; n < 8; n++) {
            if (fork() == 0) {
                char *at = mmap(NULL, 140000ul * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                for (long i = 0; i < 32000 && mprotect(at + i * 8192, 4096, PROT_READ) == 0; i++) {
                }
                _exit(0);
            }
        }
        while (waitpid(-1, NULL, 0) > 0) {
        }
        _exit(0);
    }
    waitpid(group, NULL, 0);
    kill(large, SIGKILL);
    waitpid(large, NULL, 0);
    expect_alive();
}

/* Goes down `levels` directories with the longest names. */
static void go_down(int levels) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    for (int i = 0; i < levels; i++) {
        if (mkdir(name, 0777) != 0 || chdir(name) != 0) {
            FAIL("level %d: %s", i, strerror(errno));
        }
    }
}

TEST_LIMIT(paths_beyond_path_max, 60) {
    static char buffer[8192];
    OK(mkdir("deep", 0777));
    OK(chdir("deep"));
    go_down(14);
    CHECK(syscall(SYS_getcwd, buffer, sizeof buffer) > 14 * 256);
    CHECK(readlink("/proc/self/cwd", buffer, sizeof buffer) > 14 * 256);
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, 100), ERANGE);
    go_down(2);
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENAMETOOLONG);
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, 100), ENAMETOOLONG);
    EXPECT_ERRNO(readlink("/proc/self/cwd", buffer, sizeof buffer), ENAMETOOLONG);
    int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    EXPECT_ERRNO(readlink(link, buffer, sizeof buffer), ENAMETOOLONG);
    go_down(3000);
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENAMETOOLONG);
}

TEST_LIMIT(exact_path_max, 30) {
    /* 4095 bytes and the NUL fit, one more does not; " (deleted)" counts. */
    static char buffer[8192], name[256];
    OK(chroot("."));
    OK(chdir("/"));
    go_down(15);
    memset(name, 'm', 254);
    OK(mkdir(name, 0777));
    OK(chdir(name));
    EXPECT_EQ(syscall(SYS_getcwd, buffer, 4096), 4096);
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, 4095), ERANGE);
    OK(chdir(".."));
    name[254] = 'm';
    OK(mkdir(name, 0777));
    OK(chdir(name));
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENAMETOOLONG);
}

TEST_LIMIT(maps_of_long_names, 60) {
    /* 3000 lines of half a megabyte each. */
    static char buffer[4096];
    OK(mkdir("maps", 0777));
    OK(chdir("maps"));
    go_down(2000);
    int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
    OK(ftruncate(fd, 1 << 28));
    for (int i = 0; i < 3000; i++) {
        mmap(NULL, 8192, i & 1 ? PROT_READ : RW, MAP_PRIVATE, fd, i * 8192l);
    }
    int maps = OK(open("/proc/self/maps", O_RDONLY));
    for (int i = 0; i < 100; i++) {
        CHECK(read(maps, buffer, sizeof buffer) > 0);
    }
    close(maps);
    expect_alive();
}

TEST_LIMIT(maps_of_many_areas, 60) {
    /* Megabytes of text, read in parts: whole lines, each area once and in order. */
    static char buffer[3000], line[256];
    int areas = make_areas(20000), lines = 0;
    unsigned long last = 0;
    size_t used = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    setvbuf(maps, buffer, _IOFBF, sizeof buffer);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;
        EXPECT_EQ(sscanf(line, "%lx-%lx ", &start, &end), 2);
        CHECK(start >= last && end > start);
        last = end;
        used += strlen(line);
        lines++;
    }
    CHECK(lines >= areas && lines < areas + 40);
    CHECK(used > 900000);
    fclose(maps);
}

TEST_LIMIT(long_paths_without_memory, 120) {
    /* The text of a path of a megabyte is asked for while there is hardly any memory. */
    static char buffer[8192];
    OK(mkdir("deep", 0777));
    OK(chdir("deep"));
    go_down(4000);
    int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
    OK(ftruncate(fd, 8192));
    CHECK(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    pid_t hog = test_fork(__FILE__, __LINE__);
    if (hog == 0) {
        char *at = mmap(NULL, 4ul << 30, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        for (unsigned long i = 0;; i += 4096) {
            if ((i & 0x3ffff) == 0 && free_kib() < 4000) {
                break;
            }
            at[i] = 1;
        }
        for (;;) {
            pause();
        }
    }
    for (int i = 0; i < 200 && free_kib() > 6000; i++) {
        test_sleep_ms(50);
    }
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENAMETOOLONG);
    EXPECT_ERRNO(readlink("/proc/self/cwd", buffer, sizeof buffer), ENAMETOOLONG);
    int maps = OK(open("/proc/self/maps", O_RDONLY));
    for (int i = 0; i < 1000 && read(maps, buffer, sizeof buffer) > 0; i++) {
    }
    kill(hog, SIGKILL);
    waitpid(hog, NULL, 0);
    expect_alive();
}

/* What the killer counts of the kernel's own memory. */
static void skip_elsewhere(const char *reason) {
    struct utsname name;
    OK(uname(&name));
    if (!strstr(name.release, "nacre")) {
        SKIP(reason);
    }
}

TEST_LIMIT(forks_of_many_areas, 120) {
    skip_elsewhere("Linux's killer counts no areas, and takes the suite's own program");
    /* Where free memory ends within a fork depends on the size, so there are several. */
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    PUT("/proc/self/oom_score_adj", "-1000"); /* the killer takes the children */
    for (int areas = 65000; areas > 40000; areas -= 8000) {
        pid_t pid = test_fork(__FILE__, __LINE__);
        if (pid == 0) {
            PUT("/proc/self/oom_score_adj", "0");
            setpgid(0, 0);
            become_user();
            make_areas(areas);
            for (int n = 0; n < 100; n++) {
                pid_t child = fork();
                if (child < 0) {
                    break;
                }
                if (child == 0) {
                    for (;;) {
                        pause();
                    }
                }
            }
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        kill_group(pid);
        expect_alive();
    }
}

TEST_LIMIT(pipes_of_one_user, 60) {
    /* Beyond pipe-user-pages-soft new pipes have two pages, and none may grow; root is exempt. */
    struct rlimit limit = {4096, 4096};
    OK(setrlimit(RLIMIT_NOFILE, &limit));
    pid_t pid = SPAWN(
        become_user(); int ends[2]; long pages = 0;
        while (pages < 16384) {
            CHECK(pipe(ends) == 0);
            EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
            int size = fcntl(ends[0], F_SETPIPE_SZ, pages + 256 <= 16384 ? 1 << 20 : 65536);
            CHECK(size >= 65536);
            pages += size / 4096;
        }
        EXPECT_EQ(pages, 16384);
        CHECK(pipe(ends) == 0);
        EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
        EXPECT_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 16384), EPERM);
        EXPECT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
        _exit(3));
    EXPECT_EXIT(pid, 3);
    int ends[2];
    OK(pipe(ends));
    EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    EXPECT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
}

TEST_LIMIT(the_killer_counts_page_tables, 120) {
    /* One page is mapped at a time: its tables are what grows. Who has more memory in pages lives. */
    pid_t bystander = SPAWN(char *p = mmap(NULL, 8 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); memset(p, 1, 8 << 20); for (;;) pause());
    pid_t hog = SPAWN(
        become_user();
        for (unsigned long i = 0; i < 200000; i++) {
            char *p = mmap((char *)(0x100000000000ul + (i << 21)), 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            if (p == MAP_FAILED) _exit(0);
            *p = 1;
            munmap(p, 4096);
        }
        _exit(0));
    int status = WAIT(hog);
    CHECK(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
    EXPECT_EQ(kill(bystander, 0), 0);
    EXPECT_EQ(waitpid(bystander, NULL, WNOHANG), 0);
    kill(bystander, SIGKILL);
    WAIT(bystander);
    expect_alive();
}

TEST_LIMIT(the_killer_counts_record_locks, 60) {
    skip_elsewhere("the account is Nacre's"); /* Linux leaves that to memory groups. */
    /* The score counts thousandths of the memory, so a large machine wants many: a file each for a quarter of a GiB. */
    int files[64], count = (int)(sysconf(_SC_PHYS_PAGES) / 65536) + 1;
    CHECK(count <= (int)COUNT(files));
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "locked%d", i);
        files[i] = OK(open(name, O_CREAT | O_RDWR, 0600));
    }
    /* The first reading touches pages of the program, which count too. */
    OK(atoi(GET("/proc/self/oom_score")));
    int before = atoi(GET("/proc/self/oom_score"));
    for (int i = 0; i < count; i++) {
        for (long at = 0; at < 10000; at++) {
            struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at * 2, .l_len = 1};
            OK(fcntl(files[i], F_SETLK, &lock));
        }
    }
    CHECK(atoi(GET("/proc/self/oom_score")) > before);
    for (int i = 0; i < count; i++) {
        struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
        OK(fcntl(files[i], F_SETLK, &all));
    }
    EXPECT_EQ(atoi(GET("/proc/self/oom_score")), before);
}

/* The score of a process, which counts thousandths of the memory. */
static int score_of(pid_t pid) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/oom_score", pid);
    return atoi(GET(path));
}

TEST_LIMIT(the_killer_counts_arguments, 60) {
    /* Six megabytes of them, for a script without interpreter: nothing but the copies takes time, and they are all there is. */
    static char text[100000];
    char *words[61] = {NULL};
    struct rlimit stack = {64 << 20, 64 << 20};
    close(OK(open("script", O_CREAT | O_WRONLY, 0700)));
    PUT("script", "#!/no/such/interpreter\n");
    memset(text, 'a', sizeof text - 1);
    for (int i = 0; i < 60; i++) {
        words[i] = text;
    }
    pid_t pid = SPAWN(
        OK(setrlimit(RLIMIT_STACK, &stack));
        for (;;) {
            EXPECT_ERRNO(execv("script", words), ENOENT);
            test_shared[0]++;
            while (test_shared[1] == 0) usleep(1000);
        });
    while (test_shared[0] == 0) {
        test_sleep_ms(10);
    }
    int before = score_of(pid), most = before;
    test_shared[1] = 1;
    for (int i = 0; i < 2000 && most <= before; i++) {
        usleep(1000 + i % 7 * 300);
        int now = score_of(pid);
        most = now > most ? now : most;
    }
    CHECK(most > before);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void *ends_with_the_others(void *unused) {
    pause();
    return unused;
}

TEST_LIMIT(stacks_of_ended_threads, 60) {
    /* Nobody is killed for want of memory that ended threads had. */
    int count = atoi(GET("/proc/sys/kernel/threads-max")) / 2;
    count = count < 4000 ? count : 4000;
    long before = free_kib();
    IN_CHILD(
        pthread_attr_t attr; pthread_t thread;
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 16384);
        for (int i = 0; i < count && pthread_create(&thread, &attr, ends_with_the_others, NULL) == 0; i++) {
        }
        _exit(0));
    /* All but what kernels keep for themselves, which is less than the stacks are. */
    long pages = before / 4 - sysconf(_SC_PHYS_PAGES) / 16 - 2048;
    IN_CHILD(
        char *at = mmap(NULL, pages * 4096ul, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(at != MAP_FAILED);
        for (long i = 0; i < pages; i++) {
            at[i * 4096] = 1;
        });
}
