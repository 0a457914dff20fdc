/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Hogs: an ordinary user takes all there is of one thing. Meanwhile root makes processes and files, bystanders go on, and
 * when the hogs are gone, so is what the kernel held for them.
 */
#include "exhaustion.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/uio.h>

typedef void work(int number);

static void hogs(work *work, int count) {
    setpgid(0, 0);
    struct rlimit files = {4096, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    become_user();
    for (int number = 0; number < count; number++) {
        pid_t pid = fork();
        if (pid == 0) {
            work(number);
            for (;;) {
                pause();
            }
        }
        if (pid < 0) {
            usleep(20000);
        }
    }
    for (;;) {
        pause();
    }
}

/* A process and a file by root; false when there is no memory for them now. */
static bool root_works(void) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(7);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7) {
        return false;
    }
    int fd = open("/tmp/root_works", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    bool works = fd >= 0 && write(fd, "yes", 3) == 3;
    close(fd);
    unlink("/tmp/root_works");
    return works;
}

/*
 * Until the hogs have what they can get, which is when the memory that is free stays about the same; at most 2 s of that,
 * and 30 s more if root could do nothing.
 */
static void wait_for_hogs(int *worked, volatile int *beats) {
    long long end = test_now_ms() + 2000;
    long last = free_kib();
    for (int steady = 0; test_now_ms() < end && (steady < 12 || *worked == 0 || *beats < 4);) {
        *worked += root_works();
        test_sleep_ms(50);
        long now = free_kib();
        steady = labs(now - last) < 1000 ? steady + 1 : 0;
        last = steady > 0 ? last : now;
    }
    while (*worked == 0 && test_now_ms() < end + 30000) {
        *worked += root_works();
        test_sleep_ms(50);
    }
}

static void run_hogs(work *work, int count) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    char place[PATH_MAX];
    OK(mkdir("h", 0777));
    CHECK(realpath("h", place) != NULL);
    OK(mount("hogs", place, "tmpfs", 0, "mode=1777"));
    OK(chdir(place));
    root_works();
    long before = free_kib();
    pid_t bystander = test_fork(__FILE__, __LINE__);
    if (bystander == 0) {
        for (;;) {
            test_shared[0]++;
            usleep(20000);
        }
    }
    pid_t group = test_fork(__FILE__, __LINE__);
    if (group == 0) {
        hogs(work, count);
    }
    setpgid(group, group);
    int worked = 0, beats = test_shared[0];
    wait_for_hogs(&worked, &test_shared[0]);
    CHECK(worked > 0);
    CHECK(test_shared[0] > beats);
    EXPECT_EQ(waitpid(bystander, NULL, WNOHANG), 0);
    kill(bystander, SIGKILL);
    /* Children of hogs that were killed are ours now, and in the group. */
    kill_group(group);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    OK(chdir("/"));
    OK(umount2(place, MNT_DETACH));
    for (int i = 0; free_kib() < before - 6000; i++) {
        if (i == 200) {
            FAIL("%ld KiB free, %ld before", free_kib(), before);
        }
        /* Stacks that were kept go as others come. */
        root_works();
        test_sleep_ms(100);
    }
    CHECK(root_works());
}

#define HOG(name, count)                         \
    static void work_##name(int number);         \
    TEST_LIMIT(hog_##name, 120) {                \
        run_hogs(work_##name, count);            \
    }                                            \
    static void work_##name(__attribute__((unused)) int number)

static void *sleeper(void *unused) {
    for (;;) {
        pause();
    }
    return unused;
}

HOG(memory, 30) {
    for (;; number++) {
        volatile char *p = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) {
            *p = 1;
        }
    }
}

HOG(areas, 60) {
    char *at = mmap(NULL, 140000ul * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (long i = 0; i < 65000 && mprotect(at + i * 8192, 4096, PROT_READ) == 0; i++) {
    }
}

HOG(page_tables, 4) {
    char *base = (char *)0x100000000000ul;
    for (unsigned long i = 0; i < 400000; i++) {
        volatile char *p = mmap(base + (i << 21), 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (p != MAP_FAILED) {
            *p = 1;
            munmap((void *)p, 4096);
        }
    }
}

HOG(forks_of_areas, 40) {
    make_areas(60000);
    for (int i = 0; i < 10; i++) {
        fork();
    }
}

HOG(processes, 1) {
    for (;;) {
        if (fork() < 0) {
            usleep(300000);
        }
    }
}

HOG(threads, 2) {
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 16384);
    for (pthread_t thread; pthread_create(&thread, &attr, sleeper, NULL) == 0;) {
    }
}

HOG(descriptors, 400) {
    while (open("/dev/null", O_RDONLY) >= 0) {
    }
}

HOG(descriptor_tables, 400) {
    dup2(0, 4095);
    fork();
}

HOG(pipes, 60) {
    for (int ends[2]; pipe2(ends, O_NONBLOCK) == 0;) {
        static char block[65536];
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        while (write(ends[1], block, sizeof block) > 0) {
        }
    }
}

HOG(fifos, 40) {
    char name[64];
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "f%d-%d", number, i);
        if (mkfifo(name, 0600) != 0 || open(name, O_RDWR | O_NONBLOCK) < 0) {
            break;
        }
    }
}

HOG(timers, 40) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec spec = {{3600, 0}, {3600, 0}};
    signal(SIGUSR1, SIG_IGN);
    for (timer_t timer; timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;) {
        timer_settime(timer, 0, &spec, NULL);
    }
}

HOG(signals, 40) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}) == 0) {
    }
}

HOG(record_locks, 40) {
    char name[32];
    for (int file = 0; file < 40; file++) {
        snprintf(name, sizeof name, "l%d-%d", number, file);
        int fd = open(name, O_CREAT | O_RDWR, 0600);
        for (long at = 0; at < 2000; at++) {
            struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at * 2, .l_len = 1};
            if (fcntl(fd, F_SETLK, &lock) != 0) {
                break;
            }
        }
    }
}

HOG(file_locks, 40) {
    for (int i = 0; i < 4000; i++) {
        int fd = open("flock", O_CREAT | O_RDWR, 0666);
        if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) != 0) {
            break;
        }
    }
}

HOG(directories, 2) {
    char name[256];
    for (long i = 0;; i++) {
        snprintf(name, sizeof name, "d%d-%ld-%0200d", number, i, 7);
        if (mkdir(name, 0700) != 0) {
            break;
        }
    }
}

HOG(links, 2) {
    char first[32], name[256];
    snprintf(first, sizeof first, "l%d", number);
    close(open(first, O_CREAT | O_RDWR, 0600));
    for (long i = 0;; i++) {
        snprintf(name, sizeof name, "l%d-%ld-%0200d", number, i, 9);
        if (link(first, name) != 0) {
            break;
        }
    }
}

HOG(symbolic_links, 2) {
    static char target[4000];
    char name[64];
    memset(target, 't', sizeof target - 1);
    for (long i = 0;; i++) {
        snprintf(name, sizeof name, "s%d-%ld", number, i);
        if (symlink(target, name) != 0) {
            break;
        }
    }
}

HOG(deep_directories, 2) {
    char name[16];
    snprintf(name, sizeof name, "deep%d", number);
    mkdir(name, 0700);
    for (int error = chdir(name); error == 0;) {
        error = mkdir("d", 0700) != 0 || chdir("d") != 0;
    }
}

HOG(file_pages, 4) {
    char name[16];
    static char block[65536];
    snprintf(name, sizeof name, "p%d", number);
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    while (write(fd, block, sizeof block) > 0) {
    }
}

HOG(sparse_files, 2) {
    char name[16];
    unsigned long seed = 1;
    snprintf(name, sizeof name, "s%d", number);
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    for (;;) {
        seed = seed * 6364136223846793005ul + 1;
        if (pwrite(fd, "x", 1, (long)((seed >> 24) & 0x7ffffffffful & ~4095ul)) < 0 && errno != EFBIG) {
            break;
        }
    }
}

HOG(shared_memory, 4) {
    for (;;) {
        volatile char *p = mmap(NULL, 1ul << 40, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            break;
        }
        for (int k = 0; k < 28; k++) {
            p[4096ul << k] = 1;
        }
    }
}

HOG(shared_areas, 60) {
    for (int i = 0; mmap(NULL, 4096, i & 1 ? PROT_READ : RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; i++) {
    }
}

HOG(pollers, 300) {
    static struct pollfd polled[1000];
    int ends[2];
    if (pipe(ends) == 0) {
        for (int i = 0; i < 1000; i++) {
            polled[i] = (struct pollfd){ends[0], POLLIN, 0};
        }
        poll(polled, 1000, 100000);
    }
}

HOG(arguments, 100) {
    static char big[100000];
    char *words[20], name[1024];
    memset(big, 'a', sizeof big - 1);
    for (int i = 2; i < 19; i++) {
        words[i] = big;
    }
    ssize_t n = readlink("/proc/self/exe", name, sizeof name - 1);
    name[n > 0 ? n : 0] = 0;
    words[0] = name, words[1] = (char *)"--helper", words[2] = (char *)"hog_sleeps", words[19] = NULL;
    execv(name, words);
}

HELPER(hog_sleeps) {
    (void)argc, (void)argv;
    sleep(1000);
    return 0;
}

HOG(texts_of_proc, 40) {
    static char text[64];
    make_areas(30000);
    for (int fd; (fd = open("/proc/self/maps", O_RDONLY)) >= 0;) {
        if (read(fd, text, sizeof text) < 0) {
            break;
        }
    }
}
