/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Permissions, owners, times, stat and statfs, mounts. */
#include "test.h"

#include <sys/mount.h>
#include <sys/statfs.h>
#include <utime.h>

#define AS_USER(...) IN_CHILD(OK(setgroups_none()); OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1000)); __VA_ARGS__)

static int setgroups_none(void) {
    return (int)syscall(SYS_setgroups, 0, NULL);
}

TEST(permission_bits_by_class) {
    OK(chmod(".", 0755));
    PUT("f", "x");
    OK(chown("f", 1000, 50));
    OK(chmod("f", 0077));
    /* The owner's class decides for the owner, even if others may. */
    AS_USER(EXPECT_ERRNO(open("f", O_RDONLY), EACCES));
    OK(chown("f", 5, 1000));
    OK(chmod("f", 0707));
    AS_USER(EXPECT_ERRNO(open("f", O_RDONLY), EACCES));
    OK(chown("f", 5, 5));
    OK(chmod("f", 0004));
    AS_USER(OK(open("f", O_RDONLY)); EXPECT_ERRNO(open("f", O_WRONLY), EACCES); EXPECT_ERRNO(open("f", O_RDWR), EACCES));
    OK(chmod("f", 0000));
    OK(open("f", O_RDWR));
}

TEST(directory_search_and_write) {
    OK(chmod(".", 0755));
    OK(mkdir("d", 0700));
    PUT("d/f", "x");
    OK(chmod("d/f", 0666));
    AS_USER(EXPECT_ERRNO(open("d/f", O_RDONLY), EACCES); struct stat st; EXPECT_ERRNO(stat("d/f", &st), EACCES); OK(stat("d", &st));
            EXPECT_ERRNO(chdir("d"), EACCES));
    OK(chmod("d", 0711));
    AS_USER(OK(open("d/f", O_RDONLY)); EXPECT_ERRNO(open("d", O_RDONLY), EACCES); EXPECT_ERRNO(unlink("d/f"), EACCES);
            EXPECT_ERRNO(open("d/new", O_CREAT | O_WRONLY, 0600), EACCES); EXPECT_ERRNO(mkdir("d/x", 0700), EACCES);
            EXPECT_ERRNO(rename("d/f", "d/g"), EACCES); EXPECT_ERRNO(link("d/f", "d/h"), EACCES); EXPECT_ERRNO(symlink("x", "d/s"), EACCES));
}

TEST(sticky_directory) {
    OK(chmod(".", 0755));
    OK(mkdir("t", 01777));
    OK(chmod("t", 01777));
    PUT("t/roots", "x");
    OK(chmod("t/roots", 0666));
    AS_USER(EXPECT_ERRNO(unlink("t/roots"), EPERM); EXPECT_ERRNO(rename("t/roots", "t/mine"), EPERM); PUT("t/own", "x"); OK(unlink("t/own"));
            EXPECT_ERRNO(rmdir("t"), EACCES));
}

TEST(setgid_directory_passes_group) {
    struct stat st;
    OK(mkdir("d", 0755));
    OK(chown("d", 0, 77));
    OK(chmod("d", 02755));
    PUT("d/f", "x");
    OK(stat("d/f", &st));
    EXPECT_EQ(st.st_gid, 77);
    OK(mkdir("d/sub", 0755));
    OK(stat("d/sub", &st));
    EXPECT_EQ(st.st_gid, 77);
    EXPECT_EQ(st.st_mode & 07777, 02755);
}

TEST(chmod_rules) {
    struct stat st;
    OK(chmod(".", 0777));
    PUT("f", "x");
    OK(chmod("f", 07777));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode & 07777, 07777);
    AS_USER(EXPECT_ERRNO(chmod("f", 0600), EPERM); PUT("mine", "x"); OK(chmod("mine", 0600)); OK(stat("mine", &st)); EXPECT_EQ(st.st_mode & 07777, 0600));
    int fd = OK(open("f", O_RDONLY));
    OK(fchmod(fd, 0444));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode & 07777, 0444);
}

TEST(chown_rules) {
    struct stat st;
    OK(chmod(".", 0777));
    PUT("f", "x");
    OK(chown("f", 10, 20));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_uid, 10);
    EXPECT_EQ(st.st_gid, 20);
    OK(chown("f", (uid_t)-1, 30));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_uid, 10);
    EXPECT_EQ(st.st_gid, 30);
    OK(symlink("f", "s"));
    OK(lchown("s", 7, 7));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_uid, 10);
    OK(lstat("s", &st));
    EXPECT_EQ(st.st_uid, 7);
    AS_USER(EXPECT_ERRNO(chown("f", 1000, 1000), EPERM); PUT("mine", "x"); EXPECT_ERRNO(chown("mine", 0, (gid_t)-1), EPERM);
            OK(chown("mine", 1000, 1000)); EXPECT_ERRNO(chown("mine", (uid_t)-1, 5), EPERM));
}

TEST(write_clears_setuid_bits) {
    struct stat st;
    OK(chmod(".", 0777));
    PUT("f", "x");
    OK(chown("f", 1000, 1000));
    OK(chmod("f", 06777));
    AS_USER(int fd = OK(open("f", O_WRONLY)); EXPECT_EQ(write(fd, "y", 1), 1));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mode & 07777, 0777);
}

TEST(created_files_belong_to_creator) {
    struct stat st;
    OK(chmod(".", 0777));
    AS_USER(PUT("f", "x"); OK(mkdir("d", 0700)); OK(symlink("x", "s")));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_uid, 1000);
    EXPECT_EQ(st.st_gid, 1000);
    OK(stat("d", &st));
    EXPECT_EQ(st.st_uid, 1000);
    OK(lstat("s", &st));
    EXPECT_EQ(st.st_uid, 1000);
}

TEST(umask_applies) {
    struct stat st;
    EXPECT_EQ(umask(0777) & ~0777, 0);
    EXPECT_EQ(umask(0xffff), 0777);
    EXPECT_EQ(umask(077), 0777);
    OK(mkdir("d", 0777));
    OK(mkfifo("p", 0666));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_mode & 0777, 0700);
    OK(stat("p", &st));
    EXPECT_EQ(st.st_mode, S_IFIFO | 0600);
}

TEST(stat_fields) {
    struct stat st;
    PUT("f", "12345");
    OK(stat("f", &st));
    CHECK(S_ISREG(st.st_mode));
    EXPECT_EQ(st.st_size, 5);
    EXPECT_EQ(st.st_uid, 0);
    EXPECT_EQ(st.st_nlink, 1);
    EXPECT_EQ(st.st_blksize, 4096);
    EXPECT_EQ(st.st_blocks, 8);
    CHECK(st.st_ino != 0);
    struct stat dir;
    OK(stat(".", &dir));
    EXPECT_EQ(st.st_dev, dir.st_dev);
    struct stat proc;
    OK(stat("/proc", &proc));
    CHECK(st.st_dev != proc.st_dev);
    EXPECT_ERRNO(syscall(SYS_stat, "f", BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_fstat, 999, &st), EBADF);
}

TEST(statx_fields) {
    struct statx x;
    PUT("f", "12345");
    OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    EXPECT_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    EXPECT_EQ(x.stx_size, 5);
    EXPECT_EQ(x.stx_mode & S_IFMT, S_IFREG);
    EXPECT_EQ(x.stx_nlink, 1);
    struct stat st;
    OK(stat("f", &st));
    EXPECT_EQ(x.stx_ino, st.st_ino);
    EXPECT_EQ(x.stx_mtime.tv_sec, st.st_mtime);
    int fd = OK(open("f", O_RDONLY));
    OK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    EXPECT_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000u, &x), EINVAL);
    EXPECT_ERRNO(statx(AT_FDCWD, "f", 0x100000, 0, &x), EINVAL);
    EXPECT_ERRNO(statx(AT_FDCWD, "none", 0, 0, &x), ENOENT);
}

static long long ns(struct timespec t) {
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

TEST(times_change_with_use) {
    struct stat a, b;
    PUT("f", "x");
    OK(stat("f", &a));
    test_sleep_ms(20);
    PUT("f", "y");
    OK(stat("f", &b));
    EXPECT_GT(ns(b.st_mtim), ns(a.st_mtim));
    EXPECT_EQ(ns(b.st_mtim), ns(b.st_ctim));
    test_sleep_ms(20);
    OK(chmod("f", 0600));
    OK(stat("f", &a));
    EXPECT_EQ(ns(a.st_mtim), ns(b.st_mtim));
    EXPECT_GT(ns(a.st_ctim), ns(b.st_ctim));
    OK(mkdir("d", 0700));
    OK(stat("d", &a));
    test_sleep_ms(20);
    PUT("d/x", "x");
    OK(stat("d", &b));
    EXPECT_GT(ns(b.st_mtim), ns(a.st_mtim));
}

TEST(utimensat_sets_times) {
    struct stat st;
    PUT("f", "x");
    struct timespec times[2] = {{1000, 1}, {2000, 999999999}};
    OK(utimensat(AT_FDCWD, "f", times, 0));
    OK(stat("f", &st));
    EXPECT_EQ(ns(st.st_atim), 1000000000001);
    EXPECT_EQ(ns(st.st_mtim), 2000999999999);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    OK(utimensat(AT_FDCWD, "f", times, 0));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_atime, 1000);
    EXPECT_GT(st.st_mtime, 1000000);
    times[0] = (struct timespec){0, 1000000000};
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", times, 0), EINVAL);
    int fd = OK(open("f", O_RDONLY));
    struct timespec plain[2] = {{5, 0}, {6, 0}};
    OK(futimens(fd, plain));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mtime, 6);
    OK(utimes("f", (struct timeval[2]){{7, 0}, {8, 5}}));
    OK(utime("f", &(struct utimbuf){9, 10}));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mtime, 10);
    OK(symlink("f", "s"));
    OK(utimensat(AT_FDCWD, "s", plain, AT_SYMLINK_NOFOLLOW));
    OK(stat("f", &st));
    EXPECT_EQ(st.st_mtime, 10);
}

TEST(utimensat_permission) {
    OK(chmod(".", 0777));
    PUT("f", "x");
    OK(chmod("f", 0666));
    struct timespec times[2] = {{1, 0}, {2, 0}};
    AS_USER(OK(utimensat(AT_FDCWD, "f", NULL, 0)); EXPECT_ERRNO(utimensat(AT_FDCWD, "f", times, 0), EPERM));
    OK(chmod("f", 0644));
    AS_USER(EXPECT_ERRNO(utimensat(AT_FDCWD, "f", NULL, 0), EACCES));
}

TEST(statfs_names_file_systems) {
    struct statfs fs;
    OK(statfs("/proc", &fs));
    EXPECT_EQ(fs.f_type, 0x9fa0);
    OK(mkdir("m", 0755));
    OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
    OK(statfs("m", &fs));
    EXPECT_EQ(fs.f_type, 0x01021994);
    EXPECT_EQ(fs.f_bsize, 4096);
    EXPECT_EQ(fs.f_namelen, 255);
    int fd = OK(open("m", O_RDONLY));
    OK(fstatfs(fd, &fs));
    close(fd);
    OK(umount("m"));
    EXPECT_ERRNO(statfs("none", &fs), ENOENT);
}

TEST(mount_tmpfs_hides_and_reveals) {
    OK(mkdir("m", 0755));
    PUT("m/under", "hidden");
    OK(mount("none", "m", "tmpfs", 0, "mode=0700,size=1m"));
    struct stat st, parent;
    EXPECT_ERRNO(stat("m/under", &st), ENOENT);
    OK(stat("m", &st));
    OK(stat(".", &parent));
    CHECK(st.st_dev != parent.st_dev);
    EXPECT_EQ(st.st_mode & 07777, 0700);
    OK(stat("m/..", &st));
    EXPECT_EQ(st.st_ino, parent.st_ino);
    PUT("m/f", "x");
    EXPECT_ERRNO(rename("m/f", "f"), EXDEV);
    EXPECT_ERRNO(link("m/f", "f"), EXDEV);
    EXPECT_ERRNO(rmdir("m"), EBUSY);
    int fd = OK(open("m/f", O_RDONLY));
    EXPECT_ERRNO(umount("m"), EBUSY);
    close(fd);
    OK(umount("m"));
    EXPECT_STR(GET("m/under"), "hidden");
}

TEST(mount_tmpfs_size_limit) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, "size=64k"));
    static char block[40000];
    int fd = OK(open("m/f", O_WRONLY | O_CREAT, 0600));
    long total = 0, n;
    while ((n = write(fd, block, sizeof block)) > 0) {
        total += n;
    }
    EXPECT_EQ(errno, ENOSPC);
    CHECK(total > 40000 && total <= 65536);
    close(fd);
    OK(umount("m"));
}

TEST(mount_read_only) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", MS_RDONLY, NULL));
    EXPECT_ERRNO(open("m/f", O_CREAT | O_WRONLY, 0600), EROFS);
    EXPECT_ERRNO(mkdir("m/d", 0700), EROFS);
    OK(umount("m"));
}

TEST(mount_errors) {
    OK(mkdir("m", 0755));
    PUT("f", "x");
    EXPECT_ERRNO(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
    EXPECT_ERRNO(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
    EXPECT_ERRNO(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
    EXPECT_ERRNO(umount("m"), EINVAL);
    EXPECT_ERRNO(umount("none"), ENOENT);
    AS_USER(EXPECT_ERRNO(mount("none", "m", "tmpfs", 0, NULL), EPERM); EXPECT_ERRNO(umount("/proc"), EPERM));
}

TEST(mount_detach_keeps_open_files) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, NULL));
    PUT("m/f", "still");
    int fd = OK(open("m/f", O_RDONLY));
    OK(umount2("m", MNT_DETACH));
    EXPECT_ERRNO(access("m/f", F_OK), ENOENT);
    char text[8] = "";
    EXPECT_EQ(read(fd, text, 8), 5);
    EXPECT_STR(text, "still");
}

TEST(bind_mount) {
    OK(mkdir("a", 0755));
    OK(mkdir("b", 0755));
    PUT("a/f", "same");
    OK(mount("a", "b", NULL, MS_BIND, NULL));
    EXPECT_STR(GET("b/f"), "same");
    PUT("b/g", "through");
    EXPECT_STR(GET("a/g"), "through");
    OK(umount("b"));
    EXPECT_ERRNO(access("b/f", F_OK), ENOENT);
}

static const char *link_of(int fd) {
    static char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* The link leads to the place itself, which lies below what is mounted there. */
TEST(mounts_where_descriptors_lead) {
    PUT("a", "of a");
    PUT("b", "of b");
    OK(mkdir("d", 0755));
    OK(mkdir("e", 0755));
    PUT("e/in", "");
    int b = OK(open("b", O_RDONLY)), d = OK(open("d", O_RDONLY)), ends[2];
    OK(mount("a", link_of(b), NULL, MS_BIND, NULL));
    EXPECT_STR(GET("b"), "of a");
    int above = OK(open("b", O_RDONLY));
    EXPECT_ERRNO(umount(link_of(b)), EBUSY);
    close(above);
    OK(umount(link_of(b)));
    EXPECT_STR(GET("b"), "of b");
    EXPECT_ERRNO(umount(link_of(b)), EINVAL);
    OK(mount("e", link_of(d), NULL, MS_BIND, NULL));
    OK(access("d/in", F_OK));
    OK(umount(link_of(d)));
    OK(pipe(ends));
    EXPECT_ERRNO(mount("a", link_of(ends[0]), NULL, MS_BIND, NULL), ENOENT);
    EXPECT_ERRNO(mount(link_of(ends[0]), "a", NULL, MS_BIND, NULL), EINVAL);
    EXPECT_ERRNO(mount("none", link_of(ends[0]), "tmpfs", 0, NULL), ENOENT);
}

TEST(flock_excludes) {
    PUT("f", "x");
    int a = OK(open("f", O_RDWR)), b = OK(open("f", O_RDWR));
    OK(syscall(SYS_flock, a, 2 /* LOCK_EX */));
    EXPECT_ERRNO(syscall(SYS_flock, b, 2 | 4 /* LOCK_NB */), EAGAIN);
    OK(syscall(SYS_flock, a, 1 /* LOCK_SH */));
    OK(syscall(SYS_flock, b, 1 | 4));
    OK(syscall(SYS_flock, a, 8 /* LOCK_UN */));
    OK(syscall(SYS_flock, b, 2 | 4));
    EXPECT_ERRNO(syscall(SYS_flock, a, 77), EINVAL);
    EXPECT_ERRNO(syscall(SYS_flock, 999, 1), EBADF);
}

TEST(record_locks_between_processes) {
    PUT("f", "0123456789");
    int fd = OK(open("f", O_RDWR));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
    OK(fcntl(fd, F_SETLK, &lock));
    IN_CHILD(int mine = OK(open("f", O_RDWR)); struct flock try = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4, .l_len = 1};
             EXPECT_ERRNO(fcntl(mine, F_SETLK, &try), EAGAIN); OK(fcntl(mine, F_GETLK, &try)); EXPECT_EQ(try.l_type, F_WRLCK);
             EXPECT_EQ(try.l_pid, getppid()); EXPECT_EQ(try.l_start, 2); EXPECT_EQ(try.l_len, 3);
             struct flock after = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 0}; OK(fcntl(mine, F_SETLK, &after)));
    close(OK(open("f", O_RDONLY)));
    IN_CHILD(int mine = OK(open("f", O_RDWR)); struct flock try = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
             OK(fcntl(mine, F_SETLK, &try)));
}
