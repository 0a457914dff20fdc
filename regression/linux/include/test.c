/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The main program of every suite; see test.h. */
#include "test.h"

#include <ftw.h>

extern const struct test_case __start_test_cases[], __stop_test_cases[];
extern const struct test_helper __start_test_helpers[] __attribute__((weak));
extern const struct test_helper __stop_test_helpers[] __attribute__((weak));

const char *test_name = "none";
const char *test_program;
volatile int *test_shared;
static int results = STDOUT_FILENO;
static volatile sig_atomic_t running; /* pid of the running test, for the time limit */
static volatile sig_atomic_t timed_out;

/* Exit statuses of a test's child. */
enum { PASSED = 0, REPORTED = 1, SKIPPED = 77 };

static void say_v(const char *prefix, const char *format, va_list args) {
    char line[1024];
    int used = snprintf(line, sizeof line, "%s", prefix);
    used += vsnprintf(line + used, sizeof line - (size_t)used, format, args);
    if (used > (int)sizeof line - 2) {
        used = (int)sizeof line - 2;
    }
    for (int i = 0; i < used; i++) {
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = ' ';
        }
    }
    line[used++] = '\n';
    for (int done = 0; done < used;) {
        ssize_t n = write(results, line + done, (size_t)(used - done));
        if (n < 0 && errno != EINTR) {
            return;
        }
        done += n > 0 ? (int)n : 0;
    }
}

void test_say(const char *format, ...) {
    int saved = errno;
    va_list args;
    va_start(args, format);
    say_v("", format, args);
    va_end(args);
    errno = saved;
}

void test_fail(const char *file, int line, const char *format, ...) {
    char prefix[300];
    const char *base = strrchr(file, '/');
    snprintf(prefix, sizeof prefix, "fail %s %s:%d ", test_name, base ? base + 1 : file, line);
    va_list args;
    va_start(args, format);
    say_v(prefix, format, args);
    va_end(args);
    _exit(REPORTED);
}

void test_skip(const char *reason) {
    test_say("skip %s %s", test_name, reason);
    _exit(SKIPPED);
}

pid_t test_fork(const char *file, int line) {
    pid_t pid = fork();
    if (pid < 0) {
        test_fail(file, line, "fork: %s", strerrorname_np(errno));
    }
    return pid;
}

int test_wait(const char *file, int line, pid_t pid) {
    int status = 0;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got != pid) {
        test_fail(file, line, "waitpid(%d) returned %d: %s", pid, got, strerrorname_np(errno));
    }
    return status;
}

void test_put(const char *file, int line, const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content)) {
        test_fail(file, line, "writing %s: %s", path, strerrorname_np(errno));
    }
    close(fd);
}

char *test_get(const char *file, int line, const char *path) {
    static char text[65536];
    size_t used = 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        test_fail(file, line, "opening %s: %s", path, strerrorname_np(errno));
    }
    for (;;) {
        ssize_t n = read(fd, text + used, sizeof text - 1 - used);
        if (n < 0) {
            test_fail(file, line, "reading %s: %s", path, strerrorname_np(errno));
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    close(fd);
    text[used] = 0;
    return text;
}

void test_sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

long long test_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void test_wait_state(const char *file, int line, pid_t pid, char state) {
    char path[64], now = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 1000; i++) {
        char text[512] = "";
        int fd = open(path, O_RDONLY);
        if (fd < 0) {
            test_fail(file, line, "%s: %s", path, strerrorname_np(errno));
        }
        ssize_t n = read(fd, text, sizeof text - 1);
        close(fd);
        char *end = n > 0 ? strrchr(text, ')') : NULL;
        now = end ? end[2] : '?';
        if (now == state) {
            return;
        }
        test_sleep_ms(10);
    }
    test_fail(file, line, "process is in state %c, expected %c", now, state);
}

void test_wait_word(const char *file, int line, volatile int *word, int value) {
    for (int i = 0; i < 1000; i++) {
        if (*word == value) {
            return;
        }
        test_sleep_ms(10);
    }
    test_fail(file, line, "another process never reached step %d (is at %d)", value, *word);
}

static void say_hex(const char *head, const char *bytes, size_t length) {
    char hex[512] = "";
    for (size_t i = 0; i < length && 2 * i + 2 < sizeof hex; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
    }
    test_say("%s %s", head, hex);
}

void test_feed(const char *bytes, size_t length) {
    say_hex("feed", bytes, length);
}

void test_expect_console(const char *bytes) {
    char head[128];
    snprintf(head, sizeof head, "expect %s", test_name);
    say_hex(head, bytes, strlen(bytes));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static void on_alarm(int signal) {
    (void)signal;
    timed_out = 1;
    if (running > 0) {
        kill(-(pid_t)running, SIGKILL);
        kill((pid_t)running, SIGKILL);
    }
}

static void run_test(const struct test_case *test) {
    char dir[128];
    int status = 0;
    test_name = test->name;
    test_say("start %s", test_name);
    snprintf(dir, sizeof dir, "/tmp/%s.%d", test_name, (int)getpid());
    mkdir(dir, 0755);
    memset((void *)test_shared, 0, 4096);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        signal(SIGALRM, SIG_DFL);
        if (chdir(dir) != 0) {
            FAIL("chdir %s: %s", dir, strerrorname_np(errno));
        }
        test->body();
        _exit(PASSED);
    }
    if (pid < 0) {
        test_say("fail %s test.c:0 cannot fork: %s", test_name, strerrorname_np(errno));
        return;
    }
    running = pid;
    timed_out = 0;
    alarm((unsigned)test->limit_s);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    alarm(0);
    running = 0;
    kill(-pid, SIGKILL);
    if (timed_out) {
        test_say("fail %s test.c:0 no end after %d s", test_name, test->limit_s);
    } else if (WIFSIGNALED(status)) {
        test_say("fail %s test.c:0 killed by signal %d (%s)", test_name, WTERMSIG(status),
                 sigabbrev_np(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == PASSED) {
        test_say("ok %s", test_name);
    } else if (WEXITSTATUS(status) != REPORTED && WEXITSTATUS(status) != SKIPPED) {
        test_say("fail %s test.c:0 exit status %d", test_name, WEXITSTATUS(status));
    }
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int wanted(int argc, char **argv, const char *name) {
    if (argc < 2) {
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int run_helper(int argc, char **argv) {
    for (const struct test_helper *h = __start_test_helpers; h < __stop_test_helpers; h++) {
        if (strcmp(h->name, argv[2]) == 0) {
            return h->body(argc - 3, argv + 3);
        }
    }
    return 127;
}

int main(int argc, char **argv) {
    test_program = argv[0];
    if (fcntl(RESULTS_FD, F_GETFD) >= 0) {
        results = RESULTS_FD;
    }
    if (argc > 2 && strcmp(argv[1], "--helper") == 0) {
        return run_helper(argc, argv);
    }
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++) {
            printf("%s\n", t->name);
        }
        return 0;
    }
    int count = 0;
    for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++) {
        count += wanted(argc, argv, t->name);
    }
    const char *suite = strrchr(argv[0], '/');
    suite = suite ? suite + 1 : argv[0];
    test_shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test_say("begin %s %d", suite, count);
    if (test_shared == MAP_FAILED) {
        test_say("fail shared_page test.c:0 mmap: %s", strerrorname_np(errno));
        return 1;
    }
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    for (const struct test_case *t = __start_test_cases; t < __stop_test_cases; t++) {
        if (wanted(argc, argv, t->name)) {
            run_test(t);
        }
    }
    test_say("end %s", suite);
    return 0;
}
