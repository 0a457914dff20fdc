/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Signals to a process with many threads: what holds for all of them, and who of them takes one. */
#include "test.h"

#include <dirent.h>
#include <pthread.h>

#define MANY 100

static volatile int ready, tids[MANY], handled;
static sigset_t pending_of_last;
static volatile int look_wanted, look_done;

static void note(int signal) {
    (void)signal;
    handled = gettid();
}

static void block(int how, int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    EXPECT_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static void *live(void *arg) {
    int me = (int)(intptr_t)arg;
    tids[me] = gettid();
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    for (int seen = 0;;) {
        if (me == MANY - 1 && look_wanted != seen) {
            seen = look_wanted;
            sigpending(&pending_of_last);
            look_done = seen;
        }
        usleep(me == MANY - 1 ? 1000 : 1000000);
    }
    return NULL;
}

/* Starts the threads; the last one has the mask that the caller has now, the others also block `signal`. */
static void start(int signal) {
    for (int i = 0; i < MANY; i++) {
        pthread_attr_t attr;
        pthread_t thread;
        block(i == MANY - 1 ? SIG_UNBLOCK : SIG_BLOCK, signal);
        EXPECT_EQ(pthread_attr_init(&attr), 0);
        EXPECT_EQ(pthread_attr_setstacksize(&attr, 32768), 0);
        EXPECT_EQ(pthread_create(&thread, &attr, live, (void *)(intptr_t)i), 0);
    }
    block(SIG_BLOCK, signal);
    while (ready < MANY) {
        test_sleep_ms(1);
    }
}

/* What waits for the last thread, blocked. */
static sigset_t pending(void) {
    int want = ++look_wanted;
    while (look_done != want) {
        test_sleep_ms(1);
    }
    return pending_of_last;
}

TEST(the_one_of_many_that_lets_it_takes_it) {
    signal(SIGUSR1, note);
    start(SIGUSR1);
    for (int round = 0; round < 20; round++) {
        OK(kill(getpid(), SIGUSR1));
        for (int i = 0; i < 5000 && handled == 0; i++) {
            test_sleep_ms(1);
        }
        EXPECT_EQ(handled, tids[MANY - 1]);
        handled = 0;
    }
}

TEST(who_lets_a_signal_later_takes_it) {
    signal(SIGUSR1, note);
    start(SIGUSR1);
    block(SIG_BLOCK, SIGUSR2);
    signal(SIGUSR2, note);
    OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2));
    test_sleep_ms(5);
    EXPECT_EQ(handled, 0);
    block(SIG_UNBLOCK, SIGUSR2);
    EXPECT_EQ(handled, gettid());
}

TEST(stops_and_continues_cancel_each_other_in_all_threads) {
    block(SIG_BLOCK, SIGTSTP);
    block(SIG_BLOCK, SIGCONT);
    start(SIGUSR1);
    for (int round = 0; round < 5; round++) {
        OK(syscall(SYS_tgkill, getpid(), tids[MANY - 1], SIGTSTP));
        sigset_t set = pending();
        CHECK(sigismember(&set, SIGTSTP) && !sigismember(&set, SIGCONT));
        OK(syscall(SYS_tgkill, getpid(), round % 2 ? tids[0] : tids[MANY - 1], SIGCONT));
        set = pending();
        CHECK(!sigismember(&set, SIGTSTP) && (round % 2 || sigismember(&set, SIGCONT)));
        OK(kill(getpid(), SIGTSTP));
        set = pending();
        CHECK(sigismember(&set, SIGTSTP) && !sigismember(&set, SIGCONT));
        OK(kill(getpid(), SIGCONT));
        OK(syscall(SYS_tgkill, getpid(), tids[MANY - 1], SIGTSTP));
        set = pending();
        CHECK(sigismember(&set, SIGTSTP) && !sigismember(&set, SIGCONT));
    }
}

TEST(ignoring_drops_what_waits_in_all_threads) {
    block(SIG_BLOCK, SIGUSR2);
    start(SIGUSR1);
    OK(syscall(SYS_tgkill, getpid(), tids[MANY - 1], SIGUSR2));
    sigset_t set = pending();
    CHECK(sigismember(&set, SIGUSR2));
    signal(SIGUSR2, SIG_IGN);
    signal(SIGUSR2, note);
    set = pending();
    CHECK(!sigismember(&set, SIGUSR2));
    EXPECT_EQ(handled, 0);
}

TEST(many_threads_stop_go_on_and_are_killed) {
    pid_t child = SPAWN({
        start(SIGUSR1);
        test_shared[0] = 1;
        for (;;) {
            pause();
        }
    });
    WAIT_WORD(&test_shared[0], 1);
    int status;
    for (int round = 0; round < 10; round++) {
        OK(kill(child, SIGSTOP));
        EXPECT_EQ(OK(waitpid(child, &status, WUNTRACED)), child);
        CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        OK(kill(child, SIGCONT));
        EXPECT_EQ(OK(waitpid(child, &status, WCONTINUED)), child);
        CHECK(WIFCONTINUED(status));
    }
    for (int round = 0; round < 100; round++) {
        OK(kill(child, round % 2 ? SIGCONT : SIGSTOP));
    }
    OK(kill(child, SIGSTOP));
    EXPECT_EQ(OK(waitpid(child, &status, WUNTRACED)), child);
    OK(kill(child, SIGKILL));
    EXPECT_SIGNAL(child, SIGKILL);
}

static void *exec_true(void *arg) {
    execl("/bin/true", "true", NULL);
    return arg;
}

TEST(exec_by_one_of_many_ends_the_others) {
    pid_t child = SPAWN({
        start(SIGUSR1);
        pthread_t thread;
        EXPECT_EQ(pthread_create(&thread, NULL, exec_true, NULL), 0);
        for (;;) {
            pause();
        }
    });
    EXPECT_EXIT(child, 0);
}

TEST(all_threads_are_listed_and_counted) {
    start(SIGUSR1);
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        found += entry->d_name[0] != '.';
    }
    closedir(tasks);
    EXPECT_EQ(found, MANY + 1);
    for (int i = 0; i < MANY; i++) {
        EXPECT_EQ(OK(syscall(SYS_tgkill, getpid(), tids[i], 0)), 0);
    }
}
