/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The first program of a test guest, the same on Nacre and on Linux.
 *
 * Mounts what a program expects, opens the results channel (/dev/ttyS1, raw, descriptor 100), runs the lines of /etc/plan
 * one after the other (words parted by tabs: a program and its arguments) and powers off. Says `boot` first, `exit <line>
 * <status>` after each program and `done` at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define RESULTS_FD 100

static void say(const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t n = write(RESULTS_FD, text, left);
        if (n <= 0) {
            return;
        }
        text += n;
        left -= (size_t)n;
    }
}

static void open_results(void) {
    int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
    if (fd < 0) {
        dprintf(1, "init: /dev/ttyS1: %s\n", strerror(errno));
        return;
    }
    struct termios raw;
    if (tcgetattr(fd, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(fd, TCSANOW, &raw);
    }
    dup2(fd, RESULTS_FD);
    if (fd != RESULTS_FD) {
        close(fd);
    }
}

static void run(int number, char *line) {
    char *argv[1024], text[64];
    int argc = 0, status = 0;
    for (char *word = strtok(line, "\t"); word && argc < 1023; word = strtok(NULL, "\t")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    if (argc == 0) {
        return;
    }
    /* With failing allocations it takes several attempts. */
    pid_t pid = fork();
    for (int tries = 0; pid < 0 && tries < 1000; tries++) {
        usleep(1000);
        pid = fork();
    }
    if (pid == 0) {
        char *env[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", "TERM=vt100", "LANG=C", NULL};
        /* A word that begins with a minus: in the session of this process. */
        if (argv[0][0] == '-') {
            argv[0]++;
        } else {
            setsid();
            ioctl(0, TIOCSCTTY, 1);
        }
        for (int tries = 0; tries < 1000; tries++) {
            execve(argv[0], argv, env);
            if (errno != ENOMEM && errno != EAGAIN) {
                break;
            }
            usleep(1000);
        }
        dprintf(RESULTS_FD, "fail exec init.c:0 %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    for (;;) {
        pid_t got = wait(&status);
        if (got == pid || (got < 0 && errno != EINTR)) {
            break;
        }
    }
    snprintf(text, sizeof text, "exit %d %d\n", number, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    say(text);
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

/* Linux has the drivers of attestation and disks as modules; there are none for Nacre. */
static void load_modules(void) {
    static const char *const modules[] = {"configfs", "tsm", "tdx-guest", "virtio_blk"};
    for (unsigned i = 0; i < sizeof modules / sizeof *modules; i++) {
        char path[64];
        snprintf(path, sizeof path, "/tests/modules/%s.ko", modules[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            syscall(SYS_finit_module, fd, "", 0);
            close(fd);
        }
    }
}

int main(void) {
    mkdir("/proc", 0555), mkdir("/dev", 0755), mkdir("/tmp", 01777), mkdir("/sys", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    load_modules();
    mount("configfs", "/sys/kernel/config", "configfs", 0, NULL);
    int console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console >= 0) {
        dup2(console, 0), dup2(console, 1), dup2(console, 2);
        if (console > 2) {
            close(console);
        }
    }
    open_results();
    say("boot\n");

    static char plan[65536];
    int fd = open("/etc/plan", O_RDONLY);
    ssize_t used = 0, n;
    while (fd >= 0 && (n = read(fd, plan + used, sizeof plan - 1 - (size_t)used)) > 0) {
        used += n;
    }
    close(fd);
    int number = 0;
    for (char *line = plan; *line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end = 0;
        }
        run(number++, line);
        if (!end) {
            break;
        }
        line = end + 1;
    }
    say("done\n");
    tcdrain(RESULTS_FD);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
