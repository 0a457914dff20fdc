/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The first program of an attacked guest, the same on Nacre and on Linux, and the victims that it runs.
 *
 * It reports to the plugin in QEMU by an instruction that does nothing (xchg bx,bx with a magic RAX), not through the
 * machine's devices: the hostile host cannot falsify the witness. Runs /etc/work with /bin/sh and reports its status and
 * output. As `victim NAME` it is a program under attack.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OP_MARK = 1, OP_RESULT = 2, OP_SECRET = 3, OP_LOG = 4 };

#define MAGIC 0x6e61637265ull
#define OUTPUT_MAX 65536

static uint64_t tell(uint64_t op, const void *text, size_t len, uint64_t status) {
    uint64_t magic = MAGIC;
    __asm__ volatile("xchg %%bx, %%bx" : "+a"(magic) : "D"(op), "S"(text), "d"(len), "c"(status) : "memory");
    return magic;
}

static void mark_at(const char *name, const void *at) { tell(OP_MARK, name, strlen(name), (uint64_t)at); }

static void mark(const char *name) { mark_at(name, name); }

/* ---- the first program ---- */

static void insert_modules(void) {
    FILE *list = fopen("/lib/modules/list", "r");
    char path[256];
    while (list && fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            syscall(SYS_finit_module, fd, "", 0);
            close(fd);
        }
    }
    if (list) {
        fclose(list);
    }
}

static size_t run_work(char *output, int *status) {
    int ends[2];
    size_t len = 0;
    if (pipe(ends) != 0) {
        *status = 120;
        return 0;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "/etc/work", (char *)0);
        _exit(127);
    }
    close(ends[1]);
    for (;;) {
        ssize_t n = read(ends[0], output + len, OUTPUT_MAX - len);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    int word = 0;
    while (waitpid(child, &word, 0) < 0 && errno == EINTR) {
    }
    *status = WIFEXITED(word) ? WEXITSTATUS(word) : 128 + WTERMSIG(word);
    return len;
}

static int first_program(void) {
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mount("proc", "/proc", "proc", 0, 0);
    mount("sys", "/sys", "sysfs", 0, 0);
    mount("dev", "/dev", "devtmpfs", 0, 0);
    /* A host that breaks the console leaves no standard streams. */
    while (open("/dev/null", O_RDWR) < 3) {
    }
    insert_modules();
    mount("config", "/sys/kernel/config", "configfs", 0, 0);
    setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
    static char output[OUTPUT_MAX];
    int status = 0;
    mark("work");
    size_t len = run_work(output, &status);
    tell(OP_RESULT, output, len, (uint64_t)status);
    sync();
    reboot(RB_POWER_OFF);
    return status;
}

/* ---- victims ---- */

/* Registers, flags and vector registers must survive whatever interrupts the loop and its system calls. */
static int victim_registers(long rounds) {
    mark("victim");
    for (long i = 0; i < rounds; i++) {
        uint64_t bad = 0, seed = 0x5ec7e70000000000ull + (uint64_t)i;
        __asm__ volatile(
            "mov %[s], %%rbx\n lea 1(%[s]), %%r12\n lea 2(%[s]), %%r13\n lea 3(%[s]), %%r14\n lea 4(%[s]), %%r15\n"
            "lea 5(%[s]), %%r8\n lea 6(%[s]), %%r9\n lea 7(%[s]), %%r10\n"
            "movq %%rbx, %%xmm7\n movq %%r15, %%xmm15\n"
            "mov $39, %%eax\n syscall\n"
            "lea 8(%[s]), %%rax\n mov $60, %%ecx\n stc\n"
            "1: lea -1(%%rcx), %%rcx\n jrcxz 2f\n jmp 1b\n"
            "2: jnc 9f\n"
            "lea 8(%[s]), %%rcx\n cmp %%rax, %%rcx\n jne 9f\n"
            "cmp %%rbx, %[s]\n jne 9f\n lea 1(%[s]), %%rcx\n cmp %%rcx, %%r12\n jne 9f\n"
            "lea 2(%[s]), %%rcx\n cmp %%rcx, %%r13\n jne 9f\n lea 3(%[s]), %%rcx\n cmp %%rcx, %%r14\n jne 9f\n"
            "lea 4(%[s]), %%rcx\n cmp %%rcx, %%r15\n jne 9f\n lea 5(%[s]), %%rcx\n cmp %%rcx, %%r8\n jne 9f\n"
            "lea 6(%[s]), %%rcx\n cmp %%rcx, %%r9\n jne 9f\n lea 7(%[s]), %%rcx\n cmp %%rcx, %%r10\n jne 9f\n"
            "movq %%xmm7, %%rcx\n cmp %%rcx, %%rbx\n jne 9f\n movq %%xmm15, %%rcx\n cmp %%rcx, %%r15\n jne 9f\n"
            "jmp 8f\n"
            "9: movl $1, %[bad]\n"
            "8:\n"
            : [bad] "+m"(bad)
            : [s] "S"(seed)
            : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm7", "xmm15", "cc", "memory");
        if (bad) {
            printf("a register changed in round %ld\n", i);
            return 1;
        }
    }
    puts("intact");
    return 0;
}

/* A login check: what the host would like to be zero is not. */
static volatile int checks;
static __attribute__((noinline)) long check_password(void) {
    long verdict = 1;
    __asm__ volatile("mov $1, %%eax\n mov $3000, %%ecx\n 1: dec %%ecx\n jnz 1b\n cltq" : "=a"(verdict) : : "rcx", "cc");
    checks++;
    return verdict;
}

static int victim_login(long rounds) {
    mark("victim");
    for (long i = 0; i < rounds; i++) {
        if (check_password() != 1) {
            puts("logged in without a password");
            return 1;
        }
    }
    puts("refused");
    return 0;
}

/* Secrets in registers and memory of a program that makes system calls. */
static int victim_secret(long rounds) {
    static uint64_t secret[512];
    for (size_t i = 0; i < 512; i++) {
        secret[i] = 0x5ec7e75ec7e7ull << 16 | i;
    }
    tell(OP_SECRET, secret, sizeof secret, 0);
    mark("victim");
    int fd = open("/tmp/secret", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int ends[2];
    if (fd < 0 || pipe(ends) != 0) {
        return 1;
    }
    for (long i = 0; i < rounds; i++) {
        static uint64_t back[512];
        uint64_t a = secret[i & 511], b = secret[(i + 1) & 511];
        long got;
        __asm__ volatile("mov %[a], %%r12\n mov %[b], %%r13\n mov %[a], %%r14\n mov %[b], %%r15\n mov %[a], %%rbx\n"
                         "mov %[a], %%r8\n mov %[b], %%r9\n mov %[a], %%r10\n mov $39, %%eax\n syscall\n"
                         : "=&a"(got)
                         : [a] "S"(a), [b] "D"(b)
                         : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
        if (pwrite(fd, secret, sizeof secret, 0) != sizeof secret || pread(fd, back, sizeof back, 0) != sizeof back ||
            memcmp(secret, back, sizeof back) != 0) {
            puts("the file has something else");
            return 1;
        }
        if (write(ends[1], secret, 4096) != 4096 || read(ends[0], back, 4096) != 4096) {
            puts("the pipe has something else");
            return 1;
        }
        struct timespec nap = {0, 200000};
        nanosleep(&nap, 0);
    }
    puts("kept");
    return 0;
}

/* The clock must not go backwards, and naps must end. */
static int victim_clock(long rounds) {
    struct timespec last = {0, 0}, now;
    mark("victim");
    for (long i = 0; i < rounds; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec)) {
            puts("the clock went backwards");
            return 1;
        }
        last = now;
        if (i % 100 == 0) {
            struct timespec nap = {0, 1000000};
            nanosleep(&nap, 0);
        }
    }
    puts("monotonic");
    return 0;
}

/* Random numbers must differ, even where the CPU's do not. */
static int victim_random(long rounds) {
    static uint64_t words[4096];
    mark("victim");
    for (long i = 0; i < rounds && i < 4096; i += 8) {
        if (getrandom(&words[i], 64, 0) != 64) {
            puts("no random numbers");
            return 1;
        }
        for (long j = i; j < i + 8; j++) {
            for (long k = 0; k < j; k++) {
                if (words[k] == words[j]) {
                    puts("a random number came twice");
                    return 1;
                }
            }
        }
    }
    puts("random");
    return 0;
}

/* CPUID in ring 3: leaves that the TDX module answers must not change, those of the host may not lead to anything. */
static int victim_cpuid(long rounds) {
    static const uint32_t leaves[] = {0,    1,    2,          4,          7,          0xb,        0x15,       0x16,
                                      0x21, 0x22, 0x40000000, 0x40000001, 0x40000010, 0x80000000, 0x80000001, 0x80000008};
    uint32_t first[sizeof leaves / 4][4];
    mark("victim");
    for (long i = 0; i <= rounds; i++) {
        for (size_t k = 0; k < sizeof leaves / 4; k++) {
            uint32_t r[4];
            __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "0"(leaves[k]), "2"(0));
            if (leaves[k] == 1) {
                r[1] &= 0x00ffffff;
            }
            if (leaves[k] == 0xb) {
                r[3] = 0;
            }
            if (i == 0) {
                memcpy(first[k], r, sizeof r);
            } else if (memcmp(first[k], r, sizeof r) != 0) {
                printf("leaf %#x changed\n", leaves[k]);
                return 1;
            }
        }
    }
    puts("same");
    return 0;
}

/* Instructions that only a hypervisor or device could answer, from a program: a signal each, never an emulation. */
static volatile sig_atomic_t caught;
static uint64_t trial_return[2];
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)info;
    caught = number;
    ((uint64_t *)context)[5 + 16] = trial_return[0];
}

static int victim_instructions(long rounds) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    for (int number = 1; number < 32; number++) {
        if (number != SIGKILL && number != SIGSTOP && number != SIGCHLD) {
            sigaction(number, &action, 0);
        }
    }
    mark("victim");
    int signals = 0;
#define TRY(text)                                                                                                     \
    do {                                                                                                              \
        caught = 0;                                                                                                   \
        __asm__ volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n xor %%eax,%%eax\n xor %%ecx,%%ecx\n mov $0x3fd,%%edx\n" text \
                         "\n1:" : "=m"(trial_return[0]) : : "rax", "rcx", "rdx", "rbx", "memory");                    \
        signals += caught != 0;                                                                                       \
        if (!caught) {                                                                                                \
            puts(text);                                                                                               \
        }                                                                                                             \
    } while (0)
    for (long i = 0; i < rounds; i++) {
        TRY("inb %%dx, %%al");
        TRY("outb %%al, %%dx");
        TRY("rdmsr");
        TRY("wrmsr");
        TRY("hlt");
        TRY(".byte 0x66, 0x0f, 0x01, 0xcc"); /* tdcall */
        TRY("int $20");
        TRY("int $2");
        TRY("cli");
        TRY("mov %%cr0, %%rax");
    }
    printf("%d of %ld\n", signals, rounds * 10);
    return 0;
}

#define GET_REPORT _IOWR('T', 1, struct tdx_report_request)
struct tdx_report_request {
    uint8_t data[64];
    uint8_t report[1024];
};

/* The TDREPORT must carry what was asked for. */
static int victim_report(long rounds) {
    int fd = open("/dev/tdx_guest", O_RDWR | O_SYNC);
    if (fd < 0) {
        printf("/dev/tdx_guest: %s\n", strerror(errno));
        return 1;
    }
    mark("victim");
    for (long i = 0; i < rounds; i++) {
        static struct tdx_report_request request;
        memset(&request, (int)i + 1, sizeof request);
        if (ioctl(fd, GET_REPORT, &request) != 0) {
            printf("report: %s\n", strerror(errno));
            return 1;
        }
        if (request.report[0] != 0x81 || memcmp(request.report + 128, request.data, 64) != 0) {
            puts("a false report");
            return 1;
        }
    }
    puts("reports");
    return 0;
}

/* A quote by configfs: the report's data must be in it, or the error be clean. */
static int victim_quote(long rounds) {
    static uint8_t quote[1 << 18];
    uint8_t data[64];
    mkdir("/sys/kernel/config/tsm/report/w", 0755);
    mark("victim");
    for (long i = 0; i < rounds; i++) {
        memset(data, 'a' + (int)i, sizeof data);
        int in = open("/sys/kernel/config/tsm/report/w/inblob", O_WRONLY);
        if (in < 0 || write(in, data, 64) != 64) {
            printf("inblob: %s\n", strerror(errno));
            return 1;
        }
        close(in);
        int out = open("/sys/kernel/config/tsm/report/w/outblob", O_RDONLY);
        size_t len = 0;
        ssize_t n = out < 0 ? -1 : 0;
        while (out >= 0 && (n = read(out, quote + len, sizeof quote - len)) > 0) {
            len += (size_t)n;
        }
        if (n < 0 || len == 0) {
            printf("outblob: %s\n", n < 0 ? strerror(errno) : "empty");
            return 1;
        }
        close(out);
        if (!memmem(quote, len, data, 64)) {
            puts("a quote for something else");
            return 1;
        }
    }
    puts("quotes");
    return 0;
}

static void print_hex(const char *name, const uint8_t *bytes, size_t len) {
    printf("%s ", name);
    for (size_t i = 0; i < len; i++) {
        printf("%02x", bytes[i]);
    }
    puts("");
}

static size_t read_all(const char *path, uint8_t *to, size_t max) {
    int fd = open(path, O_RDONLY);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, to + len, max - len)) > 0) {
        len += (size_t)n;
    }
    close(fd);
    return len;
}

/* Report and quote, as far as they do not depend on which kernel was measured: to be compared between kernels. */
static int victim_evidence(long unused) {
    static struct tdx_report_request request;
    static uint8_t quote[1 << 18], text[64];
    (void)unused;
    mark("victim");
    int fd = open("/dev/tdx_guest", O_RDWR | O_SYNC);
    memset(request.data, 'r', sizeof request.data);
    if (fd < 0 || ioctl(fd, GET_REPORT, &request) != 0) {
        printf("/dev/tdx_guest: %s\n", strerror(errno));
        return 1;
    }
    print_hex("report: type", request.report, 4);
    print_hex("report: data", request.report + 128, 64);
    print_hex("report: attributes, xfam", request.report + 512, 16);
    print_hex("report: mrconfigid", request.report + 576, 48);
    mkdir("/sys/kernel/config/tsm/report/evidence", 0755);
    chdir("/sys/kernel/config/tsm/report/evidence");
    int in = open("inblob", O_WRONLY);
    if (in < 0 || write(in, request.data, 64) != 64) {
        printf("inblob: %s\n", strerror(errno));
        return 1;
    }
    close(in);
    size_t len = read_all("outblob", quote, sizeof quote);
    printf("quote: %zu bytes\n", len);
    print_hex("quote: version, key type, tee type", quote, 8);
    /* Behind the header of 48 bytes the body has MRTD at 136 and the report data at 520. */
    print_hex("quote: data", quote + 48 + 520, 64);
    printf("quote: mrtd %s\n", memcmp(quote + 48 + 136, request.report + 528, 48) == 0 ? "is the report's" : "is another");
    printf("provider %.*s", (int)read_all("provider", text, sizeof text), text);
    printf("generation %.*s", (int)read_all("generation", text, sizeof text), text);
    printf("auxblob %zu bytes\n", read_all("auxblob", quote, sizeof quote));
    return 0;
}

/* The measurement log: the plugin replays it. */
static int victim_log(long unused) {
    static uint8_t log[65536];
    (void)unused;
    int fd = open("/sys/firmware/acpi/tables/data/CCEL", O_RDONLY);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, log + len, sizeof log - len)) > 0) {
        len += (size_t)n;
    }
    if (len == 0) {
        printf("CCEL: %s\n", strerror(errno));
        return 1;
    }
    tell(OP_LOG, log, len, 0);
    puts("log");
    return 0;
}

/* Reads a disk whose sector N is N in every word; writes and reads back where the pattern is another. */
static int victim_disk(long sectors) {
    static uint64_t block[512];
    int fd = open("/dev/vda", O_RDWR);
    if (fd < 0) {
        printf("/dev/vda: %s\n", strerror(errno));
        return 1;
    }
    mark("victim");
    for (long at = 0; at < sectors; at += 8) {
        ssize_t n = pread(fd, block, sizeof block, at * 512);
        if (n != sizeof block) {
            printf("read: %s\n", n < 0 ? strerror(errno) : "short");
            return 1;
        }
        for (size_t i = 0; i < 512; i++) {
            if (block[i] != (uint64_t)at + i / 64) {
                printf("block %ld: word %zu is %#lx\n", at, i, block[i]);
                return 3;
            }
        }
    }
    for (size_t i = 0; i < 512; i++) {
        block[i] = i / 64;
    }
    if (pwrite(fd, block, sizeof block, 0) != sizeof block || fsync(fd) != 0) {
        printf("write: %s\n", strerror(errno));
        return 1;
    }
    puts("whole");
    return 0;
}

/* Memory is given, filled, and keeps what was put there. */
static int victim_memory(long mib) {
    size_t len = (size_t)mib << 20;
    mark("victim");
    uint64_t *words = malloc(len);
    if (!words) {
        puts("no memory");
        return 1;
    }
    for (size_t i = 0; i < len / 8; i += 64) {
        if (words[i] != 0) {
            puts("new memory is not zero");
            return 1;
        }
        words[i] = i ^ 0x5a5a5a5a;
    }
    mark_at("filled", words + len / 16);
    struct timespec nap = {0, 50000000};
    nanosleep(&nap, 0);
    for (size_t i = 0; i < len / 8; i += 64) {
        if (words[i] != (i ^ 0x5a5a5a5a)) {
            puts("memory changed");
            return 1;
        }
    }
    puts("kept");
    return 0;
}

/* Two threads that change one address space under each other, wait for each other, and fork: what they hold is checked
 * all the time. */
enum { PAGE = 4096, PIECE = 16, HELD = 256, SWAPPED = 2 };

static struct side {
    int number, from, to;
    long rounds;
    uint64_t *held;
    /* Pages that are replaced by others while the other thread reads them, and how often; odd while that is under way. */
    volatile uint64_t *swapped[SWAPPED];
    uint64_t swaps[SWAPPED];
    /* What this thread writes all the time. */
    volatile uint64_t *live;
    const char *wrong;
} sides[2];

static void fill(uint64_t *words, size_t pages, uint64_t seed) {
    for (size_t i = 0; i < pages * PAGE / 8; i += 32) {
        words[i] = seed ^ i * 0x9e3779b97f4a7c15ull;
    }
}

static int is_whole(const uint64_t *words, size_t pages, uint64_t seed) {
    for (size_t i = 0; i < pages * PAGE / 8; i += 32) {
        if (words[i] != (seed ^ i * 0x9e3779b97f4a7c15ull)) {
            return 0;
        }
    }
    return 1;
}

static const char *map_and_unmap(uint64_t seed) {
    uint64_t *piece = mmap(0, PIECE * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) {
        return "no memory";
    }
    for (size_t i = 0; i < PIECE; i++) {
        if (piece[i * PAGE / 8] != 0) {
            return "new memory is not zero";
        }
    }
    fill(piece, PIECE, seed);
    if (mprotect(piece, PIECE * PAGE, PROT_READ) != 0 || !is_whole(piece, PIECE, seed)) {
        return "read-only memory changed";
    }
    madvise(piece + PAGE / 8, PAGE, MADV_DONTNEED);
    if (piece[PAGE / 8] != 0 || munmap(piece, PIECE * PAGE) != 0) {
        return "memory that was given back is there";
    }
    return 0;
}

/* Puts a new page in the place of each old one. */
static const char *swap(struct side *side) {
    for (int n = 0; n < SWAPPED; n++) {
        uint64_t *seq = &side->swaps[n];
        void *at = (void *)side->swapped[n];
        __atomic_add_fetch(seq, 1, __ATOMIC_SEQ_CST);
        if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at) {
            return "no memory";
        }
        *side->swapped[n] = *seq + 1;
        __atomic_add_fetch(seq, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

/* Reads what the other thread swaps: never the page before. */
static const char *watch(struct side *side, struct side *other) {
    for (int i = 0; i < 400; i++) {
        ++*side->live;
        for (int n = 0; n < SWAPPED; n++) {
            uint64_t before = __atomic_load_n(&other->swaps[n], __ATOMIC_SEQ_CST);
            uint64_t found = *other->swapped[n];
            if (before % 2 == 0 && before == __atomic_load_n(&other->swaps[n], __ATOMIC_SEQ_CST) && found != before) {
                return "a page that was replaced is still there";
            }
        }
    }
    return 0;
}

/* A child has memory as it was at its birth, whatever the other thread writes meanwhile. */
static int keeps_still(volatile uint64_t *live) {
    uint64_t before = *live;
    for (int i = 0; i < 20; i++) {
        sched_yield();
        if (*live != before) {
            return 0;
        }
    }
    return 1;
}

static const char *fork_and_check(struct side *side) {
    pid_t child = fork();
    if (child == 0) {
        int good = keeps_still(sides[!side->number].live) && is_whole(side->held, HELD, (uint64_t)side->number);
        fill(side->held, HELD, 0x77);
        _exit(good && is_whole(side->held, HELD, 0x77) ? 0 : 1);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        return "a child saw other memory";
    }
    return 0;
}

static void *run_side(void *argument) {
    struct side *side = argument;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(side->number, &one);
    sched_setaffinity(0, sizeof one, &one);
    for (long round = 0; round < side->rounds && !side->wrong; round++) {
        uint64_t word = (uint64_t)round;
        /* Each waits for the other: both CPUs switch, and idle. */
        if (write(side->to, &word, sizeof word) != sizeof word || read(side->from, &word, sizeof word) != sizeof word ||
            word != (uint64_t)round) {
            side->wrong = "the other thread sent something else";
            break;
        }
        for (int n = 0; n < 4 && !side->wrong; n++) {
            side->wrong = swap(side);
            side->wrong = side->wrong ? side->wrong : watch(side, &sides[!side->number]);
        }
        if (!side->wrong) {
            side->wrong = map_and_unmap((uint64_t)round << 8 | (uint64_t)side->number);
        }
        if (!side->wrong && round % 8 == 0) {
            side->wrong = fork_and_check(side);
        }
        if (!side->wrong && round % 4 == 0 && !is_whole(side->held, HELD, (uint64_t)side->number)) {
            side->wrong = "memory changed";
        }
        struct timespec nap = {0, 200000};
        if (round % 16 == 0) {
            nanosleep(&nap, 0);
        }
    }
    close(side->to);
    return 0;
}

static int victim_threads(long rounds) {
    pthread_t other;
    int ends[2][2], wrong = 0;
    if (pipe(ends[0]) != 0 || pipe(ends[1]) != 0) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    for (int n = 0; n < 2; n++) {
        sides[n] = (struct side){.number = n, .from = ends[n][0], .to = ends[!n][1], .rounds = rounds};
        sides[n].held = mmap(0, (HELD + 8) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sides[n].held == MAP_FAILED) {
            return 1;
        }
        fill(sides[n].held, HELD, (uint64_t)n);
        sides[n].live = sides[n].held + (HELD + 1) * PAGE / 8;
        for (int i = 0; i < SWAPPED; i++) {
            sides[n].swapped[i] = sides[n].live + (2 + 2 * i) * PAGE / 8;
        }
    }
    mark("victim");
    if (pthread_create(&other, 0, run_side, &sides[1]) != 0) {
        return 1;
    }
    run_side(&sides[0]);
    pthread_join(other, 0);
    for (int n = 0; n < 2; n++) {
        if (!sides[n].wrong && !is_whole(sides[n].held, HELD, (uint64_t)n)) {
            sides[n].wrong = "memory changed";
        }
        if (sides[n].wrong) {
            printf("side %d: %s\n", n, sides[n].wrong);
            wrong = 1;
        }
    }
    if (!wrong) {
        puts("whole");
    }
    return wrong;
}

static const struct {
    const char *name;
    int (*run)(long);
    long rounds;
} victims[] = {
    {"registers", victim_registers, 20000}, {"login", victim_login, 3000},   {"secret", victim_secret, 60},
    {"clock", victim_clock, 20000},         {"random", victim_random, 1024}, {"cpuid", victim_cpuid, 50},
    {"instructions", victim_instructions, 4}, {"report", victim_report, 3},  {"quote", victim_quote, 2},
    {"log", victim_log, 0},                 {"evidence", victim_evidence, 0},
    {"disk", victim_disk, 2048},                      {"memory", victim_memory, 64},
    {"threads", victim_threads, 40},
};

int main(int argc, char **argv) {
    if (getpid() == 1) {
        return first_program();
    }
    if (argc >= 3 && strcmp(argv[1], "mark") == 0) {
        mark(argv[2]);
        return 0;
    }
    for (size_t i = 0; argc >= 3 && i < sizeof victims / sizeof victims[0]; i++) {
        if (strcmp(argv[2], victims[i].name) == 0) {
            return victims[i].run(argc > 3 ? atol(argv[3]) : victims[i].rounds);
        }
    }
    fprintf(stderr, "witness: mark NAME | victim NAME [ROUNDS]\n");
    return 2;
}
