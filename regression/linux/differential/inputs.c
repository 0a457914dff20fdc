/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Structures that calls read, drawn anew for each call.
 */
#include "differ.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <utime.h>

#define PICK(...) ((const int64_t[]){__VA_ARGS__})[below(sizeof((int64_t[]){__VA_ARGS__}) / 8)]

/* Never an instant that comes while the program runs. */
static int64_t some_seconds(void) {
    return one_in(4) ? PICK(-1, INT64_MAX, INT64_MIN, 1l << 33, 1l << 55, 9223372036, 9223372037, 8589934592, 0x7fffffff) : PICK(0, 0, 0, 1000, 100000);
}

static int64_t some_nanoseconds(void) {
    return one_in(4) ? PICK(-1, 1000000000, 999999999, INT64_MAX, INT64_MIN, 0x3fffffff, 0x3ffffffe) : 0;
}

static size_t put_timespec(unsigned char *bytes) {
    struct timespec value = {some_seconds(), some_nanoseconds()};
    memcpy(bytes, &value, sizeof value);
    return sizeof value;
}

static size_t put_timeval(unsigned char *bytes) {
    struct timeval value = {some_seconds(), one_in(4) ? PICK(-1, 1000000, 999999, INT64_MAX) : 0};
    memcpy(bytes, &value, sizeof value);
    return sizeof value;
}

/* For poll and the like: nothing, for ever, or wrong. */
static size_t put_waittime(unsigned char *bytes) {
    struct timespec value = {PICK(0, 0, 0, 0, 0, -1, 100000, INT64_MAX), PICK(0, 0, 0, 0, 1000000000, -1)};
    memcpy(bytes, &value, sizeof value);
    return sizeof value;
}

static size_t put_itimerspec(unsigned char *bytes) {
    return put_timespec(bytes) + put_timespec(bytes + 16);
}

static size_t put_itimerval(unsigned char *bytes) {
    return put_timeval(bytes) + put_timeval(bytes + 16);
}

/* File times: a special word, an old time or one out of range. */
static size_t put_utimens(unsigned char *bytes) {
    for (int i = 0; i < 2; i++) {
        struct timespec value = {PICK(0, 1000, 100000, 2000000, -1, -5, 1l << 33, INT64_MAX, INT64_MIN, 0x7fffffff, 0x80000000),
                                 PICK(0, 5, 999999999, 1000000000, -1, 0x3fffffff, 0x3ffffffe, 0x3ffffffe)};
        memcpy(bytes + 16 * i, &value, sizeof value);
    }
    return 32;
}

static size_t put_utimes(unsigned char *bytes) {
    for (int i = 0; i < 2; i++) {
        struct timeval value = {PICK(0, 1000, 100000, 2000000, -1, 1l << 33, INT64_MAX), PICK(0, 5, 999999, 1000000, -1)};
        memcpy(bytes + 16 * i, &value, sizeof value);
    }
    return 32;
}

static size_t put_utimbuf(unsigned char *bytes) {
    struct utimbuf value = {PICK(0, 1000, -1, 1l << 33, INT64_MAX), PICK(0, 1000, -1, INT64_MIN)};
    memcpy(bytes, &value, sizeof value);
    return sizeof value;
}

static size_t put_iovecs(unsigned char *bytes) {
    struct iovec *vector = (void *)bytes;
    for (int i = 0; i < 4; i++) {
        uint64_t base = ARENA + IN_SIZE + 5 * OUT_SIZE + 0x1000 * (uint64_t)i;
        vector[i] = (struct iovec){(void *)(one_in(24) ? (uint64_t)PICK(0, 0x1000, EDGE - 3, ODD, 1l << 47, -1) : base), draw_length(NULL)};
        if (vector[i].iov_len > 0x1000 && !one_in(8)) {
            vector[i].iov_len = below(300);
        }
    }
    return 4 * sizeof *vector;
}

static size_t put_flock(unsigned char *bytes) {
    struct flock lock = {.l_type = (short)PICK(F_RDLCK, F_WRLCK, F_UNLCK, 3, -1),
                         .l_whence = (short)PICK(0, 0, 0, 1, 2, 3, -1),
                         .l_start = (int64_t)draw_offset(NULL),
                         .l_len = one_in(3) ? 0 : (int64_t)draw_offset(NULL),
                         .l_pid = one_in(8) ? 4000000 : 0};
    memcpy(bytes, &lock, sizeof lock);
    memset(bytes + 4, 0, 4), memset(bytes + 28, 0, 4);
    return sizeof lock;
}

static size_t put_pollfds(unsigned char *bytes) {
    struct pollfd *polled = (void *)bytes;
    for (int i = 0; i < 4; i++) {
        polled[i] = (struct pollfd){(int)PICK(0, 1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 14, -1, -5, 30, 999), (short)PICK(POLLIN, POLLOUT, POLLIN | POLLOUT, 0, 0x7fff, -1, POLLPRI, POLLHUP), 77};
    }
    return 4 * sizeof *polled;
}

static size_t put_fdset(unsigned char *bytes) {
    uint64_t sets[2] = {random64() & random64() & random64() & 0xfffff, one_in(20) ? 1ul << below(64) : 0};
    memcpy(bytes, sets, sizeof sets);
    return sizeof sets;
}

/* Rarely the signal that ends waiting calls. */
static size_t put_sigset(unsigned char *bytes) {
    uint64_t set = one_in(3) ? 0 : random64() & random64();
    set = one_in(10) ? -1ul : set;
    set &= one_in(30) ? -1ul : ~(1ul << (KICK - 1));
    memcpy(bytes, &set, 8);
    return 8;
}

static size_t put_selectmask(unsigned char *bytes) {
    uint64_t words[2] = {one_in(3) ? 0 : ARENA + 0x100, one_in(8) ? (uint64_t)PICK(0, 4, 16) : 8};
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

void handle_signal(int, siginfo_t *, void *), handle_plainly(int);
void return_from_signal(void);

static size_t put_sigaction(unsigned char *bytes) {
    uint64_t words[4] = {(uint64_t)PICK(0, 1, 1, 2, 2, 2), 0x04000000, (uint64_t)&return_from_signal, 0};
    static const uint64_t flags[] = {SA_SIGINFO, SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_ONSTACK, SA_NOCLDSTOP, SA_NOCLDWAIT, 0x400, 0x800, 0x2, 0x100};
    for (uint64_t more = below(4); more > 0; more--) {
        words[1] |= flags[below(sizeof flags / sizeof *flags)];
    }
    words[1] |= one_in(40) ? 1ul << below(64) : 0;
    if (words[0] == 2) {
        words[0] = words[1] & SA_SIGINFO ? (uint64_t)&handle_signal : (uint64_t)&handle_plainly;
    }
    put_sigset((unsigned char *)&words[3]);
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_altstack(unsigned char *bytes) {
    stack_t stack = {.ss_sp = (void *)(STACKS + 0x8000 * below(3)), .ss_flags = (int)PICK(0, 0, 0, SS_DISABLE, SS_ONSTACK, 1u << 31, 3, 4), .ss_size = (size_t)PICK(0x8000, 0x8000, 2048, 2047, 0, 3632, -1)};
    memcpy(bytes, &stack, sizeof stack);
    memset(bytes + 12, 0, 4);
    return sizeof stack;
}

static size_t put_siginfo(unsigned char *bytes) {
    siginfo_t info = {.si_signo = (int)PICK(10, 12, 34, 0), .si_code = (int)PICK(SI_QUEUE, SI_QUEUE, SI_USER, SI_TKILL, SI_KERNEL, SI_TIMER, SI_MESGQ, -60, 1)};
    info.si_errno = (int)below(3);
    info.si_value.sival_ptr = (void *)0x1234567;
    memcpy(bytes, &info, sizeof info);
    return sizeof info;
}

static size_t put_rlimit(unsigned char *bytes) {
    uint64_t soft = (uint64_t)PICK(0, 20, 60, 4096, 20000, 1 << 20, 8 << 20, -1, -2, INT64_MAX, 1048577);
    uint64_t words[2] = {soft, one_in(2) ? soft : (uint64_t)PICK(0, 64, 1 << 20, -1, INT64_MAX, 1048576, 1048577)};
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_groups(unsigned char *bytes) {
    uint32_t groups[4] = {(uint32_t)draw_uid(NULL), 2000, (uint32_t)draw_uid(NULL), 5};
    memcpy(bytes, groups, sizeof groups);
    return sizeof groups;
}

static size_t put_caphead(unsigned char *bytes) {
    uint32_t words[2] = {(uint32_t)PICK(0x20080522, 0x20080522, 0x20080522, 0x20080522, 0x20071026, 0x19980330, 0, -1), one_in(8) ? (uint32_t)PICK(-1, 1, 4000000) : 0};
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_capdata(unsigned char *bytes) {
    uint32_t words[6] = {0};
    for (int i = 0; i < 6; i++) {
        words[i] = (uint32_t)(i < 3 ? PICK(0, -1, 1, 0xc0, 0xff) : PICK(0, 0, 0x1ff, -1));
    }
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_sched(unsigned char *bytes) {
    int32_t priority = (int32_t)PICK(0, 0, 0, 1, 50, 99, 100, -1);
    memcpy(bytes, &priority, sizeof priority);
    return sizeof priority;
}

static size_t put_cpus(unsigned char *bytes) {
    uint64_t words[2] = {(uint64_t)PICK(1, 1, 3, 2, 0, -1), (uint64_t)PICK(0, 0, 1, -1)};
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_sigevent(unsigned char *bytes) {
    uint32_t words[16] = {0};
    words[2] = (uint32_t)PICK(SIGUSR1, 34, 0, 64, 65, -1);
    words[3] = (uint32_t)PICK(0, 0, 1, 1, 2, 3, 4, 5, -1);
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_offset(unsigned char *bytes) {
    uint64_t offset = draw_offset(NULL);
    memcpy(bytes, &offset, 8);
    return 8;
}

static size_t put_word(unsigned char *bytes) {
    uint32_t word = (uint32_t)PICK(0, 0, 1, 2, 7, -1);
    memcpy(bytes, &word, 4);
    return 4;
}

static size_t put_name(unsigned char *bytes) {
    static const char *const names[] = {"short", "", "a-name-of-20-letters", "fifteenletters1", "sixteen-letters1", "two words"};
    const char *name = names[below(sizeof names / sizeof *names)];
    strcpy((char *)bytes, name);
    return strlen(name) + 1;
}

static size_t put_owner(unsigned char *bytes) {
    int32_t words[2] = {(int32_t)PICK(0, 1, 2, 3, -1), (int32_t)PICK(0, 4000000, -1)};
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static size_t put_cloneargs(unsigned char *bytes) {
    const uint64_t tid = ARENA + IN_SIZE + 5 * OUT_SIZE;
    uint64_t words[11] = {draw_from_set(find_set(one_in(2) ? "clone" : "thread", one_in(2) ? 5 : 6)) & ~0xfful, 0, one_in(2) ? tid : 0, one_in(2) ? tid + 8 : 0};
    words[4] = (uint64_t)PICK(SIGCHLD, SIGCHLD, SIGCHLD, 0, SIGUSR1, 65, 0x100, -1);
    words[5] = one_in(6) ? (uint64_t)PICK(STACKS, 1, 0) : 0;
    words[6] = one_in(6) ? (uint64_t)PICK(0x4000, 0, -1) : 0;
    words[7] = one_in(6) ? any_value() : 0;
    words[8] = one_in(12) ? any_value() : 0;
    words[9] = one_in(12) ? any_value() : 0;
    memcpy(bytes, words, sizeof words);
    return sizeof words;
}

static const struct {
    const char *name;
    input_fn *put;
} inputs[] = {
    {"timespec", put_timespec}, {"timeval", put_timeval},     {"waittime", put_waittime}, {"itimerspec", put_itimerspec}, {"itimerval", put_itimerval},
    {"utimens", put_utimens},   {"utimes", put_utimes},       {"utimbuf", put_utimbuf},   {"iovecs", put_iovecs},         {"flock", put_flock},
    {"pollfds", put_pollfds},   {"fdset", put_fdset},         {"sigset", put_sigset},     {"selectmask", put_selectmask}, {"sigaction", put_sigaction},
    {"altstack", put_altstack}, {"siginfo", put_siginfo},     {"rlimit", put_rlimit},     {"groups", put_groups},         {"caphead", put_caphead},
    {"capdata", put_capdata},   {"sched", put_sched},         {"cpus", put_cpus},         {"sigevent", put_sigevent},     {"offset", put_offset},
    {"word", put_word},         {"name", put_name},         {"owner", put_owner},     {"cloneargs", put_cloneargs},
};

input_fn *find_input(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (strlen(inputs[i].name) == len && memcmp(inputs[i].name, name, len) == 0) {
            return inputs[i].put;
        }
    }
    return NULL;
}
