/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Large and many-part address spaces. */
#include "latency.h"

#define PAGE 4096ul
#define LARGE (48ul << 20)
#define AREAS 8000

static char *touched(size_t len, int flags) {
    char *at = OK(mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0));
    for (size_t i = 0; i < len; i += PAGE) {
        at[i] = 1;
    }
    return at;
}

static char *areas(void) {
    char *at = OK(mmap(NULL, AREAS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (size_t i = 0; i < AREAS; i += 2) {
        OK(mprotect(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
        at[i * PAGE] = 1;
    }
    return at;
}

OPERATION(fork_large) {
    char *at = touched(LARGE, MAP_PRIVATE);
    latency_join(CHILD({
        for (size_t i = 0; i < LARGE; i += 16 * PAGE) {
            at[i] = 2;
        }
    }));
}

OPERATION(fork_areas) {
    areas();
    latency_join(CHILD((void)0));
}

OPERATION(exec_large) {
    latency_join(CHILD(touched(LARGE, MAP_PRIVATE), areas(), OK(execl("/bin/true", "true", NULL))));
}

OPERATION(mremap) {
    char *at = touched(LARGE, MAP_PRIVATE);
    void *to = (void *)0x300000000000ul;
    OK(mremap(at, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    OK(mremap(to, LARGE, PAGE, 0));
}

OPERATION(munmap) {
    OK(munmap(touched(LARGE, MAP_PRIVATE), LARGE));
    OK(munmap(areas(), AREAS * PAGE));
}

OPERATION(mprotect) {
    char *at = touched(LARGE, MAP_PRIVATE);
    OK(mprotect(at, LARGE, PROT_READ));
    OK(mprotect(at, LARGE, PROT_READ | PROT_WRITE));
    at = areas();
    OK(mprotect(at, AREAS * PAGE, PROT_READ));
}

OPERATION(madvise_mlock) {
    char *at = touched(LARGE, MAP_PRIVATE);
    OK(madvise(at, LARGE, MADV_DONTNEED));
    OK(mlock(at, LARGE));
    OK(munlock(at, LARGE));
    static unsigned char seen[LARGE / PAGE];
    OK(mincore(at, LARGE, seen));
}

OPERATION(shared_memory) {
    char *at = touched(LARGE, MAP_SHARED);
    latency_join(CHILD({
        for (size_t i = 0; i < LARGE; i += PAGE) {
            at[i]++;
        }
    }));
    OK(msync(at, LARGE, MS_SYNC));
    OK(munmap(at, LARGE));
}

OPERATION(copies) {
    size_t len = 8ul << 20;
    char *at = touched(len, MAP_PRIVATE);
    int random = OK(open("/dev/urandom", O_RDONLY)), zero = OK(open("/dev/zero", O_RDONLY));
    OK(read(random, at, 1 << 18));
    OK(read(zero, at, len));
}

OPERATION(maps) {
    char buffer[65536];
    areas();
    int fd = OK(open("/proc/self/maps", O_RDONLY));
    while (OK(read(fd, buffer, sizeof buffer)) > 0) {
    }
}
