/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Pipes and FIFOs, poll and select. */
#include "test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static int ends[2];

static void make(int flags) {
    OK(pipe2(ends, flags));
}

TEST(pipe_passes_bytes) {
    char text[16] = "";
    make(0);
    EXPECT_EQ(write(ends[1], "hello", 5), 5);
    EXPECT_EQ(write(ends[1], " you", 4), 4);
    EXPECT_EQ(read(ends[0], text, 3), 3);
    EXPECT_EQ(read(ends[0], text + 3, 12), 6);
    EXPECT_STR(text, "hello you");
}

TEST(pipe_ends_are_one_way) {
    char c;
    make(0);
    EXPECT_ERRNO(write(ends[0], "x", 1), EBADF);
    EXPECT_ERRNO(read(ends[1], &c, 1), EBADF);
    struct stat st;
    OK(fstat(ends[0], &st));
    CHECK(S_ISFIFO(st.st_mode));
}

TEST(pipe_end_of_file) {
    char c;
    make(0);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    close(ends[1]);
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    EXPECT_EQ(read(ends[0], &c, 1), 0);
    EXPECT_EQ(read(ends[0], &c, 1), 0);
}

TEST(pipe_flags) {
    make(O_CLOEXEC | O_NONBLOCK);
    EXPECT_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    int bad[2];
    EXPECT_ERRNO(pipe2(bad, O_APPEND), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pipe, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_pipe2, KERNEL_POINTER, 0), EFAULT);
}

TEST(pipe_nonblocking) {
    static char block[65536];
    char c;
    make(O_NONBLOCK);
    EXPECT_ERRNO(read(ends[0], &c, 1), EAGAIN);
    EXPECT_EQ(write(ends[1], block, sizeof block), 65536);
    EXPECT_ERRNO(write(ends[1], "x", 1), EAGAIN);
    EXPECT_EQ(read(ends[0], block, 4096), 4096);
    EXPECT_EQ(write(ends[1], block, 4096), 4096);
    EXPECT_ERRNO(write(ends[1], "x", 1), EAGAIN);
}

TEST(pipe_nonblocking_small_writes_are_atomic) {
    static char block[65536];
    make(O_NONBLOCK);
    EXPECT_EQ(write(ends[1], block, 65536 - 100), 65436);
    EXPECT_ERRNO(write(ends[1], block, 4096), EAGAIN);
    long n = write(ends[1], block, 5000);
    CHECK(n == -1 || n < 5000);
}

TEST(pipe_write_blocks_until_read) {
    static char block[100000];
    make(0);
    pid_t pid = SPAWN(close(ends[0]); EXPECT_EQ(write(ends[1], block, sizeof block), 100000));
    close(ends[1]);
    long total = 0, n;
    test_sleep_ms(50);
    while ((n = read(ends[0], block, 7000)) > 0) {
        total += n;
    }
    EXPECT_EQ(total, 100000);
    EXPECT_EXIT(pid, 0);
}

TEST(pipe_read_blocks_until_written) {
    char c;
    make(0);
    pid_t pid = SPAWN(test_sleep_ms(100); write(ends[1], "z", 1));
    long long start = test_now_ms();
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    EXPECT_GE(test_now_ms() - start, 80);
    EXPECT_EXIT(pid, 0);
}

TEST(pipe_writers_do_not_mix_lines) {
    make(0);
    for (int k = 0; k < 4; k++) {
        SPAWN(close(ends[0]); char line[1000]; memset(line, 'a' + k, sizeof line);
              for (int i = 0; i < 100; i++) { EXPECT_EQ(write(ends[1], line, sizeof line), 1000); });
    }
    close(ends[1]);
    char line[1000];
    int lines = 0;
    for (;;) {
        size_t have = 0;
        ssize_t n = 0;
        while (have < sizeof line && (n = read(ends[0], line + have, sizeof line - have)) > 0) {
            have += (size_t)n;
        }
        if (have == 0) {
            break;
        }
        EXPECT_EQ(have, sizeof line);
        for (size_t i = 1; i < sizeof line; i++) {
            EXPECT_EQ(line[i], line[0]);
        }
        lines++;
    }
    EXPECT_EQ(lines, 400);
}

TEST(pipe_broken_while_writing) {
    static char block[100000];
    make(0);
    signal(SIGPIPE, SIG_IGN);
    pid_t pid = SPAWN(close(ends[1]); test_sleep_ms(80));
    close(ends[0]);
    long n = write(ends[1], block, sizeof block);
    CHECK((n == -1 && errno == EPIPE) || n == 65536);
    EXPECT_EXIT(pid, 0);
    EXPECT_ERRNO(write(ends[1], "x", 1), EPIPE);
}

TEST(pipe_fionread_and_size) {
    int value = -1;
    make(0);
    EXPECT_EQ(write(ends[1], "12345", 5), 5);
    OK(ioctl(ends[0], FIONREAD, &value));
    EXPECT_EQ(value, 5);
    EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    EXPECT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 8000), 8192);
    EXPECT_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
}

TEST(pipe_zero_length) {
    make(O_NONBLOCK);
    char c;
    EXPECT_EQ(write(ends[1], "", 0), 0);
    EXPECT_EQ(read(ends[0], &c, 0), 0);
    EXPECT_ERRNO(read(ends[0], &c, 1), EAGAIN);
}

TEST(pipe_many) {
    int all[200][2];
    for (int i = 0; i < 200; i++) {
        OK(pipe(all[i]));
        EXPECT_EQ(write(all[i][1], &i, sizeof i), sizeof i);
    }
    for (int i = 199; i >= 0; i--) {
        int got = -1;
        EXPECT_EQ(read(all[i][0], &got, sizeof got), sizeof got);
        EXPECT_EQ(got, i);
    }
}

TEST(pipe_ping_pong) {
    int there[2], back[2];
    OK(pipe(there));
    OK(pipe(back));
    pid_t pid = SPAWN(int n; while (read(there[0], &n, sizeof n) == sizeof n && n < 2000) { n++; write(back[1], &n, sizeof n); });
    int n = 0;
    while (n < 1000) {
        EXPECT_EQ(write(there[1], &n, sizeof n), sizeof n);
        EXPECT_EQ(read(back[0], &n, sizeof n), sizeof n);
    }
    n = 3000;
    EXPECT_EQ(write(there[1], &n, sizeof n), sizeof n);
    EXPECT_EXIT(pid, 0);
}

TEST(fifo_passes_bytes) {
    OK(mkfifo("fifo", 0600));
    pid_t pid = SPAWN(int fd = OK(open("fifo", O_WRONLY)); EXPECT_EQ(write(fd, "through", 7), 7));
    int fd = OK(open("fifo", O_RDONLY));
    char text[16] = "";
    EXPECT_EQ(read(fd, text, 16), 7);
    EXPECT_STR(text, "through");
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(read(fd, text, 16), 0);
}

TEST(fifo_nonblocking_open) {
    char c;
    OK(mkfifo("fifo", 0600));
    EXPECT_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    int reader = OK(open("fifo", O_RDONLY | O_NONBLOCK));
    EXPECT_EQ(read(reader, &c, 1), 0);
    int writer = OK(open("fifo", O_WRONLY | O_NONBLOCK));
    EXPECT_ERRNO(read(reader, &c, 1), EAGAIN);
    EXPECT_EQ(write(writer, "q", 1), 1);
    EXPECT_EQ(read(reader, &c, 1), 1);
}

TEST(fifo_read_write_open_does_not_block) {
    char c;
    OK(mkfifo("fifo", 0600));
    int fd = OK(open("fifo", O_RDWR));
    EXPECT_EQ(write(fd, "r", 1), 1);
    EXPECT_EQ(read(fd, &c, 1), 1);
}

TEST(fifo_can_be_reopened) {
    OK(mkfifo("fifo", 0600));
    for (int i = 0; i < 5; i++) {
        pid_t pid = SPAWN(int fd = OK(open("fifo", O_WRONLY)); write(fd, &i, sizeof i));
        int fd = OK(open("fifo", O_RDONLY)), got = -1;
        EXPECT_EQ(read(fd, &got, sizeof got), sizeof got);
        EXPECT_EQ(got, i);
        close(fd);
        EXPECT_EXIT(pid, 0);
    }
    EXPECT_ERRNO(lseek(OK(open("fifo", O_RDWR)), 0, SEEK_SET), ESPIPE);
}

TEST(poll_pipe_states) {
    static char block[65536];
    make(O_NONBLOCK);
    struct pollfd p[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    EXPECT_EQ(poll(p, 2, 0), 1);
    EXPECT_EQ(p[0].revents, 0);
    EXPECT_EQ(p[1].revents, POLLOUT);
    EXPECT_EQ(write(ends[1], block, sizeof block), 65536);
    EXPECT_EQ(poll(p, 2, 0), 1);
    EXPECT_EQ(p[0].revents, POLLIN);
    EXPECT_EQ(p[1].revents, 0);
    close(ends[1]);
    EXPECT_EQ(poll(p, 1, 0), 1);
    EXPECT_EQ(p[0].revents, POLLIN | POLLHUP);
    while (read(ends[0], block, sizeof block) > 0) {
    }
    EXPECT_EQ(poll(p, 1, 0), 1);
    EXPECT_EQ(p[0].revents, POLLHUP);
}

TEST(poll_broken_pipe) {
    make(0);
    close(ends[0]);
    struct pollfd p = {ends[1], POLLOUT, 0};
    EXPECT_EQ(poll(&p, 1, 0), 1);
    EXPECT_EQ(p.revents, POLLOUT | POLLERR);
}

TEST(poll_other_descriptors) {
    int file = OK(open("f", O_RDWR | O_CREAT, 0600)), null = OK(open("/dev/null", O_RDWR));
    struct pollfd p[4] = {{file, POLLIN | POLLOUT, 0}, {null, POLLIN | POLLOUT, 0}, {999, POLLIN, 0}, {-1, POLLIN, 7}};
    EXPECT_EQ(poll(p, 4, 0), 3);
    EXPECT_EQ(p[0].revents, POLLIN | POLLOUT);
    EXPECT_EQ(p[1].revents, POLLIN | POLLOUT);
    EXPECT_EQ(p[2].revents, POLLNVAL);
    EXPECT_EQ(p[3].revents, 0);
}

TEST(poll_timeout_and_wakeup) {
    make(0);
    struct pollfd p = {ends[0], POLLIN, 0};
    long long start = test_now_ms();
    EXPECT_EQ(poll(&p, 1, 60), 0);
    EXPECT_GE(test_now_ms() - start, 59);
    pid_t pid = SPAWN(test_sleep_ms(60); write(ends[1], "x", 1); test_sleep_ms(200));
    EXPECT_EQ(poll(&p, 1, 10000), 1);
    EXPECT_EQ(p.revents, POLLIN);
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(poll(NULL, 0, 20), 0);
}

TEST(poll_errors) {
    EXPECT_ERRNO(syscall(SYS_poll, BAD_POINTER, 1, 0), EFAULT);
    EXPECT_ERRNO(syscall(SYS_poll, BAD_POINTER, 1u << 30, 0), EINVAL);
    struct timespec bad = {0, 2000000000};
    EXPECT_ERRNO(syscall(SYS_ppoll, NULL, 0, &bad, NULL, 8), EINVAL);
}

TEST(select_sets) {
    make(0);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    struct timeval none = {0, 0};
    EXPECT_EQ(select(ends[1] + 1, &in, &out, NULL, &none), 1);
    CHECK(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    FD_SET(ends[0], &in);
    EXPECT_EQ(select(ends[1] + 1, &in, &out, NULL, NULL), 2);
}

TEST(select_timeout_counts_down) {
    make(0);
    fd_set in;
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    struct timeval wait = {0, 50000};
    EXPECT_EQ(select(ends[0] + 1, &in, NULL, NULL, &wait), 0);
    EXPECT_EQ(wait.tv_sec * 1000000 + wait.tv_usec, 0);
    CHECK(!FD_ISSET(ends[0], &in));
    wait = (struct timeval){5, 0};
    FD_SET(ends[0], &in);
    SPAWN(test_sleep_ms(30); write(ends[1], "x", 1));
    EXPECT_EQ(select(ends[0] + 1, &in, NULL, NULL, &wait), 1);
    CHECK(wait.tv_sec == 4 && wait.tv_usec > 0);
}

TEST(select_errors) {
    fd_set in;
    FD_ZERO(&in);
    FD_SET(40, &in);
    struct timeval none = {0, 0}, bad = {-1, 0};
    EXPECT_ERRNO(select(41, &in, NULL, NULL, &none), EBADF);
    EXPECT_ERRNO(select(-1, NULL, NULL, NULL, &none), EINVAL);
    EXPECT_ERRNO(select(0, NULL, NULL, NULL, &bad), EINVAL);
    EXPECT_ERRNO(syscall(SYS_select, 10, BAD_POINTER, NULL, NULL, &none), EFAULT);
    struct timespec deadline = {0, 20000000};
    EXPECT_EQ(pselect(0, NULL, NULL, NULL, &deadline, NULL), 0);
    EXPECT_EQ(deadline.tv_nsec, 20000000);
}

TEST(closing_reader_wakes_blocked_writer) {
    static char block[65536];
    make(0);
    EXPECT_EQ(write(ends[1], block, sizeof block), 65536);
    pid_t pid = SPAWN(close(ends[0]); signal(SIGPIPE, SIG_IGN); EXPECT_ERRNO(write(ends[1], "x", 1), EPIPE));
    WAIT_STATE(pid, 'S');
    close(ends[0]);
    EXPECT_EXIT(pid, 0);
}
