/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Files, directories, mounts, pipes, descriptors, locks, and all of /proc. */
#include "latency.h"

#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/vfs.h>

#define FILES 5000
#define LARGE (32ul << 20)

static void make_files(const char *folder) {
    char path[PATH_MAX];
    OK(mkdir(folder, 0755));
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/a-file-with-a-name-%d", folder, i);
        OK(close(OK(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644))));
    }
}

static void read_folder(const char *folder) {
    DIR *open_folder = opendir(folder);
    while (open_folder && readdir(open_folder)) {
    }
    if (open_folder) {
        closedir(open_folder);
    }
}

OPERATION(folder) {
    char path[PATH_MAX];
    make_files("many");
    read_folder("many");
    OK(rename("many", "renamed"));
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "renamed/a-file-with-a-name-%d", i);
        OK(unlink(path));
    }
    OK(rmdir("renamed"));
}

OPERATION(umount_full) {
    OK(mkdir("at", 0755));
    OK(mount("none", "at", "tmpfs", 0, NULL));
    make_files("at/many");
    int fd = OK(open("at/large", O_RDWR | O_CREAT, 0644));
    static char block[1 << 16];
    for (size_t done = 0; done < LARGE; done += sizeof block) {
        OK(write(fd, block, sizeof block));
    }
    OK(close(fd));
    OK(umount("at"));
}

OPERATION(umount_deep) {
    OK(mkdir("at", 0755));
    OK(mount("none", "at", "tmpfs", 0, NULL));
    int here = OK(open(".", O_PATH));
    OK(chdir("at"));
    for (int i = 0; i < 2000; i++) {
        OK(mkdir("d", 0755));
        OK(chdir("d"));
    }
    char *path = malloc(1 << 16);
    syscall(SYS_getcwd, path, 1 << 16);
    OK(fchdir(here));
    OK(umount2("at", MNT_DETACH));
}

OPERATION(mounts) {
    char path[64];
    OK(mkdir("at", 0755));
    OK(mount("none", "at", "tmpfs", 0, NULL));
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "at/%d", i);
        OK(mkdir(path, 0755));
        OK(mount("none", path, "tmpfs", 0, NULL));
    }
    char buffer[65536];
    int fd = OK(open("/proc/self/mountinfo", O_RDONLY));
    while (OK(read(fd, buffer, sizeof buffer)) > 0) {
    }
    OK(mkdir("copy", 0755));
    OK(mount("at", "copy", NULL, MS_BIND | MS_REC, NULL));
    OK(umount2("copy", MNT_DETACH));
    OK(umount2("at", MNT_DETACH));
}

OPERATION(large_file) {
    char *block = OK(mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int fd = OK(open("large", O_RDWR | O_CREAT | O_TRUNC, 0644));
    OK(write(fd, block, LARGE));
    OK(pread(fd, block, LARGE, 0));
    char *at = OK(mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    for (size_t i = 0; i < LARGE; i += 4096) {
        at[i] = 1;
    }
    OK(ftruncate(fd, 5000));
    OK(ftruncate(fd, (off_t)LARGE));
    OK(fallocate(fd, 0, 0, (off_t)LARGE));
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, (off_t)LARGE - 8192));
    OK(lseek(fd, 4096, SEEK_HOLE));
    lseek(fd, 8192, SEEK_DATA);
    OK(unlink("large"));
    OK(munmap(at, LARGE));
    OK(close(fd));
}

OPERATION(pipes) {
    size_t len = 4ul << 20;
    char *block = OK(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int ends[2];
    OK(pipe(ends));
    OK(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20));
    pid_t writer = CHILD({
        for (size_t done = 0; done < len;) {
            done += (size_t)OK(write(ends[1], block, len - done));
        }
    });
    for (size_t done = 0; done < len;) {
        done += (size_t)OK(read(ends[0], block, len - done));
    }
    latency_join(writer);
    OK(write(ends[1], block, 1 << 20));
}

OPERATION(descriptors) {
    int fd = OK(open("/dev/null", O_RDWR));
    for (int i = 0; i < 16000; i++) {
        OK(dup(fd));
    }
    read_folder("/proc/self/fd");
    OK(fcntl(fd, F_DUPFD, 100));
    latency_join(CHILD((void)0));
    latency_join(CHILD(OK(execl("/bin/true", "true", NULL))));
    latency_join(CHILD(OK(syscall(SYS_close_range, 3, ~0u, 4)), OK(execl("/bin/true", "true", NULL))));
    OK(syscall(SYS_close_range, 3, ~0u, 0));
}

OPERATION(record_locks) {
    int fd = OK(open("locked", O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < 3000; i++) {
        struct flock lock = {.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1};
        OK(fcntl(fd, F_SETLK, &lock));
    }
    latency_join(CHILD({
        struct flock lock = {.l_type = F_WRLCK, .l_start = 5998, .l_len = 1};
        for (int i = 0; i < 20; i++) {
            OK(fcntl(fd, F_GETLK, &lock));
        }
    }));
    struct flock all = {.l_type = F_UNLCK};
    OK(fcntl(fd, F_SETLK, &all));
}

static const char *const of_process[] = {"stat", "status", "cmdline", "maps", "smaps", "limits", "statm", "mountinfo", "environ"};

OPERATION(proc_walk) {
    char path[300], buffer[65536];
    latency_crowd(300);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        for (unsigned i = 0; i < sizeof of_process / sizeof *of_process; i++) {
            snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, of_process[i]);
            int fd = open(path, O_RDONLY);
            while (fd >= 0 && read(fd, buffer, sizeof buffer) > 0) {
            }
            close(fd);
        }
    }
    closedir(proc);
    static const char *const others[] = {"stat", "meminfo", "loadavg", "uptime", "vmstat", "locks", "interrupts", "filesystems"};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "/proc/%s", others[i]);
        int fd = open(path, O_RDONLY);
        while (fd >= 0 && read(fd, buffer, sizeof buffer) > 0) {
        }
        close(fd);
    }
}

static void *pause_thread(void *arg) {
    pause();
    return arg;
}

OPERATION(proc_threads) {
    char buffer[65536];
    latency_threads(1000, pause_thread);
    read_folder("/proc/self/task");
    static const char *const files[] = {"/proc/self/stat", "/proc/self/status", "/proc/thread-self/stat"};
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = OK(open(files[i], O_RDONLY));
        OK(read(fd, buffer, sizeof buffer));
    }
    struct rusage usage;
    OK(getrusage(RUSAGE_SELF, &usage));
    OK(prlimit(0, RLIMIT_CPU, NULL, NULL));
    struct timespec t;
    OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
    OK(setuid(0));
    OK(unshare(CLONE_FS));
}
