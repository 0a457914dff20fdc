/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Sequential requests to /dev/vda, as the first program of a guest that does nothing else.
 *
 * Around each row it says its name to the plugin in QEMU (xchg bx,bx with a magic RAX; nothing elsewhere), which notes what it
 * has counted: host exits, and instructions if asked. Each row goes to the console as `row <name> <requests> <bytes each> <ns>`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX (1u << 20)
#define DISK (32u << 20)

static char data[MAX] __attribute__((aligned(4096)));

static void mark(const char *name) {
    uint64_t magic = 0x6e61637265ull;
    __asm__ volatile("xchg %%bx, %%bx" : "+a"(magic) : "D"(1ul), "S"(name), "d"(strlen(name)), "c"(0ul) : "memory");
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int requests(int fd, int is_write, size_t size, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        off_t at = (off_t)((uint64_t)i * size % DISK);
        ssize_t n = is_write ? pwrite(fd, data, size, at) : pread(fd, data, size, at);
        if (n != (ssize_t)size) {
            return -1;
        }
    }
    return 0;
}

int main(void) {
    static const struct {
        const char *name;
        int is_write;
        size_t size;
        unsigned count;
    } rows[] = {
        {"none", 0, 0, 0},
        {"read 4 KiB", 0, 4096, 2048},
        {"read 128 KiB", 0, 128 << 10, 256},
        {"read 1 MiB", 0, 1 << 20, 64},
        {"write 4 KiB", 1, 4096, 2048},
        {"write 128 KiB", 1, 128 << 10, 256},
        {"write 1 MiB", 1, 1 << 20, 64},
    };
    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR | O_NOCTTY);
    int fd = open("/dev/vda", O_RDWR | O_DIRECT);
    memset(data, 0x5a, sizeof data);
    sleep(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* Once without being counted. */
        int status = requests(fd, rows[i].is_write, rows[i].size, rows[i].count / 8);
        mark(rows[i].name);
        uint64_t start = now();
        status |= requests(fd, rows[i].is_write, rows[i].size, rows[i].count);
        uint64_t time = now() - start;
        mark("end");
        if (status != 0) {
            dprintf(console, "failed %s\n", rows[i].name);
        } else {
            dprintf(console, "row %s: %u %zu %llu\n", rows[i].name, rows[i].count, rows[i].size, (unsigned long long)time);
        }
    }
    dprintf(console, "done\n");
    reboot(RB_POWER_OFF);
    return 0;
}
