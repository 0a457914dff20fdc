/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What can be seen when a program has made its calls: descriptors, mappings, masks and users; the folder, seen from outside.
 */
#include "differ.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void begin(const char *what) {
    strcpy(argument_text[0], what);
    log_call(MAX_CALLS, "state", 1);
}

static void log_descriptors(void) {
    const struct shape *shape = find_shape("stat", 4);
    for (int fd = 0; fd < 32; fd++) {
        struct stat s;
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0) {
            continue;
        }
        char name[16];
        snprintf(name, sizeof name, "fd %d", fd);
        begin(name);
        log_value("flags", flags);
        log_value("status", fcntl(fd, F_GETFL));
        memset(&s, 0xa5, sizeof s);
        if (fstat(fd, &s) == 0) {
            shape->normal((void *)&s, sizeof s);
            log_bytes("stat", &s, sizeof s);
            if (!S_ISCHR(s.st_mode) && !S_ISDIR(s.st_mode)) {
                log_value("offset", lseek(fd, 0, SEEK_CUR));
            }
        }
        log_end();
    }
}

static const char *read_all(int fd) {
    static char text[32768];
    ssize_t n, used = 0;
    while (used < (ssize_t)sizeof text - 1 && (n = pread(fd, text + used, sizeof text - 1 - (size_t)used, used)) > 0) {
        used += n;
    }
    text[used] = 0;
    return text;
}

static void log_mapping(uint64_t from, uint64_t to, const char *access, uint64_t offset) {
    if (to > from) {
        begin("mapping");
        log_value("from", (int64_t)from);
        log_value("to", (int64_t)to);
        log_text(access);
        log_value("offset", (int64_t)offset);
        log_end();
    }
}

/* Zeros have no place in a file; Linux shows one. The mappings of the playground and what follows it; those that the kernel placed lie elsewhere on each. Neighbours that are
 * alike count as one: when areas merge is the kernel's own business. */
static void log_mappings(void) {
    const char *line = read_all(MAPS_FD);
    struct { uint64_t from, to, end_offset; char access[8]; uint64_t offset; } last = {0, 0, 0, "", 0};
    while (*line) {
        uint64_t from, to, offset;
        char access[8], name[64] = "";
        if (sscanf(line, "%lx-%lx %7s %lx %*s %*s%63[^\n]", &from, &to, access, &offset, name) < 4) {
            break;
        }
        if (strstr(name, "/dev/zero")) {
            offset = 0;
        }
        if (from >= PLAY && from < 0x100000000) {
            int goes_on = from == last.to && strcmp(access, last.access) == 0 && (offset == last.end_offset || (offset == 0 && last.offset == 0));
            if (!goes_on) {
                log_mapping(last.from, last.to, last.access, last.offset);
                last.from = from, last.offset = offset;
                strcpy(last.access, access);
            }
            last.to = to, last.end_offset = offset + (to - from);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    log_mapping(last.from, last.to, last.access, last.offset);
}

/* A kick that waits is the harness's own; `digits` are the sixteen of a set of signals. */
static void forget_kick(char *digits) {
    uint64_t set = strtoul(digits, NULL, 16) & ~(1ul << (KICK - 1));
    snprintf(digits, 17, "%016lx", set);
}

static void log_status(void) {
    static const char *const wanted[] = {"Name", "Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "VmLck", "FDSize"};
    const char *line = read_all(STATUS_FD);
    while (*line) {
        size_t len = strcspn(line, "\n");
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            size_t head = strlen(wanted[i]);
            if (strncmp(line, wanted[i], head) == 0 && line[head] == ':') {
                char text[160];
                snprintf(text, sizeof text, "%.*s", (int)len, line);
                if (strncmp(text, "VmLck:", 6) == 0 && strtoul(text + 6, NULL, 10) > 1024) {
                    /* The program itself and its stack are not as large on both. */
                    strcpy(text, "VmLck: all");
                }
                if (strstr(text, "Pnd:\t")) {
                    forget_kick(text + head + 2);
                }
                begin("status");
                log_text(text);
                log_end();
            }
        }
        line += len + (line[len] == '\n');
    }
}

static void log_limits(void) {
    for (int i = 0; i < 16; i++) {
        struct rlimit limit = {0, 0};
        syscall(SYS_getrlimit, i, &limit);
        char name[16];
        snprintf(name, sizeof name, "limit %d", i);
        begin(name);
        log_value("soft", (int64_t)limit.rlim_cur);
        log_value("hard", (int64_t)limit.rlim_max);
        log_end();
    }
}

void log_state(int family) {
    const char *name = families[family].name;
    log_descriptors();
    if (strcmp(name, "mm") == 0 || strcmp(name, "futex") == 0) {
        log_mappings();
    }
    if (strcmp(name, "signal") == 0 || strcmp(name, "id") == 0 || strcmp(name, "process") == 0) {
        log_status();
        log_limits();
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void log_entry(const char *path, const char *shown, const struct stat *s) {
    struct stat normal = *s;
    static unsigned char bytes[16384];
    ssize_t n = 0;
    find_shape("stat", 4)->normal((void *)&normal, sizeof normal);
    begin(shown);
    log_bytes("stat", &normal, sizeof normal);
    if (S_ISLNK(s->st_mode)) {
        n = readlink(path, (char *)bytes, sizeof bytes);
    } else if (S_ISREG(s->st_mode)) {
        int fd = open(path, O_RDONLY | O_NOATIME | O_NONBLOCK);
        n = read(fd, bytes, sizeof bytes);
        close(fd);
    }
    if (n > 0) {
        log_bytes("content", bytes, (size_t)n);
    }
    log_end();
}

/* All below a folder, by name. Called by the harness, which sees the folder from outside. */
static void walk(const char *folder, size_t skip, int depth) {
    char *found[64];
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && count < 64 && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            found[count++] = strdup(entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(found, (size_t)count, sizeof *found, by_name);
    for (int i = 0; i < count; i++) {
        char path[1200];
        struct stat s;
        snprintf(path, sizeof path, "%s/%s", folder, found[i]);
        if (lstat(path, &s) == 0) {
            log_entry(path, path + skip, &s);
            if (S_ISDIR(s.st_mode) && depth < 4) {
                walk(path, skip, depth + 1);
            }
        }
        free(found[i]);
    }
}

void log_tree(const char *folder) {
    walk(folder, strlen(folder) + 1, 0);
}
