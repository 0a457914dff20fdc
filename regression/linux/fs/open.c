/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* open, read, write, seek, truncate, dup, fcntl: what belongs to a descriptor and to an open file. */
#include "test.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

TEST(open_creates_with_mode_and_umask) {
    umask(027);
    close(OK(open("f", O_WRONLY | O_CREAT, 0666)));
    struct stat st;
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0640);
    EXPECT_EQ(st.st_size, 0);
    EXPECT_EQ(st.st_nlink, 1);
}

TEST(open_excl) {
    close(OK(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600)));
    EXPECT_ERRNO(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    OK(symlink("nowhere", "s"));
    EXPECT_ERRNO(open("s", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    close(OK(open("s", O_WRONLY | O_CREAT, 0600)));
    OK(access("nowhere", F_OK));
}

TEST(open_trunc) {
    PUT("f", "content");
    close(OK(open("f", O_WRONLY | O_TRUNC)));
    EXPECT_STR(GET("f"), "");
}

TEST(open_lowest_descriptor) {
    int a = OK(open("/dev/null", O_RDONLY)), b = OK(open("/dev/null", O_RDONLY));
    EXPECT_EQ(b, a + 1);
    close(a);
    EXPECT_EQ(open("/dev/null", O_RDONLY), a);
}

TEST(open_errors) {
    PUT("f", "x");
    OK(mkdir("d", 0755));
    EXPECT_ERRNO(open("none", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open("none/x", O_RDONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open("d", O_WRONLY), EISDIR);
    EXPECT_ERRNO(open("d", O_RDWR), EISDIR);
    EXPECT_ERRNO(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
    EXPECT_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERRNO(open("", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open("f/", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open("new/", O_RDONLY | O_CREAT, 0600), EISDIR);
    EXPECT_ERRNO(open((char *)BAD_POINTER, O_RDONLY), EFAULT);
    close(OK(open("d", O_RDONLY | O_DIRECTORY)));
}

TEST(open_nofollow) {
    PUT("f", "x");
    OK(symlink("f", "s"));
    EXPECT_ERRNO(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
    close(OK(open("f", O_RDONLY | O_NOFOLLOW)));
    int fd = OK(open("s", O_PATH | O_NOFOLLOW));
    struct stat st;
    OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
}

TEST(open_path_descriptor) {
    PUT("f", "x");
    int fd = OK(open("f", O_PATH));
    char c;
    EXPECT_ERRNO(read(fd, &c, 1), EBADF);
    EXPECT_ERRNO(write(fd, &c, 1), EBADF);
    EXPECT_ERRNO(fchmod(fd, 0600), EBADF);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 1);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
}

TEST(open_append) {
    PUT("f", "abc");
    int fd = OK(open("f", O_WRONLY | O_APPEND)), other = OK(open("f", O_WRONLY | O_APPEND));
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EQ(write(fd, "d", 1), 1);
    EXPECT_EQ(write(other, "e", 1), 1);
    EXPECT_EQ(write(fd, "f", 1), 1);
    EXPECT_STR(GET("f"), "abcdef");
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 6);
    OK(fcntl(fd, F_SETFL, 0));
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EQ(write(fd, "A", 1), 1);
    EXPECT_STR(GET("f"), "Abcdef");
}

TEST(open_access_modes) {
    PUT("f", "x");
    char c;
    int ro = OK(open("f", O_RDONLY)), wo = OK(open("f", O_WRONLY));
    EXPECT_ERRNO(write(ro, "y", 1), EBADF);
    EXPECT_ERRNO(read(wo, &c, 1), EBADF);
    EXPECT_ERRNO(ftruncate(ro, 0), EINVAL);
    EXPECT_EQ(fcntl(ro, F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(fcntl(wo, F_GETFL) & O_ACCMODE, O_WRONLY);
}

TEST(read_write_at_offsets) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    char text[16] = "";
    EXPECT_EQ(write(fd, "0123456789", 10), 10);
    EXPECT_EQ(read(fd, text, 4), 0);
    OK(lseek(fd, 3, SEEK_SET));
    EXPECT_EQ(read(fd, text, 4), 4);
    EXPECT_STR(text, "3456");
    EXPECT_EQ(pread(fd, text, 2, 8), 2);
    EXPECT_MEM(text, "89", 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    EXPECT_EQ(pwrite(fd, "XY", 2, 1), 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    EXPECT_EQ(pread(fd, text, 10, 9), 1);
    EXPECT_EQ(pread(fd, text, 10, 100), 0);
    EXPECT_ERRNO(pread(fd, text, 1, -1), EINVAL);
    EXPECT_ERRNO(pwrite(fd, text, 1, -1), EINVAL);
    EXPECT_STR(GET("f"), "0XY3456789");
}

TEST(read_zero_and_bad_descriptors) {
    char c;
    int fd = OK(open("/dev/zero", O_RDONLY));
    EXPECT_EQ(read(fd, &c, 0), 0);
    EXPECT_ERRNO(read(-1, &c, 1), EBADF);
    EXPECT_ERRNO(read(999, &c, 1), EBADF);
    EXPECT_ERRNO(write(-1, &c, 1), EBADF);
    EXPECT_ERRNO(close(-1), EBADF);
    EXPECT_ERRNO(close(999), EBADF);
    EXPECT_ERRNO(lseek(999, 0, SEEK_SET), EBADF);
    OK(mkdir("d", 0700));
    EXPECT_ERRNO(read(OK(open("d", O_RDONLY)), &c, 1), EISDIR);
    EXPECT_ERRNO(read(fd, BAD_POINTER, 1), EFAULT);
    EXPECT_ERRNO(read(fd, KERNEL_POINTER, 1), EFAULT);
    EXPECT_ERRNO(write(fd = OK(open("f", O_CREAT | O_WRONLY, 0600)), BAD_POINTER, 1), EFAULT);
}

TEST(lseek_whence) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(write(fd, "0123456789", 10), 10);
    EXPECT_EQ(lseek(fd, -3, SEEK_END), 7);
    EXPECT_EQ(lseek(fd, 2, SEEK_CUR), 9);
    EXPECT_EQ(lseek(fd, 100, SEEK_SET), 100);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, 77), EINVAL);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 100);
    int ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(lseek(ends[0], 0, SEEK_SET), ESPIPE);
}

TEST(lseek_data_and_hole) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(pwrite(fd, "x", 1, 1 << 20), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
    EXPECT_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 1);
    EXPECT_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
    EXPECT_ERRNO(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
}

TEST(holes_read_as_zero) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(pwrite(fd, "end", 3, 100000), 3);
    char block[512];
    memset(block, 1, sizeof block);
    EXPECT_EQ(pread(fd, block, 512, 50000), 512);
    for (int i = 0; i < 512; i++) {
        EXPECT_EQ(block[i], 0);
    }
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 100003);
    EXPECT_LT(st.st_blocks, 100);
}

TEST(truncate_grows_and_shrinks) {
    PUT("f", "0123456789");
    OK(truncate("f", 4));
    EXPECT_STR(GET("f"), "0123");
    OK(truncate("f", 8));
    int fd = OK(open("f", O_RDWR));
    char text[16];
    EXPECT_EQ(read(fd, text, 16), 8);
    EXPECT_MEM(text, "0123\0\0\0\0", 8);
    OK(ftruncate(fd, 0));
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 0);
    EXPECT_ERRNO(truncate("f", -1), EINVAL);
    EXPECT_ERRNO(truncate(".", 0), EISDIR);
    EXPECT_ERRNO(truncate("none", 0), ENOENT);
    EXPECT_ERRNO(ftruncate(999, 0), EBADF);
}

TEST(large_file_content) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    static unsigned char block[10007], back[10007];
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = (unsigned char)(i * 31 + (size_t)round * 7);
        }
        EXPECT_EQ(write(fd, block, sizeof block), sizeof block);
    }
    OK(lseek(fd, 0, SEEK_SET));
    for (int round = 0; round < 200; round++) {
        EXPECT_EQ(read(fd, back, sizeof back), sizeof back);
        for (size_t i = 0; i < sizeof back; i++) {
            if (back[i] != (unsigned char)(i * 31 + (size_t)round * 7)) {
                FAIL("byte %zu of block %d is wrong", i, round);
            }
        }
    }
}

TEST(vector_io) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    char a[4] = "", b[8] = "";
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}}, in[2] = {{a, 3}, {b, 5}};
    EXPECT_EQ(writev(fd, out, 3), 8);
    OK(lseek(fd, 0, SEEK_SET));
    EXPECT_EQ(readv(fd, in, 2), 8);
    EXPECT_STR(a, "abc");
    EXPECT_STR(b, "defgh");
    EXPECT_EQ(preadv(fd, in, 1, 4), 3);
    EXPECT_STR(a, "efg");
    EXPECT_EQ(pwritev(fd, out, 1, 5), 3);
    EXPECT_STR(GET("f"), "abcdeabc");
}

TEST(vector_io_errors) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    struct iovec one = {"x", 1}, bad = {BAD_POINTER, 1}, negative = {"x", (size_t)-1};
    EXPECT_ERRNO(writev(fd, &one, -1), EINVAL);
    EXPECT_ERRNO(writev(fd, &one, 1025), EINVAL);
    EXPECT_EQ(writev(fd, &one, 0), 0);
    EXPECT_ERRNO(writev(fd, BAD_POINTER, 1), EFAULT);
    EXPECT_ERRNO(writev(fd, &bad, 1), EFAULT);
    EXPECT_ERRNO(writev(fd, &negative, 1), EINVAL);
    struct iovec mixed[2] = {{"ok", 2}, {BAD_POINTER, 3}};
    long n = writev(fd, mixed, 2);
    CHECK(n == 2 || (n == -1 && errno == EFAULT));
}

TEST(dup_shares_offset_and_flags) {
    PUT("f", "0123456789");
    int fd = OK(open("f", O_RDWR)), copy = OK(dup(fd)), other = OK(open("f", O_RDONLY));
    char c;
    OK(lseek(fd, 5, SEEK_SET));
    EXPECT_EQ(read(copy, &c, 1), 1);
    EXPECT_EQ(c, '5');
    EXPECT_EQ(read(other, &c, 1), 1);
    EXPECT_EQ(c, '0');
    OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    EXPECT_EQ(fcntl(copy, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    EXPECT_EQ(fcntl(other, F_GETFL) & (O_APPEND | O_NONBLOCK), 0);
    close(fd);
    OK(lseek(copy, 0, SEEK_SET));
}

TEST(dup2_and_dup3) {
    int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC)), second = OK(open("/dev/zero", O_RDONLY));
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(dup2(fd, second), second);
    EXPECT_EQ(fcntl(second, F_GETFD), 0);
    EXPECT_EQ(dup2(fd, fd), fd);
    EXPECT_EQ(dup3(fd, 60, O_CLOEXEC), 60);
    EXPECT_EQ(fcntl(60, F_GETFD), FD_CLOEXEC);
    EXPECT_ERRNO(dup3(fd, fd, 0), EINVAL);
    EXPECT_ERRNO(dup3(fd, 61, O_APPEND), EINVAL);
    EXPECT_ERRNO(dup2(999, 5), EBADF);
    EXPECT_ERRNO(dup2(999, 999), EBADF);
    EXPECT_ERRNO(dup2(fd, -1), EBADF);
    EXPECT_ERRNO(dup2(fd, 1 << 30), EBADF);
    EXPECT_ERRNO(dup(-1), EBADF);
}

TEST(fcntl_descriptor_commands) {
    int fd = OK(open("/dev/null", O_RDONLY));
    int high = OK(fcntl(fd, F_DUPFD, 40));
    EXPECT_EQ(high, 40);
    EXPECT_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 40), 41);
    EXPECT_EQ(fcntl(41, F_GETFD), FD_CLOEXEC);
    OK(fcntl(41, F_SETFD, 0));
    EXPECT_EQ(fcntl(41, F_GETFD), 0);
    EXPECT_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
    EXPECT_ERRNO(fcntl(fd, 9999, 0), EINVAL);
    EXPECT_ERRNO(fcntl(999, F_GETFD), EBADF);
}

TEST(close_range_call) {
    for (int i = 0; i < 10; i++) {
        OK(dup2(0, 50 + i));
    }
    OK(syscall(SYS_close_range, 52, 55, 0));
    EXPECT_ERRNO(fcntl(52, F_GETFD), EBADF);
    EXPECT_ERRNO(fcntl(55, F_GETFD), EBADF);
    OK(fcntl(51, F_GETFD));
    OK(fcntl(56, F_GETFD));
    OK(syscall(SYS_close_range, 56, 57, 4)); /* CLOSE_RANGE_CLOEXEC */
    EXPECT_EQ(fcntl(57, F_GETFD), FD_CLOEXEC);
    EXPECT_ERRNO(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_close_range, 5, 6, 64), EINVAL);
}

TEST(ioctl_on_files) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    int value = 0;
    EXPECT_ERRNO(ioctl(fd, 0x5401 /* TCGETS */, BAD_POINTER), ENOTTY);
    EXPECT_ERRNO(ioctl(fd, 0xdeadbeef, 0), ENOTTY);
    EXPECT_ERRNO(ioctl(999, FIONREAD, &value), EBADF);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    OK(lseek(fd, 1, SEEK_SET));
    OK(ioctl(fd, FIONREAD, &value));
    EXPECT_EQ(value, 2);
    OK(ioctl(fd, FIOCLEX));
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    OK(ioctl(fd, FIONCLEX));
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
}

TEST(fsync_family) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(fsync(fd));
    OK(fdatasync(fd));
    sync();
    EXPECT_ERRNO(fsync(999), EBADF);
}

TEST(fallocate_modes) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(fallocate(fd, 0, 0, 8192));
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 8192);
    EXPECT_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    EXPECT_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
}

TEST(sendfile_copies) {
    PUT("from", "some content to send");
    int in = OK(open("from", O_RDONLY)), out = OK(open("to", O_WRONLY | O_CREAT, 0600));
    off_t offset = 5;
    EXPECT_EQ(sendfile(out, in, &offset, 7), 7);
    EXPECT_EQ(offset, 12);
    EXPECT_EQ(lseek(in, 0, SEEK_CUR), 0);
    EXPECT_STR(GET("to"), "content");
    EXPECT_EQ(sendfile(out, in, NULL, 100), 20);
}

TEST(unlinked_file_lives_until_close) {
    int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
    OK(unlink("f"));
    EXPECT_EQ(write(fd, "abc", 3), 3);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
    EXPECT_EQ(st.st_size, 3);
    EXPECT_ERRNO(stat("f", &st), ENOENT);
}

TEST(tmpfile_without_name) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        SKIP("O_TMPFILE is not supported");
    }
    OK(fd);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_nlink, 0);
}

TEST(device_files) {
    char block[64];
    int null = OK(open("/dev/null", O_RDWR)), zero = OK(open("/dev/zero", O_RDWR)), full = OK(open("/dev/full", O_RDWR));
    EXPECT_EQ(read(null, block, 64), 0);
    EXPECT_EQ(write(null, block, 64), 64);
    memset(block, 1, 64);
    EXPECT_EQ(read(zero, block, 64), 64);
    EXPECT_EQ(block[63], 0);
    EXPECT_EQ(write(zero, block, 64), 64);
    EXPECT_ERRNO(write(full, block, 64), ENOSPC);
    EXPECT_EQ(read(full, block, 64), 64);
    int random = OK(open("/dev/urandom", O_RDONLY));
    unsigned char a[32], b[32];
    EXPECT_EQ(read(random, a, 32), 32);
    EXPECT_EQ(read(random, b, 32), 32);
    CHECK(memcmp(a, b, 32) != 0);
    EXPECT_EQ(read(OK(open("/dev/random", O_RDONLY)), a, 32), 32);
    struct stat st;
    OK(stat("/dev/null", &st));
    CHECK(S_ISCHR(st.st_mode));
    EXPECT_EQ(st.st_rdev, 0x103);
    EXPECT_EQ(lseek(null, 10, SEEK_SET), 0);
}

TEST(mknod_device_opens_driver) {
    OK(mknod("null", S_IFCHR | 0666, 0x103));
    int fd = OK(open("null", O_WRONLY));
    EXPECT_EQ(write(fd, "x", 1), 1);
    OK(mknod("nothing", S_IFCHR | 0666, 0xfe0f0));
    EXPECT_ERRNO(open("nothing", O_RDWR), ENXIO);
    IN_CHILD(OK(chmod(".", 0777)); OK(setuid(1000)); EXPECT_ERRNO(mknod("mine", S_IFCHR | 0666, 0x103), EPERM));
}
