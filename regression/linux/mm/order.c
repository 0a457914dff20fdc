/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which error of calls about mappings comes first, and what they have done by then.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#define PAGE 4096

static char *map(size_t pages) {
    return OK(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

TEST(a_move_that_fails_has_cut_the_tail) {
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        char *at = map(4);
        EXPECT_ERRNO(mremap(at, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)PAGE), EPERM);
        unsigned char seen[4];
        OK(mincore(at, 2 * PAGE, seen));
        EXPECT_ERRNO(mincore(at + 2 * PAGE, PAGE, seen), ENOMEM);
    });
}

TEST(huge_pages_of_no_size) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
    EXPECT_ERRNO(mmap(NULL, -1ul, PROT_READ, flags | 31 << 26, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, flags | 5 << 26, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, 0, PROT_READ, flags, -1, 0), EINVAL);
    EXPECT_ERRNO(mmap(NULL, 4 << 20, PROT_READ, flags, -1, 0), ENOMEM);
    EXPECT_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, 999, 0), EBADF);
}

TEST(residency_of_foreign_files_is_not_told) {
    PUT("f", "");
    OK(chmod("f", 0644));
    OK(truncate("f", 2 * PAGE));
    int fd = OK(open("f", O_RDONLY));
    char *at = OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    unsigned char seen[2];
    OK(mincore(at, 2 * PAGE, seen));
    EXPECT_EQ(seen[0] | seen[1], 0);
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        OK(mincore(at, 2 * PAGE, seen));
        EXPECT_EQ(seen[0] & seen[1], 1);
    });
}

TEST(places_of_moves_are_looked_at_first) {
    char *at = map(8);
    EXPECT_ERRNO(mremap(at, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, at + PAGE), EINVAL);
    EXPECT_ERRNO(mremap(at, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, at + 1), EINVAL);
    EXPECT_ERRNO(mremap(at, PAGE, -4096ul, MREMAP_MAYMOVE), ENOMEM);
    /* What is left of a shorter one must lie in the address space. */
    char *to = map(4);
    OK(munmap(to, 4 * PAGE));
    EXPECT_ERRNO(mremap(at, 1ul << 57, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), EINVAL);
    at[7 * PAGE] = 1;
    EXPECT_EQ(msync(at, 0, MS_INVALIDATE | MS_ASYNC), 0);
}

TEST(future_locks_on_fault_bring_nothing_in) {
    unsigned char seen[2];
    OK(mlockall(MCL_FUTURE | MCL_ONFAULT));
    char *at = map(2);
    OK(mincore(at, 2 * PAGE, seen));
    EXPECT_EQ(seen[0] | seen[1], 0);
    OK(mlockall(MCL_FUTURE));
    at = map(2);
    OK(mincore(at, 2 * PAGE, seen));
    EXPECT_EQ(seen[0] & seen[1], 1);
    OK(munlockall());
    EXPECT_ERRNO(mincore(at, 2 * PAGE, KERNEL_POINTER), EFAULT);
    EXPECT_ERRNO(mlock((void *)-4096ul, 2 * PAGE), EINVAL);
}

TEST(the_limit_of_locks_comes_before_the_kind) {
    struct rlimit limit = {65536, 65536};
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(setrlimit(RLIMIT_MEMLOCK, &limit));
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(mmap(NULL, 1 << 20, PROT_READ, MAP_LOCKED, fd, 0), EAGAIN);
        EXPECT_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_LOCKED, fd, 0), EINVAL);
    });
}
