/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A process with very many children: no call takes a time that grows with their square. */
#include "test.h"

#include <sys/prctl.h>

#define CROWD 1000
/* For what takes some 10 ms; a time that grows with the square is 4 to 10 s. */
#define LIMIT_MS 1500

static pid_t crowd[CROWD];

static void idle(void) {
    for (;;) {
        pause();
    }
}

/* Children that only wait for signals, in one group; returns the group. */
static pid_t start_crowd(void) {
    pid_t group = 0;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = SPAWN(idle());
        if (group == 0) {
            group = crowd[i];
        }
        OK(setpgid(crowd[i], group));
    }
    return group;
}

/* The last connection of a group with a stopped member ends: all members hear of it. */
TEST_LIMIT(parent_of_a_stopped_group_ends, 60) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t parent = SPAWN({
        OK(setsid());
        pid_t group = start_crowd();
        int status;
        OK(kill(group, SIGSTOP));
        EXPECT_EQ(OK(waitpid(group, &status, WUNTRACED)), group);
        test_shared[0] = 1;
        WAIT_WORD(&test_shared[1], 1);
    });
    for (int i = 0; i < 40 && test_shared[0] == 0; i++) {
        test_sleep_ms(1000);
    }
    EXPECT_EQ(test_shared[0], 1);
    test_shared[1] = 1;
    long long start = test_now_ms();
    EXPECT_EXIT(parent, 0);
    EXPECT_LE(test_now_ms() - start, LIMIT_MS);
    for (int i = 0; i < CROWD; i++) {
        int status;
        OK(waitpid(-1, &status, 0));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
    }
    EXPECT_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

/* A signal to the group, then each child by its number, last first, and by any. */
TEST_LIMIT(signal_and_wait, 60) {
    pid_t group = start_crowd();
    long long start = test_now_ms();
    OK(kill(-group, SIGTERM));
    for (int i = CROWD - 1; i >= CROWD / 2; i--) {
        EXPECT_SIGNAL(crowd[i], SIGTERM);
    }
    for (int i = 0; i < CROWD / 2; i++) {
        int status;
        OK(waitpid(i % 2 ? -1 : -group, &status, 0));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    }
    EXPECT_LE(test_now_ms() - start, 2 * LIMIT_MS);
    EXPECT_ERRNO(waitpid(-group, NULL, 0), ECHILD);
}

/* Most of the children have nothing to tell: one that does is found at once. */
TEST_LIMIT(wait_among_the_silent, 60) {
    pid_t group = start_crowd();
    int status;
    long long start = test_now_ms();
    for (int i = 0; i < 200; i++) {
        pid_t child = crowd[CROWD - 1 - i];
        EXPECT_EQ(OK(waitpid(-1, &status, WNOHANG)), 0);
        OK(kill(child, SIGSTOP));
        EXPECT_EQ(OK(waitpid(-1, &status, WUNTRACED)), child);
        EXPECT_EQ(OK(waitpid(-1, &status, WUNTRACED | WNOHANG)), 0);
        OK(kill(child, SIGCONT));
        /* It counts as continued from the moment of the signal on. */
        EXPECT_EQ(OK(waitpid(-1, &status, WCONTINUED | WNOHANG)), child);
        CHECK(WIFCONTINUED(status));
    }
    EXPECT_LE(test_now_ms() - start, LIMIT_MS);
    OK(kill(-group, SIGKILL));
    for (int i = 0; i < CROWD; i++) {
        OK(wait(NULL));
    }
}

/* A status that is only looked at stays, also behind others. */
TEST(looked_at_and_left) {
    pid_t first = SPAWN(_exit(1)), second = SPAWN(_exit(2));
    siginfo_t info;
    WAIT_STATE(second, 'Z');
    WAIT_STATE(first, 'Z');
    for (int i = 0; i < 2; i++) {
        OK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
        EXPECT_EQ(info.si_pid, first);
    }
    EXPECT_EXIT(second, 2);
    OK(waitid(P_ALL, 0, &info, WEXITED));
    EXPECT_EQ(info.si_pid, first);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

/* Children whose parent ends come to the subreaper in the order of their birth, with their news. */
TEST(orphans_bring_their_news) {
    OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pid_t parent = SPAWN({
        test_shared[0] = SPAWN(_exit(3));
        test_shared[1] = SPAWN(idle());
        test_shared[2] = SPAWN(_exit(5));
        int status;
        OK(kill(test_shared[1], SIGSTOP));
        OK(waitpid(test_shared[1], &status, WUNTRACED));
        WAIT_STATE(test_shared[0], 'Z');
        WAIT_STATE(test_shared[2], 'Z');
    });
    EXPECT_EXIT(parent, 0);
    int status;
    EXPECT_EQ(OK(waitpid(-1, &status, 0)), test_shared[0]);
    EXPECT_EQ(WEXITSTATUS(status), 3);
    EXPECT_EQ(OK(waitpid(-1, &status, 0)), test_shared[2]);
    EXPECT_EQ(WEXITSTATUS(status), 5);
    OK(kill(test_shared[1], SIGCONT));
    EXPECT_EQ(OK(waitpid(-1, &status, WCONTINUED)), test_shared[1]);
    OK(kill(test_shared[1], SIGKILL));
    EXPECT_SIGNAL(test_shared[1], SIGKILL);
}
