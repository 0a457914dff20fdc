/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Who may look into a process: by /proc, after a change of the user, after an execve that raises rights. */
#include "test.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static void become_user(void) {
    OK(setgroups(0, NULL));
    OK(setresgid(1000, 1000, 1000));
    OK(setresuid(1000, 1000, 1000));
}

static int open_of(pid_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return open(path, O_RDONLY);
}

static ssize_t link_of(pid_t pid, const char *name) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return readlink(path, text, sizeof text);
}

static void expect_closed(pid_t pid) {
    const char *files[] = {"environ", "maps", "auxv", "fd"};
    for (size_t i = 0; i < COUNT(files); i++) {
        EXPECT_ERRNO(open_of(pid, files[i]), EACCES);
    }
    const char *links[] = {"exe", "cwd", "root", "fd/0"};
    for (size_t i = 0; i < COUNT(links); i++) {
        EXPECT_ERRNO(link_of(pid, links[i]), EACCES);
    }
}

TEST(who_gives_up_root_is_closed_to_his_new_user) {
    pid_t child = SPAWN(become_user(); test_shared[0] = 1; WAIT_WORD(&test_shared[1], 1));
    WAIT_WORD(&test_shared[0], 1);
    IN_CHILD(become_user(); OK(prctl(PR_SET_DUMPABLE, 1)); expect_closed(child));
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", child);
    OK(stat(path, &st));
    EXPECT_EQ(st.st_uid, 1000);
    strcat(path, "/environ");
    OK(stat(path, &st));
    EXPECT_EQ(st.st_uid, 0);
    test_shared[1] = 1;
    EXPECT_EXIT(child, 0);
}

/* Neither may do anything special, and both memories are open: the ids alone decide, the saved one too. */
TEST(who_looks_must_be_the_same_in_all_ids) {
    pid_t other = SPAWN(OK(setgroups(0, NULL)); OK(setresgid(1000, 1000, 1000)); OK(setresuid(1000, 1000, 1001));
                        OK(prctl(PR_SET_DUMPABLE, 1)); test_shared[0] = 1; pause());
    pid_t same = SPAWN(become_user(); OK(prctl(PR_SET_DUMPABLE, 1)); test_shared[1] = 1; pause());
    WAIT_WORD(&test_shared[0], 1);
    WAIT_WORD(&test_shared[1], 1);
    IN_CHILD(become_user(); EXPECT_ERRNO(open_of(other, "maps"), EACCES); EXPECT_ERRNO(open_of(other, "environ"), EACCES);
             EXPECT_ERRNO(link_of(other, "exe"), EACCES); EXPECT_ERRNO(link_of(other, "fd/0"), EACCES);
             OK(open_of(same, "maps")); OK(open_of(same, "environ")); OK(link_of(same, "exe")));
    OK(kill(other, SIGKILL));
    EXPECT_SIGNAL(other, SIGKILL);
    OK(kill(same, SIGKILL));
    EXPECT_SIGNAL(same, SIGKILL);
}

/* What PR_GET_DUMPABLE and PR_GET_PDEATHSIG say after a change of ids. */
#define EXPECT_AFTER(is_dumpable, ...)                            \
    IN_CHILD(int signal_ = -1; OK(prctl(PR_SET_PDEATHSIG, SIGTERM)); \
             __VA_ARGS__;                                         \
             EXPECT_EQ(prctl(PR_GET_DUMPABLE), (is_dumpable));    \
             OK(prctl(PR_GET_PDEATHSIG, &signal_));               \
             EXPECT_EQ(signal_, (is_dumpable) ? SIGTERM : 0))

TEST(each_change_of_acting_ids_clears_dumpable_and_death_signal) {
    EXPECT_AFTER(0, OK(setuid(1000)));
    EXPECT_AFTER(0, OK(setreuid(-1, 1000)));
    EXPECT_AFTER(0, OK(setresuid(-1, 1000, -1)));
    EXPECT_AFTER(0, OK(setgid(1000)));
    EXPECT_AFTER(0, OK(setregid(-1, 1000)));
    EXPECT_AFTER(0, OK(setegid(1000)));
    EXPECT_AFTER(0, setfsuid(1000));
    EXPECT_AFTER(0, setfsgid(1000));
    EXPECT_AFTER(1, OK(setuid(0)));
    EXPECT_AFTER(1, OK(setresuid(1000, -1, 1000)));
    EXPECT_AFTER(1, OK(setgroups(0, NULL)));
    EXPECT_AFTER(1, setfsuid(-1));
    EXPECT_AFTER(0, become_user(); OK(prctl(PR_SET_DUMPABLE, 0)); OK(setreuid(1000, 1000)));
}

/* A process with the memory of another shares that it is closed. */
TEST(dumpable_goes_with_the_memory) {
    pid_t child = OK(vfork());
    if (child == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
    EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
    IN_CHILD(EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0));
}

static char *copy_of_program(const char *path, int mode) {
    static char block[65536];
    int from = OK(open(test_program, O_RDONLY)), to = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    for (ssize_t n; (n = OK(read(from, block, sizeof block))) > 0;) {
        EXPECT_EQ(write(to, block, (size_t)n), n);
    }
    close(to);
    close(from);
    OK(chmod(path, (mode_t)mode));
    return realpath(path, NULL);
}

HELPER(is_dumpable) {
    return prctl(PR_GET_DUMPABLE);
}

static pid_t run_as_user(const char *program) {
    return SPAWN(become_user(); execl(program, program, "--helper", "is_dumpable", (char *)NULL); _exit(9));
}

TEST(execve_says_who_is_dumpable) {
    OK(chmod(".", 0755));
    EXPECT_EXIT(run_as_user(copy_of_program("plain", 0755)), 1);
    EXPECT_EXIT(run_as_user(copy_of_program("unreadable", 0711)), 0);
    EXPECT_EXIT(run_as_user(copy_of_program("of_root", 04755)), 0);
    const char *plain = copy_of_program("plain", 0755);
    /* Who acts as somebody else does so after the execve too. */
    pid_t mixed = SPAWN(OK(setresuid(1000, 0, 0));
                        execl(plain, plain, "--helper", "is_dumpable", (char *)NULL); _exit(9));
    EXPECT_EXIT(mixed, 0);
}

/* Says over a pipe that it runs, with more rights than before, and waits for the other end to close. */
HELPER(raised) {
    char byte = 'x';
    if (argc < 1 || geteuid() != 0) return 1;
    if (write(4, &byte, 1) != 1) return 2;
    return read(3, &byte, 1) == 0 ? 0 : 3;
}

TEST(files_opened_before_an_execve_do_not_show_what_comes_after) {
    OK(chmod(".", 0755));
    const char *program = copy_of_program("raised", 04755);
    IN_CHILD(
        int go[2]; int told[2];
        OK(pipe2(go, O_CLOEXEC)); OK(pipe2(told, O_CLOEXEC));
        become_user(); OK(prctl(PR_SET_DUMPABLE, 1));
        pid_t victim = SPAWN(
            char byte;
            OK(prctl(PR_SET_DUMPABLE, 1));
            int in = OK(fcntl(go[0], F_DUPFD, 10)); int out = OK(fcntl(told[1], F_DUPFD, 10));
            EXPECT_EQ(write(out, "r", 1), 1);
            EXPECT_EQ(read(in, &byte, 1), 1);
            OK(dup2(in, 3)); OK(dup2(out, 4));
            closefrom(5);
            execl(program, program, "--helper", "raised", "x", (char *)NULL); _exit(9));
        char byte; static char text[65536];
        EXPECT_EQ(read(told[0], &byte, 1), 1);
        const char *names[] = {"maps", "environ", "io"};
        int files[COUNT(names)];
        for (size_t i = 0; i < COUNT(names); i++) {
            files[i] = OK(open_of(victim, names[i]));
        }
        EXPECT_GT(pread(files[0], text, sizeof text, 0), 100);
        EXPECT_GT(pread(files[2], text, sizeof text, 0), 20);
        EXPECT_EQ(write(go[1], "g", 1), 1);
        EXPECT_EQ(read(told[0], &byte, 1), 1);
        EXPECT_EQ(pread(files[0], text, sizeof text, 0), 0);
        EXPECT_EQ(pread(files[1], text, sizeof text, 0), 0);
        EXPECT_ERRNO(pread(files[2], text, sizeof text, 0), EACCES);
        expect_closed(victim);
        close(go[1]);
        EXPECT_EXIT(victim, 0));
}

/* A dead process has no memory, and its places lead nowhere. */
TEST(files_of_a_zombie) {
    pid_t pid = SPAWN(_exit(3));
    siginfo_t info;
    OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    char text[4096];
    EXPECT_EQ(read(OK(open_of(pid, "maps")), text, sizeof text), 0);
    EXPECT_EQ(read(OK(open_of(pid, "cmdline")), text, sizeof text), 0);
    EXPECT_ERRNO(open_of(pid, "environ"), ESRCH);
    EXPECT_ERRNO(open_of(pid, "auxv"), ESRCH);
    EXPECT_ERRNO(open_of(pid, "exe"), ENOENT);
    EXPECT_ERRNO(open_of(pid, "cwd"), ENOENT);
    EXPECT_ERRNO(open_of(pid, "mountinfo"), EINVAL);
    OK(open_of(pid, "fd"));
    EXPECT_GT(read(OK(open_of(pid, "stat")), text, sizeof text), 50);
    EXPECT_GT(read(OK(open_of(pid, "limits")), text, sizeof text), 50);
    EXPECT_EXIT(pid, 3);
}

HELPER(effective_user) {
    return geteuid() == 0 ? 7 : 8;
}

/* Whoever shares the root and working directory could move them under the program. */
TEST(set_user_id_does_not_count_while_the_place_is_shared) {
    OK(chmod(".", 0755));
    const char *program = copy_of_program("raise", 04755);
    IN_CHILD(become_user();
             pid_t alone = SPAWN(execl(program, program, "--helper", "effective_user", (char *)NULL); _exit(9));
             EXPECT_EXIT(alone, 7);
             pid_t sharer = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
             if (sharer == 0) {
                 execl(program, program, "--helper", "effective_user", (char *)NULL);
                 _exit(9);
             }
             EXPECT_EXIT(sharer, 8);
             alone = SPAWN(execl(program, program, "--helper", "effective_user", (char *)NULL); _exit(9));
             EXPECT_EXIT(alone, 7));
}
