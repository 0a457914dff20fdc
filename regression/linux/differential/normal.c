/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Makes comparable what differs between two kernels by right: numbers of processes, inodes and devices, times of now.
 *
 * Nothing is left out: a process becomes its place among those that the program knows, an inode the rank in which it was
 * seen, a time that lies in the program's own life the word `now`.
 */
#include "differ.h"

#include <linux/stat.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>

uint64_t started_at, break_at_start;

#define NOW 0x6e6f77 /* "now" */

int64_t normal_pid(int64_t pid) {
    if (pid <= 0) {
        return pid < -4095 ? -normal_pid(-pid) : pid;
    }
    if (pid == self_pid) {
        return 1000000;
    }
    if (pid == parent_pid) {
        return 1000001;
    }
    for (int i = 0; i < child_count; i++) {
        if (children[i] == pid) {
            return 1000010 + i;
        }
    }
    return pid == 1 ? 1 : 1999999;
}

static uint64_t seen[2][64];
static int seen_count[2];

void forget_ranks(void) {
    seen_count[0] = seen_count[1] = 0;
}

static uint64_t rank(int kind, uint64_t value) {
    for (int i = 0; i < seen_count[kind]; i++) {
        if (seen[kind][i] == value) {
            return 500 + (uint64_t)i;
        }
    }
    if (seen_count[kind] < 64) {
        seen[kind][seen_count[kind]++] = value;
    }
    return 499 + (uint64_t)seen_count[kind];
}

static int is_now(int64_t seconds) {
    return seconds >= (int64_t)started_at - 5 && seconds <= (int64_t)started_at + 3600;
}

static int untouched(const unsigned char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0xa5) {
            return 0;
        }
    }
    return 1;
}

static void normal_stat(unsigned char *bytes, size_t len) {
    struct stat *s = (void *)bytes;
    if (untouched(bytes, len)) {
        return;
    }
    s->st_ino = rank(0, s->st_ino ^ s->st_dev << 48);
    s->st_dev = rank(1, s->st_dev);
    struct timespec *times[] = {&s->st_atim, &s->st_mtim, &s->st_ctim};
    for (int i = 0; i < 3; i++) {
        if (is_now(times[i]->tv_sec)) {
            *times[i] = (struct timespec){NOW, 0};
        }
    }
}

static void normal_statx(unsigned char *bytes, size_t len) {
    struct statx *s = (void *)bytes;
    if (untouched(bytes, len)) {
        return;
    }
    s->stx_ino = rank(0, s->stx_ino ^ makedev(s->stx_dev_major, s->stx_dev_minor) << 48);
    uint64_t device = rank(1, makedev(s->stx_dev_major, s->stx_dev_minor));
    s->stx_dev_major = 0, s->stx_dev_minor = (uint32_t)device;
    s->stx_mnt_id = s->stx_mnt_id != 0;
    struct statx_timestamp *times[] = {&s->stx_atime, &s->stx_btime, &s->stx_mtime, &s->stx_ctime};
    for (int i = 0; i < 4; i++) {
        if (is_now(times[i]->tv_sec)) {
            times[i]->tv_sec = NOW, times[i]->tv_nsec = 0;
        }
    }
}

static void normal_statfs(unsigned char *bytes, size_t len) {
    struct statfs *s = (void *)bytes;
    if (untouched(bytes, len)) {
        return;
    }
    s->f_bfree = s->f_bavail = s->f_ffree = 0;
    memset(&s->f_fsid, 0, sizeof s->f_fsid);
}

/* A clock's reading tells only that it is one; what was left of an interval counts in steps of ten minutes. */
static void normal_clock(unsigned char *bytes, size_t len) {
    int64_t *words = (void *)bytes;
    if (!untouched(bytes, len)) {
        words[1] = words[1] >= 0 && words[1] < 1000000000;
        words[0] = words[0] >= 0;
    }
}

static void normal_left(unsigned char *bytes, size_t len) {
    int64_t *words = (void *)bytes;
    for (size_t i = 0; i + 16 <= len; i += 16, words += 2) {
        if (untouched((unsigned char *)words, 16) || (words[0] == 0 && words[1] == 0)) {
            continue;
        }
        if (words[0] >= 0 && words[0] < INT64_MAX && words[1] > 0) {
            words[0]++, words[1] = 0;
        }
        if (words[0] >= 0 && words[0] < 1l << 32 && words[0] % 10 != 7 && words[0] != 0x7fffffff) {
            words[0] = (words[0] + 599) / 600 * 600, words[1] = 0;
        } else {
            words[0] = words[0] >= 1l << 32 ? 1l << 32 : words[0];
            words[1] = 0;
        }
    }
}

static void normal_flock(unsigned char *bytes, size_t len) {
    struct flock *lock = (void *)bytes;
    (void)len;
    lock->l_pid = (pid_t)normal_pid(lock->l_pid);
}

static void normal_siginfo(unsigned char *bytes, size_t len) {
    siginfo_t *info = (void *)bytes;
    if (!untouched(bytes, len)) {
        info->si_pid = (pid_t)normal_pid(info->si_pid);
        if (info->si_signo == SIGCHLD) {
            info->si_utime = info->si_stime = 0;
        }
    }
}

/* Whether the harness's own signal waits depends on when it came. */
static void normal_sigset(unsigned char *bytes, size_t len) {
    if (!untouched(bytes, len)) {
        bytes[(KICK - 1) / 8] &= (unsigned char)~(1u << (KICK - 1) % 8);
    }
}

static void normal_rusage(unsigned char *bytes, size_t len) {
    if (!untouched(bytes, len)) {
        memset(bytes, 0, sizeof(struct rusage));
    }
}

static void normal_owner(unsigned char *bytes, size_t len) {
    int32_t *words = (void *)bytes;
    if (len >= 8 && !untouched(bytes, 8)) {
        words[1] = (int32_t)normal_pid(words[1]);
    }
}

static void normal_tid(unsigned char *bytes, size_t len) {
    int32_t tid;
    if (!untouched(bytes, len)) {
        memcpy(&tid, bytes, sizeof tid);
        tid = (int32_t)normal_pid(tid);
        memcpy(bytes, &tid, sizeof tid);
    }
}

static void normal_random(unsigned char *bytes, size_t len) {
    memset(bytes, 0, len);
}

/* Entries of a folder come in any order with any position: what is left is how many bytes they take, and a sum over names and kinds. */
static void normal_entries(unsigned char *bytes, size_t len) {
    uint64_t sum = 0;
    size_t at = 0;
    while (at + 19 < len && !untouched(bytes + at, 8)) {
        uint16_t size;
        uint64_t one = bytes[at + 18];
        memcpy(&size, bytes + at + 16, 2);
        for (const unsigned char *c = bytes + at + 19; *c; c++) {
            one = one * 31 + *c;
        }
        if (size < 20) {
            break;
        }
        sum += one * one + size;
        at += size;
    }
    memset(bytes, 0, at);
    if (at > 0) {
        memcpy(bytes, &sum, sizeof sum);
    }
}

static const struct shape shapes[] = {
    {"stat", 144, normal_stat},
    {"statx", 256, normal_statx},
    {"statfs", 120, normal_statfs},
    {"buffer", 8192, NULL},
    {"entries", 8192, normal_entries},
    {"link", 256, NULL},
    {"clock", 16, normal_clock},
    {"left", 16, normal_left},
    {"left2", 32, normal_left},
    {"timespec", 16, normal_left},
    {"waittime", 16, normal_left},
    {"timeval", 16, normal_left},
    {"flock", 32, normal_flock},
    {"siginfo", 128, normal_siginfo},
    {"rusage", 144, normal_rusage},
    {"pollfds", 32, NULL},
    {"fdset", 16, NULL},
    {"offset", 8, NULL},
    {"word", 8, NULL},
    {"words", 64, NULL},
    {"sigset", 16, normal_sigset},
    {"sigaction", 40, NULL},
    {"altstack", 24, NULL},
    {"rlimit", 16, NULL},
    {"groups", 64, NULL},
    {"caphead", 8, NULL},
    {"capdata", 24, NULL},
    {"sched", 8, NULL},
    {"cpus", 128, NULL},
    {"name", 24, NULL},
    {"random", 256, normal_random},
    {"owner", 8, normal_owner},
    {"tid", 8, normal_tid},
    {"cloneargs", 88, NULL},
};

const struct shape *find_shape(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strlen(shapes[i].name) == len && memcmp(shapes[i].name, name, len) == 0) {
            return &shapes[i];
        }
    }
    return NULL;
}
