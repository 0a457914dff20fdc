/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Arguments that are plain numbers: named sets of flags and choices, sizes, offsets, modes, users.
 */
#include "differ.h"

#include <limits.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/stat.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_VALUES 48

/* A flag set is any few of its values; a choice is one of them. Both are now and then something else. */
struct set {
    const char *name;
    enum { FLAGS, CHOICE } form;
    unsigned char count;
    uint64_t values[MAX_VALUES];
};

#define COUNT(...) (sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define SET(name, form, ...) {name, form, COUNT(__VA_ARGS__), {__VA_ARGS__}}

static const struct set sets[] = {
    SET("open", FLAGS, O_WRONLY, O_RDWR, O_RDWR, O_CREAT, O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH,
        O_TMPFILE, O_NOATIME, O_NOCTTY, O_DSYNC, O_SYNC, O_ASYNC, O_DIRECT, O_LARGEFILE, 3),
    SET("at", FLAGS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_FOLLOW),
    SET("clone", FLAGS, SIGCHLD, SIGCHLD, CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_SIGHAND | CLONE_VM, CLONE_VFORK, CLONE_PARENT, CLONE_SETTLS, CLONE_PARENT_SETTID,
        CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_SYSVSEM, CLONE_DETACHED, CLONE_UNTRACED, CLONE_IO, SIGUSR1, 65, 0x80),
    SET("thread", FLAGS, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES, CLONE_THREAD, CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID,
        CLONE_CHILD_SETTID, CLONE_SETTLS, CLONE_DETACHED, CLONE_SYSVSEM),
    SET("clonesize", CHOICE, 64, 64, 80, 88, 88, 96, 63, 0, 4096, 4097, 72),
    SET("unshare", FLAGS, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_VM, CLONE_THREAD, CLONE_SYSVSEM, CLONE_PARENT, 1),
    SET("mount", FLAGS, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME, MS_RELATIME, MS_STRICTATIME, MS_SYNCHRONOUS, MS_SILENT, MS_MANDLOCK, 256, 0xc0ed0000,
        MS_BIND, MS_MOVE, MS_REC),
    SET("bind", FLAGS, MS_BIND, MS_BIND | MS_REC, MS_MOVE, MS_BIND | MS_RDONLY),
    SET("propagate", FLAGS, MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE, MS_REC, MS_PRIVATE, MS_SILENT, MS_RDONLY),
    SET("remount", FLAGS, MS_REMOUNT | MS_BIND, MS_REMOUNT, MS_REMOUNT | MS_RDONLY, MS_REMOUNT | MS_BIND | MS_RDONLY, MS_REMOUNT | MS_BIND | MS_NOSUID, MS_NOEXEC, MS_NODEV),
    SET("umount", FLAGS, MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW, MNT_DETACH, MNT_EXPIRE, 16),
    SET("unlinkat", FLAGS, AT_REMOVEDIR, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW),
    SET("statx", FLAGS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC),
    SET("statxmask", FLAGS, STATX_BASIC_STATS, STATX_ALL, STATX_MNT_ID, STATX_DIOALIGN, STATX_BTIME, STATX_SIZE, STATX_INO, 0x80000000),
    SET("access", FLAGS, R_OK, W_OK, X_OK, 8),
    SET("faccessat", FLAGS, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH),
    SET("rename", FLAGS, 1, 2, 1, 2, 8),
    SET("whence", CHOICE, SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 5),
    SET("fallocate", FLAGS, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
        FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE),
    SET("rwf", FLAGS, RWF_HIPRI, RWF_DSYNC, RWF_SYNC),
    SET("fcntl", CHOICE, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETFL, F_SETFL, F_GETOWN, F_GETSIG, F_SETSIG, F_GETPIPE_SZ,
        F_SETPIPE_SZ, F_GET_SEALS, F_ADD_SEALS, 17),
    SET("setfl", FLAGS, O_APPEND, O_NONBLOCK, O_ASYNC, O_NOATIME, O_DIRECT, O_CREAT, O_RDWR, O_SYNC, 1),
    SET("fcntllock", CHOICE, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW),
    SET("flock", FLAGS, LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB, LOCK_NB, 32, 128),
    SET("dup3", FLAGS, O_CLOEXEC, O_NONBLOCK),
    SET("pipe2", FLAGS, O_CLOEXEC, O_NONBLOCK, O_DIRECT, 0200),
    SET("closerange", FLAGS, 2, 4, 1, 4),
    SET("fadvise", CHOICE, 0, 1, 2, 3, 4, 5, 6),
    SET("ioctl", CHOICE, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, FIOASYNC, FIGETBSZ, TCGETS, TIOCGWINSZ, BLKGETSIZE64, TIOCSCTTY, TIOCGPGRP, FIOQSIZE, 0x5421, 0x12345),
    SET("prot", FLAGS, PROT_READ, PROT_READ, PROT_WRITE, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, 8),
    SET("map", FLAGS, MAP_PRIVATE, MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED, MAP_FIXED, MAP_FIXED, MAP_ANONYMOUS, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN,
        MAP_DENYWRITE, MAP_EXECUTABLE, MAP_LOCKED, MAP_NORESERVE, MAP_POPULATE, MAP_NONBLOCK, MAP_STACK, MAP_SYNC, 0x800000),
    SET("mremap", FLAGS, MREMAP_MAYMOVE, MREMAP_MAYMOVE, MREMAP_FIXED, 4),
    SET("madvise", CHOICE, 0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 5, 7, 26),
    SET("msync", FLAGS, MS_ASYNC, MS_INVALIDATE, MS_SYNC),
    SET("mlock2", FLAGS, 1, 1, 2),
    SET("mlockall", FLAGS, MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT),
    SET("sigmask", CHOICE, SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK, 3),
    SET("wait", FLAGS, WNOHANG, WNOHANG, WUNTRACED, WCONTINUED, WEXITED, WNOWAIT, __WALL, __WCLONE, __WNOTHREAD, 0x10),
    SET("waitid", CHOICE, P_ALL, P_PID, P_PGID, P_PIDFD, 4),
    SET("waitidflags", FLAGS, WEXITED, WEXITED, WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOHANG, WNOHANG, WNOWAIT, __WALL, 0x10),
    SET("priority", CHOICE, PRIO_PROCESS, PRIO_PGRP, PRIO_USER, 3),
    SET("nice", CHOICE, 0, 1, 5, 19, 20, 100, -1, -20, -21, INT_MAX, INT_MIN),
    SET("rlimit", CHOICE, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, -1),
    SET("policy", CHOICE, 0, 1, 2, 3, 5, 6, 7, 4, 0x40000000, 0x40000001),
    SET("persona", CHOICE, 0xffffffff, 0, ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, 8, UNAME26, 0xfffffffful << 8, MMAP_PAGE_ZERO),
    SET("prctl", CHOICE, PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_GET_TIMING, PR_SET_TIMING,
        PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
        PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE,
        PR_GET_TSC, PR_GET_UNALIGN, PR_GET_FPEMU, PR_GET_ENDIAN, PR_MCE_KILL, PR_MCE_KILL_GET, PR_GET_TID_ADDRESS, 12345),
    SET("clock", CHOICE, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 8, 9, 10, 11, 12, 16, -1, -2, -3, -6, -8, 0x7fffffff),
    SET("timerflags", FLAGS, TIMER_ABSTIME, 2),
    SET("itimer", CHOICE, 0, 1, 2, 0, 3, -1),
    SET("seconds", CHOICE, 0, 1000, 100000, 0x7fffffff, 0x80000000, 0xffffffff),
    SET("polltime", CHOICE, 0, 0, 0, 0, -1, 1000000, INT_MIN),
    SET("pollcount", CHOICE, 0, 1, 2, 3, 4, 8, 64, 65, 1025, 0x7fffffff, -1),
    SET("nfds", CHOICE, 0, 1, 8, 20, 21, 64, 65, 1024, 1025, 70000, -1, 0x7fffffff),
    SET("futex", CHOICE, FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET, FUTEX_WAIT | 128,
        FUTEX_WAKE | 128, FUTEX_CMP_REQUEUE | 128, FUTEX_WAKE_OP | 128, FUTEX_WAIT_BITSET | 128, FUTEX_WAIT_BITSET | 128 | 256, FUTEX_WAKE | 256,
        FUTEX_WAKE_BITSET | 128, FUTEX_FD, 14, 127),
    SET("membarrier", CHOICE, 0, 1, 2, 4, 8, 16, 32, 64, 128, 512, 3, 1024, -1),
    SET("iovcount", CHOICE, 0, 1, 2, 3, 4, 1024, 1025, -1, 0x7fffffff, 0x80000000),
    SET("groups", CHOICE, 0, 1, 2, 3, 65536, 65537, -1, 0x80000000),
    SET("sixtyfour", CHOICE, 8, 8, 8, 8, 8, 8, 8, 8, 0, 4, 16),
    SET("getrandom", FLAGS, 1, 2, 4, 8),
    SET("room", CHOICE, 8192, 8192, 8000, 0, 23),
    SET("who", CHOICE, RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD, 2, -2),
};

const void *find_set(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strlen(sets[i].name) == len && memcmp(sets[i].name, name, len) == 0) {
            return &sets[i];
        }
    }
    return NULL;
}

uint64_t draw_from_set(const void *detail) {
    const struct set *set = detail;
    if (one_in(40)) {
        return any_value();
    }
    uint64_t value = set->values[below(set->count)];
    if (set->form == FLAGS) {
        value = one_in(3) ? 0 : value;
        for (uint64_t more = below(4); more > 0; more--) {
            value |= set->values[below(set->count)];
        }
        value |= one_in(40) ? 1ul << below(64) : 0;
    }
    return value;
}

uint64_t any_value(void) {
    static const uint64_t special[] = {0, 1, 2, 3, 7, 8, 0xff, 0xfff, 0x1000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 1ul << 47, 1ul << 63, (1ul << 63) - 1, -1ul, -2ul};
    switch (below(4)) {
    case 0: return 1ul << below(64);
    case 1: return below(256);
    default: return special[below(sizeof special / sizeof *special)];
    }
}

uint64_t draw_any(const void *detail) {
    (void)detail;
    return any_value();
}

uint64_t draw_small(const void *detail) {
    (void)detail;
    return one_in(20) ? any_value() : below(8);
}

uint64_t draw_constant(const void *detail) {
    return (uint64_t)detail;
}

uint64_t draw_offset(const void *detail) {
    static const int64_t special[] = {INT64_MAX,     INT64_MAX - 1, INT64_MAX - 4095, INT64_MAX - 4096, INT64_MAX - 8192, 1l << 62, 0x7ffffffffffff000, INT64_MIN, -1, -2, -4096,
                                      0x7fffffff,    0x80000000,    0x7ffff000,       0xffffffff,       1l << 32,         1l << 43, -0x80000000l, -100};
    (void)detail;
    if (one_in(3)) {
        return (uint64_t)special[below(sizeof special / sizeof *special)];
    }
    static const int64_t usual[] = {0, 0, 1, 10, 100, 511, 512, 4095, 4096, 4097, 8192, 9999, 10000, 10001, 20000};
    return (uint64_t)usual[below(sizeof usual / sizeof *usual)];
}

uint64_t draw_length(const void *detail) {
    static const uint64_t special[] = {INT64_MAX, 1ul << 63, -1ul, -4096ul, 0x7fffffff, 0x80000000, 0x7ffff000, 0x7ffff001, 0xffffffff, 1ul << 32, 65536, INT64_MAX - 4095};
    static const uint64_t usual[] = {0, 0, 1, 1, 2, 3, 7, 8, 9, 16, 100, 255, 256, 500, 4095, 4096, 4097, 8000};
    (void)detail;
    return one_in(8) ? special[below(sizeof special / sizeof *special)] : usual[below(sizeof usual / sizeof *usual)];
}

/* No sizes that keep the kernel busy until a signal stops it, after nobody knows how many bytes. */
uint64_t draw_copy_length(const void *detail) {
    static const uint64_t special[] = {1ul << 63, -1ul, -4096ul, 65536, 70000};
    uint64_t length = draw_length(detail);
    return length <= 65536 ? length : special[below(sizeof special / sizeof *special)];
}

uint64_t draw_mode(const void *detail) {
    static const uint64_t usual[] = {0, 0400, 0600, 0644, 0666, 0700, 0755, 0777, 01777, 02755, 02775, 02644, 04755, 04711, 06777, 0070, 0007};
    static const uint64_t types[] = {0, S_IFREG, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK, S_IFDIR, S_IFLNK, 0xf000};
    (void)detail;
    uint64_t mode = usual[below(sizeof usual / sizeof *usual)];
    mode |= one_in(6) ? types[below(sizeof types / sizeof *types)] : 0;
    return one_in(40) ? any_value() : mode;
}

/* Only devices that no program can do harm with. */
uint64_t draw_device(const void *detail) {
    const uint64_t usual[] = {makedev(1, 3), makedev(1, 5), makedev(1, 7), makedev(0, 0), makedev(300, 70000), makedev(4095, 1048575)};
    (void)detail;
    return usual[below(sizeof usual / sizeof *usual)];
}

uint64_t draw_uid(const void *detail) {
    static const uint64_t usual[] = {0, 0, USER, USER, 2000, 2001, 65534, 0xffffffff, 0xffffffff, 0xfffffffe, 0x80000000, 1, -1ul};
    (void)detail;
    return usual[below(sizeof usual / sizeof *usual)];
}

uint64_t draw_signal(const void *detail) {
    static const uint64_t usual[] = {SIGUSR1, SIGUSR1, SIGUSR1, SIGUSR2, SIGUSR2, SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGPIPE, SIGTERM, SIGHUP, SIGTSTP, SIGTTIN, SIGINT,
                                     34, 34, 35, 40, 64, 33, 32, 0, 65, 100, -1ul, 0x80000000, SIGSEGV, SIGSTOP, SIGIO, SIGALRM, SIGVTALRM};
    (void)detail;
    return one_in(150) ? SIGKILL : usual[below(sizeof usual / sizeof *usual)];
}
