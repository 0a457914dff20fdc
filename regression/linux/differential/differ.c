/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The differential harness: random programs of system calls, the same on every kernel.
 *
 *     differ hash SEED FIRST COUNT FAMILY     a hash per program
 *     differ text SEED FAMILY FILE            programs and masks of FILE, in words; bit 63 of a mask asks for the state
 *
 * FAMILY is a name or `all`. A program runs in a process, a root folder and descriptors of its own. It logs what each call
 * gave; the harness adds how it ended and what its folder holds. A call that waits is ended by a signal, a program that no
 * signal helps is killed; both are a part of what is compared.
 *
 * Lines on the results channel: `hashes FIRST CALLS HASH...`, in words the lines of log.c between `program N MASK` and `ended`.
 */
#include "differ.h"

#include <sys/mount.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE_NS 5000000
#define TRIES 40
#define LONGEST_PAUSE 2000 /* outside of calls */
#define PROGRAMS_PER_MOUNT 100
#define PROGRAMS_PER_LINE 16
#define WITH_STATE (1ul << 63)

static uint64_t seed, chosen_family;
static unsigned mounted;
static int was_mounted; /* the last program may have mounted something, or changed what was */

static void say(const char *text, size_t len) {
    while (len > 0) {
        ssize_t n = write(RESULTS_FD, text, len);
        if (n <= 0) {
            return;
        }
        text += n;
        len -= (size_t)n;
    }
}

static void fresh_mount(void) {
    if (mounted > 0) {
        umount2("/tmp/differ", MNT_DETACH);
    }
    mkdir("/tmp/differ", 0755);
    if (mount("none", "/tmp/differ", "tmpfs", 0, "size=48m,nr_inodes=20000,mode=755") != 0) {
        dprintf(RESULTS_FD, "trouble cannot mount: %s\n", strerror(errno));
        _exit(1);
    }
}

/* Whether earlier programs have taken so much that this one would notice. */
static int is_filled(void) {
    struct statfs s;
    return statfs("/tmp/differ", &s) != 0 || s.f_bavail < s.f_blocks * 3 / 4;
}

static void child(uint64_t number, int family, uint64_t mask, const char *folder) {
    dup2(open("/proc/self/maps", O_RDONLY), MAPS_FD);
    dup2(open("/proc/self/status", O_RDONLY), STATUS_FD);
    dup2(open("/proc", O_PATH | O_DIRECTORY), PROC_FD);
    syscall(SYS_close_range, 0, MAPS_FD - 1, 0);
    syscall(SYS_close_range, PROC_FD + 1, ~0u, 0);
    umask(0);
    make_folder(folder, is_family(family, "exec") || is_family(family, "process"));
    open_files();
    reset_process(number, family);
    run_program(seed, number, family, mask);
    if (mask & WITH_STATE) {
        log_state(family);
    }
    _exit(99);
}

/* Waits for the program's end; kicks it when a call makes no progress, and kills it when that does not help. */
static int await(pid_t pid) {
    sigset_t ended;
    int status = 0, tries = 0, stops = 0;
    uint32_t steps = 0;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    for (;;) {
        pid_t got;
        while ((got = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
            if (got == pid && WIFSTOPPED(status)) {
                stops++;
                kill(pid, SIGCONT);
            } else if (got == pid) {
                return status | stops << 16;
            }
        }
        struct timespec patience = {0, PATIENCE_NS};
        if (sigtimedwait(&ended, NULL, &patience) < 0 && errno == EAGAIN) {
            tries = LOG->steps == steps ? tries + 1 : 0;
            steps = LOG->steps;
            int is_in_call = steps & 1;
            if (tries >= (is_in_call ? TRIES : LONGEST_PAUSE)) {
                kill(pid, SIGKILL);
            } else if (tries > 0 && is_in_call) {
                kill(pid, KICK);
            }
        }
    }
}

/* The program's children end with it; those that did not hear of its end are ended here. */
static void reap(void) {
    pid_t got;
    for (int tries = 0; (got = waitpid(-1, NULL, WNOHANG)) >= 0; tries++) {
        if (got == 0) {
            if (tries == 20) {
                kill(-1, SIGKILL);
            }
            nanosleep(&(struct timespec){0, 200000}, NULL);
        }
    }
}

static void run(uint64_t number, uint64_t mask) {
    char folder[64];
    int family = family_of(number, chosen_family);
    if (mounted % PROGRAMS_PER_MOUNT == 0 || is_filled() || was_mounted) {
        fresh_mount();
    }
    was_mounted = is_family(family, "mount");
    snprintf(folder, sizeof folder, "/tmp/differ/%u", mounted++);
    LOG->calls = LOG->steps = 0;
    LOG->hash = 1;
    LOG->used = 0;
    pid_t pid = fork();
    if (pid == 0) {
        child(number, family, mask, folder);
    }
    if (pid < 0) {
        dprintf(RESULTS_FD, "trouble cannot fork: %s\n", strerror(errno));
        _exit(1);
    }
    int status = await(pid);
    if (status >> 8 != 99) {
        log_end();
    }
    strcpy(argument_text[0], "end");
    log_call(MAX_CALLS, "state", 1);
    log_value("status", status);
    log_end();
    forget_ranks();
    if (mask & WITH_STATE) {
        log_tree(folder);
    }
    reap();
}

static void hashes(uint64_t first, uint64_t count) {
    char line[64 + 17 * PROGRAMS_PER_LINE];
    for (uint64_t at = first; at < first + count;) {
        char words[17 * PROGRAMS_PER_LINE + 1];
        uint64_t calls = 0, begin = at;
        int used = 0;
        for (int i = 0; i < PROGRAMS_PER_LINE && at < first + count; i++, at++) {
            run(at, ~0ul);
            calls += LOG->calls;
            used += sprintf(words + used, " %lx", LOG->hash);
        }
        int len = snprintf(line, sizeof line, "hashes %lu %lu%s\n", begin, calls, words);
        say(line, (size_t)len);
    }
}

static void texts(const char *name) {
    FILE *file = fopen(name, "r");
    uint64_t number, mask;
    LOG->is_detailed = 1;
    while (file && fscanf(file, "%lu %lx", &number, &mask) == 2) {
        char line[80];
        run(number, mask);
        say(line, (size_t)snprintf(line, sizeof line, "program %lu %lx\n", number, mask));
        say(LOG->text, LOG->used);
        say(line, (size_t)snprintf(line, sizeof line, "ended %lx\n", LOG->hash));
    }
}

int main(int argc, char **argv) {
    sigset_t ended;
    if (argc < 5) {
        dprintf(2, "usage: differ hash SEED FIRST COUNT FAMILY | text SEED FAMILY FILE\n");
        return 2;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    make_memory();
    prepare_specs();
    seed = strtoull(argv[2], NULL, 0);
    started_at = (uint64_t)time(NULL);
    int is_text = strcmp(argv[1], "text") == 0;
    const char *family = argv[is_text ? 3 : 5];
    chosen_family = ~0ul;
    for (int f = 0; f < family_count; f++) {
        if (strcmp(families[f].name, family) == 0) {
            chosen_family = (uint64_t)f;
        }
    }
    if (is_text) {
        texts(argv[4]);
    } else {
        hashes(strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
    }
    say("finished\n", 9);
    umount2("/tmp/differ", MNT_DETACH);
    return 0;
}
