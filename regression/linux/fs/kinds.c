/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What kinds of files take: sendfile, flags of preadv2, O_DIRECT; and who may touch attributes and set-id bits.
 *
 * Each case was found by `make differential`.
 */
#include "test.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/xattr.h>

static char buffer[8192];

static void become_user(void) {
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
}

TEST(set_id_bits_go_by_who_writes) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0700));
    OK(fchown(fd, 1000, 1000));
    struct stat s;
    for (int how = 0; how < 2; how++) {
        OK(fchmod(fd, 06775));
        OK(how ? ftruncate(fd, 9) : write(fd, "x", 1));
        OK(fstat(fd, &s));
        EXPECT_EQ(s.st_mode & 07777, 06775);
        IN_CHILD({
            become_user();
            OK(how ? ftruncate(fd, 5) : write(fd, "x", 1));
        });
        OK(fstat(fd, &s));
        EXPECT_EQ(s.st_mode & 07777, 0775);
    }
    OK(fchmod(fd, 02775));
    OK(fchown(fd, 2000, 2000));
    OK(fchmod(fd, 02775));
    IN_CHILD({
        become_user();
        EXPECT_ERRNO(fchown(fd, -1, -1), EPERM);
    });
    OK(fchmod(fd, 0775));
    IN_CHILD({
        become_user();
        OK(fchown(fd, -1, -1));
    });
}

TEST(sendfile_asks_what_files_can_do) {
    int ends[2];
    OK(pipe2(ends, O_NONBLOCK));
    OK(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
    OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    OK(mknod("full", S_IFCHR | 0666, makedev(1, 7)));
    int zero = OK(open("zero", O_RDWR)), null = OK(open("null", O_RDWR)), full = OK(open("full", O_RDWR));
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600)), dir = OK(open(".", O_RDONLY));
    EXPECT_EQ(sendfile(ends[1], zero, NULL, 100), 100);
    EXPECT_EQ(sendfile(fd, zero, NULL, 100), 100);
    off_t at = 7;
    EXPECT_EQ(sendfile(fd, full, &at, 100), 100);
    EXPECT_EQ(at, 7);
    EXPECT_ERRNO(sendfile(fd, null, NULL, 1), EINVAL);
    EXPECT_ERRNO(sendfile(fd, dir, NULL, 1), EINVAL);
    EXPECT_ERRNO(sendfile(fd, ends[0], NULL, 1), EINVAL);
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_ERRNO(sendfile(full, fd, NULL, 1), EINVAL);
    OK(lseek(fd, 0, SEEK_END));
    EXPECT_EQ(sendfile(full, fd, NULL, 1), 0);
    EXPECT_ERRNO(sendfile(ends[1], null, NULL, 1), EINVAL);
    while (write(ends[1], buffer, sizeof buffer) > 0) {
    }
    EXPECT_ERRNO(sendfile(ends[1], null, NULL, 1), EAGAIN);
    EXPECT_ERRNO(sendfile(ends[1], fd, NULL, 0), EAGAIN);
    /* The offset is written back even after an error. */
    char *page = OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_ERRNO(sendfile(999, fd, (off_t *)page, 1), EFAULT);
    EXPECT_ERRNO(sendfile(999, fd, NULL, 1), EBADF);
}

TEST(flags_of_pipes_and_fifos) {
    int ends[2];
    OK(pipe2(ends, O_NONBLOCK | O_DIRECT));
    EXPECT_EQ(fcntl(ends[0], F_GETFL), O_RDONLY | O_NONBLOCK);
    EXPECT_EQ(fcntl(ends[1], F_GETFL), O_WRONLY | O_NONBLOCK | O_DIRECT);
    OK(mkfifo("fifo", 0600));
    EXPECT_ERRNO(open("fifo", O_RDWR | O_DIRECT), EINVAL);
    EXPECT_ERRNO(open("fifo", 3), EINVAL);
    int size = 0;
    OK(ioctl(ends[0], FIGETBSZ, &size));
    EXPECT_EQ(size, 4096);
    EXPECT_ERRNO(ioctl(ends[0], FIGETBSZ, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, ends[0], 0), ENODEV);
}

TEST(flags_of_preadv2_by_kind) {
    int dir = OK(open(".", O_RDONLY));
    OK(mknod("full", S_IFCHR | 0666, makedev(1, 7)));
    int full = OK(open("full", O_RDWR));
    struct iovec one = {buffer, 1};
    EXPECT_ERRNO(preadv2(dir, &one, 1, 0, RWF_DSYNC), EOPNOTSUPP);
    EXPECT_ERRNO(preadv2(dir, &one, 1, 0, RWF_HIPRI), EISDIR);
    EXPECT_ERRNO(pwritev2(full, &one, 1, 0, RWF_DSYNC), EOPNOTSUPP);
    EXPECT_ERRNO(pwritev2(full, &one, 1, 0, RWF_HIPRI), ENOSPC);
}

TEST(attributes_have_classes) {
    PUT("f", "");
    OK(chmod("f", 0600));
    OK(symlink("f", "s"));
    OK(chmod(".", 0777));
    EXPECT_ERRNO(removexattr("none", ""), ERANGE);
    EXPECT_ERRNO(removexattr("none", BAD_POINTER), EFAULT);
    EXPECT_ERRNO(removexattr("none", "user.a"), ENOENT);
    EXPECT_ERRNO(removexattr("f", "user."), EINVAL);
    EXPECT_ERRNO(removexattr("f", "user.a"), ENODATA);
    EXPECT_ERRNO(lremovexattr("s", "user.a"), EPERM);
    EXPECT_ERRNO(lgetxattr("s", "user.a", buffer, 8), ENODATA);
    IN_CHILD({
        become_user();
        EXPECT_ERRNO(removexattr("f", "user.a"), EACCES);
        EXPECT_ERRNO(getxattr("f", "user.a", buffer, 8), EACCES);
        EXPECT_ERRNO(removexattr("f", "trusted.a"), EPERM);
        EXPECT_ERRNO(getxattr("f", "trusted.a", buffer, 8), ENODATA);
        EXPECT_ERRNO(removexattr("f", "security.capability"), EPERM);
        EXPECT_ERRNO(removexattr("f", "security.other"), EPERM);
    });
}

TEST(entries_that_arrive_count) {
    OK(mkdir("d", 0700));
    PUT("d/a", ""), PUT("d/b", "");
    char *page = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    int fd = OK(open("d", O_RDONLY));
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, page + 4096 - 20, 4096), EFAULT);
    EXPECT_EQ(syscall(SYS_getdents64, fd, page + 4096 - 41, 4096), 24);
    /* The next call goes on behind that one. */
    EXPECT_EQ(syscall(SYS_getdents64, fd, page, 4096), 3 * 24);
}

TEST(names_of_removed_folders_and_long_ones) {
    char name[257];
    memset(name, 'a', 256), name[256] = 0;
    EXPECT_ERRNO(rename("none", name), ENOENT);
    PUT("f", "");
    EXPECT_ERRNO(rename("f", name), ENAMETOOLONG);
    EXPECT_ERRNO(open(name, O_RDWR), ENAMETOOLONG);
    EXPECT_ERRNO(mkdir(name, 0700), ENAMETOOLONG);
    OK(mkdir("gone", 0700));
    int gone = OK(open("gone", O_RDONLY));
    OK(rmdir("gone"));
    EXPECT_ERRNO(renameat(AT_FDCWD, "f/", gone, "x"), ENOENT);
    struct stat s;
    OK(syscall(SYS_newfstatat, AT_FDCWD, "f", &s, 0x6000));
}

TEST(locks_of_open_files_that_are_asked_for) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    struct flock lock = {.l_type = F_UNLCK};
    OK(fcntl(fd, F_OFD_GETLK, &lock));
    EXPECT_EQ(lock.l_type, F_UNLCK);
    EXPECT_ERRNO(fcntl(fd, F_GETLK, &lock), EINVAL);
    struct flock own = {.l_type = F_WRLCK, .l_start = 5, .l_len = 5};
    OK(fcntl(fd, F_OFD_SETLK, &own));
    OK(fcntl(fd, F_OFD_GETLK, &lock));
    EXPECT_EQ(lock.l_type, F_WRLCK);
    EXPECT_EQ(lock.l_start, 5);
    EXPECT_EQ(lock.l_pid, -1);
    struct flock far = {.l_type = 3, .l_start = 20000, .l_len = INT64_MAX - 100};
    EXPECT_ERRNO(fcntl(fd, F_OFD_SETLK, &far), EOVERFLOW);
}

TEST(a_write_that_faults_leaves_no_page) {
    char *page = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(munmap(page + 4096, 4096));
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(write(fd, page, 8192), 4096);
    struct stat s;
    OK(fstat(fd, &s));
    EXPECT_EQ(s.st_blocks, 8);
}

TEST(arrays_of_no_buffers) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600)), ends[2];
    EXPECT_EQ(syscall(SYS_readv, fd, KERNEL_POINTER, 0), 0);
    EXPECT_EQ(syscall(SYS_pwritev, fd, WILD_POINTER, 0, 0, 0), 0);
    OK(pipe2(ends, O_NONBLOCK));
    struct iovec one = {buffer, INT64_MAX - 4095};
    EXPECT_ERRNO(readv(ends[0], &one, 1), EAGAIN);
    EXPECT_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 0x7ffff000), ENOMEM);
    OK(fcntl(fd, F_SETSIG, 1ul << 47));
    EXPECT_ERRNO(syscall(SYS_poll, KERNEL_POINTER, 0, 0), EFAULT);
    struct timeval none = {-1, 1000000};
    EXPECT_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &none), 0);
    EXPECT_EQ(none.tv_sec, -1);
    struct timespec time = {0, 0};
    uint64_t mask[2] = {(uint64_t)buffer, 5};
    EXPECT_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, KERNEL_POINTER, mask), EFAULT);
    EXPECT_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &time, mask), EINVAL);
}

TEST(status_by_null_and_numbers_of_mounts) {
    struct stat s;
    struct statx x;
    int fd = OK(open(".", O_RDONLY));
    OK(syscall(SYS_newfstatat, fd, NULL, &s, AT_EMPTY_PATH));
    EXPECT_ERRNO(syscall(SYS_newfstatat, fd, NULL, &s, AT_EMPTY_PATH | AT_NO_AUTOMOUNT), EFAULT);
    EXPECT_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, NULL, &s, AT_EMPTY_PATH), EFAULT);
    OK(syscall(SYS_statx, fd, NULL, AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &x));
    OK(statx(fd, "", AT_EMPTY_PATH, 0x4000, &x));
    EXPECT_EQ(x.stx_mask & 0x5000, 0x4000);
    OK(statx(fd, "", AT_EMPTY_PATH, 0, &x));
    EXPECT_EQ(x.stx_mask & 0x5000, 0x1000);
}

TEST(fallocate_drops_set_id_bits_once_there_is_room) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0700));
    OK(fchown(fd, 1000, 1000));
    struct stat s;
    for (int how = 0; how < 3; how++) {
        OK(fchmod(fd, 06775));
        IN_CHILD({
            become_user();
            if (how == 0) {
                EXPECT_ERRNO(fallocate(fd, 0, 0, INT64_MAX - 4096), ENOSPC);
            } else {
                OK(fallocate(fd, how == 1 ? 0 : FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096));
            }
        });
        OK(fstat(fd, &s));
        EXPECT_EQ(s.st_mode & 07777, how == 0 ? 06775 : 0775);
    }
}
