/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Microbenchmarks of system calls, processes and memory; the same program on Nacre and on Linux.
 *
 * Under QEMU's -icount the time-stamp counter counts executed instructions, so a result is an exact number of instructions
 * per operation, kernel and program together, and the same in every run. Each result goes as a line
 * `measure <name> <unit> <value>` to the results channel (descriptor 100, or standard output).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

static uint64_t ticks(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int fd, there[2], back[2];
static char *area;
static volatile uint32_t *turns;
static const char *program;

static void getppid_once(void) {
    syscall(SYS_getppid);
}

static void write_null(void) {
    if (write(fd, "x", 1) != 1) die("write");
}

static void clock_call(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
}

static void open_close(void) {
    int file = open("/tmp/bench-file", O_RDONLY);
    if (file < 0) die("open");
    close(file);
}

static void stat_path(void) {
    struct stat st;
    if (stat("/tmp/bench-file", &st) != 0) die("stat");
}

static void read_page(void) {
    static char block[PAGE];
    if (pread(fd, block, PAGE, 0) != (ssize_t)PAGE) die("pread");
}

static void signal_self(void) {
    kill(getpid(), SIGUSR1);
}

static void ping_pong(void) {
    char c = 'x';
    if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) die("ping-pong");
}

static const struct timespec *patience;

static void futex(volatile uint32_t *word, int op) {
    syscall(SYS_futex, word, op, op == FUTEX_WAIT ? 0 : 1, patience, NULL, 0);
}

/* Waits until the word is 1, makes it 0, and the other word 1. */
static void take_turn(volatile uint32_t *mine, volatile uint32_t *theirs) {
    while (*mine == 0) {
        futex(mine, FUTEX_WAIT);
    }
    *mine = 0;
    *theirs = 1;
    futex(theirs, FUTEX_WAKE);
}

static void futex_turn(void) {
    take_turn(&turns[0], &turns[1]);
}

static void fork_exit_wait(void) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, NULL, 0) != pid) die("fork");
}

static void fork_exec_wait(void) {
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, "--exit", (char *)NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, NULL, 0) != pid) die("fork");
}

static void map_unmap(void) {
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || munmap(p, PAGE) != 0) die("mmap");
}

/* Instructions per call of `body`, from the second of two rounds. */
static void measure(const char *name, void (*body)(void), int rounds) {
    double value = 0;
    for (int warm = 0; warm < 2; warm++) {
        uint64_t start = ticks();
        for (int i = 0; i < rounds; i++) {
            body();
        }
        value = (double)(ticks() - start) / rounds;
    }
    dprintf(fcntl(100, F_GETFD) >= 0 ? 100 : 1, "measure %s instructions %.1f\n", name, value);
}

static void anonymous_pages(size_t pages) {
    double touch = 0, drop = 0, again = 0;
    for (int warm = 0; warm < 2; warm++) {
        uint64_t start = ticks();
        area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED) die("mmap");
        for (size_t i = 0; i < pages; i++) {
            area[i * PAGE] = 1;
        }
        touch = (double)(ticks() - start) / (double)pages;
        start = ticks();
        if (madvise(area, pages * PAGE, MADV_DONTNEED) != 0) die("madvise");
        for (size_t i = 0; i < pages; i++) {
            area[i * PAGE] = 1;
        }
        again = (double)(ticks() - start) / (double)pages;
        start = ticks();
        if (munmap(area, pages * PAGE) != 0) die("munmap");
        drop = (double)(ticks() - start) / (double)pages;
    }
    int out = fcntl(100, F_GETFD) >= 0 ? 100 : 1;
    dprintf(out, "measure mmap_touch_page instructions %.1f\n", touch);
    dprintf(out, "measure madvise_touch_page instructions %.1f\n", again);
    dprintf(out, "measure munmap_page instructions %.1f\n", drop);
}

static void nothing(int signal) {
    (void)signal;
}

/* Where the stack begins decides how many pages a child touches, so it is the same in every kernel and build. */
static void without_randomness(char **argv) {
    int now = personality(0xffffffff);
    if (now & ADDR_NO_RANDOMIZE) return;
    if (personality(now | ADDR_NO_RANDOMIZE) < 0) die("personality");
    execv(program, argv);
    die("exec");
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc > 1 && strcmp(argv[1], "--exit") == 0) {
        return 0;
    }
    without_randomness(argv);
    /* Lets what the boot left behind come to rest; free when time is counted in instructions. */
    sleep(2);
    measure("getppid", getppid_once, 20000);
    if ((fd = open("/dev/null", O_WRONLY)) < 0) die("/dev/null");
    measure("write_null", write_null, 20000);
    measure("clock_gettime_call", clock_call, 20000);
    fd = open("/tmp/bench-file", O_RDWR | O_CREAT, 0600);
    static char block[PAGE];
    if (fd < 0 || write(fd, block, PAGE) != (ssize_t)PAGE) die("bench-file");
    measure("pread_4k", read_page, 5000);
    measure("open_close", open_close, 5000);
    measure("stat", stat_path, 5000);
    signal(SIGUSR1, nothing);
    measure("signal_self", signal_self, 5000);
    measure("mmap_munmap", map_unmap, 5000);
    if (pipe(there) != 0 || pipe(back) != 0) die("pipe");
    pid_t echo = fork();
    if (echo == 0) {
        char c;
        close(there[1]);
        while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1) {
        }
        _exit(0);
    }
    measure("pipe_round_trip", ping_pong, 5000);
    kill(echo, SIGKILL);
    waitpid(echo, NULL, 0);
    turns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turns == MAP_FAILED) die("shared memory");
    turns[0] = 1;
    echo = fork();
    while (echo == 0) {
        take_turn(&turns[1], &turns[0]);
    }
    measure("futex_round_trip", futex_turn, 5000);
    static const struct timespec minute = {60, 0};
    patience = &minute;
    measure("futex_round_trip_timed", futex_turn, 5000);
    kill(echo, SIGKILL);
    waitpid(echo, NULL, 0);
    measure("fork_exit_wait", fork_exit_wait, 200);
    measure("fork_exec_exit_wait", fork_exec_wait, 50);
    anonymous_pages(16384);
    return 0;
}
