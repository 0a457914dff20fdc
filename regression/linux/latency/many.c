/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Many of what the kernel keeps by number: processes, signals, timers, users, names, locks. */
#include "latency.h"

#include <grp.h>

#define CROWD 700
#define THREADS 1000
#define SIGNALS 10000

static void put(const char *path, const char *text) {
    int fd = OK(open(path, O_WRONLY | O_CLOEXEC));
    OK(write(fd, text, strlen(text)));
    OK(close(fd));
}

/* The last forks look at all numbers, and find none. */
OPERATION(numbers_run_out) {
    put("/proc/sys/kernel/pid_max", "1100");
    int made = 0;
    for (int failed = 0; failed < 5;) {
        pid_t child = fork();
        if (child == 0) {
            for (;;) {
                pause();
            }
        }
        made += child > 0;
        failed += child < 0;
    }
    put("/proc/sys/kernel/pid_max", "32768");
    if (made < CROWD) {
        errno = EAGAIN;
        latency_die("so many numbers", __LINE__);
    }
}

static void *wait_for_any(void *arg) {
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    return arg;
}

/* All threads of the parent wait for any child, and none takes SIGCHLD. */
OPERATION(parent_of_threads) {
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    pid_t stays = CHILD(for (;;) { pause(); });
    latency_threads(THREADS, wait_for_any);
    latency_sleep_ms(20);
    for (int i = 0; i < 3; i++) {
        CHILD((void)0);
        latency_sleep_ms(5);
    }
    OK(kill(stays, SIGKILL));
    latency_sleep_ms(5);
}

static void queue_signals(int count) {
    union sigval value = {.sival_int = 1};
    for (int i = 0; i < count; i++) {
        OK(sigqueue(getpid(), SIGRTMIN, value));
    }
}

OPERATION(signals_queued) {
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    queue_signals(SIGNALS);
    for (int i = 0; i < 10; i++) {
        OK(sigtimedwait(&set, &info, &(struct timespec){0, 0}));
    }
    /* Dropped at once; then one by one, when the mask lets them through. */
    signal(SIGRTMIN, SIG_IGN);
    queue_signals(SIGNALS);
    OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
    signal(SIGRTMIN, SIG_DFL);
    /* The rest is left behind. */
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    queue_signals(SIGNALS);
}

/* Each has a signal that waits, whose overruns are counted. */
OPERATION(timers_waiting) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    struct itimerspec when = {{0, 20000000}, {0, 20000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    for (int i = 0; i < 2000; i++) {
        timer_t timer;
        OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
        OK(timer_settime(timer, 0, &when, NULL));
    }
    latency_sleep_ms(60);
}

/* Each process is another user's, with a pipe of that user's. */
OPERATION(users) {
    int ends[2];
    for (uid_t i = 0; i < CROWD; i++) {
        CHILD({
            OK(setuid(1000 + i));
            OK(pipe(ends));
            for (;;) {
                pause();
            }
        });
    }
    for (uid_t i = 0; i < 10; i++) {
        latency_join(CHILD(OK(setuid(2000 + i)), OK(pipe(ends))));
    }
    gid_t groups[5000];
    for (gid_t i = 0; i < 5000; i++) {
        groups[i] = 5000 - i;
    }
    OK(setgroups(5000, groups));
    latency_join(CHILD(OK(setuid(1000)), access("/etc/passwd", R_OK)));
}

/* More names than are kept, all of them used. */
OPERATION(names) {
    char path[64];
    struct stat st;
    for (int i = 0; i < 9000; i++) {
        snprintf(path, sizeof path, "no-such-name-%d", i);
        stat(path, &st);
    }
}

OPERATION(no_hole) {
    size_t len = 16ul << 20;
    char *block = OK(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int fd = OK(open("whole", O_RDWR | O_CREAT, 0644));
    OK(write(fd, block, len));
    OK(lseek(fd, 0, SEEK_HOLE));
    OK(lseek(fd, 5000, SEEK_DATA));
}

/* Free numbers are far from where the search for them begins. */
OPERATION(descriptors_far) {
    int fd = OK(open("/dev/null", O_RDWR));
    for (int i = 0; i < 19000; i++) {
        OK(dup(fd));
    }
    OK(close(50));
    OK(fcntl(fd, F_DUPFD, 100));
    OK(dup(fd));
    OK(dup(fd));
    OK(close(17000));
    OK(close(60));
    OK(fcntl(fd, F_DUPFD, 61));
    OK(syscall(SYS_close_range, 3, ~0u, 0));
    fd = OK(open("/dev/null", O_RDWR));
    OK(dup2(fd, 6000));
    OK(dup2(fd, 11000));
}

OPERATION(lock_waiters) {
    int fd = OK(open("locked", O_RDWR | O_CREAT, 0644));
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    OK(fcntl(fd, F_SETLK, &lock));
    for (int i = 0; i < CROWD; i++) {
        CHILD(OK(fcntl(fd, F_SETLKW, &lock)));
    }
    latency_sleep_ms(5);
    lock.l_type = F_UNLCK;
    OK(fcntl(fd, F_SETLK, &lock));
    while (wait(NULL) > 0) {
    }
}

static void *run_when_woken(void *arg) {
    while (latency_shared[0] == 0) {
        latency_sleep_ms(5);
    }
    return arg;
}

/* Of real-time classes, below that of who measures; their order is changed while they wait. */
OPERATION(realtime) {
    pthread_t threads[CROWD];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    struct sched_param own = {.sched_priority = 20}, low = {.sched_priority = 5};
    OK(sched_setscheduler(0, SCHED_FIFO, &own));
    for (int i = 0; i < CROWD; i++) {
        errno = pthread_create(&threads[i], &small, run_when_woken, NULL);
        errno = errno ? errno : pthread_setschedparam(threads[i], SCHED_FIFO, &low);
        if (errno) {
            latency_die("a thread of a real-time class", __LINE__);
        }
    }
    low.sched_priority = 6;
    for (int i = CROWD - 20; i < CROWD; i++) {
        pthread_setschedparam(threads[i], SCHED_RR, &low);
    }
    latency_shared[0] = 1;
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
}
