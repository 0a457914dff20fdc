/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Calls of the harness itself, for what one call alone does not do: children that end, wait or stop, programs that are run to
 * their end, tasks that share things with this one.
 */
#include "differ.h"

#include <sys/prctl.h>
#include <sys/wait.h>

long raw_call(long number, const uint64_t *a) {
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}

/* The same for calls that return twice: the second one ends with status 5 and touches no memory, which may not be its own. */
static long call_and_end(long number, const uint64_t *a) {
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4];
    long result;
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n mov $60, %%eax\n mov $5, %%edi\n syscall\n1:"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static void remember(pid_t pid) {
    if (child_count < 8) {
        children[child_count++] = pid;
    }
}

/* Waits for a child without taking it; a signal meanwhile shows that all is well. */
static void await_child(pid_t pid, int how) {
    siginfo_t info;
    while (syscall(SYS_waitid, P_PID, pid, &info, how | WNOWAIT | __WALL, NULL) < 0 && errno == EINTR) {
        LOG->steps += 2;
    }
}

/* A child that has ended, waits or is stopped when this returns. */
static long fork_child(long what, uint64_t status) {
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (what == FORK_EXIT) {
            _exit((int)status);
        }
        for (;;) {
            if (what == FORK_STOP) {
                kill(getpid(), SIGSTOP);
            }
            pause();
        }
    }
    if (pid < 0) {
        return -errno;
    }
    remember(pid);
    if (what != FORK_PAUSE) {
        await_child(pid, what == FORK_EXIT ? WEXITED : WSTOPPED);
    }
    return pid;
}

/* Linux lets the parent go on before it counts the child as one that runs a program: waits until that sleeps, or has ended. */
static void await_pause(long pid) {
    char text[64];
    ssize_t got;
    for (int times = 0; times < 1000; times++) {
        snprintf(text, sizeof text, "%ld/stat", pid);
        int fd = openat(PROC_FD, text, O_RDONLY);
        got = read(fd, text, sizeof text - 1);
        close(fd);
        text[got > 0 ? got : 0] = 0;
        if (got <= 0 || strstr(text, "(sleeper) S") || strstr(text, ") Z") || strstr(text, ") T")) {
            return;
        }
        usleep(100);
        LOG->steps += 2;
    }
}

/* A child that runs the program `sleeper`; it does when this returns. */
static long fork_sleeper(void) {
    const uint64_t a[6] = {CLONE_VFORK | SIGCHLD};
    char *const none[] = {NULL};
    long pid = raw_call(SYS_clone, a);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execve("/sleeper", none, none);
        _exit(9);
    }
    if (pid > 0) {
        remember((pid_t)pid);
        await_pause(pid);
    }
    return pid;
}

/* Runs a program in a child: the error of execve, or the status with which it ended. */
static long run_child(long what, const uint64_t *a) {
    int status = 0;
    pid_t got;
    LOG->failure = 0;
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        LOG->failure = raw_call(what == RUN ? SYS_execve : SYS_execveat, a);
        _exit(9);
    }
    if (pid < 0) {
        return -errno;
    }
    while ((got = (pid_t)syscall(SYS_wait4, pid, &status, __WALL, NULL)) < 0 && errno == EINTR) {
        LOG->steps += 2;
    }
    return LOG->failure ? LOG->failure : status;
}

/* A task made by clone or clone3, which has ended when this returns. */
static long clone_child(long what, const uint64_t *a) {
    const uint64_t *words = what == CLONE3 && a[0] >= ARENA && a[0] < ARENA + IN_SIZE ? (void *)a[0] : a;
    uint64_t flags = words[0];
    long pid = call_and_end(what == CLONE ? SYS_clone : SYS_clone3, a);
    if (pid <= 0) {
        return pid;
    }
    remember((pid_t)pid);
    if (!(flags & (CLONE_THREAD | CLONE_PARENT))) {
        await_child((pid_t)pid, WEXITED);
        return pid;
    }
    char name[64];
    int fd;
    snprintf(name, sizeof name, flags & CLONE_THREAD ? "%d/task/%ld" : "%d/task/../../%ld", self_pid, pid);
    while ((fd = openat(PROC_FD, name, O_PATH)) >= 0) {
        close(fd);
        usleep(100);
        LOG->steps += 2;
    }
    return pid;
}

/* A program of a few bytes: its head, in which a field may be wrong, and code that ends with a number that tells users and arguments. */
size_t put_program(unsigned char *bytes, int is_whole) {
    static const unsigned char code[] = {
        0xb8, 107, 0, 0, 0, 0x0f, 5, 0x89, 0xc3,       /* geteuid */
        0xb8, 108, 0, 0, 0, 0x0f, 5, 0x8d, 0x1c, 0x43, /* getegid */
        0xb8, 102, 0, 0, 0, 0x0f, 5, 0x8d, 0x1c, 0x83, /* getuid */
        0x8b, 0x04, 0x24, 0x8d, 0x1c, 0xc3,            /* argc */
        0x89, 0xdf, 0xb8, 231, 0, 0, 0, 0x0f, 5,       /* exit_group */
    };
    static const unsigned char wait[] = {0xb8, 34, 0, 0, 0, 0x0f, 5, 0xeb, 0xf7}; /* pause, again and again */
    static const uint64_t odd[] = {0, 1, 2, 3, 5, 0x38, 64, 120, 4095, 4096, 0x1000000, 1ul << 47, 1ul << 63, -1ul, 0xffff, 0x600000};
    const uint64_t size = 120 + sizeof code;
    uint64_t head[15] = {0x10102464c457f, 0, 0x1003e0002, 0x400078, 64, 0, 0x38004000000000, 1, /* header */
                         0x500000001, 0, 0x400000, 0x400000, size, size, 0x1000};
    if (is_whole == 0) {
        for (uint64_t times = 1 + below(2); times > 0; times--) {
            uint64_t word = below(15), value = odd[below(sizeof odd / sizeof *odd)];
            unsigned shift = one_in(2) ? 0 : 16 * (unsigned)below(4);
            head[word] = one_in(3) ? value : (head[word] & ~(0xfffful << shift)) | (value & 0xffff) << shift;
        }
    }
    memcpy(bytes, head, sizeof head);
    memcpy(bytes + 120, is_whole == 2 ? wait : code, is_whole == 2 ? sizeof wait : sizeof code);
    return size;
}

/* Makes the program `fx` anew, with something wrong in its head. */
static long make_program(uint64_t mode) {
    unsigned char bytes[256] = {0};
    size_t size = put_program(bytes, 0);
    unlink("fx");
    int fd = open("fx", O_WRONLY | O_CREAT | O_EXCL, 0700);
    if (fd < 0) {
        return -errno;
    }
    write(fd, bytes, size - (one_in(5) ? below(size) : 0));
    fchmod(fd, mode);
    close(fd);
    return 0;
}

long own_call(long number, const uint64_t *a) {
    switch (number) {
    case FORK_EXEC: return fork_sleeper();
    case RUN:
    case RUN_AT: return run_child(number, a);
    case MAKE: return make_program(a[0]);
    case CLONE:
    case CLONE3: return clone_child(number, a);
    default: return fork_child(number, a[0]);
    }
}
