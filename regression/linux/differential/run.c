/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Runs one program: draws each call, makes it, logs result and outputs.
 */
#include "differ.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_FAMILIES 16
#define MAX_SPECS 64

static struct argument specs[MAX_FAMILIES][MAX_SPECS][6];
static unsigned char spec_lengths[MAX_FAMILIES][MAX_SPECS];
static int weights[MAX_FAMILIES];

/* Looks up the kinds of all arguments once. */
void prepare_specs(void) {
    for (int f = 0; f < family_count; f++) {
        for (int c = 0; c < families[f].count; c++) {
            const char *word = families[f].calls[c].spec;
            int n = 0;
            weights[f] += families[f].calls[c].weight;
            while (*word) {
                size_t len = strcspn(word, " ");
                struct argument argument = find_kind(word, len);
                if (!argument.draw || n == 6 || c >= MAX_SPECS) {
                    dprintf(2, "differ: what is '%.*s' of %s?\n", (int)len, word, families[f].calls[c].name);
                    _exit(2);
                }
                specs[f][c][n++] = argument;
                word += len + (word[len] == ' ');
            }
            spec_lengths[f][c] = (unsigned char)n;
        }
    }
}

int family_of(uint64_t number, uint64_t chosen) {
    int total = 0;
    if (chosen < (uint64_t)family_count) {
        return (int)chosen;
    }
    for (int f = 0; f < family_count; f++) {
        total += families[f].weight;
    }
    int left = (int)((number * 7919) % (uint64_t)total);
    for (int f = 0;; f++) {
        left -= families[f].weight;
        if (left < 0) {
            return f;
        }
    }
}

static int draw_call(int f) {
    int left = (int)below((uint64_t)weights[f]);
    for (int c = 0;; c++) {
        left -= families[f].calls[c].weight;
        if (left < 0) {
            return c;
        }
    }
}

static int64_t normal_result(char kind, int64_t result) {
    if (result < 0 && result >= -4095) {
        return result;
    }
    switch (kind) {
    case 'p': return normal_pid(result);
    case 'b': return result - (int64_t)break_at_start;
    case 't': return result > 10 ? (result + 599) / 600 * 600 : result;
    case 'd': return 0;
    case 'm':
        if ((uint64_t)result < 0x100000000) {
            return result;
        }
        return 0x7000000 + ++mapping_count;
    default: return result;
    }
}

static void describe_rest(const uint64_t *a, int argc) {
    for (int i = 0; i < argc; i++) {
        if (!argument_text[i][0]) {
            snprintf(argument_text[i], sizeof argument_text[i], (int64_t)a[i] > -5000 && (int64_t)a[i] < 100000 ? "%ld" : "0x%lx", (int64_t)a[i]);
        }
    }
}

/* What a signal handler saw; told after the call in which it ran. */
static struct {
    int number, code;
    int64_t pid, value;
} handled[16];
static volatile int handled_count;

void handle_plainly(int);
void handle_signal(int, siginfo_t *, void *);

void handle_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    int at = handled_count < 15 ? handled_count++ : 15;
    handled[at].number = number;
    handled[at].code = info ? info->si_code : 0;
    handled[at].pid = info && number != SIGSEGV ? info->si_pid : 0;
    handled[at].value = 0;
}

void handle_plainly(int number) {
    handle_signal(number, NULL, NULL);
}

__asm__(".globl return_from_signal\nreturn_from_signal:\n mov $15, %eax\n syscall\n");

/* When a child's end is noticed is a matter of time, so SIGCHLD is left out. */
static void log_signals(void) {
    for (int i = 0; i < handled_count; i++) {
        if (handled[i].number == SIGCHLD) {
            continue;
        }
        log_value("signal", handled[i].number);
        log_value("code", handled[i].code);
        log_value("from", normal_pid(handled[i].pid));
    }
    handled_count = 0;
}

/* Whether a child waits, is stopped or has ended: nothing more will come of what it was sent. */
static int is_settled(pid_t child) {
    char text[256], *end;
    snprintf(text, sizeof text, "%d/stat", child);
    int fd = openat(PROC_FD, text, O_RDONLY);
    if (fd < 0) {
        return errno != ENOENT ? -1 : 1;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    end = strrchr(text, ')');
    return !end || strchr("STZ", end[2]) != NULL;
}

/* Gives children the time to act on signals, so that later calls find the same on both kernels. */
static void settle(void) {
    nanosleep(&(struct timespec){0, 500000}, NULL);
    for (int i = 0; i < child_count; i++) {
        int state;
        for (int tries = 0; tries < 1000 && (state = is_settled(children[i])) == 0; tries++) {
            nanosleep(&(struct timespec){0, 100000}, NULL);
        }
        if (state < 0) {
            nanosleep(&(struct timespec){0, 3000000}, NULL);
            return;
        }
    }
}

static int sends_signal(long number) {
    return number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo || number == SYS_rt_tgsigqueueinfo;
}

static int is_same_file(int a, int b) {
    struct stat s, t;
    return fstat(a, &s) == 0 && fstat(b, &t) == 0 && s.st_ino == t.st_ino && s.st_dev == t.st_dev;
}

/* What differs by right or at random: the kernel's own processes, signals of files that are ready, core dumps, when pages that may
 * be freed are, CPU timers of centuries (which Linux shows as negative), places below 4 GiB, a file that is sent over itself, the moment at which a limit of CPU time strikes, and a call so long that a signal cuts it short, what the
 * kernel mapped between the playground and the stack. */
static void leave_out(const struct call *call, uint64_t *a) {
    switch (call->number) {
    case SYS_getpriority:
    case SYS_setpriority:
        a[1] = (int)a[0] == 2 && (int)a[1] == 0 ? USER : a[1];
        break;
    case SYS_setrlimit:
        a[0] = (int)a[0] == RLIMIT_CPU || (int)a[0] == RLIMIT_CORE ? RLIMIT_LOCKS : a[0];
        break;
    case SYS_prlimit64:
        a[1] = (int)a[1] == RLIMIT_CPU || (int)a[1] == RLIMIT_CORE ? RLIMIT_LOCKS : a[1];
        break;
    case SYS_fcntl:
        a[2] = (int)a[1] == F_SETOWN ? 4000000 : a[2];
        break;
    case SYS_madvise:
        a[2] = (int)a[2] == MADV_FREE ? MADV_DONTNEED : a[2];
        a[1] = a[1] > 1ul << 32 && a[1] <= 1ul << 63 ? 1ul << 32 : a[1];
        break;
    case SYS_mmap:
        a[3] &= a[3] & MAP_FIXED ? 0xffffffff : 0xffffffff & ~(uint64_t)MAP_32BIT;
        break;
    case SYS_setitimer:
        for (int i = 0; (int)a[0] != ITIMER_REAL && a[1] >= ARENA && a[1] < ARENA + IN_SIZE && i < 4; i += 2) {
            int64_t *seconds = (int64_t *)a[1] + i;
            *seconds = *seconds > 1l << 33 ? 1l << 33 : *seconds;
        }
        break;
    case SYS_mprotect:
        a[2] &= a[1] > 1ul << 32 ? ~(uint64_t)(PROT_GROWSDOWN | PROT_GROWSUP) : -1ul;
        break;
    case SYS_getrandom:
        a[1] = a[0] >= ARENA && a[0] < ARENA + ARENA_SIZE && a[1] > 8192 ? 8192 : a[1];
        break;
    case SYS_sendfile:
        a[3] = is_same_file((int)a[0], (int)a[1]) ? 0 : a[3];
        break;
    default: break;
    }
}

static void one_call(int index, int f, int c) {
    const struct call *call = &families[f].calls[c];
    uint64_t a[6] = {0};
    int argc = spec_lengths[f][c];
    begin_arguments();
    for (int i = 0; i < argc; i++) {
        begin_argument(i);
        a[i] = specs[f][c][i].draw(specs[f][c][i].detail);
    }
    leave_out(call, a);
    if (LOG->is_detailed) {
        describe_rest(a, argc);
    }
    log_call(index, call->name, argc);
    LOG->steps++;
    long result = call->number < 0 ? own_call(call->number, a) : raw_call(call->number, a);
    LOG->steps++;
    if (call->number == SYS_timer_settime || call->number == SYS_setitimer) {
        nanosleep(&(struct timespec){0, 3000000}, NULL);
    }
    if (result == 0 && sends_signal(call->number)) {
        settle();
    }
    log_value("result", normal_result(call->result, result));
    for (int i = 0; i < output_count; i++) {
        if (outputs[i].normal) {
            outputs[i].normal((void *)outputs[i].at, outputs[i].len);
        }
        log_bytes("out", (void *)outputs[i].at, outputs[i].len);
    }
    log_signals();
    log_end();
    LOG->calls++;
}

void run_program(uint64_t seed, uint64_t number, int family, uint64_t mask) {
    for (int i = 0; i < MAX_CALLS; i++) {
        seed_random(seed, number, (uint64_t)i + 1);
        int f = one_in(8) ? (int)below((uint64_t)family_count) : family;
        f = families[f].is_alone ? family : f;
        int c = draw_call(f);
        if (mask >> i & 1) {
            one_call(i, f, c);
        }
    }
}
