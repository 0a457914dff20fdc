/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Mounts that change: sizes, read-only with writers, expiry; and record locks that wait for one another. */
#include "test.h"

#include <sys/mount.h>
#include <sys/vfs.h>

#ifndef MNT_EXPIRE
#define MNT_EXPIRE 4
#endif

static void mount_tmpfs(const char *options) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, options));
}

static long pages(void) {
    struct statfs st;
    OK(statfs("m", &st));
    return (long)st.f_blocks;
}

TEST(remount_changes_the_size_of_a_tmpfs) {
    mount_tmpfs("size=1m,nr_inodes=10");
    EXPECT_EQ(pages(), 256);
    OK(mount("none", "m", "tmpfs", MS_REMOUNT, "size=2m"));
    EXPECT_EQ(pages(), 512);
    int fd = OK(open("m/f", O_CREAT | O_RDWR, 0600));
    OK(fallocate(fd, 0, 0, 1 << 20));
    EXPECT_ERRNO(mount("none", "m", "tmpfs", MS_REMOUNT, "size=512k"), EINVAL);
    EXPECT_ERRNO(mount("none", "m", "tmpfs", MS_REMOUNT, "nowhere=1"), EINVAL);
    EXPECT_ERRNO(mount("none", "m", "tmpfs", MS_REMOUNT, "size=x"), EINVAL);
    EXPECT_EQ(pages(), 512);
    OK(mount("none", "m", "tmpfs", MS_REMOUNT, ""));
    EXPECT_EQ(pages(), 512);
    OK(mount("none", "m", "tmpfs", MS_REMOUNT, "size=1m"));
    EXPECT_EQ(pages(), 256);
    struct statfs st;
    OK(statfs("m", &st));
    EXPECT_EQ(st.f_files, 10);
    close(fd);
    OK(umount("m"));
}

TEST(read_only_waits_for_no_writer) {
    mount_tmpfs("");
    int fd = OK(open("m/f", O_CREAT | O_WRONLY, 0600));
    EXPECT_ERRNO(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, ""), EBUSY);
    EXPECT_ERRNO(mount("none", "m", "tmpfs", MS_REMOUNT | MS_BIND | MS_RDONLY, ""), EBUSY);
    EXPECT_EQ(write(fd, "x", 1), 1);
    close(fd);
    fd = OK(open("m/f", O_RDONLY));
    OK(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, ""));
    EXPECT_ERRNO(open("m/f", O_WRONLY), EROFS);
    OK(mount("none", "m", "tmpfs", MS_REMOUNT, ""));
    close(OK(open("m/f", O_WRONLY)));
    OK(mount("none", "m", "tmpfs", MS_REMOUNT | MS_BIND | MS_RDONLY, ""));
    EXPECT_ERRNO(open("m/f", O_WRONLY), EROFS);
    close(fd);
    OK(umount("m"));
}

TEST(mounts_expire_if_nobody_uses_them) {
    mount_tmpfs("");
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE | MNT_DETACH), EINVAL);
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE | MNT_FORCE), EINVAL);
    int fd = OK(open("m/f", O_CREAT | O_WRONLY, 0600));
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE), EBUSY);
    close(fd);
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN);
    OK(access("m/f", F_OK));
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN);
    OK(umount2("m", MNT_EXPIRE));
    EXPECT_ERRNO(umount2("m", MNT_EXPIRE), EINVAL);
}

static int set_lock(int fd, int command, int kind, off_t start) {
    struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
    return fcntl(fd, command, &lock);
}

TEST(record_locks_do_not_wait_for_one_another) {
    int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
    OK(set_lock(fd, F_SETLK, F_WRLCK, 100));
    pid_t child = SPAWN(OK(set_lock(fd, F_SETLK, F_WRLCK, 200)); test_shared[0] = 1; OK(set_lock(fd, F_SETLKW, F_WRLCK, 100)));
    WAIT_WORD(&test_shared[0], 1);
    WAIT_STATE(child, 'S');
    EXPECT_ERRNO(set_lock(fd, F_SETLKW, F_WRLCK, 200), EDEADLK);
    EXPECT_ERRNO(set_lock(fd, F_SETLK, F_WRLCK, 200), EAGAIN);
    OK(set_lock(fd, F_SETLK, F_UNLCK, 100));
    EXPECT_EXIT(child, 0);
    OK(set_lock(fd, F_SETLKW, F_WRLCK, 200));
}

/* Three in a ring over two files; a lock given back ends the ring. */
TEST(record_locks_in_a_ring) {
    int f = OK(open("f", O_CREAT | O_RDWR, 0600)), g = OK(open("g", O_CREAT | O_RDWR, 0600));
    OK(set_lock(f, F_SETLK, F_WRLCK, 1));
    pid_t one = SPAWN(OK(set_lock(g, F_SETLK, F_WRLCK, 2)); test_shared[0] = 1; OK(set_lock(f, F_SETLKW, F_WRLCK, 1)));
    WAIT_WORD(&test_shared[0], 1);
    WAIT_STATE(one, 'S');
    pid_t two = SPAWN(OK(set_lock(f, F_SETLK, F_WRLCK, 3)); test_shared[1] = 1; OK(set_lock(g, F_SETLKW, F_WRLCK, 2)));
    WAIT_WORD(&test_shared[1], 1);
    WAIT_STATE(two, 'S');
    EXPECT_ERRNO(set_lock(f, F_SETLKW, F_WRLCK, 3), EDEADLK);
    OK(set_lock(f, F_SETLK, F_UNLCK, 1));
    OK(set_lock(f, F_SETLKW, F_WRLCK, 3));
    EXPECT_EXIT(one, 0);
    EXPECT_EXIT(two, 0);
}

TEST(mounts_are_counted) {
    char number[16];
    OK(mkdir("m", 0755));
    OK(mkdir("n", 0755));
    PUT("/proc/sys/fs/mount-max", "1\n");
    EXPECT_ERRNO(mount("none", "m", "tmpfs", 0, ""), ENOSPC);
    EXPECT_ERRNO(mount("n", "m", "", MS_BIND, ""), ENOSPC);
    int most = 2;
    for (; most < 200; most++) {
        snprintf(number, sizeof number, "%d\n", most);
        PUT("/proc/sys/fs/mount-max", number);
        if (mount("none", "m", "tmpfs", 0, "") == 0) {
            break;
        }
        CHECK(errno == ENOSPC);
    }
    CHECK(most < 200);
    EXPECT_ERRNO(mount("none", "n", "tmpfs", 0, ""), ENOSPC);
    OK(umount("m"));
    OK(mount("none", "n", "tmpfs", 0, ""));
    EXPECT_ERRNO(mount("none", "m", "tmpfs", 0, ""), ENOSPC);
    PUT("/proc/sys/fs/mount-max", "100000\n");
    OK(mount("none", "m", "tmpfs", 0, ""));
    OK(umount("m"));
    OK(umount("n"));
}
