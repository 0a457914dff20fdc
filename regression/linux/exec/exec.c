/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* execve: arguments, environment, what is kept and what is not, scripts, the auxiliary vector. */
#include "test.h"

#include <elf.h>
#include <sys/auxv.h>

extern char **environ;

#define RUN_HELPER(...) SPAWN(execl(test_program, test_program, "--helper", __VA_ARGS__, (char *)NULL); _exit(99))

TEST(exec_passes_arguments) {
    EXPECT_EXIT(RUN_HELPER("count", "a", "", "long argument with spaces"), 3);
}

HELPER(count) {
    if (argc == 3 && (strcmp(argv[1], "") != 0 || strcmp(argv[2], "long argument with spaces") != 0)) {
        return 98;
    }
    return argc;
}

TEST(exec_passes_environment) {
    char *argv[] = {"x", "--helper", "environment", NULL};
    char *env[] = {"A=1", "B=", "no equals sign", NULL};
    EXPECT_EXIT(SPAWN(execve(test_program, argv, env)), 0);
}

HELPER(environment) {
    return environ[0] && environ[1] && environ[2] && !environ[3] && strcmp(environ[0], "A=1") == 0 &&
                   strcmp(environ[1], "B=") == 0 && strcmp(environ[2], "no equals sign") == 0
               ? 0
               : 1;
}

TEST(exec_null_argv_gets_empty_name) {
    /* Since 5.18 an empty argv becomes one empty string. */
    PUT("script", "#!/bin/sh\nexit 4\n");
    OK(chmod("script", 0755));
    EXPECT_EXIT(SPAWN(syscall(SYS_execve, "script", NULL, NULL); _exit(99)), 4);
}

TEST(exec_keeps_pid_parent_and_cwd) {
    char pid[16], cwd[256];
    CHECK(getcwd(cwd, sizeof cwd));
    pid_t child = SPAWN(snprintf(pid, sizeof pid, "%d", getpid());
                        execl(test_program, test_program, "--helper", "same_pid", pid, cwd, (char *)NULL));
    EXPECT_EXIT(child, 0);
}

HELPER(same_pid) {
    char cwd[256] = "";
    return atoi(argv[0]) == getpid() && getcwd(cwd, sizeof cwd) && strcmp(cwd, argv[1]) == 0 ? 0 : 1;
}

TEST(exec_closes_cloexec_only) {
    int kept = OK(open("/dev/null", O_RDONLY)), closed = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
    char a[16], b[16];
    snprintf(a, sizeof a, "%d", kept), snprintf(b, sizeof b, "%d", closed);
    EXPECT_EXIT(RUN_HELPER("fds", a, b), 0);
}

HELPER(fds) {
    return fcntl(atoi(argv[0]), F_GETFD) == 0 && fcntl(atoi(argv[1]), F_GETFD) == -1 && errno == EBADF ? 0 : 1;
}

static void ignore(int signal) {
    (void)signal;
}

TEST(exec_resets_handlers_keeps_ignored_and_mask) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pid_t pid = SPAWN(signal(SIGUSR1, ignore); signal(SIGHUP, SIG_IGN); sigprocmask(SIG_BLOCK, &set, NULL); raise(SIGUSR2);
                      execl(test_program, test_program, "--helper", "signals", (char *)NULL));
    EXPECT_EXIT(pid, 0);
}

HELPER(signals) {
    struct sigaction action;
    sigset_t mask, pending;
    sigaction(SIGUSR1, NULL, &action);
    int result = action.sa_handler == SIG_DFL ? 0 : 1;
    sigaction(SIGHUP, NULL, &action);
    result |= action.sa_handler == SIG_IGN ? 0 : 2;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    result |= sigismember(&mask, SIGUSR2) ? 0 : 4;
    sigpending(&pending);
    result |= sigismember(&pending, SIGUSR2) ? 0 : 8;
    stack_t stack;
    sigaltstack(NULL, &stack);
    return result | (stack.ss_flags == SS_DISABLE ? 0 : 16);
}

TEST(exec_drops_alternate_stack) {
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    pid_t pid = SPAWN(sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR2); sigprocmask(SIG_BLOCK, &set, NULL);
                      raise(SIGUSR2); signal(SIGHUP, SIG_IGN); OK(sigaltstack(&ss, NULL));
                      execl(test_program, test_program, "--helper", "signals", (char *)NULL));
    EXPECT_EXIT(pid, 0);
}

TEST(exec_keeps_alarm) {
    EXPECT_SIGNAL(SPAWN(struct itimerval timer = {.it_value = {0, 200000}}; OK(setitimer(ITIMER_REAL, &timer, NULL));
                        execl(test_program, test_program, "--helper", "sleep", (char *)NULL)), SIGALRM);
}

HELPER(sleep) {
    test_sleep_ms(5000);
    return 0;
}

TEST(exec_auxv) {
    EXPECT_EXIT(RUN_HELPER("auxv"), 0);
}

HELPER(auxv) {
    if (getauxval(AT_PAGESZ) != 4096) return 1;
    if (getauxval(AT_CLKTCK) != 100) return 2;
    if (getauxval(AT_UID) != getuid() || getauxval(AT_EGID) != getegid()) return 3;
    if (getauxval(AT_PHENT) != sizeof(Elf64_Phdr) || getauxval(AT_PHNUM) < 2) return 4;
    Elf64_Phdr *phdr = (Elf64_Phdr *)getauxval(AT_PHDR);
    int loads = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
        loads += phdr[i].p_type == PT_LOAD;
    }
    if (loads < 1) return 5;
    if (getauxval(AT_SECURE) != 0) return 6;
    unsigned char *random = (unsigned char *)getauxval(AT_RANDOM), sum = 0;
    for (int i = 0; random && i < 16; i++) sum |= random[i];
    if (sum == 0) return 7;
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (!name || strcmp(name, test_program) != 0) return 8;
    if (strcmp((const char *)getauxval(AT_PLATFORM), "x86_64") != 0) return 9;
    if (getauxval(AT_ENTRY) == 0) return 10;
    return 0;
}

TEST(exec_stack_is_aligned_and_random) {
    EXPECT_EXIT(RUN_HELPER("stack"), 0);
    unsigned long seen[4];
    for (int i = 0; i < 4; i++) {
        int ends[2];
        OK(pipe(ends));
        pid_t pid = SPAWN(dup2(ends[1], 1); execl(test_program, test_program, "--helper", "where", (char *)NULL));
        EXPECT_EQ(read(ends[0], &seen[i], 8), 8);
        EXPECT_EXIT(pid, 0);
    }
    CHECK(seen[0] != seen[1] || seen[1] != seen[2] || seen[2] != seen[3]);
}

HELPER(stack) {
    /* argc lies just below argv. */
    return ((unsigned long)(argv - 4) & 15) == 0 ? 0 : 1;
}

HELPER(where) {
    unsigned long place = (unsigned long)__builtin_frame_address(0);
    return write(1, &place, 8) == 8 ? 0 : 1;
}

TEST(exec_script) {
    PUT("script", "#!/bin/sh\n[ \"$1\" = one ] && [ $# = 2 ] && exit 17\nexit 1\n");
    OK(chmod("script", 0755));
    EXPECT_EXIT(SPAWN(execl("./script", "ignored", "one", "two", (char *)NULL)), 17);
}

TEST(exec_script_with_argument) {
    char text[512];
    snprintf(text, sizeof text, "#!%s  --helper count x y  \n", test_program);
    /* All that follows the interpreter is one argument: the program gets "--helper count x y" and runs no helper. */
    PUT("script", text);
    OK(chmod("script", 0755));
    char line[600] = "";
    PUT("echoer", "#! /bin/echo  two words \t\n");
    OK(chmod("echoer", 0755));
    int ends[2];
    OK(pipe(ends));
    pid_t pid = SPAWN(dup2(ends[1], 1); execl("./echoer", "zero", "last", (char *)NULL));
    EXPECT_EXIT(pid, 0);
    EXPECT_GT(read(ends[0], line, sizeof line - 1), 0);
    EXPECT_STR(line, "two words ./echoer last\n");
}

TEST(exec_script_chain) {
    PUT("s1", "#!/bin/sh\nexit 21\n");
    OK(chmod("s1", 0755));
    char cwd[256], text[512], name[8], target[300];
    CHECK(getcwd(cwd, sizeof cwd));
    for (int i = 2; i <= 7; i++) {
        snprintf(name, sizeof name, "s%d", i);
        snprintf(text, sizeof text, "#!%s/s%d\n", cwd, i - 1);
        PUT(name, text);
        OK(chmod(name, 0755));
    }
    /* Five interpreters in a row are allowed, six are not. */
    snprintf(target, sizeof target, "%s/s5", cwd);
    EXPECT_EXIT(SPAWN(execl(target, target, (char *)NULL)), 21);
    snprintf(target, sizeof target, "%s/s7", cwd);
    EXPECT_ERRNO(execl(target, target, (char *)NULL), ELOOP);
}

TEST(exec_script_missing_interpreter) {
    PUT("s", "#!/no/such/program\n");
    OK(chmod("s", 0755));
    EXPECT_ERRNO(execl("./s", "s", (char *)NULL), ENOENT);
    PUT("s", "#!\n");
    EXPECT_ERRNO(execl("./s", "s", (char *)NULL), ENOEXEC);
    PUT("s", "#!   \n");
    EXPECT_ERRNO(execl("./s", "s", (char *)NULL), ENOEXEC);
    PUT("s", "#!/etc\n");
    EXPECT_ERRNO(execl("./s", "s", (char *)NULL), EACCES);
}

TEST(exec_script_too_long_line) {
    char text[1000] = "#!/";
    memset(text + 3, 'a', 600);
    strcpy(text + 603, "\n");
    PUT("s", text);
    OK(chmod("s", 0755));
    EXPECT_ERRNO(execl("./s", "s", (char *)NULL), ENOEXEC);
}

TEST(exec_path_errors) {
    OK(mkdir("d", 0755));
    PUT("plain", "x");
    EXPECT_ERRNO(execl("./none", "x", (char *)NULL), ENOENT);
    EXPECT_ERRNO(execl("./d", "x", (char *)NULL), EACCES);
    EXPECT_ERRNO(execl("./plain", "x", (char *)NULL), EACCES);
    EXPECT_ERRNO(execl("./plain/x", "x", (char *)NULL), ENOTDIR);
    EXPECT_ERRNO(execl("", "x", (char *)NULL), ENOENT);
    EXPECT_ERRNO(execl("/dev/null", "x", (char *)NULL), EACCES);
    OK(symlink("loop", "loop"));
    EXPECT_ERRNO(execl("loop", "x", (char *)NULL), ELOOP);
    char *argv[] = {"x", NULL};
    EXPECT_ERRNO(syscall(SYS_execve, BAD_POINTER, argv, environ), EFAULT);
    EXPECT_ERRNO(syscall(SYS_execve, test_program, BAD_POINTER, environ), EFAULT);
    EXPECT_ERRNO(syscall(SYS_execve, test_program, argv, BAD_POINTER), EFAULT);
    char *bad[] = {"x", BAD_POINTER, NULL};
    EXPECT_ERRNO(syscall(SYS_execve, test_program, bad, environ), EFAULT);
}

TEST(exec_permission_of_user) {
    PUT("s", "#!/bin/sh\nexit 3\n");
    OK(chmod("s", 0700));
    OK(chmod(".", 0755));
    IN_CHILD(OK(setresuid(1000, 1000, 1000)); EXPECT_ERRNO(execl("./s", "s", (char *)NULL), EACCES));
    OK(chmod("s", 0711));
    /* Executable, but the shell cannot read it. */
    EXPECT_EXIT(SPAWN(OK(setresuid(1000, 1000, 1000)); close(2); execl("./s", "s", (char *)NULL); _exit(1)), 2);
}

TEST(exec_one_argument_too_long) {
    char *big = malloc(140000);
    memset(big, 'a', 140000);
    big[131071] = 0;
    EXPECT_EXIT(RUN_HELPER("count", big), 1);
    big[131071] = 'a';
    big[131072] = 0;
    EXPECT_ERRNO(execl(test_program, test_program, "--helper", "count", big, (char *)NULL), E2BIG);
}

TEST(exec_megabyte_of_arguments) {
    char *big = malloc(100001), *argv[20] = {(char *)test_program, "--helper", "megabyte"};
    memset(big, 'b', 100000);
    big[100000] = 0;
    for (int i = 0; i < 10; i++) {
        argv[3 + i] = big;
    }
    EXPECT_EXIT(SPAWN(execv(test_program, argv); _exit(99)), 10);
}

HELPER(megabyte) {
    for (int i = 0; i < argc; i++) {
        if (strlen(argv[i]) != 100000 || argv[i][99999] != 'b') return 99;
    }
    return argc;
}

TEST(exec_total_too_big) {
    char *big = malloc(131072), *argv[40] = {(char *)test_program, "--helper", "count"};
    memset(big, 'b', 131071);
    big[131071] = 0;
    for (int i = 0; i < 20; i++) {
        argv[3 + i] = big;
    }
    EXPECT_ERRNO(execv(test_program, argv), E2BIG);
}

TEST(exec_many_small_arguments) {
    enum { N = 60000 };
    char **argv = calloc(N + 5, sizeof *argv);
    argv[0] = (char *)test_program, argv[1] = "--helper", argv[2] = "many";
    for (int i = 0; i < N; i++) {
        argv[3 + i] = "x";
    }
    EXPECT_EXIT(SPAWN(execv(test_program, argv); _exit(99)), 0);
}

HELPER(many) {
    return argc == 60000 && strcmp(argv[59999], "x") == 0 && argv[60000] == NULL ? 0 : 1;
}

TEST(exec_too_many_pointers) {
    /* The pointers count, too: with a quarter of the stack limit as bound this is too much. */
    enum { N = 300000 };
    char **argv = calloc(N + 5, sizeof *argv);
    for (int i = 0; i < N; i++) {
        argv[i] = "";
    }
    EXPECT_ERRNO(execv(test_program, argv), E2BIG);
}

TEST(exec_comm_is_file_name) {
    EXPECT_EXIT(RUN_HELPER("comm"), 0);
}

HELPER(comm) {
    const char *base = strrchr(test_program, '/') + 1;
    char *name = GET("/proc/self/comm");
    return strncmp(name, base, strlen(base)) == 0 && name[strlen(base)] == '\n' ? 0 : 1;
}

TEST(execveat_forms) {
    int dir = OK(open("/bin", O_RDONLY | O_DIRECTORY));
    char *argv[] = {"sh", "-c", "exit 5", NULL};
    EXPECT_EXIT(SPAWN(syscall(SYS_execveat, dir, "sh", argv, environ, 0); _exit(99)), 5);
    int file = OK(open("/bin/sh", O_PATH));
    EXPECT_EXIT(SPAWN(syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH); _exit(99)), 5);
    EXPECT_ERRNO(syscall(SYS_execveat, file, "", argv, environ, 0), ENOENT);
    EXPECT_ERRNO(syscall(SYS_execveat, -1, "sh", argv, environ, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_execveat, dir, "sh", argv, environ, 0x8000), EINVAL);
}

TEST(exec_text_file_busy) {
    int from = OK(open("/bin/busybox", O_RDONLY)), to = OK(open("copy", O_RDWR | O_CREAT, 0755));
    static char block[65536];
    for (ssize_t n; (n = OK(read(from, block, sizeof block))) > 0;) {
        EXPECT_EQ(write(to, block, (size_t)n), n);
    }
    EXPECT_ERRNO(execl("./copy", "true", (char *)NULL), ETXTBSY);
    close(to);
    EXPECT_EXIT(SPAWN(execl("./copy", "true", (char *)NULL); _exit(9)), 0);
    int ends[2];
    OK(pipe(ends));
    /* Again while the loop below has it open for writing. */
    pid_t pid = SPAWN(
        dup2(ends[0], 0); close(ends[1]); do {
            execl("./copy", "cat", (char *)NULL);
        } while (errno == ETXTBSY);
        _exit(9));
    close(ends[0]);
    for (int i = 0; i < 300; i++) {
        to = open("copy", O_RDWR);
        if (to < 0) {
            break;
        }
        close(to);
        test_sleep_ms(10);
    }
    EXPECT_EQ(errno, ETXTBSY);
    EXPECT_ERRNO(truncate("copy", 0), ETXTBSY);
    close(ends[1]);
    EXPECT_EXIT(pid, 0);
    OK(open("copy", O_RDWR));
}
