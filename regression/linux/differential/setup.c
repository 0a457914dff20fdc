/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What each program finds: a folder with files of all kinds, open descriptors, memory, a user.
 */
#include "differ.h"

#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

static void make_file(const char *name, size_t size, mode_t mode, uid_t uid, gid_t gid) {
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    write(fd, (void *)PATTERN, size);
    fchown(fd, uid, gid);
    fchmod(fd, mode);
    close(fd);
}

static void make_programs(void) {
    unsigned char bytes[256];
    static const struct { const char *name; mode_t mode; uid_t uid; gid_t gid; int is_whole; } programs[] = {
        {"prog", 0755, USER, USER, 1}, {"uprog", 04755, 0, 0, 1}, {"gprog", 02755, USER, 2001, 1}, {"mine", 0700, 0, 0, 1}, {"sleeper", 0755, 0, 0, 2},
    };
    for (int i = 0; i < 5; i++) {
        int fd = open(programs[i].name, O_WRONLY | O_CREAT | O_EXCL, 0700);
        write(fd, bytes, put_program(bytes, programs[i].is_whole));
        fchown(fd, programs[i].uid, programs[i].gid);
        fchmod(fd, programs[i].mode);
        close(fd);
    }
    static const char *const scripts[][2] = {{"script", "#!/prog one two\n"}, {"deep", "#! script\n"}, {"bad", "#!\n"}, {"lost", "#!/nothing\n"}, {"self", "#!self\n"}};
    for (int i = 0; i < 5; i++) {
        int fd = open(scripts[i][0], O_WRONLY | O_CREAT | O_EXCL, 0755);
        write(fd, scripts[i][1], strlen(scripts[i][1]));
        close(fd);
    }
}

static void make_dir(const char *name, mode_t mode, uid_t uid, gid_t gid) {
    mkdir(name, 0700);
    chown(name, uid, gid);
    chmod(name, mode);
}

static void make_node(const char *name, mode_t mode, dev_t dev) {
    mknod(name, mode, dev);
    chmod(name, mode & 07777);
}

/* Fills the folder, which becomes the root of what the program sees. */
void make_folder(const char *folder, int has_programs) {
    make_dir(folder, 0777, USER, USER);
    if (chroot(folder) != 0 || chdir("/") != 0) {
        _exit(3);
    }
    make_file("f1", 10000, 0644, USER, USER);
    make_file("f2", 100, 0666, USER, USER);
    make_file("f3", 5000, 0600, USER, USER);
    make_file("f4", 300, 0600, 0, 0);
    make_file("rootfile", 10, 0644, 0, 0);
    make_file("suid", 20, 04755, USER, USER);
    make_file("sgid", 20, 02775, USER, 2000);
    make_file("noexec", 20, 0644, 0, USER);
    make_dir("d1", 0755, USER, USER);
    make_dir("d1/d2", 0755, USER, USER);
    make_file("d1/f5", 1, 0644, USER, USER);
    make_file("d1/d2/f6", 0, 0444, USER, USER);
    make_dir("dt", 01777, 0, 0);
    make_file("dt/f7", 7, 0666, 0, 0);
    make_dir("dg", 02777, 0, 2001);
    make_dir("private", 0700, 0, 0);
    make_file("private/f8", 8, 0644, 0, 0);
    symlink("f1", "s1"), symlink("d1", "s2"), symlink("s3", "s3"), symlink("n3", "s4"), symlink("private/f8", "s5");
    mkfifo("p1", 0600);
    chown("p1", USER, USER);
    mkdir("dev", 0755);
    make_node("dev/null", S_IFCHR | 0666, makedev(1, 3));
    make_node("dev/zero", S_IFCHR | 0666, makedev(1, 5));
    make_node("dev/full", S_IFCHR | 0666, makedev(1, 7));
    if (has_programs) {
        make_programs();
    }
}

/* Once for all programs. */
void make_memory(void) {
    const int fixed = MAP_FIXED | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    mmap((void *)ARENA, ARENA_SIZE, rw, fixed | MAP_PRIVATE, -1, 0);
    mmap((void *)ODD, 3 * PAGE, rw, fixed | MAP_PRIVATE, -1, 0);
    mprotect((void *)ODD, PAGE, PROT_READ);
    mprotect((void *)(ODD + PAGE), PAGE, PROT_NONE);
    mmap((void *)STACKS, STACKS_SIZE, rw, fixed | MAP_PRIVATE, -1, 0);
    mmap((void *)SHARED, sizeof(struct shared), rw, fixed | MAP_SHARED, -1, 0);
    for (size_t i = 0; i < IN_SIZE - (PATTERN - ARENA); i++) {
        ((unsigned char *)PATTERN)[i] = (unsigned char)(i % 251);
    }
}

static void make_playground(void) {
    char *play = (char *)PLAY;
    const int rw = PROT_READ | PROT_WRITE;
    mmap(play, 16 * PAGE, rw, MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    mmap(play + 16 * PAGE, 4 * PAGE, rw, MAP_FIXED | MAP_SHARED, 1, 0);
    mmap(play + 24 * PAGE, 4 * PAGE, rw, MAP_FIXED | MAP_PRIVATE, 1, 0);
    mmap(play + 32 * PAGE, 8 * PAGE, rw, MAP_FIXED | MAP_ANONYMOUS | MAP_SHARED, -1, 0);
    mmap(play + 44 * PAGE, 2 * PAGE, PROT_READ, MAP_FIXED | MAP_SHARED, 3, 0);
    for (int i = 0; i < 16; i += 2) {
        play[(unsigned)i * PAGE] = (char)i;
    }
}

/* Opens `name` as descriptor `wanted`, which is the lowest free one. */
static void open_as(int wanted, const char *name, int flags) {
    int fd = open(name, flags, 0600);
    if (fd != wanted) {
        dup2(fd, wanted);
        close(fd);
    }
}

void open_files(void) {
    int ends[2];
    open_as(0, "dev/null", O_RDWR);
    open_as(1, "f1", O_RDWR);
    open_as(2, "f2", O_WRONLY | O_APPEND);
    open_as(3, "f1", O_RDONLY);
    open_as(4, "d1", O_RDONLY | O_DIRECTORY);
    pipe2(ends, O_NONBLOCK);
    pipe(ends);
    write(6, (void *)PATTERN, 100);
    open_as(9, "f1", O_PATH);
    open_as(10, "d1", O_PATH);
    open_as(11, "dev/zero", O_RDWR);
    open_as(12, "dev/full", O_RDWR);
    open_as(13, "sgid", O_RDWR);
    open_as(14, "p1", O_RDWR | O_NONBLOCK);
    open_as(15, "s1", O_PATH | O_NOFOLLOW);
    open_as(16, "gone", O_RDWR | O_CREAT);
    unlink("gone");
    open_as(17, "f4", O_RDWR | O_SYNC);
    open_as(18, "dg", O_RDONLY | O_CLOEXEC);
}

/* Address space is limited so that no call is busy with gigabytes of it. */
static void set_limits(void) {
    static const rlim_t limits[16] = {[RLIMIT_CPU] = RLIM_INFINITY,    [RLIMIT_FSIZE] = RLIM_INFINITY,  [RLIMIT_DATA] = RLIM_INFINITY, [RLIMIT_STACK] = 8 << 20,
                                      [RLIMIT_CORE] = 0,               [RLIMIT_RSS] = RLIM_INFINITY,    [RLIMIT_NPROC] = 200,          [RLIMIT_NOFILE] = 64,
                                      [RLIMIT_MEMLOCK] = 256 << 10,    [RLIMIT_AS] = 1 << 30,     [RLIMIT_LOCKS] = RLIM_INFINITY, [RLIMIT_SIGPENDING] = 100,
                                      [RLIMIT_MSGQUEUE] = 819200,      [RLIMIT_NICE] = 0,               [RLIMIT_RTPRIO] = 0,           [RLIMIT_RTTIME] = RLIM_INFINITY};
    for (int i = 0; i < 16; i++) {
        struct rlimit limit = {limits[i], limits[i]};
        if (i == RLIMIT_STACK) {
            limit.rlim_max = RLIM_INFINITY;
        }
        setrlimit(i, &limit);
    }
}

static void kicked(int signal) {
    (void)signal;
}

/* Every second program is root's; every third leads a session. */
void reset_process(uint64_t number, int family) {
    struct sigaction action = {.sa_handler = kicked};
    sigset_t none;
    sigaction(KICK, &action, NULL);
    sigemptyset(&none);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    if (is_family(family, "mm") || is_family(family, "futex")) {
        make_playground();
    }
    set_limits();
    self_pid = getpid(), parent_pid = getppid();
    break_at_start = (uint64_t)syscall(SYS_brk, 0);
    started_at = (uint64_t)time(NULL);
    child_count = mapping_count = 0;
    forget_ranks();
    if (number % 3 == 0) {
        setsid();
    } else {
        setpgid(0, 0);
    }
    is_root = number % 2 == 0;
    gid_t groups[2] = {USER, 2000};
    if (!is_root) {
        setgroups(2, groups);
        setresgid(USER, USER, USER);
        setresuid(USER, USER, USER);
    } else {
        setgroups(0, NULL);
    }
    syscall(SYS_set_robust_list, 0, 24);
    syscall(SYS_set_tid_address, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "program");
    prctl(PR_SET_DUMPABLE, 1);
}
