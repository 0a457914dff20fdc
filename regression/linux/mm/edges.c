/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Lengths that wrap, and what is done before a gap.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#include <sys/mman.h>

static char *three_pages(void) {
    return mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(lengths_that_round_to_nothing) {
    char *page = three_pages();
    OK(mlock(page, -1ul));
    OK(munlock(page, -4095ul));
    OK(msync(page, -1ul, MS_SYNC));
    EXPECT_ERRNO(mlock(page, -4096ul), EINVAL);
    EXPECT_ERRNO(msync(page, -4096ul, MS_SYNC), ENOMEM);
}

TEST(mprotect_looks_at_the_range_first) {
    char *page = three_pages();
    EXPECT_ERRNO(mprotect(page, -4096ul, 0x20), ENOMEM);
    OK(mprotect(page, 0, 0x20));
    EXPECT_ERRNO(mprotect(page, 4096, 0x20), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mprotect, page, 4096, 1ul << 40), EINVAL);
}

TEST(mincore_tells_of_what_lies_before_a_gap) {
    char *page = three_pages();
    unsigned char seen[4] = {7, 7, 7, 7};
    page[0] = 1;
    OK(munmap(page + 2 * 4096, 4096));
    EXPECT_ERRNO(mincore(page, 3 * 4096, seen), ENOMEM);
    EXPECT_EQ(seen[0], 1);
    EXPECT_EQ(seen[1], 0);
    EXPECT_EQ(seen[2], 7);
}

TEST(locked_memory_is_not_freed_by_advice) {
    char *page = three_pages();
    OK(mlock(page, 4096));
    EXPECT_ERRNO(madvise(page, 4096, MADV_FREE), EINVAL);
    OK(madvise(page + 4096, 4096, MADV_FREE));
}

TEST(mremap_of_lengths_near_the_top) {
    /* The old range would end beyond the end of all addresses, also where the new place lies below it. */
    char *low = three_pages(), *page = three_pages();
    if (low > page) {
        char *other = low;
        low = page;
        page = other;
    }
    for (unsigned long length = -4096ul; length >= -65536ul; length -= 4096) {
        EXPECT_ERRNO((long)mremap(page, length, 4096, 0), EINVAL);
        EXPECT_ERRNO((long)mremap(page, length, 4096, MREMAP_MAYMOVE), EINVAL);
        EXPECT_ERRNO((long)mremap(page, length, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, low), EINVAL);
        EXPECT_ERRNO((long)mremap(page, 4096, length, MREMAP_MAYMOVE | MREMAP_FIXED, low), EINVAL);
    }
}

TEST(mlock_counts_before_it_looks_at_the_end) {
    char *page = three_pages();
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(mlock(page, -8192ul), ENOMEM);
    });
    EXPECT_ERRNO(syscall(SYS_mremap, page, 4096, 4096, 1ul << 36, 0), EINVAL);
}
