/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A pipe has slots of a page each: what goes behind the bytes of the last one, when it is full, what a fault leaves.
 */
#include "test.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int ends[2];
static char bytes[70000];

static void make(int slots) {
    OK(pipe2(ends, O_NONBLOCK));
    EXPECT_EQ(fcntl(ends[1], F_SETPIPE_SZ, slots * 4096), slots * 4096);
}

static int held(void) {
    int value = -1;
    OK(ioctl(ends[0], FIONREAD, &value));
    return value;
}

static int is_ready(int fd, short events) {
    struct pollfd polled = {fd, events, 0};
    return poll(&polled, 1, 0);
}

/* A page behind which there is nothing. */
static char *edge(void) {
    char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    OK(munmap(at + 4096, 4096));
    return at + 4096;
}

TEST(small_writes_share_a_slot) {
    make(1);
    EXPECT_EQ(write(ends[1], bytes, 10), 10);
    EXPECT_ERRNO(write(ends[1], bytes, 4087), EAGAIN);
    EXPECT_EQ(write(ends[1], bytes, 4086), 4086);
    EXPECT_ERRNO(write(ends[1], bytes, 1), EAGAIN);
    EXPECT_EQ(held(), 4096);
    EXPECT_EQ(read(ends[0], bytes, 9000), 4096);
}

TEST(a_full_pipe_may_have_room_for_bytes) {
    make(2);
    EXPECT_EQ(write(ends[1], bytes, 3000), 3000);
    EXPECT_EQ(write(ends[1], bytes, 2000), 2000);
    EXPECT_EQ(is_ready(ends[1], POLLOUT), 0);
    EXPECT_EQ(write(ends[1], bytes, 2096), 2096);
    EXPECT_ERRNO(write(ends[1], bytes, 1), EAGAIN);
    EXPECT_EQ(held(), 7096);
}

TEST(a_slot_that_is_read_in_part_is_in_use) {
    make(1);
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    EXPECT_EQ(read(ends[0], bytes, 4095), 4095);
    EXPECT_EQ(is_ready(ends[1], POLLOUT), 0);
    EXPECT_ERRNO(write(ends[1], bytes, 1), EAGAIN);
    EXPECT_EQ(read(ends[0], bytes, 4095), 1);
    EXPECT_EQ(is_ready(ends[1], POLLOUT), 1);
    EXPECT_EQ(write(ends[1], bytes, 5), 5);
    EXPECT_EQ(read(ends[0], bytes, 3), 3);
    /* Behind bytes that begin later there is less room. */
    EXPECT_ERRNO(write(ends[1], bytes, 4092), EAGAIN);
    EXPECT_EQ(write(ends[1], bytes, 4091), 4091);
}

TEST(odd_bytes_of_a_large_write_go_first) {
    make(2);
    EXPECT_EQ(write(ends[1], bytes, 10), 10);
    EXPECT_EQ(write(ends[1], bytes, 9000), 808 + 4096);
    EXPECT_EQ(held(), 10 + 808 + 4096);
    make(2);
    EXPECT_EQ(write(ends[1], bytes, 4000), 4000);
    EXPECT_EQ(write(ends[1], bytes, 9000), 4096);
    make(16);
    EXPECT_EQ(write(ends[1], bytes, 1), 1);
    EXPECT_EQ(write(ends[1], bytes, 65536), 61440);
}

TEST(slots_in_use_must_fit_another_size) {
    make(4);
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    EXPECT_EQ(read(ends[0], bytes, 4000), 4000);
    EXPECT_EQ(write(ends[1], bytes, 100), 100);
    EXPECT_EQ(held(), 196);
    EXPECT_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, 4096), EBUSY);
    EXPECT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4097), 8192);
    EXPECT_EQ(read(ends[0], bytes, 96), 96);
    EXPECT_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1), 4096);
    EXPECT_EQ(read(ends[0], bytes, 4096), 100);
}

TEST(a_read_that_faults_takes_nothing_of_the_slot) {
    make(4);
    char *end = edge();
    strcpy(bytes, "first");
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    strcpy(bytes, "second");
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    EXPECT_ERRNO(read(ends[0], end - 100, 4096), EFAULT);
    EXPECT_EQ(held(), 8192);
    EXPECT_EQ(read(ends[0], end - 4096, 5000), 4096);
    EXPECT_EQ(held(), 4096);
    EXPECT_EQ(read(ends[0], bytes, 4096), 4096);
    EXPECT_STR(bytes, "second");
}

TEST(a_write_that_faults_leaves_an_empty_slot) {
    make(1);
    char *end = edge();
    EXPECT_ERRNO(write(ends[1], end - 100, 200), EFAULT);
    EXPECT_EQ(held(), 0);
    EXPECT_EQ(is_ready(ends[0], POLLIN), 1);
    EXPECT_EQ(is_ready(ends[1], POLLOUT), 0);
    EXPECT_ERRNO(write(ends[1], bytes, 4096), EAGAIN);
    EXPECT_EQ(write(ends[1], bytes, 4095), 4095);
    EXPECT_ERRNO(write(ends[1], end, 1), EFAULT);
    EXPECT_EQ(read(ends[0], bytes, 9000), 4095);
    EXPECT_ERRNO(write(ends[1], end - 100, 200), EFAULT);
    EXPECT_ERRNO(read(ends[0], bytes, 1), EAGAIN);
    EXPECT_EQ(is_ready(ends[0], POLLIN), 0);
}

TEST(a_large_write_that_faults_counts_whole_pages) {
    make(4);
    char *end = edge();
    struct iovec parts[2] = {{bytes, 5000}, {end - 50, 4000}};
    EXPECT_EQ(writev(ends[1], parts, 2), 4096);
    EXPECT_EQ(held(), 4096);
    EXPECT_EQ(read(ends[0], bytes, 9000), 4096);
    EXPECT_ERRNO(read(ends[0], bytes, 1), EAGAIN);
}

TEST(packets_have_slots_of_their_own) {
    make(2);
    EXPECT_EQ(write(ends[1], "bytes", 5), 5);
    OK(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT));
    /* Bytes take what comes behind them, packet or not. */
    EXPECT_EQ(write(ends[1], "more", 4), 4);
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    EXPECT_EQ(read(ends[0], bytes, 3), 3);
    EXPECT_ERRNO(write(ends[1], "no", 2), EAGAIN);
    EXPECT_EQ(read(ends[0], bytes, 9000), 6 + 4096);
    EXPECT_EQ(write(ends[1], "one", 3), 3);
    EXPECT_EQ(write(ends[1], "two", 3), 3);
    EXPECT_ERRNO(write(ends[1], "three", 5), EAGAIN);
    EXPECT_EQ(read(ends[0], bytes, 2), 2);
    EXPECT_EQ(held(), 3);
    EXPECT_EQ(read(ends[0], bytes, 9000), 3);
}

TEST(parts_of_a_file_take_slots) {
    make(4);
    int file = OK(open("file", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(write(file, bytes, 20000), 20000);
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    off_t at = 4000;
    EXPECT_EQ(sendfile(ends[1], file, &at, 200), 200);
    EXPECT_EQ(at, 4200);
    EXPECT_EQ(held(), 4096 + 200);
    EXPECT_EQ(sendfile(ends[1], file, &at, 9000), 3992);
    EXPECT_ERRNO(sendfile(ends[1], file, &at, 1), EAGAIN);
    /* Nothing is added to a page of a file. */
    EXPECT_ERRNO(write(ends[1], "x", 1), EAGAIN);
    EXPECT_EQ(read(ends[0], bytes, 4096), 4096);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(held(), 200 + 3992 + 1);
    /* Pages of the file count, not of what is sent. */
    make(4);
    EXPECT_EQ(write(ends[1], bytes, 4096), 4096);
    at = 4000;
    EXPECT_EQ(sendfile(ends[1], file, &at, 5000), 5000);
    EXPECT_ERRNO(sendfile(ends[1], file, &at, 1), EAGAIN);
}

TEST(a_device_that_is_sent_fills_slots) {
    make(2);
    int zero = OK(open("/dev/zero", O_RDONLY));
    EXPECT_EQ(sendfile(ends[1], zero, NULL, 5000), 5000);
    EXPECT_ERRNO(write(ends[1], "x", 1), EAGAIN);
    EXPECT_EQ(held(), 5000);
}
