/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A virtio disk of 4 MiB: byte n of sector s is s + n (both modulo 256), but for the MBR in sector 0 with two partitions
 * (sectors 64 to 1087 and 2048 to 4095). Tests write to the second one alone.
 */
#include "test.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define DISK "/dev/vda"
#define FIRST "/dev/vda1"
#define SECOND "/dev/vda2"
#define SIZE (4 << 20)

static unsigned char buffer[256 * 1024] __attribute__((aligned(4096)));

static int is_right(const unsigned char *bytes, size_t len, size_t from) {
    for (size_t i = 0; i < len; i++) {
        size_t at = from + i;
        if (bytes[i] != (unsigned char)(at / 512 + at % 512)) {
            return 0;
        }
    }
    return 1;
}

static int node_or_skip(const char *path, int flags) {
    int fd = open(path, flags);
    if (fd < 0 && errno == ENOENT) {
        SKIP("no disk");
    }
    CHECK(fd >= 0);
    return fd;
}

TEST(nodes_are_block_devices) {
    node_or_skip(DISK, O_RDONLY);
    struct stat st, part;
    OK(stat(DISK, &st));
    OK(stat(SECOND, &part));
    CHECK(S_ISBLK(st.st_mode) && S_ISBLK(part.st_mode));
    EXPECT_EQ(st.st_size, 0);
    EXPECT_EQ(minor(st.st_rdev), 0);
    EXPECT_EQ(minor(part.st_rdev), 2);
    EXPECT_EQ(major(st.st_rdev), major(part.st_rdev));
    EXPECT_ERRNO(open("/dev/vda3", O_RDONLY), ENOENT);
}

TEST(sizes) {
    int fd = node_or_skip(DISK, O_RDONLY);
    unsigned long long bytes = 0;
    unsigned long sectors = 0;
    int size = 0, read_only = 7;
    OK(ioctl(fd, BLKGETSIZE64, &bytes));
    EXPECT_EQ(bytes, SIZE);
    OK(ioctl(fd, BLKGETSIZE, &sectors));
    EXPECT_EQ(sectors, SIZE / 512);
    OK(ioctl(fd, BLKSSZGET, &size));
    EXPECT_EQ(size, 512);
    OK(ioctl(fd, BLKROGET, &read_only));
    EXPECT_EQ(read_only, 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), SIZE);
    OK(ioctl(fd, BLKFLSBUF, 0));
    EXPECT_ERRNO(ioctl(fd, 0x12fe, 0), ENOTTY);
    int part = OK(open(FIRST, O_RDONLY));
    OK(ioctl(part, BLKGETSIZE64, &bytes));
    EXPECT_EQ(bytes, 1024 * 512);
    EXPECT_ERRNO(ioctl(part, BLKGETSIZE64, NULL), EFAULT);
}

TEST(reads_at_any_offset) {
    int fd = node_or_skip(DISK, O_RDONLY);
    static const size_t places[][2] = {{512, 512}, {513, 1}, {1000, 3000}, {4095, 2}, {65536, 262144}, {777, 100000}, {262143, 131074}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        memset(buffer, 0xee, sizeof buffer);
        EXPECT_EQ(pread(fd, buffer, places[i][1], (off_t)places[i][0]), places[i][1]);
        CHECK(is_right(buffer, places[i][1], places[i][0]));
    }
    int part = OK(open(FIRST, O_RDONLY));
    EXPECT_EQ(pread(part, buffer, 1000, 5), 1000);
    CHECK(is_right(buffer, 1000, 64 * 512 + 5));
}

TEST(ends_like_a_file) {
    int fd = node_or_skip(FIRST, O_RDONLY);
    EXPECT_EQ(pread(fd, buffer, 4096, 1024 * 512 - 100), 100);
    EXPECT_EQ(pread(fd, buffer, 4096, 1024 * 512), 0);
    EXPECT_EQ(pread(fd, buffer, 4096, 1024 * 512 + 9), 0);
    EXPECT_EQ(lseek(fd, 100, SEEK_SET), 100);
    EXPECT_EQ(read(fd, buffer, 10), 10);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 110);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(write(fd, buffer, 1), EBADF);
}

TEST(writes_come_back) {
    int fd = node_or_skip(SECOND, O_RDWR);
    for (size_t i = 0; i < sizeof buffer; i++) {
        buffer[i] = (unsigned char)(i * 7 + i / 251);
    }
    EXPECT_EQ(pwrite(fd, buffer, 100001, 3333), 100001);
    static unsigned char again[100001];
    EXPECT_EQ(pread(fd, again, sizeof again, 3333), sizeof again);
    CHECK(memcmp(buffer, again, sizeof again) == 0);
    /* Around it nothing changed. */
    EXPECT_EQ(pread(fd, again, 3333, 0), 3333);
    CHECK(is_right(again, 3333, 2048 * 512));
    EXPECT_EQ(pread(fd, again, 1000, 3333 + 100001), 1000);
    CHECK(is_right(again, 1000, 2048 * 512 + 3333 + 100001));
    OK(fsync(fd));
    OK(fdatasync(fd));
    int whole = OK(open(DISK, O_RDONLY | O_DIRECT));
    EXPECT_EQ(pread(whole, buffer, 4096, 2048 * 512), 4096);
    CHECK(is_right(buffer, 3333, 2048 * 512));
}

TEST(the_end_takes_no_more) {
    int fd = node_or_skip(SECOND, O_RDWR);
    off_t size = 2048 * 512;
    memset(buffer, 0x5a, sizeof buffer);
    EXPECT_EQ(pwrite(fd, buffer, 4096, size - 512), 512);
    EXPECT_ERRNO(pwrite(fd, buffer, 1, size), ENOSPC);
    EXPECT_ERRNO(pwrite(fd, buffer, 1, size + 100000), ENOSPC);
}

TEST(direct_io_wants_whole_blocks) {
    int fd = node_or_skip(SECOND, O_RDWR | O_DIRECT);
    EXPECT_EQ(pread(fd, buffer, 8192, 512 * 1024), 8192);
    CHECK(is_right(buffer, 8192, 2048 * 512 + 512 * 1024));
    EXPECT_ERRNO(pread(fd, buffer, 100, 0), EINVAL);
    EXPECT_ERRNO(pread(fd, buffer, 512, 100), EINVAL);
    EXPECT_ERRNO(pwrite(fd, buffer, 511, 0), EINVAL);
    EXPECT_EQ(pwrite(fd, buffer, 8192, 512 * 1024), 8192);
}

TEST(several_readers_at_once) {
    node_or_skip(DISK, O_RDONLY);
    pid_t pids[6];
    for (int n = 0; n < 6; n++) {
        pids[n] = SPAWN({
            int fd = OK(open(FIRST, O_RDONLY));
            for (size_t at = (size_t)n * 512; at + 8192 <= 1024 * 512; at += 8192) {
                EXPECT_EQ(pread(fd, buffer, 8192, (off_t)at), 8192);
                CHECK(is_right(buffer, 8192, 64 * 512 + at));
            }
        });
    }
    for (int n = 0; n < 6; n++) {
        EXPECT_EXIT(pids[n], 0);
    }
}

TEST(partitions_are_listed) {
    node_or_skip(DISK, O_RDONLY);
    char *text = GET("/proc/partitions");
    CHECK(strstr(text, "major minor  #blocks  name\n\n") == text);
    CHECK(strstr(text, "        0       4096 vda\n"));
    CHECK(strstr(text, "        1        512 vda1\n"));
    CHECK(strstr(text, "        2       1024 vda2\n"));
}

TEST(others_may_not_open_it) {
    node_or_skip(DISK, O_RDONLY);
    IN_CHILD(OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000)); EXPECT_ERRNO(open(DISK, O_RDONLY), EACCES));
    EXPECT_ERRNO(open(DISK "/x", O_RDONLY), ENOTDIR);
}
