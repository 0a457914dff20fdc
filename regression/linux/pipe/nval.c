/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Descriptors of O_PATH in select, and what poll writes when a signal ends it.
 */
#include "test.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>

TEST(path_descriptors_are_ready_for_all) {
    fd_set in, out, except;
    struct timeval now = {0, 0};
    int fd = OK(open("/", O_PATH));
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(fd, &in);
    FD_SET(fd, &out);
    FD_SET(fd, &except);
    EXPECT_EQ(select(fd + 1, &in, &out, &except, &now), 3);
    CHECK(FD_ISSET(fd, &in) && FD_ISSET(fd, &out) && FD_ISSET(fd, &except));
    struct pollfd polled = {fd, POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, 0), 1);
    EXPECT_EQ(polled.revents, POLLNVAL);
}

static void ignore(int number) {
    (void)number;
}

TEST(a_poll_that_a_signal_ends_clears_revents) {
    int ends[2];
    struct sigaction action = {.sa_handler = ignore};
    OK(pipe(ends));
    OK(sigaction(SIGALRM, &action, NULL));
    struct pollfd polled = {ends[0], POLLIN, 77};
    alarm(1);
    EXPECT_ERRNO(poll(&polled, 1, 20000), EINTR);
    EXPECT_EQ(polled.revents, 0);
}

TEST(what_is_left_of_a_very_long_time) {
    fd_set in;
    int fd = OK(open("/dev/zero", O_RDONLY));
    struct timeval left = {0, INT64_MAX};
    FD_ZERO(&in);
    FD_SET(fd, &in);
    EXPECT_EQ(syscall(SYS_select, fd + 1, &in, NULL, NULL, &left), 1);
    EXPECT_GT(left.tv_sec, 1l << 32);
    EXPECT_LT(left.tv_usec, 1000000);
    left = (struct timeval){INT64_MAX, 1000000};
    EXPECT_ERRNO(syscall(SYS_select, fd + 1, &in, NULL, NULL, &left), EINVAL);
}
