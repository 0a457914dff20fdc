/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The test header: small checks, one forked child per test.
 *
 * A suite is one static program made of the C files of a folder. Each TEST(name) { ... } runs in a child of its own, in a
 * session and a directory of its own and under a time limit, so that a crash or a hang is the failure of that test only.
 * Results go as lines to the results channel (descriptor 100, which init/init.c opens on /dev/ttyS1; standard output when
 * it is not open, so that a suite runs on the build machine too):
 *
 *     begin <suite> <tests>      start <test>      ok <test>      fail <test> <file:line> <message>
 *     skip <test> <reason>       end <suite>       feed <hex>     expect <test> <hex>
 *
 * Usage of a suite: `suite` runs all tests, `suite a b` those named, `suite --list` prints the names, and
 * `suite --helper NAME ...` runs a HELPER(NAME), which is how exec tests get a second program.
 */
#ifndef NACRE_TEST_H
#define NACRE_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULTS_FD 100

struct test_case {
    const char *name;
    void (*body)(void);
    int limit_s;
};

struct test_helper {
    const char *name;
    int (*body)(int argc, char **argv);
};

extern const char *test_name;      /* of the running test */
extern const char *test_program;   /* absolute path of this program */
extern volatile int *test_shared;  /* 1024 ints shared by all processes of one test, zero at its start */

/* One line to the results channel, in one write. */
void test_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Reports a failure of the running test and ends this process with status 1. */
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
/* Reports that the running test cannot run here and ends this process with status 0. */
void test_skip(const char *reason) __attribute__((noreturn));
/* fork() that fails the test on error. */
pid_t test_fork(const char *file, int line);
/* waitpid() that fails the test on error; returns the status. */
int test_wait(const char *file, int line, pid_t pid);
/* Creates or replaces a file with this content. */
void test_put(const char *file, int line, const char *path, const char *content);
/* Reads a whole file as a string into a static buffer of 64 KiB. */
char *test_get(const char *file, int line, const char *path);
/* Sleeps; not ended by signals. */
void test_sleep_ms(long ms);
/* Milliseconds of the monotonic clock. */
long long test_now_ms(void);
/* Waits until the process is in this state ('S', 'T', 'Z', ...) as /proc/<pid>/stat says; fails the test after 10 s. */
void test_wait_state(const char *file, int line, pid_t pid, char state);
/* Waits until *word == value; fails the test after 10 s. */
void test_wait_word(const char *file, int line, volatile int *word, int value);
/* Has the runner type these bytes at the console. */
void test_feed(const char *bytes, size_t length);
/* Has the runner check that the console shows these bytes next (since the last feed or expect). */
void test_expect_console(const char *bytes);

#define TEST_LIMIT(test, limit)                                                                     \
    static void test_body_##test(void);                                                             \
    static const struct test_case test_case_##test                                                  \
        __attribute__((used, section("test_cases"), aligned(8))) = {#test, test_body_##test, limit}; \
    static void test_body_##test(void)
#define TEST(test) TEST_LIMIT(test, 30)

#define HELPER(helper)                                                                               \
    static int test_helper_body_##helper(int argc, char **argv);                                     \
    static const struct test_helper test_helper_##helper                                             \
        __attribute__((used, section("test_helpers"), aligned(8))) = {#helper,                       \
                                                                      test_helper_body_##helper};    \
    static int test_helper_body_##helper(int argc __attribute__((unused)),                           \
                                         char **argv __attribute__((unused)))

#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(reason) test_skip(reason)
#define CHECK(condition)                                        \
    do {                                                        \
        if (!(condition)) {                                     \
            FAIL("%s is false (errno %d)", #condition, errno);  \
        }                                                       \
    } while (0)
#define EXPECT_CMP(a, op, b)                                                                       \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (!(a_ op b_)) {                                                                         \
            FAIL("%s is %lld (0x%llx), expected " #op " %s = %lld (0x%llx)", #a, a_, a_, #b, b_,   \
                 b_);                                                                              \
        }                                                                                          \
    } while (0)
#define EXPECT_EQ(a, b) EXPECT_CMP(a, ==, b)
#define EXPECT_NE(a, b) EXPECT_CMP(a, !=, b)
#define EXPECT_LT(a, b) EXPECT_CMP(a, <, b)
#define EXPECT_LE(a, b) EXPECT_CMP(a, <=, b)
#define EXPECT_GT(a, b) EXPECT_CMP(a, >, b)
#define EXPECT_GE(a, b) EXPECT_CMP(a, >=, b)
/* The call must not return -1; its value is the value of the macro. */
#define OK(call)                                                                     \
    ({                                                                               \
        errno = 0;                                                                   \
        __auto_type ok_ = (call);                                                    \
        if ((long long)ok_ == -1) FAIL("%s: %s", #call, strerrorname_np(errno));     \
        ok_;                                                                         \
    })
/* The call must return -1 with this errno. */
#define EXPECT_ERRNO(call, code)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long long result_ = (long long)(call);                                                     \
        int errno_ = errno;                                                                        \
        if (result_ != -1) FAIL("%s returned %lld, expected %s", #call, result_, #code);           \
        if (errno_ != (code)) {                                                                    \
            FAIL("%s: errno %s, expected %s", #call, strerrorname_np(errno_), #code);              \
        }                                                                                          \
    } while (0)
#define EXPECT_STR(a, b)                                                           \
    do {                                                                           \
        const char *a_ = (a), *b_ = (b);                                           \
        if (strcmp(a_, b_) != 0) FAIL("%s is \"%s\", expected \"%s\"", #a, a_, b_); \
    } while (0)
#define EXPECT_MEM(a, b, length) CHECK(memcmp((a), (b), (length)) == 0)

/* Runs the statements in a child; the value is its pid. */
#define SPAWN(...)                                  \
    ({                                              \
        pid_t spawn_ = test_fork(__FILE__, __LINE__); \
        if (spawn_ == 0) {                          \
            __VA_ARGS__;                            \
            _exit(0);                               \
        }                                           \
        spawn_;                                     \
    })
#define WAIT(pid) test_wait(__FILE__, __LINE__, (pid))
#define EXPECT_EXIT(pid, code)                                                                   \
    do {                                                                                         \
        int status_ = WAIT(pid);                                                                 \
        if (!WIFEXITED(status_) || WEXITSTATUS(status_) != (code)) {                             \
            FAIL("%s: status 0x%x, expected exit with %d", #pid, (unsigned)status_, (int)(code)); \
        }                                                                                        \
    } while (0)
#define EXPECT_SIGNAL(pid, signal)                                                                   \
    do {                                                                                             \
        int status_ = WAIT(pid);                                                                     \
        if (!WIFSIGNALED(status_) || WTERMSIG(status_) != (signal)) {                                \
            FAIL("%s: status 0x%x, expected death by %s", #pid, (unsigned)status_, #signal);         \
        }                                                                                            \
    } while (0)
/* The statements, run in a child, must all pass. */
#define IN_CHILD(...) EXPECT_EXIT(SPAWN(__VA_ARGS__), 0)
#define PUT(path, content) test_put(__FILE__, __LINE__, (path), (content))
#define GET(path) test_get(__FILE__, __LINE__, (path))
#define WAIT_STATE(pid, state) test_wait_state(__FILE__, __LINE__, (pid), (state))
#define WAIT_WORD(word, value) test_wait_word(__FILE__, __LINE__, (word), (value))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An address that is never mapped, one in the kernel's half and one that is not canonical. */
#define BAD_POINTER ((void *)0x10)
#define KERNEL_POINTER ((void *)0xffffffff81000000ul)
#define WILD_POINTER ((void *)0x8000000000000000ul)

#endif
