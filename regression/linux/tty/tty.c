/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The terminal on the serial console: line editing, echo, signals, job control. Keys come from the runner (test_feed), which
 * also checks what the console shows (test_expect_console); so these tests run in a guest only.
 */
#include "test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int tty;
static volatile int hits, last;

static void count(int signal) {
    hits++;
    last = signal;
}

static struct termios sane(void) {
    struct termios t;
    OK(tcgetattr(tty, &t));
    t.c_iflag = ICRNL | IXON;
    t.c_oflag = OPOST | ONLCR;
    t.c_cflag = CREAD | CS8 | HUPCL | CLOCAL | B115200;
    t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    static const unsigned char keys[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};
    memcpy(t.c_cc, keys, sizeof keys);
    return t;
}

/* The console becomes the controlling terminal of this test's session, in its usual modes. */
static void take_console(void) {
    if (fcntl(RESULTS_FD, F_GETFD) < 0) {
        SKIP("needs the runner at the other end of the console");
    }
    /* A trust domain's console is no UART. */
    const char *console = access("/dev/hvc0", F_OK) == 0 ? "/dev/hvc0" : "/dev/ttyS0";
    tty = OK(open(console, O_RDWR | O_NOCTTY));
    OK(ioctl(tty, TIOCSCTTY, 1));
    OK(tcsetpgrp(tty, getpgrp()));
    struct termios t = sane();
    OK(tcsetattr(tty, TCSANOW, &t));
    OK(tcflush(tty, TCIOFLUSH));
}

static void change(tcflag_t iflag, tcflag_t oflag, tcflag_t lflag) {
    struct termios t = sane();
    t.c_iflag &= ~iflag;
    t.c_oflag &= ~oflag;
    t.c_lflag &= ~lflag;
    OK(tcsetattr(tty, TCSANOW, &t));
}

#define FEED(text) test_feed(text, sizeof(text) - 1)

static void expect_read(const char *expected) {
    char text[256] = "";
    ssize_t n = OK(read(tty, text, sizeof text - 1));
    EXPECT_EQ(n, (long)strlen(expected));
    EXPECT_STR(text, expected);
}

TEST(line_is_read_and_echoed) {
    take_console();
    FEED("hello\r");
    expect_read("hello\n");
    test_expect_console("hello\r\n");
}

TEST(short_reads_split_a_line) {
    take_console();
    FEED("abcdef\r");
    char text[8] = "";
    EXPECT_EQ(read(tty, text, 3), 3);
    EXPECT_MEM(text, "abc", 3);
    EXPECT_EQ(read(tty, text, 8), 4);
    EXPECT_MEM(text, "def\n", 4);
}

TEST(two_lines_are_two_reads) {
    take_console();
    FEED("one\rtwo\r");
    expect_read("one\n");
    expect_read("two\n");
}

TEST(erase_character) {
    take_console();
    FEED("abx\177c\r");
    expect_read("abc\n");
    test_expect_console("abx\b \bc\r\n");
}

TEST(erase_at_start_does_nothing) {
    take_console();
    FEED("\177\177x\r");
    expect_read("x\n");
    test_expect_console("x\r\n");
}

TEST(erase_control_character) {
    take_console();
    FEED("\001\177y\r");
    expect_read("y\n");
    test_expect_console("^A\b \b\b \by\r\n");
}

TEST(kill_line) {
    take_console();
    FEED("wrong\025right\r");
    expect_read("right\n");
    test_expect_console("wrong\b \b\b \b\b \b\b \b\b \bright\r\n");
}

TEST(erase_word) {
    take_console();
    FEED("keep drop  \027x\r");
    expect_read("keep x\n");
}

TEST(literal_next) {
    take_console();
    FEED("a\026\003b\r");
    expect_read("a\003b\n");
    test_expect_console("a^\b^Cb\r\n");
}

TEST(end_of_file) {
    take_console();
    char text[8];
    FEED("\004");
    EXPECT_EQ(read(tty, text, 8), 0);
    FEED("ab\004");
    EXPECT_EQ(read(tty, text, 8), 2);
    FEED("c\r");
    expect_read("c\n");
}

TEST(other_line_ends) {
    take_console();
    struct termios t = sane();
    t.c_cc[VEOL] = '.';
    OK(tcsetattr(tty, TCSANOW, &t));
    FEED("a.b\n");
    expect_read("a.");
    expect_read("b\n");
}

TEST(newline_and_return_mapping) {
    take_console();
    change(ICRNL, 0, ICANON | ECHO);
    char c = 0;
    FEED("\r");
    EXPECT_EQ(read(tty, &c, 1), 1);
    EXPECT_EQ(c, '\r');
    struct termios t = sane();
    t.c_iflag = INLCR;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    OK(tcsetattr(tty, TCSANOW, &t));
    FEED("\n");
    EXPECT_EQ(read(tty, &c, 1), 1);
    EXPECT_EQ(c, '\r');
    t.c_iflag = IGNCR;
    OK(tcsetattr(tty, TCSANOW, &t));
    FEED("\rx");
    EXPECT_EQ(read(tty, &c, 1), 1);
    EXPECT_EQ(c, 'x');
}

TEST(no_echo) {
    take_console();
    change(0, 0, ECHO);
    FEED("secret\r");
    expect_read("secret\n");
    EXPECT_EQ(write(tty, "!", 1), 1);
    test_expect_console("!");
}

TEST(echo_control_characters) {
    take_console();
    FEED("\001\033x\r");
    expect_read("\001\033x\n");
    test_expect_console("^A^[x\r\n");
}

TEST(output_processing) {
    take_console();
    FEED("");
    test_sleep_ms(200);
    EXPECT_EQ(write(tty, "a\nb\tc\r\n", 7), 7);
    test_expect_console("a\r\nb\tc\r\r\n");
}

TEST(output_raw) {
    take_console();
    change(0, OPOST, 0);
    FEED("");
    test_sleep_ms(200);
    EXPECT_EQ(write(tty, "a\nb", 3), 3);
    test_expect_console("a\nb");
}

TEST(raw_input_at_once) {
    take_console();
    change(ICRNL | IXON, 0, ICANON | ECHO | ISIG | IEXTEN);
    char text[8] = "";
    FEED("\003\004\032");
    size_t have = 0;
    while (have < 3) {
        have += (size_t)OK(read(tty, text + have, 8 - have));
    }
    EXPECT_MEM(text, "\003\004\032", 3);
}

TEST(raw_minimum_and_time) {
    take_console();
    struct termios t = sane();
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;
    OK(tcsetattr(tty, TCSANOW, &t));
    char text[8];
    EXPECT_EQ(read(tty, text, 8), 0);
    t.c_cc[VTIME] = 2;
    OK(tcsetattr(tty, TCSANOW, &t));
    long long start = test_now_ms();
    EXPECT_EQ(read(tty, text, 8), 0);
    EXPECT_GE(test_now_ms() - start, 190);
    t.c_cc[VTIME] = 0;
    t.c_cc[VMIN] = 4;
    OK(tcsetattr(tty, TCSANOW, &t));
    FEED("abcd");
    EXPECT_EQ(read(tty, text, 8), 4);
    EXPECT_MEM(text, "abcd", 4);
}

TEST(nonblocking_read) {
    take_console();
    char c;
    OK(fcntl(tty, F_SETFL, O_NONBLOCK));
    EXPECT_ERRNO(read(tty, &c, 1), EAGAIN);
    FEED("ab");
    test_sleep_ms(300);
    EXPECT_ERRNO(read(tty, &c, 1), EAGAIN);
    FEED("\r");
    struct pollfd p = {tty, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, 10000), 1);
    EXPECT_EQ(p.revents, POLLIN);
    expect_read("ab\n");
}

TEST(poll_and_fionread) {
    take_console();
    struct pollfd p = {tty, POLLIN | POLLOUT, 0};
    int ready = -1;
    EXPECT_EQ(poll(&p, 1, 0), 1);
    EXPECT_EQ(p.revents, POLLOUT);
    FEED("line\r");
    p.events = POLLIN;
    EXPECT_EQ(poll(&p, 1, 10000), 1);
    OK(ioctl(tty, FIONREAD, &ready));
    EXPECT_EQ(ready, 5);
    expect_read("line\n");
}

TEST(flush_discards_input) {
    take_console();
    FEED("dropped\r");
    struct pollfd p = {tty, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, 10000), 1);
    OK(tcflush(tty, TCIFLUSH));
    EXPECT_EQ(poll(&p, 1, 0), 0);
    FEED("kept\r");
    expect_read("kept\n");
}

TEST(tcsetattr_flush_discards_input) {
    take_console();
    FEED("dropped\r");
    struct pollfd p = {tty, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, 10000), 1);
    struct termios t = sane();
    OK(tcsetattr(tty, TCSAFLUSH, &t));
    EXPECT_EQ(poll(&p, 1, 0), 0);
}

static void expect_key_signal(const char *keys, int signal, const char *echo) {
    take_console();
    struct sigaction action = {.sa_handler = count};
    OK(sigaction(signal, &action, NULL));
    test_feed(keys, 1);
    char c;
    EXPECT_ERRNO(read(tty, &c, 1), EINTR);
    EXPECT_EQ(last, signal);
    test_expect_console(echo);
}

TEST(interrupt_key) { expect_key_signal("\003", SIGINT, "^C"); }
TEST(quit_key) { expect_key_signal("\034", SIGQUIT, "^\\"); }
TEST(suspend_key) { expect_key_signal("\032", SIGTSTP, "^Z"); }

TEST(interrupt_key_discards_the_line) {
    take_console();
    struct sigaction action = {.sa_handler = count};
    OK(sigaction(SIGINT, &action, NULL));
    FEED("abc\003");
    char text[8];
    EXPECT_ERRNO(read(tty, text, 8), EINTR);
    FEED("x\r");
    expect_read("x\n");
}

TEST(interrupt_key_reaches_the_foreground_group) {
    take_console();
    signal(SIGINT, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    pid_t a = SPAWN(signal(SIGINT, SIG_DFL); setpgid(0, 0); test_shared[0]++; pause());
    OK(setpgid(a, a) == 0 || errno == EACCES ? 0 : -1);
    pid_t b = SPAWN(signal(SIGINT, SIG_DFL); setpgid(0, a); test_shared[0]++; pause());
    pid_t c = SPAWN(signal(SIGINT, SIG_DFL); test_shared[0]++; pause());
    WAIT_WORD(&test_shared[0], 3);
    OK(tcsetpgrp(tty, a));
    FEED("\003");
    EXPECT_SIGNAL(a, SIGINT);
    EXPECT_SIGNAL(b, SIGINT);
    EXPECT_EQ(waitpid(c, NULL, WNOHANG), 0);
    kill(c, SIGKILL);
    EXPECT_SIGNAL(c, SIGKILL);
}

TEST(suspend_key_stops_and_fg_continues) {
    take_console();
    signal(SIGTTOU, SIG_IGN);
    pid_t job = SPAWN(signal(SIGTTOU, SIG_DFL); setpgid(0, 0); WAIT_WORD(&test_shared[0], 1); char c; EXPECT_EQ(read(tty, &c, 1), 1); _exit(c));
    OK(setpgid(job, job) == 0 || errno == EACCES ? 0 : -1);
    OK(tcsetpgrp(tty, job));
    test_shared[0] = 1;
    WAIT_STATE(job, 'S');
    test_sleep_ms(100);
    FEED("\032");
    int status;
    EXPECT_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGTSTP);
    OK(tcsetpgrp(tty, getpgrp()));
    OK(tcsetpgrp(tty, job));
    OK(kill(-job, SIGCONT));
    FEED("q\r");
    EXPECT_EXIT(job, 'q');
    OK(tcsetpgrp(tty, getpgrp()));
}

TEST(background_read_stops) {
    take_console();
    pid_t job = SPAWN(setpgid(0, 0); char c; read(tty, &c, 1); _exit(1));
    int status;
    EXPECT_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGTTIN);
    kill(job, SIGKILL);
    EXPECT_SIGNAL(job, SIGKILL);
}

TEST(background_read_with_signal_ignored_is_eio) {
    take_console();
    IN_CHILD(setpgid(0, 0); signal(SIGTTIN, SIG_IGN); char c; EXPECT_ERRNO(read(tty, &c, 1), EIO));
}

TEST(background_write_with_tostop) {
    take_console();
    IN_CHILD(setpgid(0, 0); EXPECT_EQ(write(tty, "", 0), 0); EXPECT_EQ(write(tty, ".", 1), 1));
    struct termios t = sane();
    t.c_lflag |= TOSTOP;
    OK(tcsetattr(tty, TCSANOW, &t));
    pid_t job = SPAWN(setpgid(0, 0); write(tty, "x", 1); _exit(1));
    int status;
    EXPECT_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGTTOU);
    kill(job, SIGKILL);
    EXPECT_SIGNAL(job, SIGKILL);
    IN_CHILD(setpgid(0, 0); signal(SIGTTOU, SIG_IGN); EXPECT_EQ(write(tty, ".", 1), 1));
}

TEST(background_tcsetattr_stops) {
    take_console();
    pid_t job = SPAWN(setpgid(0, 0); struct termios t = sane(); tcsetattr(tty, TCSANOW, &t); _exit(1));
    int status;
    EXPECT_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGTTOU);
    kill(job, SIGKILL);
    EXPECT_SIGNAL(job, SIGKILL);
}

TEST(foreground_group_calls) {
    take_console();
    EXPECT_EQ(tcgetpgrp(tty), getpgrp());
    EXPECT_EQ(tcgetsid(tty), getsid(0));
    EXPECT_ERRNO(tcsetpgrp(tty, 999999), ESRCH);
    EXPECT_ERRNO(tcsetpgrp(tty, -1), EINVAL);
    EXPECT_ERRNO(tcsetpgrp(tty, 1), EPERM);
    int ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(tcgetpgrp(ends[0]), ENOTTY);
    IN_CHILD(OK(setsid()); EXPECT_ERRNO(tcgetpgrp(tty), ENOTTY); EXPECT_ERRNO(tcsetpgrp(tty, getpgrp()), ENOTTY));
}

TEST(dev_tty_is_the_controlling_terminal) {
    take_console();
    int mine = OK(open("/dev/tty", O_RDWR));
    EXPECT_EQ(tcgetpgrp(mine), getpgrp());
    struct stat st;
    OK(fstat(mine, &st));
    EXPECT_EQ(st.st_rdev, 0x500);
    IN_CHILD(OK(setsid()); EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO));
    signal(SIGHUP, SIG_IGN);
    OK(ioctl(tty, TIOCNOTTY));
    EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
}

TEST(second_session_cannot_take_it) {
    take_console();
    IN_CHILD(OK(setsid()); EXPECT_ERRNO(ioctl(tty, TIOCSCTTY, 0), EPERM));
    IN_CHILD(OK(setsid()); OK(setuid(1000)); EXPECT_ERRNO(ioctl(tty, TIOCSCTTY, 1), EPERM));
    IN_CHILD(EXPECT_ERRNO(ioctl(tty, TIOCSCTTY, 0), EPERM));
}

TEST(end_of_session_hangs_up_the_foreground) {
    if (fcntl(RESULTS_FD, F_GETFD) < 0) {
        SKIP("needs the runner at the other end of the console");
    }
    pid_t leader = SPAWN(OK(setsid()); take_console();
                         SPAWN(signal(SIGHUP, SIG_DFL); test_shared[1] = getpid(); test_shared[0] = 1; pause(); _exit(1)); WAIT_WORD(&test_shared[0], 1));
    EXPECT_EXIT(leader, 0);
    for (int i = 0; i < 500 && kill(test_shared[1], 0) == 0; i++) {
        test_sleep_ms(10);
    }
    EXPECT_ERRNO(kill(test_shared[1], 0), ESRCH);
}

TEST(window_size) {
    take_console();
    struct winsize size = {.ws_row = 24, .ws_col = 80}, got;
    signal(SIGWINCH, count);
    OK(ioctl(tty, TIOCSWINSZ, &size));
    OK(ioctl(tty, TIOCGWINSZ, &got));
    EXPECT_EQ(got.ws_row, 24);
    EXPECT_EQ(got.ws_col, 80);
    size.ws_col = 81;
    hits = 0;
    OK(ioctl(tty, TIOCSWINSZ, &size));
    for (int i = 0; i < 100 && hits == 0; i++) {
        test_sleep_ms(10);
    }
    EXPECT_EQ(hits, 1);
    OK(ioctl(tty, TIOCSWINSZ, &size));
    test_sleep_ms(50);
    EXPECT_EQ(hits, 1);
    size = (struct winsize){0};
    OK(ioctl(tty, TIOCSWINSZ, &size));
}

TEST(attributes_round_trip) {
    take_console();
    struct termios t = sane(), got;
    t.c_cc[VINTR] = 1;
    t.c_lflag |= NOFLSH;
    OK(tcsetattr(tty, TCSADRAIN, &t));
    OK(tcgetattr(tty, &got));
    EXPECT_EQ(got.c_cc[VINTR], 1);
    EXPECT_EQ(got.c_lflag, t.c_lflag);
    EXPECT_EQ(got.c_iflag, t.c_iflag);
    EXPECT_EQ(got.c_oflag, t.c_oflag);
    EXPECT_EQ(cfgetospeed(&got), B115200);
    EXPECT_EQ(isatty(tty), 1);
    EXPECT_ERRNO(ioctl(tty, TCGETS, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(ioctl(tty, TCSETS, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(ioctl(tty, 0xdead, 0), ENOTTY);
}

TEST(stop_and_start_keys) {
    take_console();
    FEED("\023");
    test_sleep_ms(300);
    pid_t writer = SPAWN(EXPECT_EQ(write(tty, "held", 4), 4); tcdrain(tty); test_shared[0] = 1);
    test_sleep_ms(300);
    EXPECT_EQ(test_shared[0], 0);
    FEED("\021");
    EXPECT_EXIT(writer, 0);
}

TEST(line_longer_than_the_buffer) {
    take_console();
    change(0, 0, ECHO);
    static char block[240];
    memset(block, 'a', sizeof block);
    for (int i = 0; i < 20; i++) {
        test_feed(block, sizeof block);
        test_sleep_ms(60);
    }
    FEED("\r");
    static char line[8192];
    ssize_t n = OK(read(tty, line, sizeof line));
    EXPECT_EQ(n, 4096);
    EXPECT_EQ(line[4095], '\n');
}

TEST(console_writes_without_controlling_terminal) {
    int fd = OK(open("/dev/console", O_WRONLY | O_NOCTTY));
    EXPECT_EQ(isatty(fd), 1);
    EXPECT_EQ(write(fd, ".", 1), 1);
}
