/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which error comes first when several arguments are wrong, and what counts at the ends of all offsets.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#include <limits.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define TOP INT64_MAX

static char buffer[64];

TEST(ranges_beyond_the_largest_offset) {
    PUT("f", "abc");
    int fd = OK(open("f", O_RDWR));
    EXPECT_ERRNO(pread(fd, buffer, 10, TOP), EINVAL);
    EXPECT_ERRNO(pread(fd, buffer, 10, TOP - 9), EINVAL);
    EXPECT_EQ(pread(fd, buffer, 10, TOP - 10), 0);
    EXPECT_ERRNO(pwrite(fd, buffer, 10, TOP - 5), EINVAL);
    struct iovec two[2] = {{buffer, 5}, {buffer, 5}};
    EXPECT_ERRNO(preadv(fd, two, 2, TOP - 9), EINVAL);
    EXPECT_EQ(lseek(fd, TOP - 3, SEEK_SET), TOP - 3);
    EXPECT_ERRNO(read(fd, buffer, 10), EINVAL);
    off_t at = TOP - 1;
    int out = OK(open("g", O_RDWR | O_CREAT, 0600));
    EXPECT_ERRNO(sendfile(out, fd, &at, 100), EINVAL);
    EXPECT_ERRNO(readahead(fd, 0, (size_t)-4096), EINVAL);
}

TEST(descriptors_come_before_buffers) {
    PUT("f", "abc");
    int path = OK(open("f", O_PATH)), out = OK(open("f", O_WRONLY)), ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(syscall(SYS_write, path, WILD_POINTER, 1ul << 40), EBADF);
    EXPECT_ERRNO(syscall(SYS_read, out, WILD_POINTER, 1ul << 40), EBADF);
    EXPECT_ERRNO(syscall(SYS_pread64, ends[0], WILD_POINTER, 1ul << 40, 0), ESPIPE);
    EXPECT_ERRNO(syscall(SYS_pread64, ends[1], buffer, 1, 0), ESPIPE);
    EXPECT_ERRNO(syscall(SYS_preadv, ends[1], WILD_POINTER, 1, 0, 0), ESPIPE);
    EXPECT_ERRNO(syscall(SYS_fallocate, 999, 0x40, 0, 1), EBADF);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, 0, 0, path, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_copy_file_range, path, NULL, out, NULL, 1, 7), EBADF);
}

TEST(nothing_to_move_ends_vectored_calls) {
    int dir = OK(open(".", O_RDONLY)), fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    struct iovec none[2] = {{buffer, 0}, {buffer, 0}};
    EXPECT_EQ(readv(dir, none, 2), 0);
    EXPECT_EQ(syscall(SYS_preadv2, fd, none, 2, 0, 0, 0x4000), 0);
    EXPECT_EQ(syscall(SYS_writev, fd, none, 1ul << 33), 0);
    struct iovec one = {buffer, 1};
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, &one, 1, 0, 0, 0x4000), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_preadv2, 999, &one, 1, 0, 0, 0x4000), EBADF);
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, &one, 1, -2l, 0, 0x4000), EINVAL);
}

TEST(flags_of_open_come_before_its_path) {
    EXPECT_ERRNO(open("", O_CREAT | O_DIRECTORY, 0600), EINVAL);
    EXPECT_ERRNO(open(BAD_POINTER, O_CREAT | O_DIRECTORY, 0600), EINVAL);
    EXPECT_ERRNO(open(".", O_CREAT | O_EXCL, 0600), EEXIST);
    EXPECT_ERRNO(open("/", O_CREAT | O_EXCL, 0600), EEXIST);
    EXPECT_ERRNO(open(".", O_CREAT, 0600), EISDIR);
    EXPECT_ERRNO(syscall(SYS_renameat2, 999, "a", 999, "b", 3), EINVAL);
}

TEST(times_are_looked_at_after_the_file) {
    struct timespec bad[2] = {{0, -1}, {0, 0}};
    PUT("f", "");
    EXPECT_ERRNO(utimensat(AT_FDCWD, "none", bad, 0), ENOENT);
    EXPECT_ERRNO(syscall(SYS_utimensat, 999, NULL, bad, 0), EBADF);
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    struct timespec ends[2] = {{INT64_MIN, 5}, {INT64_MAX, 5}};
    struct stat s;
    OK(utimensat(AT_FDCWD, "f", ends, 0));
    OK(stat("f", &s));
    EXPECT_EQ(s.st_atim.tv_nsec, 0);
    EXPECT_EQ(s.st_mtim.tv_nsec, 0);
}

TEST(empty_path_of_linkat_counts_only_when_empty) {
    PUT("f", "");
    IN_CHILD({
        OK(chmod(".", 0777));
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(linkat(999, "f", AT_FDCWD, "g", AT_EMPTY_PATH), EBADF);
        EXPECT_ERRNO(linkat(AT_FDCWD, "none", AT_FDCWD, "g", AT_EMPTY_PATH), ENOENT);
    });
}

TEST(statx_tells_of_birth_only_when_asked) {
    struct statx s;
    PUT("f", "");
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &s));
    EXPECT_EQ(s.stx_mask & STATX_BTIME, 0u);
    EXPECT_EQ(s.stx_btime.tv_sec, 0);
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &s));
    EXPECT_EQ(s.stx_mask & STATX_BTIME, STATX_BTIME);
    EXPECT_NE(s.stx_btime.tv_sec, 0);
}

TEST(mandatory_flock_is_taken_for_granted) {
    EXPECT_EQ(syscall(SYS_flock, 999, 32), 0);
    EXPECT_EQ(syscall(SYS_flock, 999, 32 | LOCK_UN | LOCK_NB), 0);
    EXPECT_ERRNO(syscall(SYS_flock, 999, 0x10), EINVAL);
}

TEST(owners_of_files_are_kept) {
    struct f_owner_ex owner = {7, 7};
    uid_t uids[2] = {9, 9};
    PUT("f", "");
    int fd = OK(open("f", O_RDWR)), other = OK(dup(fd));
    EXPECT_EQ(fcntl(fd, F_GETOWN), 0);
    OK(fcntl(fd, F_GETOWN_EX, &owner));
    EXPECT_EQ(owner.type, 0);
    EXPECT_EQ(owner.pid, 0);
    OK(fcntl(fd, F_SETOWN, getpid()));
    EXPECT_EQ(fcntl(other, F_GETOWN), getpid());
    OK(fcntl(fd, F_SETOWN, -getpgrp()));
    EXPECT_EQ(syscall(SYS_fcntl, fd, F_GETOWN) == -getpgrp() || errno == getpgrp(), 1);
    OK(fcntl(fd, F_GETOWN_EX, &owner));
    EXPECT_EQ(owner.type, F_OWNER_PGRP);
    EXPECT_EQ(owner.pid, getpgrp());
    EXPECT_ERRNO(fcntl(fd, F_SETOWN, 4000000), ESRCH);
    EXPECT_ERRNO(fcntl(fd, F_SETOWN, INT_MIN), EINVAL);
    owner = (struct f_owner_ex){5, 0};
    EXPECT_ERRNO(fcntl(fd, F_SETOWN_EX, &owner), EINVAL);
    OK(fcntl(fd, F_SETSIG, SIGUSR1));
    EXPECT_EQ(fcntl(fd, F_GETSIG), SIGUSR1);
    EXPECT_ERRNO(fcntl(fd, F_SETSIG, 65), EINVAL);
    OK(fcntl(fd, 17, uids));
    EXPECT_EQ(uids[0], 0u);
    EXPECT_EQ(uids[1], 0u);
}

TEST(status_flags_that_do_not_change) {
    int ends[2], on = 1;
    PUT("f", "");
    OK(chmod(".", 0755));
    OK(chmod("f", 0666));
    int fd = OK(open("f", O_RDWR));
    OK(pipe(ends));
    OK(fcntl(fd, F_SETFL, O_ASYNC | O_APPEND));
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ASYNC | O_APPEND), O_APPEND);
    EXPECT_ERRNO(ioctl(fd, FIOASYNC, &on), ENOTTY);
    OK(ioctl(ends[0], FIOASYNC, &on));
    EXPECT_EQ(fcntl(ends[0], F_GETFL) & O_ASYNC, O_ASYNC);
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
    });
    OK(fcntl(fd, F_SETFL, O_NOATIME));
}

TEST(buffers_beyond_all_user_addresses) {
    int ends[2];
    PUT("f", "");
    int fd = OK(open("f", O_RDWR));
    OK(pipe(ends));
    EXPECT_ERRNO(syscall(SYS_write, fd, 0x7ffffffff000ul, 1), EFAULT);
    EXPECT_ERRNO(syscall(SYS_write, ends[1], 1ul << 56, 1), EFAULT);
    struct iovec two[2] = {{buffer, 1}, {(void *)(1ul << 56), 1}};
    EXPECT_ERRNO(writev(fd, two, 2), EFAULT);
}

TEST(modes_of_fallocate_come_after_the_range) {
    int ends[2];
    PUT("f", "");
    int fd = OK(open("f", O_RDONLY));
    OK(pipe(ends));
    EXPECT_ERRNO(fallocate(fd, 0x4000, -1, 1), EINVAL);
    EXPECT_ERRNO(fallocate(fd, 0x4000, 0, 1), EOPNOTSUPP);
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    EXPECT_ERRNO(fallocate(fd, 0x20, 0, 1), EBADF);
    EXPECT_ERRNO(fallocate(ends[1], 8, 0, 1), ESPIPE);
    EXPECT_ERRNO(lseek(OK(open("f", O_PATH)), 0, 9), EBADF);
}

TEST(seals_of_files_that_have_but_one) {
    PUT("f", "");
    int fd = OK(open("f", O_RDWR)), dir = OK(open(".", O_RDONLY));
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    EXPECT_ERRNO(fcntl(dir, F_GET_SEALS), EINVAL);
    EXPECT_ERRNO(fcntl(dir, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    EXPECT_ERRNO(fcntl(dir, F_SETFL, O_DIRECT), EINVAL);
}

TEST(null_paths_are_bad_pointers_but_for_stat) {
    struct stat s;
    int dir = OK(open(".", O_RDONLY));
    EXPECT_ERRNO(syscall(SYS_fchownat, dir, NULL, -1, -1, AT_EMPTY_PATH), EFAULT);
    EXPECT_ERRNO(syscall(SYS_linkat, dir, NULL, dir, "g", AT_EMPTY_PATH), EFAULT);
    OK(syscall(SYS_newfstatat, dir, NULL, &s, AT_EMPTY_PATH));
    CHECK(S_ISDIR(s.st_mode));
}

TEST(old_names_come_before_new_ones) {
    char name[5000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    EXPECT_ERRNO(rename("none/x", name), ENOENT);
    EXPECT_ERRNO(renameat(AT_FDCWD, "none/x", 999, "y"), ENOENT);
    EXPECT_ERRNO(mknodat(999, "x", 0120000, 0), EINVAL);
    EXPECT_ERRNO(mknodat(999, "x", S_IFDIR, 0), EPERM);
}

TEST(unnamed_files_keep_their_flags) {
    int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_TMPFILE, O_TMPFILE);
    OK(open(".", O_TMPFILE | 3, 0600));
    EXPECT_ERRNO(open(".", O_TMPFILE, 0600), EINVAL);
}

TEST(copies_end_with_the_file_before_ranges_meet) {
    off_t from = 3, to = 4;
    PUT("f", "abc");
    int fd = OK(open("f", O_RDWR));
    EXPECT_EQ(copy_file_range(fd, &from, fd, &to, 100, 0), 0);
    from = 0, to = 2;
    EXPECT_ERRNO(copy_file_range(fd, &from, fd, &to, 100, 0), EINVAL);
}

TEST(statx_tells_what_tmpfs_knows) {
    struct statx s;
    OK(statx(AT_FDCWD, ".", 0, STATX_BASIC_STATS, &s));
    /* Linux names verity (0x100000) in some runs only. */
    EXPECT_EQ(s.stx_attributes_mask | 0x100000ul, 0x303070ul);
    OK(statx(AT_FDCWD, "/proc", 0, STATX_BASIC_STATS, &s));
    EXPECT_EQ(s.stx_attributes & STATX_ATTR_MOUNT_ROOT, (unsigned)STATX_ATTR_MOUNT_ROOT);
}

TEST(vectors_are_looked_at_one_by_one) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    OK(munmap(page + 4096, 4096));
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    struct iovec *last = (struct iovec *)(page + 4096) - 2;
    last[0] = (struct iovec){buffer, 1};
    last[1] = (struct iovec){buffer, SIZE_MAX};
    EXPECT_ERRNO(writev(fd, last, 3), EINVAL);
    last[1].iov_len = 1;
    EXPECT_ERRNO(writev(fd, last, 3), EFAULT);
}

TEST(one_write_may_append) {
    PUT("f", "abc");
    int fd = OK(open("f", O_RDWR));
    struct iovec one = {"x", 1};
    EXPECT_EQ(syscall(SYS_pwritev2, fd, &one, 1, 1, 0, RWF_APPEND), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
    EXPECT_EQ(syscall(SYS_pwritev2, fd, &one, 1, -1l, 0, RWF_APPEND | RWF_DSYNC), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 5);
    EXPECT_EQ(syscall(SYS_pwritev2, fd, &one, 1, 1, 0, 0x20), 1);
    EXPECT_EQ(pread(fd, buffer, 10, 0), 5);
    EXPECT_EQ(memcmp(buffer, "axcxx", 5), 0);
    EXPECT_ERRNO(syscall(SYS_pwritev2, fd, &one, 1, 1, 0, RWF_APPEND | 0x20), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pwritev2, fd, &one, 1, 1, 0, 0x40), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_pwritev2, fd, &one, 1, 1, 0, 0x80 | RWF_APPEND | 0x20), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, &one, 1, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
    int zero = OK(open("/dev/zero", O_RDONLY));
    struct iovec into = {buffer, 1};
    EXPECT_EQ(syscall(SYS_preadv2, zero, &into, 1, -1l, 0, RWF_NOWAIT | RWF_APPEND), 1);
}

TEST(half_of_sync_brings_the_other) {
    int fd = OK(open("f", O_RDWR | O_CREAT | (O_SYNC & ~O_DSYNC), 0600));
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_SYNC, O_SYNC);
}

TEST(links_are_protected_before_folders) {
    PUT("f", "");
    OK(chmod("f", 0600));
    OK(mkdir("d", 0755));
    IN_CHILD({
        OK(setresuid(1000, 1000, 1000));
        EXPECT_ERRNO(link("f", "d/g"), EPERM);
        EXPECT_ERRNO(link("f", "d"), EEXIST);
    });
}
