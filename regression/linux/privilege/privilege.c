/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Ways in which a program could reach for the kernel's privilege: forged signal frames, privileged instructions, odd system
 * call entries. Each must end as on Linux: flags masked, an errno, or a signal to the program. Where Linux's outcome
 * depends on its configuration (int 0x80 is the 32-bit entry there; Nacre has no such gate) both are accepted.
 */
#include "test.h"

#include <ucontext.h>

static long values[8];

static int died_by(pid_t pid) {
    int status = WAIT(pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#define EXPECT_DEATH(signal, ...) EXPECT_EQ(died_by(SPAWN(__VA_ARGS__)), signal)

/* Runs the statements in a child, which may end by SIGSEGV, SIGBUS, SIGILL or orderly; the machine must live. */
#define SURVIVES(...)                                                                          \
    do {                                                                                       \
        int signal_ = died_by(SPAWN(__VA_ARGS__));                                             \
        CHECK(signal_ == 0 || signal_ == SIGSEGV || signal_ == SIGBUS || signal_ == SIGILL || signal_ == SIGTRAP); \
    } while (0)

/* --- forged signal frames ------------------------------------------------------------------------------------------ */

static int which;
static long forged;

static void forge(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (which == REG_EFL) {
        regs[REG_EFL] |= forged;
    } else {
        regs[which] = forged;
    }
}

static void forged_return(int reg, long value) {
    struct sigaction action = {.sa_sigaction = forge, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGUSR1, &action, NULL));
    which = reg;
    forged = value;
    syscall(SYS_kill, getpid(), SIGUSR1);
}

static long flags(void) {
    long value;
    __asm__ volatile("pushfq\n pop %0" : "=r"(value));
    return value;
}

TEST(sigreturn_iopl_is_masked) {
    IN_CHILD(forged_return(REG_EFL, 0x3000); EXPECT_EQ(flags() & 0x3000, 0));
    EXPECT_DEATH(SIGSEGV, forged_return(REG_EFL, 0x3000); __asm__ volatile("cli"));
}

TEST(sigreturn_interrupt_flag_stays) {
    void clear(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x200l;
    }
    IN_CHILD(struct sigaction action = {.sa_sigaction = clear, .sa_flags = SA_SIGINFO}; OK(sigaction(SIGUSR1, &action, NULL));
             raise(SIGUSR1); EXPECT_EQ(flags() & 0x200, 0x200));
}

TEST(sigreturn_nested_task_and_virtual_flags) {
    SURVIVES(forged_return(REG_EFL, 0x4000); EXPECT_EQ(flags() & 0x4000, 0));
    SURVIVES(forged_return(REG_EFL, 0x20000));
    SURVIVES(forged_return(REG_EFL, 0x180000));
    SURVIVES(forged_return(REG_EFL, 0x40000); OK(getppid()));
    SURVIVES(forged_return(REG_EFL, -1l));
}

TEST(sigreturn_direction_flag) {
    SURVIVES(forged_return(REG_EFL, 0x400); char a[16] = "abcdefgh"; long n = syscall(SYS_getpid); (void)n; (void)a; __asm__ volatile("cld"));
}

TEST(sigreturn_trap_flag_traps) {
    EXPECT_DEATH(SIGTRAP, forged_return(REG_EFL, 0x100));
}

TEST(sigreturn_non_canonical_rip) {
    static const unsigned long places[] = {0x800000000000, 0x8000000000000000, 0x7fffffffffff0000, 0xffff7fffffffffff, 0x00ff000000000000};
    for (size_t i = 0; i < COUNT(places); i++) {
        EXPECT_DEATH(SIGSEGV, forged_return(REG_RIP, (long)places[i]));
    }
}

TEST(sigreturn_kernel_rip) {
    static const unsigned long places[] = {0xffffffff81000000, 0xffff800000000000, 0xffffffffffffffff, 0xffffffff80000000, 0x7ffffffff000, 0x7fffffffffff};
    for (size_t i = 0; i < COUNT(places); i++) {
        EXPECT_DEATH(SIGSEGV, forged_return(REG_RIP, (long)places[i]));
    }
}

TEST(sigreturn_odd_stack_pointer) {
    static const unsigned long places[] = {0, 1, 0x800000000000, 0x8000000000000000, 0xffffffff81000000, 0xffffffffffffffff};
    for (size_t i = 0; i < COUNT(places); i++) {
        SURVIVES(forged_return(REG_RSP, (long)places[i]));
    }
}

/* cs, gs, fs, ss as four 16-bit words. */
static void forged_selectors(unsigned cs, unsigned ss) {
    forged_return(REG_CSGSFS, (long)((unsigned long)cs | (unsigned long)ss << 48));
}

TEST(sigreturn_kernel_code_selector) {
    static const unsigned selectors[] = {0x10, 0x08, 0x18, 0x20, 0x38, 0x40, 0x48, 0x50, 0x60, 0, 3, 0xfff8, 0xffff, 0x23, 0x1b, 0x6b};
    for (size_t i = 0; i < COUNT(selectors); i++) {
        for (unsigned rpl = 0; rpl < 4; rpl++) {
            SURVIVES(forged_selectors((selectors[i] & ~3u) | rpl, 0x2b));
        }
    }
}

TEST(sigreturn_kernel_stack_selector) {
    static const unsigned selectors[] = {0x18, 0x10, 0x08, 0, 3, 0x33, 0x23, 0x40, 0xfff8, 0xffff, 0x7b};
    for (size_t i = 0; i < COUNT(selectors); i++) {
        SURVIVES(forged_selectors(0x33, selectors[i]));
    }
}

TEST(sigreturn_frame_that_makes_iret_fault) {
    /* A non-canonical RIP, bad selectors and a bad stack at once: whatever path returns, it must not fault in the kernel. */
    void worst(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
        regs[REG_RIP] = (greg_t)0x8000000000000000;
        regs[REG_RSP] = (greg_t)0xffff900000000000;
        regs[REG_CSGSFS] = 0x10 | 0x18l << 48;
        regs[REG_EFL] = -1;
    }
    for (int i = 0; i < 20; i++) {
        EXPECT_DEATH(SIGSEGV, struct sigaction action = {.sa_sigaction = worst, .sa_flags = SA_SIGINFO};
                     OK(sigaction(SIGUSR1, &action, NULL)); raise(SIGUSR1));
    }
}

TEST(sigreturn_bad_fpu_state) {
    void corrupt(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        unsigned char *fpu = (unsigned char *)((ucontext_t *)context)->uc_mcontext.fpregs;
        if (fpu) {
            memset(fpu + 24, 0xff, 8);                /* MXCSR with reserved bits */
            if (which) {
                memset(fpu, 0xff, which > 1 ? 1024 : 512);
            }
        }
    }
    for (int i = 0; i < 3; i++) {
        SURVIVES(which = i; struct sigaction action = {.sa_sigaction = corrupt, .sa_flags = SA_SIGINFO};
                 OK(sigaction(SIGUSR1, &action, NULL)); raise(SIGUSR1); volatile double x = 1.5; x *= 2; (void)x);
    }
}

TEST(sigreturn_bad_fpu_pointer) {
    void point(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        static const unsigned long places[] = {0x10, 0xffffffff81000000, 0x8000000000000000, 1, 0x7ffffffff000};
        ((ucontext_t *)context)->uc_mcontext.fpregs = (fpregset_t)places[which];
    }
    for (int i = 0; i < 5; i++) {
        SURVIVES(which = i; struct sigaction action = {.sa_sigaction = point, .sa_flags = SA_SIGINFO};
                 OK(sigaction(SIGUSR1, &action, NULL)); raise(SIGUSR1));
    }
}

TEST(sigreturn_without_frame) {
    EXPECT_DEATH(SIGSEGV, __asm__ volatile("mov $0x10, %%rsp\n mov $15, %%eax\n syscall" ::: "rax"));
    EXPECT_DEATH(SIGSEGV, __asm__ volatile("mov $0xffffffff81000000, %%rsp\n mov $15, %%eax\n syscall" ::: "rax"));
    EXPECT_DEATH(SIGSEGV, __asm__ volatile("movabs $0x8000000000000000, %%rax\n mov %%rax, %%rsp\n mov $15, %%eax\n syscall" ::: "rax"));
    SURVIVES(syscall(SYS_rt_sigreturn));
}

TEST(sigreturn_random_frames) {
    unsigned seed = 99;
    for (int round = 0; round < 100; round++) {
        seed = seed * 1103515245 + 12345;
        unsigned mine = seed;
        pid_t pid = SPAWN(
            alarm(3); static unsigned char stack[8192] __attribute__((aligned(64)));
            for (size_t i = 0; i < sizeof stack; i++) { mine = mine * 1103515245 + 12345; stack[i] = (mine >> 16) % 4 ? 0 : (unsigned char)(mine >> 20); }
            __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" ::"r"(stack + 4096) : "rax"));
        WAIT(pid);
    }
}

/* --- system call entry --------------------------------------------------------------------------------------------- */

TEST(syscall_with_kernel_stack_pointer) {
    static const unsigned long places[] = {0xffffffff81000000, 0xffff888000000000, 0xffffc90000000000, 0, 0x8000000000000000, 0xffffffffffffffff};
    for (size_t i = 0; i < COUNT(places); i++) {
        long result = 0;
        __asm__ volatile("mov %%rsp, %%r12\n mov %2, %%rsp\n syscall\n mov %%r12, %%rsp"
                         : "=a"(result) : "a"(SYS_getppid), "r"(places[i]) : "rcx", "r11", "r12", "memory");
        EXPECT_EQ(result, getppid());
    }
}

TEST(syscall_preserves_registers) {
    long in[8] = {11, 12, 13, 14, 15, 16, 17, 18};
    register long r8 __asm__("r8") = in[0], r9 __asm__("r9") = in[1], r10 __asm__("r10") = in[2], r12 __asm__("r12") = in[3],
                  r13 __asm__("r13") = in[4], r14 __asm__("r14") = in[5], r15 __asm__("r15") = in[6];
    long rax = SYS_getppid, rdi = 1, rsi = 2, rdx = 3;
    __asm__ volatile("syscall" : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     :: "rcx", "r11", "memory");
    values[0] = r8, values[1] = r9, values[2] = r10, values[3] = r12, values[4] = r13, values[5] = r14, values[6] = r15;
    for (int i = 0; i < 7; i++) {
        EXPECT_EQ(values[i], in[i]);
    }
    EXPECT_EQ(rdi, 1);
    EXPECT_EQ(rsi, 2);
    EXPECT_EQ(rdx, 3);
    EXPECT_EQ(rax, getppid());
}

TEST(syscall_flags_are_restored) {
    long after;
    __asm__ volatile("std\n stc\n mov $110, %%eax\n syscall\n pushfq\n pop %0\n cld" : "=r"(after) :: "rax", "rcx", "r11", "memory");
    EXPECT_EQ(after & 0x401, 0x401);
    __asm__ volatile("pushfq\n orl $0x40000, (%%rsp)\n popfq\n mov $110, %%eax\n syscall\n pushfq\n pop %0\n pushfq\n andl $~0x40000, (%%rsp)\n popfq"
                     : "=r"(after) :: "rax", "rcx", "r11", "memory");
    EXPECT_EQ(after & 0x40000, 0x40000);
}

TEST(syscall_with_trap_flag) {
    EXPECT_DEATH(SIGTRAP, __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n mov $110, %%eax\n syscall\n nop" ::: "rax", "rcx", "r11", "memory"));
}

TEST(syscall_at_end_of_user_space) {
    /* A syscall whose return address is not canonical: the last two bytes below the hole, if they can be mapped. */
    SURVIVES(unsigned char *page = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
             if (page == MAP_FAILED) _exit(0); page[4094] = 0x0f; page[4095] = 0x05;
             __asm__ volatile("mov $110, %%eax\n jmp *%0" ::"r"(page + 4094) : "rax"));
}

TEST(int80_is_no_way_in) {
    /* Linux with 32-bit emulation answers (getppid is 64 there); without, as on Nacre, it is a fault. */
    SURVIVES(long n = 64; __asm__ volatile("int $0x80" : "+a"(n)::"memory"); _exit(n == getppid() ? 0 : 1));
}

TEST(other_software_interrupts_fault) {
#define INT(n) EXPECT_DEATH(SIGSEGV, __asm__ volatile("int $" #n))
    INT(0x00); INT(0x01); INT(0x02); INT(0x06); INT(0x08); INT(0x0d); INT(0x0e); INT(0x12); INT(0x1d); INT(0x20); INT(0x21); INT(0x40); INT(0x81); INT(0xec); INT(0xef);
    INT(0xf0); INT(0xfb); INT(0xfd); INT(0xfe); INT(0xff);
}

TEST(int3_and_int1_trap) {
    EXPECT_DEATH(SIGTRAP, __asm__ volatile("int3"));
    EXPECT_DEATH(SIGTRAP, __asm__ volatile("int $3"));
    EXPECT_DEATH(SIGTRAP, __asm__ volatile(".byte 0xf1"));
    EXPECT_DEATH(SIGSEGV, __asm__ volatile("int $4"));
}

TEST(sysenter_is_harmless) {
    SURVIVES(alarm(2); __asm__ volatile("mov $20, %%eax\n mov %%rsp, %%rbp\n sysenter" ::: "rax", "memory"));
}

TEST(far_transfers_fault) {
    SURVIVES(struct { unsigned offset; unsigned short selector; } __attribute__((packed)) target = {0x1000, 0x10}; __asm__ volatile("lcall *%0" ::"m"(target)));
    SURVIVES(struct { unsigned offset; unsigned short selector; } __attribute__((packed)) target = {0x1000, 0x08}; __asm__ volatile("ljmp *%0" ::"m"(target)));
    SURVIVES(__asm__ volatile("push $0x10\n push $0x1000\n lretq"));
    SURVIVES(__asm__ volatile("push $0x18\n push $0x1000\n push $0x3202\n push $0x10\n push $0x1000\n iretq"));
    SURVIVES(__asm__ volatile("push $0x2b\n push $0x1000\n push $0x3202\n push $0x33\n movabs $0x8000000000000000, %%rax\n push %%rax\n iretq" ::: "rax"));
}

/* --- privileged and sensitive instructions ------------------------------------------------------------------------- */

#define PRIVILEGED(name, code)                                                                         \
    TEST(privileged_##name) {                                                                          \
        EXPECT_DEATH(SIGSEGV, __asm__ volatile(code ::"a"(0), "c"(0x174), "d"(0) : "rbx", "memory")); \
    }

PRIVILEGED(cli, "cli")
PRIVILEGED(sti, "sti")
PRIVILEGED(hlt, "hlt")
PRIVILEGED(in, "mov $0x60, %%edx\n in %%dx, %%al")
PRIVILEGED(out, "mov $0xf4, %%edx\n mov $0x11, %%eax\n out %%eax, %%dx")
PRIVILEGED(out_debug_port, "mov $0xe9, %%edx\n out %%al, %%dx")
PRIVILEGED(insb, "mov $0x60, %%edx\n mov %%rsp, %%rdi\n insb")
PRIVILEGED(outsb, "mov $0xe9, %%edx\n mov %%rsp, %%rsi\n outsb")
PRIVILEGED(rdmsr, "rdmsr")
PRIVILEGED(wrmsr, "wrmsr")
PRIVILEGED(rdpmc_high, "mov $0x40000005, %%ecx\n rdpmc")
PRIVILEGED(read_cr0, "mov %%cr0, %%rax")
PRIVILEGED(read_cr2, "mov %%cr2, %%rax")
PRIVILEGED(read_cr3, "mov %%cr3, %%rax")
PRIVILEGED(read_cr4, "mov %%cr4, %%rax")
PRIVILEGED(read_cr8, "mov %%cr8, %%rax")
PRIVILEGED(write_cr0, "mov %%rax, %%cr0")
PRIVILEGED(write_cr3, "mov %%rax, %%cr3")
PRIVILEGED(write_cr4, "mov %%rax, %%cr4")
PRIVILEGED(write_cr8, "mov %%rax, %%cr8")
PRIVILEGED(read_dr0, "mov %%db0, %%rax")
PRIVILEGED(write_dr7, "mov %%rax, %%db7")
PRIVILEGED(lgdt, "lgdt (%%rsp)")
PRIVILEGED(lidt, "lidt (%%rsp)")
PRIVILEGED(lldt, "lldt %%ax")
PRIVILEGED(ltr, "ltr %%ax")
PRIVILEGED(lmsw, "lmsw %%ax")
PRIVILEGED(clts, "clts")
PRIVILEGED(invlpg, "invlpg (%%rsp)")
PRIVILEGED(sysret, "mov $0x1000, %%ecx\n mov $0x3202, %%r11d\n sysretq")

TEST(privileged_swapgs_and_others) {
    /* An undefined instruction where the CPU lacks them. */
#define EITHER(code)                                                                                                   \
    do {                                                                                                               \
        int signal = died_by(SPAWN(__asm__ volatile(code ::"a"(0), "c"(0), "d"(0) : "rbx", "memory")));                \
        CHECK(signal == SIGSEGV || signal == SIGILL);                                                                  \
    } while (0)
    EITHER("sysexitl");
    EITHER("swapgs");
    EITHER("xsetbv");
    EITHER(".byte 0x0f, 0x01, 0xca"); /* clac */
    EITHER(".byte 0x0f, 0x01, 0xcb"); /* stac */
    EITHER("monitor");
    EITHER("mwait");
    EITHER(".byte 0x66, 0x0f, 0x38, 0x82, 0x04, 0x24"); /* invpcid */
    EITHER("vmcall");
    EITHER(".byte 0x0f, 0x01, 0xc2"); /* vmlaunch */
    EITHER(".byte 0x0f, 0x01, 0xd8"); /* vmrun */
    EITHER(".byte 0x0f, 0x01, 0xdd"); /* clgi */
    EITHER("rsm");
    EITHER(".byte 0x0f, 0x37"); /* getsec */
    EITHER(".byte 0x0f, 0x01, 0xcf"); /* encls */
}

TEST(privileged_cache_flushes) {
    /* QEMU's translator lets a program run them, as no-ops. */
    SURVIVES(__asm__ volatile("invd"));
    SURVIVES(__asm__ volatile("wbinvd"));
}

TEST(umip_instructions_leak_nothing) {
    /* With UMIP Linux emulates sgdt, sidt and smsw with dummy values; a fault is as good. */
    struct { unsigned short limit; unsigned long base; } __attribute__((packed)) table;
    int signal = died_by(SPAWN(__asm__ volatile("sgdt %0" : "=m"(table)); _exit(table.base == 0xfffffffffffe0000 || table.base == 0xfffffffffffe0000u ? 0 : 0)));
    CHECK(signal == 0 || signal == SIGSEGV);
    signal = died_by(SPAWN(__asm__ volatile("sidt %0" : "=m"(table))));
    CHECK(signal == 0 || signal == SIGSEGV);
    SURVIVES(unsigned short value; __asm__ volatile("sldt %0" : "=m"(value)));
    SURVIVES(unsigned short value; __asm__ volatile("str %0" : "=m"(value)));
    SURVIVES(unsigned long value; __asm__ volatile("smsw %0" : "=r"(value)));
}

TEST(segment_loads) {
    SURVIVES(__asm__ volatile("mov %0, %%ds" ::"r"(0x10)));
    SURVIVES(__asm__ volatile("mov %0, %%es" ::"r"(0x18)));
    SURVIVES(__asm__ volatile("mov %0, %%ss" ::"r"(0x18)));
    SURVIVES(__asm__ volatile("mov %0, %%gs" ::"r"(0xfff8)));
    SURVIVES(__asm__ volatile("mov %0, %%fs" ::"r"(0x2b)); _exit(0));
    SURVIVES(__asm__ volatile("mov %0, %%gs" ::"r"(0)); getppid());
    IN_CHILD(__asm__ volatile("mov %0, %%ds\n mov %0, %%es" ::"r"(0)); EXPECT_EQ(syscall(SYS_getppid), getppid()));
}

TEST(arch_prctl_bases) {
    unsigned long got = 0;
    EXPECT_ERRNO(syscall(SYS_arch_prctl, 0x1001 /* SET_GS */, 0x8000000000000000), EPERM);
    EXPECT_ERRNO(syscall(SYS_arch_prctl, 0x1002 /* SET_FS */, 0xffffffff81000000), EPERM);
    OK(syscall(SYS_arch_prctl, 0x1001, 0x123456789000));
    OK(syscall(SYS_arch_prctl, 0x1004 /* GET_GS */, &got));
    EXPECT_EQ(got, 0x123456789000);
    EXPECT_ERRNO(syscall(SYS_arch_prctl, 0x1004, BAD_POINTER), EFAULT);
    EXPECT_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
}

TEST(gs_base_is_kept_across_calls_and_forks) {
    OK(syscall(SYS_arch_prctl, 0x1001, values));
    values[0] = 4711;
    for (int i = 0; i < 50; i++) {
        sched_yield();
        long seen;
        __asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
        EXPECT_EQ(seen, 4711);
    }
    IN_CHILD(long seen; __asm__ volatile("mov %%gs:0, %0" : "=r"(seen)); EXPECT_EQ(seen, 4711);
             OK(syscall(SYS_arch_prctl, 0x1001, values + 1)); values[1] = 5; __asm__ volatile("mov %%gs:0, %0" : "=r"(seen)); EXPECT_EQ(seen, 5));
    long seen;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
    EXPECT_EQ(seen, 4711);
}

TEST(wrfsbase_of_odd_values) {
    /* The instructions, where the CPU and kernel allow them: whatever a program loads, entry code must not care. */
    static const unsigned long bases[] = {0, 0xffffffff81000000, 0xffff888000000000, 1};
    for (size_t i = 0; i < COUNT(bases); i++) {
        SURVIVES(__asm__ volatile("wrgsbase %0\n mov $110, %%eax\n syscall\n ud2" ::"r"(bases[i]) : "rax", "rcx", "r11"));
    }
    SURVIVES(__asm__ volatile("wrgsbase %0" ::"r"(0x8000000000000000)));
}

TEST(ldt_is_closed_or_harmless) {
    unsigned entry[4] = {0, 0, 0xfffff, 0x51};
    long n = syscall(SYS_modify_ldt, 1, entry, sizeof entry);
    CHECK(n == 0 || errno == ENOSYS || errno == EINVAL || n == -ENOSYS || (n >> 31) != 0);
}

TEST(iopl_and_ioperm_are_refused_to_users) {
    IN_CHILD(OK(setuid(1000)); CHECK(syscall(SYS_iopl, 3) == -1); CHECK(syscall(SYS_ioperm, 0xf4, 4, 1) == -1);
             EXPECT_DEATH(SIGSEGV, __asm__ volatile("out %%al, %%dx" ::"a"(0), "d"(0xf4))));
}

TEST(vsyscall_page_is_no_hole) {
    SURVIVES(((long (*)(void *))0xffffffffff600400ul)(NULL));
    SURVIVES(((long (*)(void *))0xffffffffff600123ul)(NULL));
}
