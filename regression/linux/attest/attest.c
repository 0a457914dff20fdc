/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Attestation as a program sees it: /dev/tdx_guest, configfs-tsm, measurement registers, the event log.
 *
 * In a TDX guest (real, or under the simulated host) each test works on Linux and on Nacre alike; on a plain machine there is
 * nothing of all this. Debian's 6.12 has no register files yet (6.16 has): their tests are skipped there.
 */
#include "test.h"

#include <cpuid.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "sha384.h"

#define DEVICE "/dev/tdx_guest"
#define REPORTS "/sys/kernel/config/tsm/report"
#define REGISTERS "/sys/devices/virtual/misc/tdx_guest/measurements/"
#define TABLES "/sys/firmware/acpi/tables/"

struct request {
    uint8_t input[64];
    uint8_t report[1024];
};
#define GET_REPORT _IOWR('T', 1, struct request)

/* Where things are in a TDREPORT. */
enum { TYPE = 0, INPUT = 128, MRTD = 528, CONFIGID = 576, RTMR = 720 };

static bool is_tdx(void) {
    unsigned a, b, c, d;
    if (getenv("ATTEST_TDX")) {
        return true; /* for hosts that do not virtualise CPUID in programs */
    }
    if (__get_cpuid_max(0, NULL) < 0x21) {
        return false;
    }
    __cpuid_count(0x21, 0, a, b, c, d);
    return b == 0x65746e49 && d == 0x5844546c && c == 0x20202020; /* "IntelTDX    " */
}

static void need_tdx(void) {
    if (!is_tdx()) {
        SKIP("not a TDX guest");
    }
}

static uint8_t *report_of(uint8_t fill) {
    static struct request request;
    memset(&request, 0, sizeof request);
    memset(request.input, fill, sizeof request.input);
    int fd = OK(open(DEVICE, O_RDWR));
    OK(ioctl(fd, GET_REPORT, &request));
    close(fd);
    return request.report;
}

/* Reads a whole file; returns its length. */
static size_t slurp(const char *path, void *buffer, size_t size) {
    int fd = OK(open(path, O_RDONLY));
    size_t used = 0;
    for (ssize_t n; used < size && (n = OK(read(fd, (char *)buffer + used, size - used))) > 0;) {
        used += (size_t)n;
    }
    close(fd);
    return used;
}

static const char *in(const char *instance, const char *name) {
    static char path[4][200];
    static int turn;
    char *next = path[turn++ % 4];
    snprintf(next, sizeof path[0], REPORTS "/%s/%s", instance, name);
    return next;
}

/* Writes all of it in one write; the content is taken at close. */
static void input(const char *instance, const void *data, size_t len) {
    int fd = OK(open(in(instance, "inblob"), O_WRONLY));
    EXPECT_EQ(OK(write(fd, data, len)), len);
    OK(close(fd));
}

/* A fresh instance with the name of the test. */
static const char *instance(void) {
    need_tdx();
    static char path[200];
    snprintf(path, sizeof path, REPORTS "/%s", test_name);
    rmdir(path);
    OK(mkdir(path, 0755));
    return test_name;
}

static void gone(const char *name) {
    char path[200];
    snprintf(path, sizeof path, REPORTS "/%s", name);
    OK(rmdir(path));
}

static void as_nobody(void) {
    OK(setresgid(65534, 65534, 65534));
    OK(setresuid(65534, 65534, 65534));
}

TEST(a_plain_machine_has_none_of_it) {
    if (is_tdx()) {
        SKIP("a TDX guest");
    }
    EXPECT_ERRNO(open(DEVICE, O_RDWR), ENOENT);
    EXPECT_ERRNO(access("/sys/class/misc/tdx_guest", F_OK), ENOENT);
    /* Where Linux's module is loaded, the group is there without a provider. */
    EXPECT_ERRNO(mkdir(REPORTS "/new", 0755), access(REPORTS, F_OK) == 0 ? ENXIO : ENOENT);
    EXPECT_ERRNO(access(TABLES "data/CCEL", F_OK), ENOENT);
}

TEST(the_device_is_for_root) {
    need_tdx();
    struct stat st;
    OK(stat(DEVICE, &st));
    EXPECT_EQ(st.st_mode, S_IFCHR | 0600);
    EXPECT_EQ(major(st.st_rdev), 10);
    EXPECT_EQ(st.st_uid, 0);
    pid_t pid = SPAWN(as_nobody(); EXPECT_ERRNO(open(DEVICE, O_RDWR), EACCES));
    EXPECT_EXIT(pid, 0);
}

TEST(sysfs_knows_the_device) {
    need_tdx();
    struct stat st;
    OK(stat(DEVICE, &st));
    char expected[100];
    snprintf(expected, sizeof expected, "%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
    EXPECT_STR(GET("/sys/class/misc/tdx_guest/dev"), expected);
    snprintf(expected, sizeof expected, "MAJOR=%u\nMINOR=%u\nDEVNAME=tdx_guest\n", major(st.st_rdev), minor(st.st_rdev));
    EXPECT_STR(GET("/sys/devices/virtual/misc/tdx_guest/uevent"), expected);
    char link[200] = "";
    OK(readlink("/sys/class/misc/tdx_guest", link, sizeof link - 1));
    EXPECT_STR(link, "../../devices/virtual/misc/tdx_guest");
    snprintf(expected, sizeof expected, "/sys/dev/char/%u:%u/dev", major(st.st_rdev), minor(st.st_rdev));
    OK(access(expected, R_OK));
}

TEST(the_device_is_no_file) {
    need_tdx();
    int fd = OK(open(DEVICE, O_RDWR));
    char byte = 0;
    EXPECT_ERRNO(read(fd, &byte, 1), EINVAL);
    EXPECT_ERRNO(write(fd, &byte, 1), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
}

TEST(bad_controls_are_refused) {
    need_tdx();
    EXPECT_EQ(GET_REPORT, 0xc4405401);
    int fd = OK(open(DEVICE, O_RDONLY));
    struct request request = {0};
    EXPECT_ERRNO(ioctl(fd, GET_REPORT + 1, &request), ENOTTY);
    EXPECT_ERRNO(ioctl(fd, _IOWR('T', 1, char[64]), &request), ENOTTY);
    EXPECT_ERRNO(ioctl(fd, GET_REPORT, NULL), EFAULT);
    EXPECT_ERRNO(ioctl(fd, GET_REPORT, -1L), EFAULT);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    OK(munmap(page + 4096, 4096));
    EXPECT_ERRNO(ioctl(fd, GET_REPORT, page + 4096 - 64), EFAULT);
    EXPECT_ERRNO(ioctl(fd, GET_REPORT, page + 4096 - 1087), EFAULT);
    EXPECT_EQ(OK(ioctl(fd, GET_REPORT, page + 4096 - 1088)), 0);
    OK(mprotect(page, 4096, PROT_READ));
    EXPECT_ERRNO(ioctl(fd, GET_REPORT, page), EFAULT);
}

TEST(a_report_holds_the_input) {
    need_tdx();
    uint8_t first[1024], same[1024], expected[64];
    memcpy(first, report_of(0x5a), sizeof first);
    memset(expected, 0x5a, sizeof expected);
    EXPECT_EQ(first[TYPE], 0x81);
    EXPECT_MEM(first + INPUT, expected, 64);
    memcpy(same, report_of(0x5a), sizeof same);
    EXPECT_MEM(first, same, sizeof first);
    CHECK(memcmp(first, report_of(0x5b), sizeof first) != 0);
    CHECK(memcmp(first + MRTD, (char[48]){0}, 48) != 0);
}

TEST(instances_have_four_files) {
    const char *name = instance();
    char path[200];
    snprintf(path, sizeof path, REPORTS "/%s", name);
    static const struct {
        const char *name;
        mode_t mode;
        off_t size;
    } files[] = {{"generation", 0444, 4096}, {"inblob", 0200, 0}, {"outblob", 0444, 0}, {"provider", 0444, 4096}};
    for (int i = 0; i < 4; i++) {
        struct stat st;
        OK(stat(in(name, files[i].name), &st));
        EXPECT_EQ(st.st_mode, S_IFREG | files[i].mode);
        EXPECT_EQ(st.st_size, files[i].size);
    }
    DIR *dir = opendir(path);
    CHECK(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    EXPECT_EQ(count, 4);
    struct stat st;
    OK(stat(path, &st));
    EXPECT_EQ(st.st_mode, S_IFDIR | 0755);
    EXPECT_STR(GET(in(name, "provider")), "tdx_guest\n");
    gone(name);
    EXPECT_ERRNO(stat(path, &st), ENOENT);
}

TEST(the_tree_is_the_kernels) {
    const char *name = instance();
    char path[200], other[200];
    snprintf(path, sizeof path, REPORTS "/%s", name);
    snprintf(other, sizeof other, REPORTS "/%s-other", name);
    EXPECT_ERRNO(mkdir(path, 0755), EEXIST);
    EXPECT_ERRNO(mkdir(in(name, "new"), 0755), EPERM);
    EXPECT_ERRNO(mkdir("/sys/kernel/config/new", 0755), EPERM);
    EXPECT_ERRNO(mkdir("/sys/kernel/config/tsm/new", 0755), EPERM);
    EXPECT_ERRNO(rmdir(REPORTS), EPERM);
    EXPECT_ERRNO(rmdir("/sys/kernel/config/tsm"), EPERM);
    EXPECT_ERRNO(open(in(name, "new"), O_CREAT | O_WRONLY, 0644), EACCES);
    EXPECT_ERRNO(unlink(in(name, "inblob")), EPERM);
    EXPECT_ERRNO(rename(path, other), EPERM);
    EXPECT_ERRNO(open(in(name, "inblob"), O_RDONLY), EACCES);
    EXPECT_ERRNO(open(in(name, "inblob"), O_RDWR), EACCES);
    EXPECT_ERRNO(open(in(name, "outblob"), O_WRONLY), EACCES);
    EXPECT_ERRNO(open(in(name, "generation"), O_RDWR), EACCES);
    pid_t pid = SPAWN(as_nobody(); EXPECT_ERRNO(mkdir(other, 0755), EACCES);
                      EXPECT_ERRNO(open(in(name, "inblob"), O_WRONLY), EACCES));
    EXPECT_EXIT(pid, 0);
    gone(name);
}

TEST(generations_count_inputs) {
    const char *name = instance();
    char data[64] = "nonce";
    EXPECT_STR(GET(in(name, "generation")), "0\n");
    int open_before = OK(open(in(name, "generation"), O_RDONLY));
    input(name, data, 64);
    EXPECT_STR(GET(in(name, "generation")), "1\n");
    input(name, data, 1);
    EXPECT_STR(GET(in(name, "generation")), "2\n");
    char text[10] = "";
    OK(read(open_before, text, sizeof text));
    EXPECT_STR(text, "2\n");
    input(name, data, 64);
    /* What an open file has shown stays. */
    OK(lseek(open_before, 0, SEEK_SET));
    OK(read(open_before, text, sizeof text));
    EXPECT_STR(text, "2\n");
    close(open_before);
    /* Opening and closing alone is no input. */
    close(OK(open(in(name, "inblob"), O_WRONLY)));
    EXPECT_STR(GET(in(name, "generation")), "3\n");
    gone(name);
}

TEST(inputs_have_64_bytes) {
    const char *name = instance();
    char data[65] = "", out[10];
    int fd = OK(open(in(name, "outblob"), O_RDONLY));
    EXPECT_ERRNO(read(fd, out, sizeof out), EINVAL);
    close(fd);
    for (size_t len = 1; len < 64; len += 31) {
        input(name, data, len);
        fd = OK(open(in(name, "outblob"), O_RDONLY));
        EXPECT_ERRNO(read(fd, out, sizeof out), EINVAL);
        close(fd);
    }
    fd = OK(open(in(name, "inblob"), O_WRONLY));
    EXPECT_ERRNO(write(fd, data, 65), EFBIG);
    EXPECT_EQ(OK(write(fd, data, 60)), 60);
    EXPECT_ERRNO(write(fd, data, 5), EFBIG);
    EXPECT_EQ(OK(write(fd, data, 4)), 4);
    OK(close(fd));
    fd = OK(open(in(name, "outblob"), O_RDONLY));
    CHECK(OK(read(fd, out, sizeof out)) > 0);
    close(fd);
    gone(name);
}

/* Whether the bytes are somewhere in the data. */
static bool contains(const void *data, size_t len, const void *bytes, size_t count) {
    return memmem(data, len, bytes, count) != NULL;
}

TEST_LIMIT(a_quote_holds_report_and_input, 60) {
    const char *name = instance();
    static char quote[40000], again[40000];
    char nonce[64];
    memset(nonce, 'q', sizeof nonce);
    input(name, nonce, sizeof nonce);
    size_t len = slurp(in(name, "outblob"), quote, sizeof quote);
    CHECK(len > 600 && len <= 32768);
    CHECK(contains(quote, len, nonce, sizeof nonce));
    CHECK(contains(quote, len, report_of('q') + MRTD, 48));
    EXPECT_STR(GET(in(name, "generation")), "1\n");
    EXPECT_EQ(slurp(in(name, "outblob"), again, sizeof again), len);
    EXPECT_MEM(quote, again, len);
    memset(nonce, 'r', sizeof nonce);
    input(name, nonce, sizeof nonce);
    EXPECT_EQ(slurp(in(name, "outblob"), again, sizeof again), len);
    CHECK(contains(again, len, nonce, sizeof nonce));
    gone(name);
}

TEST_LIMIT(a_quote_is_read_in_pieces, 60) {
    const char *name = instance();
    static char whole[40000], pieces[40000];
    char nonce[64];
    memset(nonce, 'p', sizeof nonce);
    input(name, nonce, sizeof nonce);
    size_t len = slurp(in(name, "outblob"), whole, sizeof whole), used = 0;
    int fd = OK(open(in(name, "outblob"), O_RDONLY));
    /* An open file goes on with the quote that it began with. */
    for (ssize_t n; (n = OK(read(fd, pieces + used, 100))) > 0;) {
        used += (size_t)n;
        if (used == 100) {
            memset(nonce, 'P', sizeof nonce);
            input(name, nonce, sizeof nonce);
        }
    }
    EXPECT_EQ(used, len);
    EXPECT_MEM(whole, pieces, len);
    EXPECT_EQ(OK(pread(fd, pieces, 50, 200)), 50);
    EXPECT_MEM(whole + 200, pieces, 50);
    EXPECT_EQ(OK(pread(fd, pieces, 50, (off_t)len)), 0);
    close(fd);
    gone(name);
}

TEST(removed_instances_answer_no_more) {
    const char *name = instance();
    char data[64] = "";
    input(name, data, sizeof data);
    int generation = OK(open(in(name, "generation"), O_RDONLY)), outblob = OK(open(in(name, "outblob"), O_RDONLY));
    gone(name);
    EXPECT_ERRNO(read(generation, data, sizeof data), ENOENT);
    EXPECT_ERRNO(read(outblob, data, sizeof data), ENOENT);
    close(generation);
    close(outblob);
}

TEST_LIMIT(instances_do_not_mix, 60) {
    need_tdx();
    for (int child = 0; child < 3; child++) {
        SPAWN({
            char path[200], name[32], nonce[64], quote[40000];
            snprintf(name, sizeof name, "mix%d", child);
            snprintf(path, sizeof path, REPORTS "/%s", name);
            rmdir(path);
            OK(mkdir(path, 0755));
            for (int round = 0; round < 5; round++) {
                memset(nonce, 'a' + child * 5 + round, sizeof nonce);
                input(name, nonce, sizeof nonce);
                size_t len = slurp(in(name, "outblob"), quote, sizeof quote);
                CHECK(contains(quote, len, nonce, sizeof nonce));
            }
            gone(name);
        });
    }
    for (int child = 0; child < 3; child++) {
        int status;
        OK(wait(&status));
        EXPECT_EQ(status, 0);
    }
}

static void need_registers(void) {
    need_tdx();
    if (access(REGISTERS, F_OK) != 0) {
        SKIP("this kernel has no register files (Linux has from 6.16 on)");
    }
}

static void value_of(const char *name, uint8_t value[48]) {
    char path[200];
    snprintf(path, sizeof path, REGISTERS "%s", name);
    uint8_t bytes[100];
    EXPECT_EQ(slurp(path, bytes, sizeof bytes), 48);
    memcpy(value, bytes, 48);
}

TEST(registers_are_those_of_the_report) {
    need_registers();
    static const struct {
        const char *name;
        int at;
    } registers[] = {{"mrtd:sha384", MRTD},           {"mrconfigid", CONFIGID},
                     {"mrowner", CONFIGID + 48},      {"mrownerconfig", CONFIGID + 96},
                     {"rtmr0:sha384", RTMR},          {"rtmr1:sha384", RTMR + 48},
                     {"rtmr2:sha384", RTMR + 2 * 48}, {"rtmr3:sha384", RTMR + 3 * 48}};
    uint8_t *report = report_of(0), value[48];
    for (int i = 0; i < 8; i++) {
        value_of(registers[i].name, value);
        EXPECT_MEM(value, report + registers[i].at, 48);
    }
    struct stat st;
    OK(stat(REGISTERS "mrtd:sha384", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0444);
    EXPECT_EQ(st.st_size, 48);
    OK(stat(REGISTERS "rtmr3:sha384", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0644);
    EXPECT_ERRNO(open(REGISTERS "mrtd:sha384", O_WRONLY), EACCES);
}

TEST(programs_extend_rtmr3) {
    need_registers();
    uint8_t both[96], expected[48], value[48];
    value_of("rtmr3:sha384", both);
    memset(both + 48, 0xa5, 48);
    sha384(both, sizeof both, expected);
    int fd = OK(open(REGISTERS "rtmr3:sha384", O_RDWR));
    EXPECT_EQ(OK(write(fd, both + 48, 48)), 48);
    close(fd);
    value_of("rtmr3:sha384", value);
    EXPECT_MEM(value, expected, 48);
    fd = OK(open(REGISTERS "rtmr3:sha384", O_WRONLY));
    EXPECT_ERRNO(write(fd, both, 47), EINVAL);
    EXPECT_ERRNO(pwrite(fd, both, 47, 1), EINVAL);
    EXPECT_ERRNO(pwrite(fd, both, 48, 48), EFBIG);
    close(fd);
    pid_t pid = SPAWN(as_nobody(); EXPECT_ERRNO(open(REGISTERS "rtmr3:sha384", O_WRONLY), EACCES);
                      value_of("rtmr3:sha384", value));
    EXPECT_EXIT(pid, 0);
    value_of("rtmr3:sha384", value);
    EXPECT_MEM(value, expected, 48);
}

/* Linux leaves these to root; Nacre closes them at boot. */
TEST(the_boots_registers_are_closed) {
    need_registers();
    uint8_t before[48], after[48];
    for (int i = 0; i < 3; i++) {
        char path[200], name[32];
        snprintf(name, sizeof name, "rtmr%d:sha384", i);
        snprintf(path, sizeof path, REGISTERS "%s", name);
        struct utsname system;
        OK(uname(&system));
        if (!strstr(system.release, "nacre")) {
            SKIP("Linux");
        }
        value_of(name, before);
        EXPECT_ERRNO(open(path, O_WRONLY), EACCES);
        OK(chmod(path, 0644));
        int fd = open(path, O_WRONLY);
        if (fd >= 0) {
            EXPECT_ERRNO(write(fd, before, 48), EPERM);
            close(fd);
        }
        OK(chmod(path, 0444));
        value_of(name, after);
        EXPECT_MEM(before, after, 48);
    }
}

static uint32_t u32(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24; }
static uint32_t u16(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }

TEST(the_event_log_replays) {
    need_tdx();
    if (access(TABLES "data/CCEL", F_OK) != 0) {
        SKIP("this machine has no event log");
    }
    static uint8_t log[1 << 18], table[200];
    size_t len = slurp(TABLES "data/CCEL", log, sizeof log), at = 32 + u32(log + 28);
    struct stat st;
    OK(stat(TABLES "data/CCEL", &st));
    EXPECT_EQ(st.st_mode, S_IFREG | 0400);
    EXPECT_EQ(st.st_size, len);
    EXPECT_EQ(u32(log + 4), 3);
    EXPECT_MEM(log + 32, "Spec ID Event03", 16);
    if (access(TABLES "CCEL", F_OK) == 0) {
        EXPECT_EQ(slurp(TABLES "CCEL", table, sizeof table), 56);
        EXPECT_MEM(table, "CCEL", 4);
        EXPECT_EQ(table[36], 2);
        EXPECT_EQ(u32(table + 40), len);
    }
    uint8_t registers[4][48] = {{0}};
    int events = 0;
    while (at + 12 <= len && u32(log + at) != 0xffffffff && (u32(log + at) != 0 || u32(log + at + 4) != 0)) {
        uint32_t index = u32(log + at), type = u32(log + at + 4), count = u32(log + at + 8);
        at += 12;
        for (uint32_t i = 0; i < count; i++) {
            EXPECT_EQ(u16(log + at), 12);
            if (index >= 1 && index <= 4 && type != 3) {
                uint8_t both[96];
                memcpy(both, registers[index - 1], 48);
                memcpy(both + 48, log + at + 2, 48);
                sha384(both, sizeof both, registers[index - 1]);
            }
            at += 2 + 48;
        }
        at += 4 + u32(log + at);
        CHECK(at <= len);
        events++;
    }
    CHECK(events > 0);
    uint8_t *report = report_of(0);
    for (int i = 0; i < 3; i++) {
        EXPECT_MEM(registers[i], report + RTMR + 48 * i, 48);
    }
}

TEST(the_kernel_log_names_tdx) {
    need_tdx();
    static char text[1 << 20];
    OK(klogctl(3, text, sizeof text - 1));
    CHECK(strcasestr(text, "tdx: "));
}

TEST(cpuinfo_names_tdx_in_a_td_alone) {
    static char text[1 << 16];
    int fd = OK(open("/proc/cpuinfo", O_RDONLY));
    size_t len = 0;
    for (ssize_t n; (n = OK(read(fd, text + len, sizeof text - 1 - len))) > 0;) {
        len += (size_t)n;
    }
    EXPECT_EQ(strstr(text, " tdx_guest ") != NULL, is_tdx());
}
