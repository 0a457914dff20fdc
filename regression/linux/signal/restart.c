/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which calls a signal ends, which it restarts, and that a stop is not seen. */
#include "test.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/uio.h>

static volatile int hits;

static void count(int signal) {
    (void)signal;
    hits++;
}

/* A signal arrives 80 ms after this, with or without SA_RESTART. */
static void arrange(int flags) {
    struct sigaction action = {.sa_handler = count, .sa_flags = flags};
    struct itimerval timer = {.it_value = {0, 80000}};
    hits = 0;
    OK(sigaction(SIGALRM, &action, NULL));
    OK(setitimer(ITIMER_REAL, &timer, NULL));
}

static int ends[2];

/* A child that writes a byte to the pipe after 250 ms. */
static pid_t later_byte(void) {
    OK(pipe(ends));
    return SPAWN(signal(SIGALRM, SIG_IGN); test_sleep_ms(250); write(ends[1], "x", 1));
}

TEST(read_pipe_eintr) {
    later_byte();
    char c;
    arrange(0);
    EXPECT_ERRNO(read(ends[0], &c, 1), EINTR);
    EXPECT_EQ(hits, 1);
}

TEST(read_pipe_restarts) {
    later_byte();
    char c = 0;
    arrange(SA_RESTART);
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    EXPECT_EQ(c, 'x');
    EXPECT_EQ(hits, 1);
}

TEST(readv_pipe_restarts) {
    later_byte();
    char c = 0;
    struct iovec iov = {&c, 1};
    arrange(SA_RESTART);
    EXPECT_EQ(readv(ends[0], &iov, 1), 1);
    EXPECT_EQ(hits, 1);
}

TEST(write_full_pipe_eintr_and_partial) {
    static char block[200000];
    OK(pipe(ends));
    arrange(0);
    ssize_t n = write(ends[1], block, sizeof block);
    EXPECT_GE(n, 4096);
    EXPECT_LT(n, 200000);
    arrange(0);
    EXPECT_ERRNO(write(ends[1], block, 1), EINTR);
}

TEST(write_full_pipe_restarts) {
    static char block[65536];
    OK(pipe(ends));
    EXPECT_EQ(write(ends[1], block, sizeof block), 65536);
    SPAWN(signal(SIGALRM, SIG_IGN); test_sleep_ms(250); read(ends[0], block, sizeof block));
    arrange(SA_RESTART);
    EXPECT_EQ(write(ends[1], "y", 1), 1);
    EXPECT_EQ(hits, 1);
}

TEST(open_fifo_eintr_and_restart) {
    OK(mkfifo("fifo", 0600));
    arrange(0);
    EXPECT_ERRNO(open("fifo", O_RDONLY), EINTR);
    SPAWN(test_sleep_ms(300); open("fifo", O_WRONLY); test_sleep_ms(300));
    arrange(SA_RESTART);
    OK(open("fifo", O_RDONLY));
    EXPECT_EQ(hits, 1);
}

TEST(pause_always_eintr) {
    arrange(SA_RESTART);
    EXPECT_ERRNO(pause(), EINTR);
    EXPECT_EQ(hits, 1);
}

TEST(nanosleep_always_eintr_with_rest) {
    struct timespec wish = {5, 0}, rest = {0, 0};
    arrange(SA_RESTART);
    EXPECT_ERRNO(nanosleep(&wish, &rest), EINTR);
    CHECK(rest.tv_sec == 4 && rest.tv_nsec < 1000000000);
}

TEST(clock_nanosleep_absolute_eintr) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 5;
    arrange(0);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), EINTR);
}

TEST(poll_always_eintr) {
    OK(pipe(ends));
    struct pollfd p = {ends[0], POLLIN, 0};
    arrange(SA_RESTART);
    EXPECT_ERRNO(poll(&p, 1, 5000), EINTR);
    arrange(SA_RESTART);
    EXPECT_ERRNO(poll(NULL, 0, -1), EINTR);
}

TEST(select_always_eintr) {
    OK(pipe(ends));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    arrange(SA_RESTART);
    EXPECT_ERRNO(select(ends[0] + 1, &set, NULL, NULL, NULL), EINTR);
}

TEST(ppoll_swaps_mask) {
    sigset_t block, none;
    sigemptyset(&block), sigemptyset(&none);
    sigaddset(&block, SIGALRM);
    OK(sigprocmask(SIG_BLOCK, &block, NULL));
    arrange(0);
    EXPECT_ERRNO(ppoll(NULL, 0, NULL, &none), EINTR);
    EXPECT_EQ(hits, 1);
}

TEST(pselect_swaps_mask) {
    sigset_t block, none;
    sigemptyset(&block), sigemptyset(&none);
    sigaddset(&block, SIGALRM);
    OK(sigprocmask(SIG_BLOCK, &block, NULL));
    arrange(0);
    EXPECT_ERRNO(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
    EXPECT_EQ(hits, 1);
}

TEST(waitid_restarts) {
    pid_t pid = SPAWN(signal(SIGALRM, SIG_IGN); test_sleep_ms(250));
    siginfo_t info;
    arrange(SA_RESTART);
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED));
    EXPECT_EQ(hits, 1);
}


TEST(ignored_signal_ends_nothing) {
    signal(SIGUSR1, SIG_IGN);
    pid_t parent = getpid();
    OK(pipe(ends));
    SPAWN(test_sleep_ms(50); kill(parent, SIGUSR1); kill(parent, SIGCHLD); kill(parent, SIGWINCH); test_sleep_ms(100); write(ends[1], "z", 1));
    char c;
    EXPECT_EQ(read(ends[0], &c, 1), 1);
}

TEST(stop_and_continue_do_not_end_a_read) {
    OK(pipe(ends));
    pid_t pid = SPAWN(char c; _exit(read(ends[0], &c, 1) == 1 ? 0 : errno));
    WAIT_STATE(pid, 'S');
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    kill(pid, SIGCONT);
    test_sleep_ms(50);
    EXPECT_EQ(write(ends[1], "q", 1), 1);
    EXPECT_EXIT(pid, 0);
}

TEST(stop_and_continue_do_not_shorten_nanosleep) {
    pid_t pid = SPAWN(long long start = test_now_ms(); struct timespec wish = {0, 300000000};
                      if (nanosleep(&wish, NULL) != 0) _exit(1); _exit(test_now_ms() - start >= 295 ? 0 : 2));
    WAIT_STATE(pid, 'S');
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    kill(pid, SIGCONT);
    EXPECT_EXIT(pid, 0);
}

TEST(blocked_signal_ends_nothing) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    later_byte();
    char c;
    arrange(0);
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    EXPECT_EQ(hits, 0);
}

TEST(restart_keeps_arguments) {
    /* The call restarts although its number and arguments lie in registers that the handler changed. */
    OK(pipe(ends));
    SPAWN(signal(SIGALRM, SIG_IGN); test_sleep_ms(250); write(ends[1], "abcdef", 6));
    char text[8] = "";
    arrange(SA_RESTART);
    long n;
    __asm__ volatile("syscall" : "=a"(n) : "a"(SYS_read), "D"(ends[0]), "S"(text), "d"(4) : "rcx", "r11", "memory");
    EXPECT_EQ(n, 4);
    EXPECT_STR(text, "abcd");
    EXPECT_EQ(hits, 1);
}
