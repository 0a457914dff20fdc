/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A seeded system-call fuzzer.
 *
 *     fuzz SEED CALLS [WORKERS]
 *
 * Worker processes make random calls with arguments that are partly structured (see signatures.h) and partly anything. Each
 * worker lives in a jail of its own (chroot to a tmpfs folder, own session, limits); every second one is root, the others
 * have a user of their own. A worker that dies or hangs is replaced; what it does follows from the seed, its number and its
 * generation alone. Left out by design: what would end or harm the harness itself (see `forbidden`).
 *
 * The verdict is the test `survives` on the results channel; `progress` lines tell how far it is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signatures.h"

#define RESULTS_FD 100
#define MAX_WORKERS 16
#define ARENA_SIZE (1ul << 20)

/* What a worker writes; its calls may overwrite it with anything. */
struct report {
    volatile uint64_t calls;
    volatile int64_t last_call;
};

/* What the harness knows of a worker. */
struct worker {
    pid_t pid;
    unsigned generation;
    uint64_t seen;
    int64_t seen_at;
};

static struct report *reports; /* shared */
static struct report *self;
static struct worker workers[MAX_WORKERS];
static char *arena;      /* between two pages without access */
static char *playground; /* as large; what calls that change mappings mostly work on */
static uint64_t random_state;
static int is_root;
static int last_child;

static uint64_t random64(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dul;
}

static uint64_t below(uint64_t n) {
    return (random64() >> 11) % n;
}

static int one_in(uint64_t n) {
    return below(n) == 0;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- arguments ----------------------------------------------------------------------------------------------------- */

static uint64_t any_value(void) {
    static const uint64_t special[] = {0, 1, 2, 7, 8, 0xff, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ul << 47,
                                       (1ul << 47) - 4096, 1ul << 63, -1ul, -2ul, -4095ul, -4096ul, 0xffff800000000000, 0xffffffff81000000};
    switch (below(6)) {
    case 0: return special[below(sizeof special / sizeof *special)];
    case 1: return random64();
    case 2: return random64() & 0xffffffff;
    case 3: return 1ul << below(64);
    case 4: return (uint64_t)arena + below(ARENA_SIZE);
    default: return below(256);
    }
}

static uint64_t any_pointer(void) {
    switch (below(16)) {
    case 0: return 0;
    case 1: return any_value();
    case 2: return (uint64_t)arena + ARENA_SIZE - below(64);
    case 3: return (uint64_t)__builtin_frame_address(0) - below(8192);
    default: return (uint64_t)arena + (below(ARENA_SIZE - 65536) & ~7ul);
    }
}

static const char *names[] = {"f0", "f1", "f2", "f3", "d0", "d0/f4", "d0/d1", "d0/d1/f5", "d2", "d2/f6", "s0", "s1", "p0", ".", "..", "/", "",
                              "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/tty", "/dev/console", "/proc", "/proc/self", "/proc/self/maps",
                              "/proc/self/status", "/proc/self/stat", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/exe", "/proc/self/cwd",
                              "/proc/self/mem", "/proc/meminfo", "/proc/mounts", "/proc/uptime", "/proc/1/stat", "f0/x", "d0/../d2/./f6", "//f1//", "tmpfs", "proc",
                              "loop", "no-such-name", "/dev/no-such-device"};

static uint64_t path_argument(void) {
    char *place = arena + 65536 * (1 + below(8)) + below(4096);
    if (one_in(40)) {
        size_t length = below(6000);
        memset(place, 'a' + (int)below(3) - 1 * (int)below(2), length);
        for (size_t i = 0; i < length; i += 1 + below(300)) {
            place[i] = '/';
        }
        place[length] = 0;
    } else {
        strcpy(place, names[below(sizeof names / sizeof *names)]);
    }
    return (uint64_t)place;
}

static uint64_t length_argument(void) {
    switch (below(10)) {
    case 0: return 0;
    case 1: return any_value();
    case 2: return 4096 * below(64);
    case 3: return below(1 << 20);
    default: return below(600);
    }
}

static uint64_t time_argument(void) {
    struct timespec *t = (struct timespec *)(arena + 600000 + 32 * below(64));
    t[0] = (struct timespec){one_in(10) ? (time_t)any_value() : 0, one_in(10) ? (long)any_value() : (long)below(2000000)};
    t[1] = (struct timespec){one_in(10) ? (time_t)any_value() : 0, one_in(10) ? (long)any_value() : (long)below(2000000)};
    return (uint64_t)t;
}

static uint64_t vector_argument(void) {
    uint64_t *v = (uint64_t *)(arena + 700000 + 256 * below(16));
    for (int i = 0; i < 16; i++) {
        v[2 * i] = any_pointer();
        v[2 * i + 1] = length_argument();
    }
    return (uint64_t)v;
}

static uint64_t words_argument(void) {
    uint64_t *v = (uint64_t *)(arena + 720000 + 256 * below(16));
    for (int i = 0; i < 16; i++) {
        v[i] = one_in(3) ? any_value() : below(3) ? below(16) : any_pointer();
    }
    return (uint64_t)v;
}

static uint64_t strings_argument(void) {
    uint64_t *v = (uint64_t *)(arena + 740000 + 256 * below(16));
    size_t count = below(6);
    for (size_t i = 0; i < count; i++) {
        v[i] = one_in(30) ? any_pointer() : path_argument();
    }
    v[count] = 0;
    return (uint64_t)v;
}

static uint64_t process_argument(void) {
    pid_t me = (pid_t)syscall(SYS_getpid);
    if (is_root) {
        return one_in(4) ? 0 : last_child > 0 && one_in(3) ? (uint64_t)last_child : (uint64_t)me;
    }
    switch (below(6)) {
    case 0: return 0;
    case 1: return (uint64_t)-1l;
    case 2: return any_value();
    case 3: return (uint64_t)last_child;
    case 4: return 1;
    default: return (uint64_t)me;
    }
}

static uint64_t argument(char kind) {
    /* Targets of signals stay within bounds for root; see `forbidden`. */
    if (kind != 'P' && one_in(9)) {
        return any_value();
    }
    switch (kind) {
    case 'f': return one_in(12) ? any_value() : one_in(12) ? (uint64_t)AT_FDCWD : below(24);
    case 'D': return below(3) ? (uint64_t)AT_FDCWD : below(24);
    case 'p': return path_argument();
    case 'b': return any_pointer();
    case 'n': return length_argument();
    case 'i': return below(20);
    case 'F': return one_in(2) ? 0 : one_in(2) ? 1ul << below(24) : (random64() & random64() & 0xffffff);
    case 'm': return below(010000) | (one_in(4) ? 0010000 << below(4) : 0);
    case 'a': return one_in(8) ? any_value() & ~0xffful : (uint64_t)(one_in(20) ? arena : playground) + (below(ARENA_SIZE) & ~0xffful);
    case 'l': return one_in(8) ? any_value() : 4096 * (1 + below(32));
    case 's': {
        uint64_t signal = one_in(10) ? any_value() : below(65);
        return (signal == SIGSTOP || signal == SIGKILL) && !one_in(20) ? SIGCONT : signal;
    }
    case 'P': return process_argument();
    case 't': return time_argument();
    case 'v': return vector_argument();
    case 'w': return words_argument();
    case 'A': return strings_argument();
    case 'o': return one_in(4) ? any_value() : below(100000);
    case 'u': return below(3) ? (uint64_t)(2000 + below(8)) : one_in(2) ? 0 : (uint64_t)-1l;
    case '8': return 8;
    case '0': return 0;
    case 'z': return one_in(2) ? 0 : any_pointer();
    default: return any_value();
    }
}

/* --- what is left out ---------------------------------------------------------------------------------------------- */

static int forbidden(long number) {
    switch (number) {
    case SYS_reboot:
    case SYS_kexec_load:
    case SYS_kexec_file_load:
    case SYS_init_module:
    case SYS_finit_module:
    case SYS_delete_module:
    case SYS_settimeofday:
    case SYS_clock_settime:
    case SYS_adjtimex:
    case SYS_clock_adjtime:
    case SYS_vhangup:
    case SYS_swapon:
    case SYS_swapoff:
    case SYS_acct:
    case SYS_syslog:
    case SYS_iopl:
    case SYS_ioperm:
    case SYS_shmget:
    case SYS_msgget:
    case SYS_semget:
        return 1;
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
        return one_in(2);
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
        return !one_in(300);
    case SYS_execve:
    case SYS_execveat:
        return !one_in(20);
    case SYS_fork:
    case SYS_vfork:
    case SYS_clone:
    case SYS_clone3:
        return !one_in(40);
    case SYS_munmap:
    case SYS_seccomp:
    case SYS_arch_prctl:
        return !one_in(4);
    case SYS_mount:
    case SYS_umount2:
    case SYS_pivot_root:
    case SYS_chroot:
    case SYS_unshare:
    case SYS_setns:
        return is_root && !one_in(20);
    case SYS_setrlimit:
    case SYS_prlimit64:
    case SYS_sched_setscheduler:
    case SYS_sched_setparam:
    case SYS_sched_setattr:
    case SYS_bpf:
    case SYS_perf_event_open:
    case SYS_ptrace:
    case SYS_pidfd_send_signal:
    case SYS_process_mrelease:
        return is_root;
    default:
        return 0;
    }
}

/* --- a worker ------------------------------------------------------------------------------------------------------ */

/* The call itself. A child that shares memory with us ends at once, without touching the stack. */
static inline __attribute__((always_inline)) long call(long number, const uint64_t *a, long ends_child) {
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    register long r12 __asm__("r12") = ends_child;
    long result = number;
    uint64_t rdi = a[0], rsi = a[1], rdx = a[2];
    __asm__ volatile("syscall\n"
                     "test %%r12, %%r12\n jz 1f\n"
                     "test %%rax, %%rax\n jnz 1f\n"
                     "xor %%edi, %%edi\n mov $60, %%eax\n syscall\n ud2\n"
                     "1:"
                     : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r12)::"rcx", "r11", "memory");
    return result;
}

static void tick(int signal) {
    (void)signal;
}

/* Lets blocking calls end: a timer signal, not blocked, with a handler. */
static void set_ticks(void) {
    struct itimerval timer = {{0, 5000}, {0, 5000}};
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_ONSTACK};
    uint64_t none = 0;
    sigaction(SIGALRM, &action, NULL);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    syscall(SYS_setitimer, ITIMER_REAL, &timer, NULL);
}

/* A call took the arena away: put it back, unless that does not help. */
static void mend(int signal) {
    static uint64_t last;
    static int tries;
    (void)signal;
    tries = self->calls == last ? tries + 1 : 0;
    last = self->calls;
    if (tries > 3 || syscall(SYS_mmap, arena, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)arena) {
        syscall(SYS_exit_group, 4);
    }
}

static void one_call(void) {
    long number = one_in(8) ? 424 + (long)below(39) : (long)below(335);
    if (one_in(500)) {
        number = (long)any_value();
        if (number >= 0 && number < 512) {
            return;
        }
    }
    if (forbidden(number)) {
        return;
    }
    const char *signature = number >= 0 && number < 463 && signatures[number] ? signatures[number] : "xxxxxx";
    uint64_t a[6];
    for (int i = 0; i < 6; i++) {
        a[i] = argument(*signature ? *signature++ : 'x');
    }
    if (is_root && (number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo || number == SYS_rt_tgsigqueueinfo)) {
        a[0] = process_argument();
        if (number == SYS_tkill || number == SYS_tgkill) {
            a[0] = (uint64_t)syscall(SYS_getpid);
        }
    }
    long shares = 0;
    if (number == SYS_clone) {
        a[0] = one_in(3) ? random64() & 0xffffffff : (1ul << (8 + below(24)) | (one_in(2) ? 1ul << (8 + below(24)) : 0) | SIGCHLD);
        shares = 1;
    }
    shares |= number == SYS_vfork || number == SYS_clone3;
    self->last_call = number;
    long result = call(number, a, shares);
    self->calls++;
    if ((number == SYS_rt_sigprocmask || number == SYS_rt_sigaction || number == SYS_setitimer || number == SYS_alarm) && !one_in(4)) {
        set_ticks();
    }
    if (number == SYS_fork && result == 0) {
        /* The child makes a few calls of its own. */
        set_ticks();
        for (uint64_t i = below(20); i > 0; i--) {
            one_call();
        }
        syscall(SYS_exit_group, 0);
    }
    if (shares || number == SYS_fork) {
        last_child = result > 0 ? (int)result : last_child;
        while (syscall(SYS_wait4, -1, NULL, WNOHANG, NULL) > 0) {
        }
    }
}

static void limit(int what, rlim_t value) {
    struct rlimit limit = {value, value};
    setrlimit(what, &limit);
}

static void open_some(void) {
    int ends[2];
    syscall(SYS_close_range, 0, ~0u, 0);
    for (int fd = 0; fd < 3; fd++) {
        close(fd);
    }
    open("/dev/null", O_RDWR);
    open("/dev/zero", O_RDWR);
    open("f0", O_RDWR | O_CREAT, 0666);
    open("d0", O_RDONLY | O_DIRECTORY);
    if (pipe(ends) == 0 && pipe2(ends, O_NONBLOCK) == 0) {
        open("/proc/self", O_RDONLY | O_DIRECTORY);
        open("f1", O_RDWR | O_CREAT | O_APPEND, 0666);
        open("p0", O_RDWR | O_NONBLOCK);
        open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
        open("f2", O_PATH);
        open("/proc/self/maps", O_RDONLY);
    }
}

/* Makes this process the first or the last that the out-of-memory killer looks at; what it starts inherits that. */
static void set_oom_score(const char *score) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0) {
        write(fd, score, strlen(score));
        close(fd);
    }
}

static void work(int index, uint64_t seed) {
    struct rlimit core = {0, 0};
    set_oom_score("500");
    char jail[64];
    self = &reports[index];
    is_root = index % 2 == 0;
    random_state = (seed + 1) * 0x9e3779b97f4a7c15ul ^ (uint64_t)(index + 1) * 0xbf58476d1ce4e5b9ul ^ (uint64_t)(workers[index].generation + 1) * 0x94d049bb133111ebul;
    snprintf(jail, sizeof jail, "/tmp/fuzz/%d", index);
    setsid();
    if (chroot(jail) != 0 || chdir("/work") != 0) {
        _exit(3);
    }
    open_some();
    setrlimit(RLIMIT_CORE, &core);
    limit(RLIMIT_AS, 192ul << 20);
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_NPROC, 30);
    limit(RLIMIT_MEMLOCK, 64 << 10);
    limit(RLIMIT_STACK, 1 << 20);
    limit(RLIMIT_MSGQUEUE, 8192);
    limit(RLIMIT_SIGPENDING, 100);
    char *region = mmap(NULL, ARENA_SIZE + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    playground = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED || playground == MAP_FAILED || mprotect(region + 4096, ARENA_SIZE, PROT_READ | PROT_WRITE) != 0) {
        _exit(3);
    }
    arena = region + 4096;
    if (!is_root) {
        setgroups(0, NULL);
        if (setresgid(2000 + (gid_t)index, 2000 + (gid_t)index, 2000 + (gid_t)index) != 0 || setresuid(2000 + (uid_t)index, 2000 + (uid_t)index, 2000 + (uid_t)index) != 0) {
            _exit(3);
        }
    }
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_ONSTACK}, mending = {.sa_handler = mend, .sa_flags = SA_ONSTACK | SA_NODEFER};
    for (int signal = 1; signal <= 64; signal++) {
        sigaction(signal, &action, NULL);
    }
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sigaction(faults[i], &mending, NULL);
    }
    set_ticks();
    for (uint64_t made = 0;; made++) {
        one_call();
        if (made % 64 == 63) {
            /* Undo what would make the rest dull: blocked signals, a lost timer, a lost place, closed descriptors. */
            set_ticks();
            syscall(SYS_chdir, "/work");
            if (made % 512 == 511) {
                open_some();
                syscall(SYS_sigaltstack, &alternate, NULL);
                syscall(SYS_mmap, playground, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            }
        }
    }
}

/* --- the harness --------------------------------------------------------------------------------------------------- */

static void say(const char *text) {
    static int channel = -1;
    if (channel < 0) {
        channel = fcntl(RESULTS_FD, F_GETFD) >= 0 ? RESULTS_FD : 1;
    }
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t n = write(channel, text, length);
        if (n <= 0 && errno != EINTR) {
            return;
        }
        text += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
}

static void make_jail(int index) {
    char path[128];
    static const struct {
        const char *name;
        unsigned major, minor;
    } devices[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"urandom", 1, 9}, {"tty", 5, 0}, {"console", 5, 1}};
    /* Whatever the last one mounted there goes. */
    static const char *const places[] = {"", "/work", "/work/d0", "/work/d2", "/dev", "/proc"};
    for (size_t i = 0; i < sizeof places / sizeof *places && workers[index].generation > 0; i++) {
        snprintf(path, sizeof path, "/tmp/fuzz/%d%s", index, places[i]);
        for (int tries = 0; tries < 4 && umount2(path, MNT_DETACH) == 0; tries++) {
        }
    }
    snprintf(path, sizeof path, "/tmp/fuzz/%d", index), mkdir(path, 0755);
    snprintf(path, sizeof path, "/tmp/fuzz/%d/work", index), mkdir(path, 0777), chmod(path, 0777);
    snprintf(path, sizeof path, "/tmp/fuzz/%d/work/d0", index), mkdir(path, 0777), chmod(path, 0777);
    snprintf(path, sizeof path, "/tmp/fuzz/%d/work/p0", index), mkfifo(path, 0666), chmod(path, 0666);
    snprintf(path, sizeof path, "/tmp/fuzz/%d/work/loop", index), symlink("loop", path) == 0 ? (void)0 : (void)0;
    snprintf(path, sizeof path, "/tmp/fuzz/%d/dev", index), mkdir(path, 0755);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        snprintf(path, sizeof path, "/tmp/fuzz/%d/dev/%s", index, devices[i].name);
        mknod(path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor));
        chmod(path, 0666);
    }
    snprintf(path, sizeof path, "/tmp/fuzz/%d/proc", index), mkdir(path, 0555);
    mount("proc", path, "proc", 0, NULL);
}

static void start(int index, uint64_t seed) {
    struct worker *worker = &workers[index];
    make_jail(index);
    worker->seen = reports[index].calls;
    worker->seen_at = now_ms();
    pid_t pid;
    while ((pid = fork()) < 0) {
        usleep(10000);
    }
    if (pid == 0) {
        work(index, seed);
    }
    worker->pid = pid;
    worker->generation++;
}

/* Ends what a dead worker left behind: its group, and for a user all of his processes. */
static void sweep(int index) {
    kill(-workers[index].pid, SIGKILL);
    if (index % 2 == 1 && workers[index].generation % 4 == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            if (setresuid(2000 + (uid_t)index, 2000 + (uid_t)index, 2000 + (uid_t)index) == 0) {
                kill(-1, SIGKILL);
            }
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, wanted = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000, total = 0, told = 0;
    int count = argc > 3 ? atoi(argv[3]) : 4, stalls = 0;
    char line[256];
    count = count < 1 || count > MAX_WORKERS ? 4 : count;
    reports = mmap(NULL, MAX_WORKERS * sizeof *reports, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(line, sizeof line, "begin fuzz 1\nstart survives\nprogress seed %lu, %lu calls, %d workers\n", seed, wanted, count);
    say(line);
    set_oom_score("-1000");
    mkdir("/tmp/fuzz", 0755);
    if (reports == MAP_FAILED || mount("none", "/tmp/fuzz", "tmpfs", 0, "size=48m,nr_inodes=8000") != 0) {
        snprintf(line, sizeof line, "fail survives fuzz.c:0 cannot set up: %s\n", strerror(errno));
        say(line);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        start(i, seed);
    }
    while (total < wanted) {
        usleep(2000);
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
            for (int i = 0; i < count; i++) {
                if (workers[i].pid == pid) {
                    sweep(i);
                    start(i, seed);
                }
            }
        }
        for (int i = 0; i < count; i++) {
            struct worker *worker = &workers[i];
            uint64_t calls = reports[i].calls;
            if (calls != worker->seen) {
                uint64_t made = calls - worker->seen;
                total += made < 1000000 ? made : 0;
                worker->seen = calls;
                worker->seen_at = now_ms();
            } else if (now_ms() - worker->seen_at > 400) {
                stalls++;
                kill(worker->pid, SIGKILL);
                worker->seen_at = now_ms();
            }
        }
        if (total - told >= 50000) {
            told = total;
            snprintf(line, sizeof line, "progress %lu calls, generations %u %u, %d stalls\n", total, workers[0].generation, workers[1].generation, stalls);
            say(line);
        }
    }
    for (int i = 0; i < count; i++) {
        kill(workers[i].pid, SIGKILL);
        waitpid(workers[i].pid, NULL, 0);
        sweep(i);
    }
    umount2("/tmp/fuzz", MNT_DETACH);
    snprintf(line, sizeof line, "measure calls count %lu\nok survives\nend fuzz\n", total);
    say(line);
    return 0;
}
