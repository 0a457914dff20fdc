/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Descriptors of O_PATH in select, and what poll writes when a signal ends it.
 */
#include "test.h"

#include <poll.h>
#include <sys/select.h>

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
