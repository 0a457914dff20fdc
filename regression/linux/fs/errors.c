/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Errors and results in the corners: offsets near the end, sizes below zero, descriptors of the wrong kind, flags kept. */
#include "test.h"

#include <grp.h>
#include <linux/fs.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

TEST(offsets_near_the_top) {
    char text[10] = "123456789";
    PUT("f", "0123456789");
    int fd = OK(open("f", O_RDWR));
    EXPECT_ERRNO(pread(fd, text, 1, LONG_MAX), EINVAL);
    EXPECT_ERRNO(pwrite(fd, text, 1, LONG_MAX), EINVAL);
    EXPECT_ERRNO(pwrite(fd, text, 10, LONG_MAX - 5), EINVAL);
    struct stat st;
    OK(fstat(fd, &st));
    EXPECT_EQ(st.st_size, 10);
    off_t at = LONG_MAX;
    EXPECT_ERRNO(sendfile(1, fd, &at, 3), EINVAL);
    EXPECT_EQ(lseek(fd, LONG_MAX, SEEK_SET), LONG_MAX);
    EXPECT_ERRNO(lseek(fd, 1, SEEK_CUR), EINVAL);
    EXPECT_ERRNO(lseek(fd, LONG_MAX, SEEK_END), EINVAL);
    EXPECT_ERRNO(read(fd, text, 1), EINVAL);
    EXPECT_ERRNO(write(fd, text, 1), EINVAL);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), LONG_MAX);
}

TEST(directory_entries_into_less_than_no_room) {
    int fd = OK(open("/", O_RDONLY | O_DIRECTORY));
    static char room[65536];
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, room, -1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, BAD_POINTER, -1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, room, 8), EINVAL);
    CHECK(OK(syscall(SYS_getdents64, fd, room, sizeof room)) > 0);
}

TEST(no_address_family_is_there_or_it_is_said) {
    int pair[2];
    EXPECT_ERRNO(socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERRNO(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERRNO(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERRNO(socket(45, 15, 0), EINVAL);
    EXPECT_ERRNO(socket(45, SOCK_STREAM | 0x100, 0), EINVAL);
    EXPECT_ERRNO(socketpair(45, SOCK_STREAM, 0, pair), EAFNOSUPPORT);
    EXPECT_ERRNO(socketpair(45, SOCK_STREAM, 0, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(socketpair(45, SOCK_STREAM | 0x100, 0, BAD_POINTER), EINVAL);
}

TEST(files_are_no_sockets) {
    int file = OK(open("f", O_CREAT | O_RDWR, 0600)), path = OK(open("f", O_PATH)), value = 0;
    struct sockaddr address = {.sa_family = AF_UNIX};
    socklen_t length = sizeof address;
    struct msghdr message = {0};
    EXPECT_ERRNO(bind(file, &address, sizeof address), ENOTSOCK);
    EXPECT_ERRNO(connect(file, &address, sizeof address), ENOTSOCK);
    EXPECT_ERRNO(listen(file, 1), ENOTSOCK);
    EXPECT_ERRNO(accept(file, NULL, NULL), ENOTSOCK);
    EXPECT_ERRNO(accept4(file, NULL, NULL, 1), EINVAL);
    EXPECT_ERRNO(shutdown(file, SHUT_RD), ENOTSOCK);
    EXPECT_ERRNO(getsockname(file, &address, &length), ENOTSOCK);
    EXPECT_ERRNO(getpeername(file, &address, &length), ENOTSOCK);
    EXPECT_ERRNO(send(file, "x", 1, 0), ENOTSOCK);
    EXPECT_ERRNO(recv(file, &value, 1, 0), ENOTSOCK);
    EXPECT_ERRNO(sendmsg(file, &message, 0), ENOTSOCK);
    EXPECT_ERRNO(recvmsg(file, &message, 0), ENOTSOCK);
    EXPECT_ERRNO(setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value), ENOTSOCK);
    length = sizeof value;
    EXPECT_ERRNO(getsockopt(file, SOL_SOCKET, SO_TYPE, &value, &length), ENOTSOCK);
    EXPECT_ERRNO(listen(99, 1), EBADF);
    EXPECT_ERRNO(listen(path, 1), EBADF);
    EXPECT_ERRNO(bind(99, &address, sizeof address), EBADF);
}

TEST(attributes_that_nothing_has) {
    char value[8];
    PUT("f", "x");
    int path = OK(open("f", O_PATH)), file = OK(open("f", O_RDWR));
    EXPECT_ERRNO(fgetxattr(99, "user.a", value, 1), EBADF);
    EXPECT_ERRNO(fgetxattr(path, "user.a", value, 1), EBADF);
    EXPECT_ERRNO(fgetxattr(file, "user.a", value, 1), ENODATA);
    EXPECT_ERRNO(getxattr("none", "user.a", value, 1), ENOENT);
    EXPECT_ERRNO(getxattr("f", "user.a", value, 1), ENODATA);
    EXPECT_ERRNO(getxattr("f", "", value, 1), ERANGE);
    EXPECT_ERRNO(getxattr("f", "nowhere.a", value, 1), EOPNOTSUPP);
    EXPECT_ERRNO(getxattr("f", BAD_POINTER, value, 1), EFAULT);
    EXPECT_ERRNO(getxattr("/proc/self/status", "user.a", value, 1), EOPNOTSUPP);
    EXPECT_ERRNO(removexattr("f", "user.a"), ENODATA);
    EXPECT_ERRNO(fremovexattr(path, "user.a"), EBADF);
    EXPECT_ERRNO(setxattr("f", "user.a", "x", 1, 8), EINVAL);
    EXPECT_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
    EXPECT_ERRNO(setxattr("none", "user.a", "x", 1, 0), ENOENT);
    EXPECT_EQ(listxattr("f", NULL, 0), 0);
    EXPECT_ERRNO(flistxattr(path, NULL, 0), EBADF);
}

TEST(numbers_of_threads_and_groups) {
    EXPECT_ERRNO(setpgid(-1, 0), EINVAL);
    EXPECT_ERRNO(setpgid(0, -1), EINVAL);
    EXPECT_ERRNO(getpgid(-1), ESRCH);
    EXPECT_ERRNO(getsid(-1), ESRCH);
}

TEST(clocks_that_nobody_sleeps_on_or_sets) {
    struct timespec now = {0, 0};
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &now, NULL), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, BAD_POINTER, NULL), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_clock_nanosleep, 77, 0, BAD_POINTER, NULL), EINVAL);
    EXPECT_ERRNO(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &now), EINVAL);
    EXPECT_ERRNO(clock_settime(CLOCK_THREAD_CPUTIME_ID, &now), EINVAL);
    EXPECT_ERRNO(clock_settime(CLOCK_MONOTONIC, &now), EINVAL);
}

TEST(mappings_of_what_cannot_be_mapped) {
    int path = OK(open("/", O_PATH)), text = OK(open("/proc/meminfo", O_RDONLY)), own = OK(open("/proc/self/status", O_RDONLY));
    EXPECT_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
    EXPECT_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, text, 0), EIO);
    EXPECT_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, own, 0), ENODEV);
}

TEST(lengths_that_wrap_to_nothing) {
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(munmap(pages + 4096, 4096));
    OK(syscall(SYS_msync, pages, ~0ul, MS_ASYNC));
    OK(syscall(SYS_mlock, pages, ~0ul));
    OK(syscall(SYS_munlock, pages, ~0ul));
    EXPECT_EQ(syscall(SYS_getrandom, pages, ~0ul, 0), 4096);
    int ends[2];
    OK(pipe(ends));
    EXPECT_ERRNO(write(ends[1], pages + 4091, 10), EFAULT);
    int waiting = -1;
    OK(ioctl(ends[0], FIONREAD, &waiting));
    EXPECT_EQ(waiting, 0);
}

TEST(copies_between_files) {
    PUT("f", "x");
    PUT("g", "y");
    int f = OK(open("f", O_RDWR)), g = OK(open("g", O_RDWR)), text = OK(open("/proc/uptime", O_RDONLY));
    off_t at = -1;
    EXPECT_ERRNO(copy_file_range(f, &at, g, NULL, 1, 0), EOVERFLOW);
    at = -10;
    EXPECT_ERRNO(copy_file_range(f, &at, g, NULL, 1, 0), EINVAL);
    EXPECT_ERRNO(copy_file_range(text, NULL, g, NULL, 4, 0), EXDEV);
    EXPECT_ERRNO(ioctl(f, FICLONE, g), EOPNOTSUPP);
    EXPECT_ERRNO(ioctl(f, FICLONE, 99), EBADF);
    EXPECT_ERRNO(ioctl(f, FICLONE, text), EXDEV);
}

TEST(calls_that_change_nothing_take_any_flag) {
    PUT("f", "x");
    struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    OK(syscall(SYS_utimensat, AT_FDCWD, "f", omit, 0x8000));
    EXPECT_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", now, 0x8000), EINVAL);
    int fd = OK(open("f", O_RDWR));
    OK(flock(fd, 32 | 64));
    EXPECT_ERRNO(flock(fd, 16), EINVAL);
}

TEST(attributes_of_proc) {
    OK(chown("/proc/self/status", 0, 0));
    EXPECT_ERRNO(chmod("/proc/self/status", 0600), EPERM);
    OK(utimensat(AT_FDCWD, "/proc/uptime", NULL, 0));
    OK(chmod("/proc/uptime", 0444));
    EXPECT_ERRNO(chmod("/proc/sys/vm/swappiness", 0666), EPERM);
    EXPECT_ERRNO(chown("/proc/sys/vm/swappiness", 1, 1), EPERM);
    EXPECT_ERRNO(chmod("/proc/sys/vm", 0777), EPERM);
    EXPECT_ERRNO(rename("/proc/uptime", "/proc/x"), ENOENT);
}

TEST(unshare_files_and_place) {
    OK(unshare(0));
    OK(unshare(CLONE_FILES));
    OK(unshare(CLONE_FS));
    OK(unshare(CLONE_SYSVSEM));
    EXPECT_ERRNO(unshare(1), EINVAL);
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FS | CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        int same = unshare(CLONE_FS | CLONE_FILES) == 0 && chdir("/") == 0 && close(0) == 0;
        _exit(same ? 0 : 1);
    }
    EXPECT_EXIT(child, 0);
    char here[4096];
    OK((long)getcwd(here, sizeof here));
    CHECK(strcmp(here, "/") != 0);
    OK(fcntl(0, F_GETFD));
}

TEST(switches_of_a_process) {
    OK(prctl(PR_SET_TSC, PR_TSC_ENABLE));
    EXPECT_ERRNO(prctl(PR_SET_TSC, 7), EINVAL);
    EXPECT_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    EXPECT_ERRNO(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
    OK(prctl(PR_SET_TIMERSLACK, 1234));
    IN_CHILD(EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1234); OK(prctl(PR_SET_TIMERSLACK, 77));
             EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 77); OK(prctl(PR_SET_TIMERSLACK, 0));
             EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 1234));
    OK(prctl(PR_SET_TIMERSLACK, 0));
    EXPECT_EQ(prctl(PR_GET_TIMERSLACK), 50000);
}

TEST(private_barriers_need_registration) {
    IN_CHILD(EXPECT_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
             OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
             OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)));
}

static void nothing(int signal) {
    (void)signal;
}

TEST(handlers_that_run_once_keep_their_flags) {
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESETHAND | SA_SIGINFO | SA_RESTART};
    OK(sigaction(SIGUSR1, &action, NULL));
    OK(raise(SIGUSR1));
    OK(sigaction(SIGUSR1, NULL, &action));
    CHECK(action.sa_handler == SIG_DFL);
    unsigned kept = (unsigned)SA_RESETHAND | SA_SIGINFO | SA_RESTART;
    EXPECT_EQ((unsigned)action.sa_flags & kept, kept);
}

TEST(poll_of_mounts_says_readable_only) {
    struct pollfd fd = {OK(open("/proc/self/mounts", O_RDONLY)), -1, 0};
    OK(poll(&fd, 1, 0));
    EXPECT_EQ(fd.revents, POLLIN | POLLRDNORM);
}

TEST(roots_of_mounts_are_marked) {
    struct statx st;
    OK(statx(AT_FDCWD, "/proc", 0, STATX_BASIC_STATS, &st));
    EXPECT_EQ(st.stx_attributes & STATX_ATTR_MOUNT_ROOT, STATX_ATTR_MOUNT_ROOT);
    OK(statx(AT_FDCWD, "/proc/self/status", 0, STATX_BASIC_STATS, &st));
    EXPECT_EQ(st.stx_attributes & STATX_ATTR_MOUNT_ROOT, 0);
    EXPECT_EQ(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT, STATX_ATTR_MOUNT_ROOT);
}

static void become_user(void) {
    OK(setgroups(0, NULL));
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
}

TEST(whiteouts_are_for_everybody) {
    OK(chmod(".", 0777));
    IN_CHILD(become_user(); OK(mknod("w", S_IFCHR | 0600, 0)); EXPECT_ERRNO(mknod("n", S_IFCHR | 0600, makedev(1, 3)), EPERM));
}

/* The umask takes the group's right to execute away only after the set-group-ID bit was looked at. */
TEST(setgid_is_not_for_who_is_no_member) {
    OK(mkdir("d", 0777));
    OK(chown("d", 0, 5));
    OK(chmod("d", 02777));
    OK(chmod(".", 0755));
    struct stat st;
    IN_CHILD(become_user(); umask(0); close(OK(open("d/a", O_CREAT | O_WRONLY, 02777)));
             umask(S_IXGRP); close(OK(open("d/b", O_CREAT | O_WRONLY, 02777))); OK(mknod("d/c", S_IFREG | 02777, 0));
             close(OK(open("d", O_TMPFILE | O_WRONLY, 02777))));
    const char *files[] = {"d/a", "d/b", "d/c"};
    for (size_t i = 0; i < COUNT(files); i++) {
        OK(stat(files[i], &st));
        EXPECT_EQ(st.st_mode & S_ISGID, 0);
        EXPECT_EQ(st.st_gid, 5);
    }
    umask(0);
    close(OK(open("d/e", O_CREAT | O_WRONLY, 02777)));
    OK(stat("d/e", &st));
    EXPECT_EQ(st.st_mode & S_ISGID, S_ISGID);
}

TEST(mounts_that_follow_no_links) {
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 256, NULL));
    PUT("m/f", "x");
    OK(symlink("f", "m/l"));
    struct stat st;
    EXPECT_ERRNO(stat("m/l", &st), ELOOP);
    EXPECT_ERRNO(open("m/l", O_RDONLY), ELOOP);
    OK(lstat("m/l", &st));
    char text[8];
    EXPECT_EQ(readlink("m/l", text, sizeof text), 1);
    CHECK(strstr(GET("/proc/self/mounts"), "nosymfollow"));
    OK(umount("m"));
}

TEST(vectors_at_offsets_of_pipes) {
    int ends[2];
    char byte = 'x';
    struct iovec vector = {&byte, 1};
    OK(pipe(ends));
    EXPECT_ERRNO(pwritev2(ends[0], &vector, 1, 0, 0), ESPIPE);
    EXPECT_ERRNO(pwritev2(ends[0], &vector, 1, -1, 0), EBADF);
    EXPECT_ERRNO(preadv2(ends[1], &vector, 1, -1, 0), EBADF);
    EXPECT_ERRNO(pwritev2(ends[1], &vector, 1, -1, 0x8000), EOPNOTSUPP);
    EXPECT_ERRNO(pwritev2(ends[0], &vector, 1, -2, 0x8000), EINVAL);
}

static volatile sig_atomic_t broken;

static void note(int signal) {
    (void)signal;
    broken++;
}

TEST(a_write_cut_short_raises_sigpipe) {
    static char much[1 << 20];
    int ends[2];
    OK(pipe(ends));
    signal(SIGPIPE, note);
    pid_t child = SPAWN(char some[4096]; close(ends[1]); EXPECT_GT(read(ends[0], some, sizeof some), 0); test_sleep_ms(100));
    close(ends[0]);
    ssize_t n = write(ends[1], much, sizeof much);
    EXPECT_GT(n, 0);
    EXPECT_LT(n, (ssize_t)sizeof much);
    EXPECT_EQ(broken, 1);
    EXPECT_EXIT(child, 0);
}

TEST(no_core_no_flag) {
    struct rlimit none = {0, 0};
    OK(setrlimit(RLIMIT_CORE, &none));
    int status = WAIT(SPAWN(abort()));
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    CHECK(!WCOREDUMP(status));
}

TEST(ends_of_directories) {
    EXPECT_EQ(lseek(OK(open("/proc", O_RDONLY)), 0, SEEK_END), 0);
    EXPECT_EQ(lseek(OK(open("/proc/self", O_RDONLY)), 0, SEEK_END), 0);
    EXPECT_EQ(lseek(OK(open("/sys", O_RDONLY)), 0, SEEK_END), 0);
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, NULL));
    int fd = OK(open("m", O_RDONLY));
    EXPECT_ERRNO(lseek(fd, 0, SEEK_END), EINVAL);
    close(fd);
    OK(umount("m"));
}

TEST(long_links_are_charged) {
    char text[200];
    memset(text, 'x', sizeof text);
    text[127] = 0;
    OK(mkdir("m", 0755));
    OK(mount("none", "m", "tmpfs", 0, "size=4k"));
    OK(symlink(text, "m/short"));
    text[127] = 'x';
    text[128] = 0;
    OK(symlink(text, "m/long"));
    EXPECT_ERRNO(symlink(text, "m/longer"), ENOSPC);
    struct stat st;
    OK(lstat("m/short", &st));
    EXPECT_EQ(st.st_blocks, 0);
    OK(lstat("m/long", &st));
    EXPECT_EQ(st.st_blocks, 8);
    OK(unlink("m/long"));
    OK(symlink(text, "m/longer"));
    OK(umount("m"));
}

TEST(timeouts_of_programs_of_old_systems_stay) {
    int ends[2];
    OK(pipe(ends));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    struct timeval wait = {0, 2000};
    OK(personality(STICKY_TIMEOUTS));
    EXPECT_EQ(syscall(SYS_select, ends[0] + 1, &set, NULL, NULL, &wait), 0);
    EXPECT_EQ(wait.tv_usec, 2000);
    OK(personality(0));
    FD_SET(ends[0], &set);
    EXPECT_EQ(syscall(SYS_select, ends[0] + 1, &set, NULL, NULL, &wait), 0);
    EXPECT_EQ(wait.tv_usec, 0);
}
