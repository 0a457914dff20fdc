/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Broken programs: each must be an errno or a signal to that program alone. */
#include "test.h"

#include <elf.h>

/* A small static program that exits with 42, in one segment that holds its headers. */
struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segment[4];
    unsigned char code[64];
};

static const unsigned char EXIT42[] = {0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05};

static struct image good(void) {
    struct image image = {
        .header =
            {
                .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_entry = 0x400000 + offsetof(struct image, code),
                .e_phoff = offsetof(struct image, segment),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 1,
            },
        .segment = {{.p_type = PT_LOAD,
                     .p_flags = PF_R | PF_X,
                     .p_vaddr = 0x400000,
                     .p_filesz = sizeof(struct image),
                     .p_memsz = sizeof(struct image),
                     .p_align = 0x1000}},
    };
    memcpy(image.code, EXIT42, sizeof EXIT42);
    return image;
}

static void store(const void *bytes, size_t length) {
    unlink("prog");
    int fd = OK(open("prog", O_WRONLY | O_CREAT | O_TRUNC, 0755));
    EXPECT_EQ(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

/* The child's status: 1000 + errno if exec was refused, else that of the program. */
static int outcome(void) {
    test_shared[20] = 0;
    pid_t pid = SPAWN(execl("./prog", "prog", (char *)NULL); test_shared[20] = errno; _exit(0));
    int status = WAIT(pid);
    return test_shared[20] ? 1000 + test_shared[20] : status;
}

static int outcome_of(const struct image *image) {
    store(image, sizeof *image);
    return outcome();
}

#define REFUSED(code) (1000 + (code))
#define EXITED(code) ((code) << 8)

/* The program died of these signals or was refused, whatever the reason. */
static void expect_refused_or_killed(int got) {
    int signal = got & ~0x80;
    if (got < 1000 && signal != SIGSEGV && signal != SIGKILL && signal != SIGBUS) {
        FAIL("the outcome is %d, expected an errno or death by SIGSEGV, SIGBUS or SIGKILL", got);
    }
}

TEST(elf_good_one_runs) {
    struct image image = good();
    EXPECT_EQ(outcome_of(&image), EXITED(42));
}

TEST(elf_position_independent_without_interpreter) {
    struct image image = good();
    image.header.e_type = ET_DYN;
    image.segment[0].p_vaddr = 0;
    image.header.e_entry = offsetof(struct image, code);
    EXPECT_EQ(outcome_of(&image), EXITED(42));
}

TEST(elf_empty_and_short_files) {
    struct image image = good();
    store("", 0);
    EXPECT_EQ(outcome(), REFUSED(ENOEXEC));
    for (size_t length = 1; length < sizeof(Elf64_Ehdr); length += 7) {
        store(&image, length);
        EXPECT_EQ(outcome(), REFUSED(ENOEXEC));
    }
}

TEST(elf_truncated_program_headers) {
    struct image image = good();
    store(&image, sizeof(Elf64_Ehdr) + 20);
    int got = outcome();
    CHECK(got == REFUSED(EIO) || got == REFUSED(ENOEXEC));
}

TEST(elf_bad_identification) {
    for (int field = 0; field < 4; field++) {
        struct image image = good();
        image.header.e_ident[field] ^= 0x20;
        EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    }
}

TEST(elf_wrong_machine_and_type) {
    struct image image = good();
    image.header.e_machine = EM_AARCH64;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image = good();
    image.header.e_type = ET_REL;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image.header.e_type = ET_CORE;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
}

TEST(elf_bad_header_counts) {
    struct image image = good();
    image.header.e_phnum = 0;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image.header.e_phnum = 0xffff;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image = good();
    image.header.e_phentsize = 32;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image = good();
    image.header.e_phoff = 1ul << 40;
    int got = outcome_of(&image);
    CHECK(got == REFUSED(EIO) || got == REFUSED(ENOEXEC));
    image.header.e_phoff = -8ul;
    got = outcome_of(&image);
    CHECK(got == REFUSED(EIO) || got == REFUSED(ENOEXEC) || got == REFUSED(EINVAL));
}

TEST(elf_file_size_larger_than_memory_size) {
    struct image image = good();
    image.segment[0].p_memsz = 16;
    int got = outcome_of(&image);
    expect_refused_or_killed(got);
}

TEST(elf_segment_in_kernel_half) {
    struct image image = good();
    image.segment[0].p_vaddr = 0xffffffff80000000ul;
    image.header.e_entry = 0xffffffff80000000ul + offsetof(struct image, code);
    int got = outcome_of(&image);
    expect_refused_or_killed(got);
}

TEST(elf_segment_wraps_address_space) {
    struct image image = good();
    image.segment[0].p_memsz = -0x1000ul;
    int got = outcome_of(&image);
    expect_refused_or_killed(got);
    image = good();
    image.segment[0].p_vaddr = -0x1000ul;
    got = outcome_of(&image);
    expect_refused_or_killed(got);
}

TEST(elf_segment_offset_misaligned) {
    struct image image = good();
    image.segment[0].p_offset = 8;
    int got = outcome_of(&image);
    expect_refused_or_killed(got);
}

TEST(elf_huge_memory_size) {
    struct image image = good();
    image.segment[0].p_memsz = 1ul << 46;
    int got = outcome_of(&image);
    expect_refused_or_killed(got);
}

TEST(elf_entry_elsewhere) {
    struct image image = good();
    image.header.e_entry = 0;
    EXPECT_EQ(outcome_of(&image) & ~0x80, SIGSEGV);
    image.header.e_entry = 0x10000000;
    EXPECT_EQ(outcome_of(&image) & ~0x80, SIGSEGV);
    image.header.e_entry = 0xffff800000000000ul;
    int got = outcome_of(&image) & ~0x80;
    expect_refused_or_killed(got);
    image.header.e_entry = 0x0000900000000000ul;
    got = outcome_of(&image) & ~0x80;
    expect_refused_or_killed(got);
}

TEST(elf_not_executable_segment) {
    struct image image = good();
    image.segment[0].p_flags = PF_R;
    EXPECT_EQ(outcome_of(&image) & ~0x80, SIGSEGV);
}

TEST(elf_file_ends_inside_segment) {
    /* Pages past the end of the file cannot be read: the program starts and gets SIGBUS when it touches them. */
    struct image image = good();
    image.segment[0].p_filesz = image.segment[0].p_memsz = 0x4000;
    /* mov rax, [0x402000]; exit */
    static const unsigned char touch[] = {0x48, 0x8b, 0x04, 0x25, 0x00, 0x20, 0x40, 0x00, 0xbf, 1, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05};
    memcpy(image.code, touch, sizeof touch);
    EXPECT_EQ(outcome_of(&image) & ~0x80, SIGBUS);
}

TEST(elf_bss_is_zero) {
    struct image image = good();
    image.segment[0].p_flags = PF_R | PF_W | PF_X;
    image.segment[0].p_memsz = 0x3000;
    /* movzx edi, byte [0x400ff0]; or dil, [0x402000]; mov eax, 60; syscall */
    static const unsigned char touch[] = {0x0f, 0xb6, 0x3c, 0x25, 0xf0, 0x0f, 0x40, 0x00, 0x40, 0x0a, 0x3c, 0x25, 0x00, 0x20, 0x40, 0x00,
                                          0xb8, 60, 0, 0, 0, 0x0f, 0x05};
    memcpy(image.code, touch, sizeof touch);
    EXPECT_EQ(outcome_of(&image), EXITED(0));
}

TEST(elf_missing_interpreter) {
    struct image image = good();
    strcpy((char *)image.code + 32, "/no/such/ld.so");
    image.header.e_phnum = 2;
    image.segment[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 32, .p_filesz = 15};
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOENT));
}

TEST(elf_bad_interpreter_string) {
    struct image image = good();
    image.header.e_phnum = 2;
    image.segment[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, code) + 32, .p_filesz = 1};
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image.segment[1].p_filesz = 5000;
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
    image.segment[1].p_filesz = 4;
    memset(image.code + 32, 'a', 8);
    EXPECT_EQ(outcome_of(&image), REFUSED(ENOEXEC));
}

TEST(elf_fresh_registers) {
    /* or of all general registers but rsp must be 0 at the entry: they may not leak kernel values. */
    struct image image = good();
    static const unsigned char code[] = {
        0x48, 0x09, 0xd8,                                     /* or rax, rbx */
        0x48, 0x09, 0xc8, 0x48, 0x09, 0xf0, 0x48, 0x09, 0xf8, /* rcx rsi rdi */
        0x48, 0x09, 0xe8, 0x4c, 0x09, 0xc0, 0x4c, 0x09, 0xc8, /* rbp r8 r9 */
        0x4c, 0x09, 0xd0, 0x4c, 0x09, 0xd8, 0x4c, 0x09, 0xe0, /* r10 r11 r12 */
        0x4c, 0x09, 0xe8, 0x4c, 0x09, 0xf0, 0x4c, 0x09, 0xf8, /* r13 r14 r15 */
        0x31, 0xff, 0x48, 0x85, 0xc0, 0x40, 0x0f, 0x95, 0xc7, /* edi = rax != 0 */
        0xb8, 60,   0,    0,    0,    0x0f, 0x05,
    };
    memcpy(image.code, code, sizeof code);
    EXPECT_EQ(outcome_of(&image), EXITED(0));
}

TEST(elf_random_damage) {
    /* 200 damaged headers: whatever happens, it happens to that program. */
    unsigned seed = 12345;
    for (int round = 0; round < 200; round++) {
        struct image image = good();
        unsigned char *bytes = (unsigned char *)&image;
        for (int hits = 0; hits < 3; hits++) {
            seed = seed * 1103515245 + 12345;
            bytes[(seed >> 8) % (sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr))] = (unsigned char)(seed >> 24);
        }
        store(&image, sizeof image);
        pid_t pid = SPAWN(alarm(5); execl("./prog", "prog", (char *)NULL); _exit(1));
        WAIT(pid);
    }
}
