/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* mmap, munmap, mprotect, mremap, madvise, brk. */
#include "test.h"

#define PAGE 4096ul

static char *anonymous(size_t length, int protection) {
    char *p = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

#define RW (PROT_READ | PROT_WRITE)

static volatile int fault_code;
static volatile char *fault_address;

static void note_fault(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    test_shared[0] = info->si_signo;
    test_shared[1] = info->si_code;
    memcpy((void *)(test_shared + 2), &info->si_addr, sizeof(void *));
    _exit(0);
}

/* The statement must fault with this signal and code at this address. */
#define EXPECT_FAULT(statement, signal, code, address)                                                             \
    do {                                                                                                           \
        test_shared[0] = 0;                                                                                        \
        EXPECT_EXIT(SPAWN(struct sigaction a_ = {.sa_sigaction = note_fault, .sa_flags = SA_SIGINFO};              \
                          sigaction(SIGSEGV, &a_, NULL); sigaction(SIGBUS, &a_, NULL); statement), 0);             \
        void *seen_;                                                                                               \
        memcpy(&seen_, (void *)(test_shared + 2), sizeof seen_);                                                   \
        EXPECT_EQ(test_shared[0], signal);                                                                         \
        EXPECT_EQ(test_shared[1], code);                                                                           \
        EXPECT_EQ((uintptr_t)seen_, (uintptr_t)(address));                                                         \
    } while (0)
#define READ(p) ((void)*(volatile char *)(p))
#define WRITE(p) (*(volatile char *)(p) = 1)

TEST(mmap_anonymous_is_zero) {
    char *p = anonymous(16 * PAGE, RW);
    for (size_t i = 0; i < 16 * PAGE; i++) {
        EXPECT_EQ(p[i], 0);
    }
    memset(p, 7, 16 * PAGE);
    OK(munmap(p, 16 * PAGE));
    EXPECT_FAULT(READ(p), SIGSEGV, SEGV_MAPERR, p);
}

TEST(mmap_reused_memory_is_zero_again) {
    for (int round = 0; round < 20; round++) {
        char *p = anonymous(64 * PAGE, RW);
        for (size_t i = 0; i < 64; i++) {
            EXPECT_EQ(*(long *)(p + i * PAGE + 128), 0);
        }
        memset(p, 0xaa, 64 * PAGE);
        OK(munmap(p, 64 * PAGE));
    }
}

TEST(mmap_errors) {
    EXPECT_ERRNO(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
    EXPECT_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1), EINVAL);
    EXPECT_ERRNO(mmap((void *)1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, 1ul << 47, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERRNO(mmap(NULL, -PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERRNO(mmap(NULL, -1ul, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERRNO(mmap((void *)0x0100000000000000, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    EXPECT_ERRNO(mmap((void *)0xffff800000000000, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
}

TEST(mmap_hint_is_taken_when_free) {
    char *hint = (char *)0x10000000000;
    char *p = mmap(hint, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p == hint);
    char *q = mmap(hint, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(q != hint && q != MAP_FAILED);
    char *unaligned = mmap(hint + 0x100123, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(((uintptr_t)unaligned & 0xfff) == 0);
}

TEST(mmap_fixed_replaces) {
    char *p = anonymous(3 * PAGE, RW);
    memset(p, 5, 3 * PAGE);
    CHECK(mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE);
    EXPECT_EQ(p[0], 5);
    EXPECT_EQ(p[PAGE], 0);
    EXPECT_EQ(p[2 * PAGE], 5);
}

TEST(mmap_fixed_noreplace) {
    char *p = anonymous(PAGE, RW);
    EXPECT_ERRNO(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    OK(munmap(p, PAGE));
    CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p);
}

TEST(mmap_low_addresses_are_refused_to_users) {
    IN_CHILD(OK(setresuid(1000, 1000, 1000));
             EXPECT_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EPERM));
}

TEST(munmap_middle_splits) {
    char *p = anonymous(5 * PAGE, RW);
    memset(p, 9, 5 * PAGE);
    OK(munmap(p + 2 * PAGE, PAGE));
    EXPECT_EQ(p[PAGE], 9);
    EXPECT_EQ(p[3 * PAGE], 9);
    EXPECT_FAULT(READ(p + 2 * PAGE), SIGSEGV, SEGV_MAPERR, p + 2 * PAGE);
    OK(munmap(p, 5 * PAGE));
    OK(munmap(p, 5 * PAGE));
}

TEST(munmap_errors) {
    char *p = anonymous(PAGE, RW);
    EXPECT_ERRNO(munmap(p + 1, PAGE), EINVAL);
    EXPECT_ERRNO(munmap(p, 0), EINVAL);
    EXPECT_ERRNO(munmap((void *)0xffff800000000000, PAGE), EINVAL);
    EXPECT_ERRNO(munmap(p, -PAGE), EINVAL);
}

TEST(protection_faults) {
    char *p = anonymous(3 * PAGE, PROT_READ);
    READ(p);
    EXPECT_FAULT(WRITE(p + 5), SIGSEGV, SEGV_ACCERR, p + 5);
    char *none = anonymous(PAGE, PROT_NONE);
    EXPECT_FAULT(READ(none + 77), SIGSEGV, SEGV_ACCERR, none + 77);
    char *data = anonymous(PAGE, RW);
    data[0] = (char)0xc3;
    EXPECT_FAULT(((void (*)(void))data)(), SIGSEGV, SEGV_ACCERR, data);
}

TEST(mprotect_changes_access) {
    char *p = anonymous(3 * PAGE, RW);
    memset(p, 3, 3 * PAGE);
    OK(mprotect(p + PAGE, PAGE, PROT_READ));
    EXPECT_EQ(p[PAGE], 3);
    EXPECT_FAULT(WRITE(p + PAGE), SIGSEGV, SEGV_ACCERR, p + PAGE);
    WRITE(p);
    WRITE(p + 2 * PAGE);
    OK(mprotect(p, 3 * PAGE, PROT_NONE));
    EXPECT_FAULT(READ(p), SIGSEGV, SEGV_ACCERR, p);
    OK(mprotect(p, 3 * PAGE, RW));
    EXPECT_EQ(p[PAGE], 3);
    WRITE(p + PAGE);
}

TEST(mprotect_makes_code_run) {
    unsigned char *p = (unsigned char *)anonymous(PAGE, RW);
    memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
    OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((int (*)(void))p)(), 42);
    EXPECT_FAULT(WRITE(p), SIGSEGV, SEGV_ACCERR, p);
}

TEST(mprotect_errors) {
    char *p = anonymous(3 * PAGE, RW);
    EXPECT_ERRNO(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
    EXPECT_ERRNO(mprotect(p, PAGE, 0x1000), EINVAL);
    OK(mprotect(p, 0, PROT_READ));
    OK(munmap(p + PAGE, PAGE));
    EXPECT_ERRNO(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
    EXPECT_FAULT(WRITE(p), SIGSEGV, SEGV_ACCERR, p);
    WRITE(p + 2 * PAGE);
}

TEST(mprotect_cow_page_after_fork) {
    char *p = anonymous(PAGE, RW);
    *p = 1;
    IN_CHILD(OK(mprotect(p, PAGE, PROT_READ)); OK(mprotect(p, PAGE, RW)); *p = 2);
    EXPECT_EQ(*p, 1);
}

TEST(cow_between_parent_and_children) {
    int *p = (int *)anonymous(100 * PAGE, RW);
    for (int i = 0; i < 100; i++) {
        p[i * 1024] = i;
    }
    pid_t pids[4];
    for (int k = 0; k < 4; k++) {
        pids[k] = SPAWN(for (int i = 0; i < 100; i++) { EXPECT_EQ(p[i * 1024], i); p[i * 1024] = i * 10 + k; }
                        for (int i = 0; i < 100; i++) { EXPECT_EQ(p[i * 1024], i * 10 + k); });
    }
    for (int k = 0; k < 4; k++) {
        EXPECT_EXIT(pids[k], 0);
    }
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(p[i * 1024], i);
    }
}

TEST(cow_chain_of_forks) {
    int *p = (int *)anonymous(PAGE, RW);
    *p = 1;
    IN_CHILD(*p = 2; IN_CHILD(EXPECT_EQ(*p, 2); *p = 3; IN_CHILD(EXPECT_EQ(*p, 3); *p = 4); EXPECT_EQ(*p, 3)); EXPECT_EQ(*p, 2));
    EXPECT_EQ(*p, 1);
}

TEST(cow_of_system_call_buffer) {
    char *p = anonymous(2 * PAGE, RW);
    memset(p, 'a', 2 * PAGE);
    PUT("f", "hello");
    int fd = OK(open("f", O_RDONLY));
    IN_CHILD(EXPECT_EQ(pread(fd, p + PAGE - 2, 5, 0), 5); EXPECT_MEM(p + PAGE - 2, "hello", 5));
    EXPECT_MEM(p + PAGE - 2, "aaaaa", 5);
}

TEST(shared_anonymous_across_fork) {
    volatile int *p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    IN_CHILD(p[0] = 5; p[1023] = 6);
    EXPECT_EQ(p[0], 5);
    EXPECT_EQ(p[1023], 6);
    pid_t pid = SPAWN(WAIT_WORD(&p[1], 1); p[1] = 2);
    p[1] = 1;
    WAIT_WORD(&p[1], 2);
    EXPECT_EXIT(pid, 0);
}

TEST(shared_atomic_counter_between_processes) {
    int *p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[4];
    for (int k = 0; k < 4; k++) {
        pids[k] = SPAWN(for (int i = 0; i < 20000; i++) __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST););
    }
    for (int k = 0; k < 4; k++) {
        EXPECT_EXIT(pids[k], 0);
    }
    EXPECT_EQ(*p, 80000);
}

TEST(file_private_mapping) {
    PUT("f", "hello world");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    close(fd);
    EXPECT_MEM(p, "hello world", 11);
    EXPECT_EQ(p[11], 0);
    EXPECT_EQ(p[PAGE - 1], 0);
    p[0] = 'J';
    EXPECT_STR(GET("f"), "hello world");
}

TEST(file_shared_mapping) {
    PUT("f", "hello world");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 'J';
    EXPECT_STR(GET("f"), "Jello world");
    EXPECT_EQ(pwrite(fd, "WORLD", 5, 6), 5);
    EXPECT_MEM(p, "Jello WORLD", 11);
    IN_CHILD(p[1] = 'E'; char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0); EXPECT_EQ(q[1], 'E'));
    OK(msync(p, PAGE, MS_SYNC));
    EXPECT_STR(GET("f"), "JEllo WORLD");
    OK(munmap(p, PAGE));
    EXPECT_STR(GET("f"), "JEllo WORLD");
}

TEST(file_mapping_offset) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(ftruncate(fd, 3 * PAGE));
    EXPECT_EQ(pwrite(fd, "second", 6, PAGE), 6);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    EXPECT_MEM(p, "second", 6);
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
}

TEST(file_mapping_past_end_is_sigbus) {
    PUT("f", "x");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    READ(p + PAGE - 1);
    EXPECT_FAULT(READ(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
    OK(ftruncate(fd, 2 * PAGE));
    READ(p + PAGE);
    OK(ftruncate(fd, 0));
    EXPECT_FAULT(READ(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
    EXPECT_FAULT(WRITE(p), SIGBUS, BUS_ADRERR, p);
}

TEST(file_mapping_access_rules) {
    PUT("f", "x");
    int fd = OK(open("f", O_RDONLY)), wo = OK(open("f", O_WRONLY));
    EXPECT_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    EXPECT_ERRNO(mprotect(p, PAGE, RW), EACCES);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    int ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
    int dir = OK(open(".", O_RDONLY));
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
}

TEST(file_mapping_outlives_unlink) {
    PUT("f", "still here");
    int fd = OK(open("f", O_RDONLY));
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    OK(unlink("f"));
    EXPECT_MEM(p, "still here", 10);
}

TEST(dev_zero_mapping) {
    int fd = OK(open("/dev/zero", O_RDWR));
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    EXPECT_EQ(p[PAGE], 0);
    p[PAGE] = 1;
}

TEST(mremap_grow_in_place_or_move) {
    char *p = anonymous(2 * PAGE, RW);
    strcpy(p + PAGE, "kept");
    char *q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED);
    EXPECT_STR(q + PAGE, "kept");
    EXPECT_EQ(q[63 * PAGE], 0);
    q[63 * PAGE] = 1;
}

TEST(mremap_shrinks) {
    char *p = anonymous(4 * PAGE, RW);
    strcpy(p, "kept");
    CHECK(mremap(p, 4 * PAGE, PAGE, 0) == p);
    EXPECT_STR(p, "kept");
    EXPECT_FAULT(READ(p + PAGE), SIGSEGV, SEGV_MAPERR, p + PAGE);
}

TEST(mremap_without_maymove_is_enomem) {
    char *p = anonymous(3 * PAGE, RW);
    EXPECT_ERRNO(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM);
}

TEST(mremap_fixed) {
    char *p = anonymous(2 * PAGE, RW), *target = anonymous(4 * PAGE, RW);
    strcpy(p, "moved");
    strcpy(target, "replaced");
    CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    EXPECT_STR(target, "moved");
    EXPECT_FAULT(READ(p), SIGSEGV, SEGV_MAPERR, p);
    EXPECT_ERRNO(mremap(target, PAGE, PAGE, MREMAP_FIXED, p), EINVAL);
    EXPECT_ERRNO(mremap(target, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE), EINVAL);
}

TEST(mremap_errors) {
    char *p = anonymous(PAGE, RW);
    EXPECT_ERRNO(mremap(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
    EXPECT_ERRNO(mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
    EXPECT_ERRNO(mremap(p, PAGE, PAGE, 0x100), EINVAL);
    OK(munmap(p, PAGE));
    EXPECT_ERRNO(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(madvise_dontneed_zeroes) {
    char *p = anonymous(4 * PAGE, RW);
    memset(p, 8, 4 * PAGE);
    OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    EXPECT_EQ(p[0], 8);
    EXPECT_EQ(p[PAGE], 0);
    EXPECT_EQ(p[2 * PAGE], 8);
}

TEST(madvise_dontneed_of_file_rereads) {
    PUT("f", "file");
    int fd = OK(open("f", O_RDWR));
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    p[0] = 'X';
    OK(madvise(p, PAGE, MADV_DONTNEED));
    EXPECT_EQ(p[0], 'f');
}

TEST(madvise_errors_and_hints) {
    char *p = anonymous(2 * PAGE, RW);
    OK(madvise(p, PAGE, MADV_NORMAL));
    OK(madvise(p, PAGE, MADV_RANDOM));
    OK(madvise(p, PAGE, MADV_SEQUENTIAL));
    OK(madvise(p, PAGE, MADV_WILLNEED));
    OK(madvise(p, 0, MADV_DONTNEED));
    EXPECT_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    EXPECT_ERRNO(madvise(p, PAGE, 9999), EINVAL);
    OK(munmap(p, PAGE));
    EXPECT_ERRNO(madvise(p, 2 * PAGE, MADV_DONTNEED), ENOMEM);
}

TEST(brk_grows_and_shrinks) {
    char *start = (char *)syscall(SYS_brk, 0);
    char *end = start + 10 * PAGE;
    EXPECT_EQ(syscall(SYS_brk, end), (long)end);
    memset(start, 1, 10 * PAGE);
    EXPECT_EQ(syscall(SYS_brk, start + PAGE), (long)(start + PAGE));
    char *aligned = (char *)(((uintptr_t)start + PAGE + PAGE - 1) & -PAGE);
    EXPECT_FAULT(READ(aligned + PAGE), SIGSEGV, SEGV_MAPERR, aligned + PAGE);
    EXPECT_EQ(syscall(SYS_brk, end), (long)end);
    EXPECT_EQ(end[-1], 0);
}

TEST(brk_refuses_nonsense) {
    long now = syscall(SYS_brk, 0);
    EXPECT_EQ(syscall(SYS_brk, 1), now);
    EXPECT_EQ(syscall(SYS_brk, -1ul), now);
    EXPECT_EQ(syscall(SYS_brk, 1ul << 46), now);
}

TEST(brk_respects_data_limit) {
    struct rlimit limit = {1 << 20, 1 << 20};
    long now = syscall(SYS_brk, 0);
    OK(setrlimit(RLIMIT_DATA, &limit));
    EXPECT_EQ(syscall(SYS_brk, now + (4 << 20)), now);
}

TEST(address_space_limit) {
    struct rlimit limit = {64 << 20, 64 << 20};
    OK(setrlimit(RLIMIT_AS, &limit));
    EXPECT_ERRNO(mmap(NULL, 128 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK(mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

TEST(stack_grows_on_demand) {
    volatile char *low = alloca(4 << 20);
    low[0] = 1;
    low[2 << 20] = 2;
    EXPECT_EQ(low[0], 1);
}

TEST(stack_growth_has_limit) {
    struct rlimit limit = {256 << 10, 256 << 10};
    EXPECT_SIGNAL(SPAWN(OK(setrlimit(RLIMIT_STACK, &limit)); volatile char *here = (char *)__builtin_frame_address(0);
                        here[-(512 << 10)] = 1), SIGSEGV);
}

TEST(addresses_are_randomised) {
    unsigned long seen[3][3];
    for (int i = 0; i < 3; i++) {
        int ends[2];
        OK(pipe(ends));
        pid_t pid = SPAWN(dup2(ends[1], 1); execl(test_program, test_program, "--helper", "layout", (char *)NULL));
        EXPECT_EQ(read(ends[0], seen[i], 24), 24);
        EXPECT_EXIT(pid, 0);
    }
    for (int kind = 0; kind < 3; kind++) {
        CHECK(seen[0][kind] != seen[1][kind] || seen[1][kind] != seen[2][kind]);
    }
}

HELPER(layout) {
    unsigned long places[3] = {(unsigned long)__builtin_frame_address(0), (unsigned long)syscall(SYS_brk, 0),
                               (unsigned long)mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    return write(1, places, sizeof places) == sizeof places ? 0 : 1;
}

TEST(mlock_family) {
    char *p = anonymous(2 * PAGE, RW);
    OK(mlock(p, PAGE));
    OK(munlock(p, PAGE));
    OK(munmap(p, 2 * PAGE));
    EXPECT_ERRNO(mlock(p, PAGE), ENOMEM);
}

TEST(msync_errors) {
    char *p = anonymous(PAGE, RW);
    OK(msync(p, PAGE, MS_ASYNC));
    EXPECT_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
    EXPECT_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    OK(munmap(p, PAGE));
    EXPECT_ERRNO(msync(p, PAGE, MS_SYNC), ENOMEM);
}

TEST(mincore_resident) {
    char *p = anonymous(3 * PAGE, RW);
    unsigned char present[3] = {9, 9, 9};
    p[PAGE] = 1;
    OK(mincore(p, 3 * PAGE, present));
    EXPECT_EQ(present[0] & 1, 0);
    EXPECT_EQ(present[1] & 1, 1);
    EXPECT_ERRNO(mincore(p + 1, PAGE, present), EINVAL);
    OK(munmap(p, 3 * PAGE));
    EXPECT_ERRNO(mincore(p, PAGE, present), ENOMEM);
}

TEST(many_mappings) {
    for (int i = 0; i < 2000; i++) {
        char *p = mmap(NULL, PAGE, i & 1 ? RW : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(p != MAP_FAILED);
        READ(p);
    }
}

TEST(sparse_mapping_costs_nothing) {
    char *p = mmap(NULL, 1ul << 36, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    for (unsigned long i = 0; i < 1ul << 36; i += 1ul << 30) {
        WRITE(p + i);
    }
    OK(munmap(p, 1ul << 36));
}

TEST(fork_with_many_pages) {
    char *p = anonymous(8 << 20, RW);
    memset(p, 1, 8 << 20);
    for (int i = 0; i < 5; i++) {
        IN_CHILD(for (int k = 0; k < 8 << 20; k += 65536) { EXPECT_EQ(p[k], 1); p[k] = 2; });
    }
    EXPECT_EQ(p[65536], 1);
}

TEST(partial_copy_at_edge_of_mapping) {
    char *p = anonymous(2 * PAGE, RW);
    OK(munmap(p + PAGE, PAGE));
    char text[100];
    memset(text, 'z', sizeof text);
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(write(fd, text, 100), 100);
    long n = pread(fd, p + PAGE - 10, 100, 0);
    CHECK(n == 10 || (n == -1 && errno == EFAULT));
    n = pwrite(fd, p + PAGE - 10, 100, 0);
    CHECK(n == 10 || (n == -1 && errno == EFAULT));
    int ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(write(ends[1], p + PAGE, 1), EFAULT);
    EXPECT_EQ(write(ends[1], "abc", 3), 3);
    EXPECT_ERRNO(read(ends[0], p + PAGE, 1), EFAULT);
}
