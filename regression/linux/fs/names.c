/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Names: directories, links, rename, paths and their limits, the *at calls. */
#include "test.h"

#include <dirent.h>
#include <linux/openat2.h>

TEST(mkdir_and_rmdir) {
    struct stat st;
    umask(022);
    OK(mkdir("d", 0777));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_mode, S_IFDIR | 0755);
    EXPECT_EQ(st.st_nlink, 2);
    OK(mkdir("d/e", 0700));
    OK(stat("d", &st));
    EXPECT_EQ(st.st_nlink, 3);
    EXPECT_ERRNO(rmdir("d"), ENOTEMPTY);
    OK(rmdir("d/e"));
    OK(rmdir("d/"));
    EXPECT_ERRNO(stat("d", &st), ENOENT);
}

TEST(mkdir_errors) {
    PUT("f", "x");
    EXPECT_ERRNO(mkdir("f", 0700), EEXIST);
    EXPECT_ERRNO(mkdir(".", 0700), EEXIST);
    EXPECT_ERRNO(mkdir("/", 0700), EEXIST);
    EXPECT_ERRNO(mkdir("a/b", 0700), ENOENT);
    EXPECT_ERRNO(mkdir("f/b", 0700), ENOTDIR);
    EXPECT_ERRNO(mkdir("", 0700), ENOENT);
    OK(symlink("target", "s"));
    EXPECT_ERRNO(mkdir("s", 0700), EEXIST);
    OK(mkdir("slash/", 0700));
}

TEST(rmdir_errors) {
    PUT("f", "x");
    OK(mkdir("d", 0700));
    EXPECT_ERRNO(rmdir("f"), ENOTDIR);
    EXPECT_ERRNO(rmdir("d/."), EINVAL);
    EXPECT_ERRNO(rmdir("d/.."), ENOTEMPTY);
    EXPECT_ERRNO(rmdir("none"), ENOENT);
    EXPECT_ERRNO(rmdir("/"), EBUSY);
    EXPECT_ERRNO(unlink("d"), EISDIR);
    EXPECT_ERRNO(unlink("f/"), ENOTDIR);
    EXPECT_ERRNO(unlink("none"), ENOENT);
}

TEST(removed_cwd) {
    OK(mkdir("d", 0700));
    OK(chdir("d"));
    OK(rmdir("../d"));
    char cwd[256];
    EXPECT_ERRNO(syscall(SYS_getcwd, cwd, sizeof cwd), ENOENT);
    EXPECT_ERRNO(open("f", O_CREAT | O_WRONLY, 0600), ENOENT);
    EXPECT_ERRNO(mkdir("x", 0700), ENOENT);
    OK(chdir(".."));
}

TEST(getcwd_and_chdir) {
    char cwd[256], small[2];
    OK(mkdir("d", 0700));
    OK(chdir("d"));
    EXPECT_EQ(syscall(SYS_getcwd, cwd, sizeof cwd), (long)strlen(cwd) + 1);
    EXPECT_STR(strrchr(cwd, '/'), "/d");
    EXPECT_ERRNO(syscall(SYS_getcwd, small, sizeof small), ERANGE);
    EXPECT_ERRNO(syscall(SYS_getcwd, BAD_POINTER, 256), EFAULT);
    OK(chdir("/"));
    EXPECT_EQ(syscall(SYS_getcwd, cwd, sizeof cwd), 2);
    EXPECT_STR(cwd, "/");
    OK(chdir(".."));
    EXPECT_ERRNO(chdir("/dev/null"), ENOTDIR);
    EXPECT_ERRNO(chdir("/none"), ENOENT);
    int fd = OK(open("/proc", O_RDONLY));
    OK(fchdir(fd));
    CHECK(getcwd(cwd, sizeof cwd));
    EXPECT_STR(cwd, "/proc");
    EXPECT_ERRNO(fchdir(open("/dev/null", O_RDONLY)), ENOTDIR);
}

TEST(link_counts_and_shares) {
    struct stat a, b;
    PUT("f", "one");
    OK(link("f", "g"));
    OK(stat("f", &a));
    OK(stat("g", &b));
    EXPECT_EQ(a.st_ino, b.st_ino);
    EXPECT_EQ(a.st_nlink, 2);
    PUT("g", "two");
    EXPECT_STR(GET("f"), "two");
    OK(unlink("f"));
    OK(stat("g", &b));
    EXPECT_EQ(b.st_nlink, 1);
}

TEST(link_errors) {
    PUT("f", "x");
    OK(mkdir("d", 0700));
    EXPECT_ERRNO(link("f", "d"), EEXIST);
    EXPECT_ERRNO(link("d", "e"), EPERM);
    EXPECT_ERRNO(link("none", "e"), ENOENT);
    EXPECT_ERRNO(link("f", "none/e"), ENOENT);
    EXPECT_ERRNO(link("f", "/dev/e"), EXDEV);
    OK(symlink("f", "s"));
    OK(link("s", "t"));
    struct stat st;
    OK(lstat("t", &st));
    CHECK(S_ISLNK(st.st_mode));
    OK(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    OK(lstat("u", &st));
    CHECK(S_ISREG(st.st_mode));
}

TEST(symlink_and_readlink) {
    char text[64];
    struct stat st;
    OK(symlink("some/target", "s"));
    EXPECT_EQ(readlink("s", text, sizeof text), 11);
    EXPECT_MEM(text, "some/target", 11);
    EXPECT_EQ(readlink("s", text, 4), 4);
    OK(lstat("s", &st));
    CHECK(S_ISLNK(st.st_mode));
    EXPECT_EQ(st.st_size, 11);
    EXPECT_EQ(st.st_mode & 0777, 0777);
    EXPECT_ERRNO(stat("s", &st), ENOENT);
    PUT("f", "x");
    EXPECT_ERRNO(readlink("f", text, 10), EINVAL);
    EXPECT_ERRNO(readlink("s", text, 0), EINVAL);
    EXPECT_ERRNO(readlink("none", text, 10), ENOENT);
    EXPECT_ERRNO(symlink("", "e"), ENOENT);
    EXPECT_ERRNO(symlink("x", "s"), EEXIST);
}

TEST(symlink_resolution) {
    OK(mkdir("a", 0700));
    OK(mkdir("a/b", 0700));
    PUT("a/b/f", "deep");
    OK(symlink("b", "a/rel"));
    OK(symlink("a/rel", "both"));
    EXPECT_STR(GET("both/f"), "deep");
    char cwd[256], path[400];
    CHECK(getcwd(cwd, sizeof cwd));
    snprintf(path, sizeof path, "%s/a/b", cwd);
    OK(symlink(path, "abs"));
    EXPECT_STR(GET("abs/f"), "deep");
    EXPECT_STR(GET("abs/../b/./f"), "deep");
    EXPECT_STR(GET("both/../b//f"), "deep");
    struct stat st;
    OK(lstat("both/", &st));
    CHECK(S_ISDIR(st.st_mode));
    OK(symlink("a/b/f", "tofile"));
    EXPECT_ERRNO(lstat("tofile/", &st), ENOTDIR);
}

TEST(symlink_loops) {
    struct stat st;
    OK(symlink("a", "b"));
    OK(symlink("b", "a"));
    EXPECT_ERRNO(stat("a", &st), ELOOP);
    EXPECT_ERRNO(open("a/x", O_RDONLY), ELOOP);
    EXPECT_ERRNO(chdir("b"), ELOOP);
    char name[16], target[16];
    PUT("l0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof name, "l%d", i), snprintf(target, sizeof target, "l%d", i - 1);
        OK(symlink(target, name));
    }
    EXPECT_STR(GET("l40"), "end");
    EXPECT_ERRNO(open("l41", O_RDONLY), ELOOP);
}

TEST(path_limits) {
    char name[300], path[5000];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    close(OK(open(name, O_CREAT | O_WRONLY, 0600)));
    OK(unlink(name));
    name[255] = 'n', name[256] = 0;
    EXPECT_ERRNO(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
    EXPECT_ERRNO(mkdir(name, 0700), ENAMETOOLONG);
    struct stat st;
    EXPECT_ERRNO(stat(name, &st), ENAMETOOLONG);
    memset(path, 0, sizeof path);
    while (strlen(path) < 4094) {
        strcat(path, "./");
    }
    path[4094] = '.', path[4095] = 0;
    OK(stat(path, &st));
    path[4095] = '/', path[4096] = 0;
    EXPECT_ERRNO(stat(path, &st), ENAMETOOLONG);
    EXPECT_ERRNO(symlink(path, "s"), ENAMETOOLONG);
}

TEST(deep_directories) {
    for (int i = 0; i < 200; i++) {
        OK(mkdir("deeper", 0700));
        OK(chdir("deeper"));
    }
    char cwd[4096];
    CHECK(getcwd(cwd, sizeof cwd));
    EXPECT_GT(strlen(cwd), 1400);
    PUT("f", "bottom");
    for (int i = 0; i < 200; i++) {
        OK(chdir(".."));
    }
    char path[4096] = "";
    for (int i = 0; i < 200; i++) {
        strcat(path, "deeper/");
    }
    strcat(path, "f");
    EXPECT_STR(GET(path), "bottom");
}

TEST(rename_file_over_file) {
    struct stat before, after;
    PUT("a", "new");
    PUT("b", "old");
    int old = OK(open("b", O_RDONLY));
    OK(stat("a", &before));
    OK(rename("a", "b"));
    OK(stat("b", &after));
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_STR(GET("b"), "new");
    EXPECT_ERRNO(access("a", F_OK), ENOENT);
    char text[8] = "";
    EXPECT_EQ(read(old, text, 8), 3);
    EXPECT_STR(text, "old");
}

TEST(rename_same_inode_does_nothing) {
    PUT("a", "x");
    OK(link("a", "b"));
    OK(rename("a", "b"));
    OK(access("a", F_OK));
    OK(rename("a", "a"));
    OK(access("a", F_OK));
}

TEST(rename_directories) {
    OK(mkdir("d", 0700));
    OK(mkdir("d/sub", 0700));
    OK(mkdir("empty", 0700));
    OK(mkdir("full", 0700));
    PUT("full/x", "x");
    PUT("f", "x");
    EXPECT_ERRNO(rename("d", "full"), ENOTEMPTY);
    EXPECT_ERRNO(rename("d", "f"), ENOTDIR);
    EXPECT_ERRNO(rename("f", "d"), EISDIR);
    EXPECT_ERRNO(rename("d", "d/sub/new"), EINVAL);
    EXPECT_ERRNO(rename("d/sub", "d"), ENOTEMPTY);
    OK(rename("d", "empty"));
    OK(access("empty/sub", F_OK));
    EXPECT_ERRNO(rename(".", "x"), EBUSY);
    EXPECT_ERRNO(rename("none", "x"), ENOENT);
    EXPECT_ERRNO(rename("f", "/dev/f"), EXDEV);
    EXPECT_ERRNO(rename("f/", "g"), ENOTDIR);
}

TEST(rename_moves_between_directories) {
    struct stat st;
    OK(mkdir("a", 0700));
    OK(mkdir("b", 0700));
    OK(mkdir("a/d", 0700));
    PUT("a/d/f", "content");
    OK(rename("a/d", "b/e"));
    EXPECT_STR(GET("b/e/f"), "content");
    OK(stat("a", &st));
    EXPECT_EQ(st.st_nlink, 2);
    OK(stat("b", &st));
    EXPECT_EQ(st.st_nlink, 3);
    OK(chdir("b/e"));
    OK(rename("../../b/e", "../../top"));
    char cwd[256];
    CHECK(getcwd(cwd, sizeof cwd));
    EXPECT_STR(strrchr(cwd, '/'), "/top");
    OK(stat("..", &st));
}

TEST(renameat2_flags) {
    PUT("a", "A");
    PUT("b", "B");
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1 /* NOREPLACE */), EEXIST);
    OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* EXCHANGE */));
    EXPECT_STR(GET("a"), "B");
    EXPECT_STR(GET("b"), "A");
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 3), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 64), EINVAL);
}

static int list(const char *path, char names[][64], int most) {
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) && count < most;) {
        snprintf(names[count++], 64, "%.63s", entry->d_name);
    }
    closedir(dir);
    return count;
}

TEST(getdents_lists_everything) {
    char names[16][64];
    OK(mkdir("d", 0700));
    memset(names, 0, sizeof names);
    EXPECT_EQ(list("d", names, 16), 2);
    PUT("d/a", "x");
    OK(mkdir("d/b", 0700));
    OK(symlink("x", "d/c"));
    memset(names, 0, sizeof names);
    EXPECT_EQ(list("d", names, 16), 5);
    const char *wanted[] = {".", "..", "a", "b", "c"};
    for (int w = 0; w < 5; w++) {
        int found = 0;
        for (int i = 0; i < 5; i++) {
            found += strcmp(names[i], wanted[w]) == 0;
        }
        EXPECT_EQ(found, 1);
    }
}

TEST(getdents_types_and_inodes) {
    OK(mkdir("d", 0700));
    PUT("d/f", "x");
    OK(symlink("f", "d/s"));
    OK(mkfifo("d/p", 0600));
    DIR *dir = opendir("d");
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        OK(fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW));
        EXPECT_EQ(entry->d_type, IFTODT(st.st_mode));
        EXPECT_EQ(entry->d_ino, st.st_ino);
    }
}

TEST(getdents_many_entries_and_rewind) {
    enum { N = 1000 };
    char path[64];
    OK(mkdir("d", 0700));
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, "d/file-with-a-longer-name-%d", i);
        close(OK(open(path, O_CREAT | O_WRONLY, 0600)));
    }
    DIR *dir = opendir("d");
    for (int round = 0; round < 2; round++) {
        static char seen[N];
        memset(seen, 0, sizeof seen);
        int count = 0;
        for (struct dirent *entry; (entry = readdir(dir)); count++) {
            int number;
            if (sscanf(entry->d_name, "file-with-a-longer-name-%d", &number) == 1) {
                EXPECT_EQ(seen[number], 0);
                seen[number] = 1;
            }
        }
        EXPECT_EQ(count, N + 2);
        rewinddir(dir);
    }
}

TEST(getdents_while_removing) {
    char path[64];
    OK(mkdir("d", 0700));
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "d/%d", i);
        close(OK(open(path, O_CREAT | O_WRONLY, 0600)));
    }
    DIR *dir = opendir("d");
    int removed = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            OK(unlinkat(dirfd(dir), entry->d_name, 0));
            removed++;
        }
    }
    EXPECT_EQ(removed, 300);
    OK(rmdir("d"));
}

TEST(getdents_errors) {
    char block[1024];
    PUT("f", "x");
    int dir = OK(open(".", O_RDONLY)), file = OK(open("f", O_RDONLY));
    EXPECT_ERRNO(syscall(SYS_getdents64, file, block, sizeof block), ENOTDIR);
    EXPECT_ERRNO(syscall(SYS_getdents64, 999, block, sizeof block), EBADF);
    EXPECT_ERRNO(syscall(SYS_getdents64, dir, block, 10), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getdents64, dir, BAD_POINTER, 1024), EFAULT);
}

TEST(at_calls_relative_to_descriptor) {
    struct stat st;
    OK(mkdir("d", 0700));
    int dir = OK(open("d", O_RDONLY | O_DIRECTORY));
    close(OK(openat(dir, "f", O_CREAT | O_WRONLY, 0644)));
    OK(mkdirat(dir, "sub", 0700));
    OK(symlinkat("f", dir, "s"));
    OK(linkat(dir, "f", dir, "g", 0));
    OK(renameat(dir, "g", dir, "h"));
    OK(fstatat(dir, "h", &st, 0));
    EXPECT_EQ(st.st_nlink, 2);
    OK(faccessat(dir, "h", R_OK, 0));
    OK(fchmodat(dir, "h", 0600, 0));
    OK(fchownat(dir, "h", 1, 1, 0));
    char text[8];
    EXPECT_EQ(readlinkat(dir, "s", text, 8), 1);
    OK(unlinkat(dir, "h", 0));
    OK(unlinkat(dir, "sub", AT_REMOVEDIR));
    OK(mkfifoat(dir, "p", 0600));
    OK(access("d/p", F_OK));
}

TEST(at_calls_errors) {
    struct stat st;
    PUT("f", "x");
    int file = OK(open("f", O_RDONLY));
    EXPECT_ERRNO(openat(file, "x", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(openat(999, "x", O_RDONLY), EBADF);
    OK(fstatat(999, "/", &st, 0));
    EXPECT_ERRNO(fstatat(AT_FDCWD, "", &st, 0), ENOENT);
    OK(fstatat(file, "", &st, AT_EMPTY_PATH));
    EXPECT_EQ(st.st_size, 1);
    EXPECT_ERRNO(unlinkat(AT_FDCWD, "f", 0x4000), EINVAL);
    EXPECT_ERRNO(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    EXPECT_ERRNO(fstatat(AT_FDCWD, "f", &st, 0x8000), EINVAL);
}

TEST(access_call) {
    PUT("f", "x");
    OK(chmod("f", 0400));
    OK(access("f", R_OK | W_OK));
    EXPECT_ERRNO(access("f", X_OK), EACCES);
    EXPECT_ERRNO(access("f", 8), EINVAL);
    EXPECT_ERRNO(access("none", F_OK), ENOENT);
    OK(chmod(".", 0755));
    IN_CHILD(OK(setresuid(1000, 0, 0)); EXPECT_ERRNO(access("f", R_OK), EACCES); OK(open("f", O_RDONLY));
             OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS)));
}

TEST(openat2_resolve_flags) {
    OK(mkdir("d", 0700));
    PUT("d/f", "x");
    OK(symlink("../d/f", "d/up"));
    int dir = OK(open("d", O_RDONLY | O_DIRECTORY));
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    long fd = syscall(SYS_openat2, dir, "f", &how, sizeof how);
    if (fd == -1 && errno == ENOSYS) {
        SKIP("openat2 is not there");
    }
    OK(fd);
    EXPECT_ERRNO(syscall(SYS_openat2, dir, "up", &how, sizeof how), EXDEV);
    how.resolve = RESOLVE_NO_SYMLINKS;
    EXPECT_ERRNO(syscall(SYS_openat2, dir, "up", &how, sizeof how), ELOOP);
    how.resolve = 1ul << 40;
    EXPECT_ERRNO(syscall(SYS_openat2, dir, "f", &how, sizeof how), EINVAL);
}

TEST(chroot_confines) {
    OK(mkdir("jail", 0755));
    OK(mkdir("jail/in", 0755));
    PUT("jail/f", "inside");
    IN_CHILD(OK(chroot("jail")); OK(chdir("/")); EXPECT_STR(GET("/f"), "inside"); EXPECT_STR(GET("/../../f"), "inside");
             EXPECT_ERRNO(open("/proc/self", O_RDONLY), ENOENT); OK(chdir("/in")); OK(chdir("../.."));
             char cwd[64]; CHECK(getcwd(cwd, sizeof cwd)); EXPECT_STR(cwd, "/"));
    IN_CHILD(OK(setuid(1000)); EXPECT_ERRNO(chroot("/"), EPERM));
}
