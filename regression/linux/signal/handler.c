/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What a handler finds: a clean floating-point unit, and error codes that tell nothing of the kernel. */
#include "test.h"

#include <ucontext.h>

static unsigned control_in_handler, low_in_handler;
static unsigned short x87_in_handler;

static void look(int signal) {
    (void)signal;
    unsigned long low;
    __asm__ volatile("stmxcsr %0; movq %%xmm3, %1; fnstcw %2"
                     : "=m"(control_in_handler), "=r"(low), "=m"(x87_in_handler));
    low_in_handler = (unsigned)low;
    /* What the handler leaves there is not the program's. */
    unsigned odd = 0x3f80;
    __asm__ volatile("ldmxcsr %0; pcmpeqd %%xmm3, %%xmm3" : : "m"(odd) : "xmm3");
}

TEST(handlers_start_with_a_clean_floating_point_unit) {
    signal(SIGUSR1, look);
    unsigned mine = 0x5f80, after;
    unsigned short rounding = 0x0f7f, x87_after;
    unsigned long value = 0x1234, left;
    pid_t self = getpid();
    long result;
    __asm__ volatile("ldmxcsr %4; fldcw %5; movq %6, %%xmm3; syscall; stmxcsr %0; fnstcw %1; movq %%xmm3, %2"
                     : "=m"(after), "=m"(x87_after), "=&r"(left), "=a"(result)
                     : "m"(mine), "m"(rounding), "r"(value), "a"(SYS_kill), "D"((long)self), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "xmm3");
    unsigned usual = 0x1f80;
    __asm__ volatile("ldmxcsr %0; fninit" : : "m"(usual));
    EXPECT_EQ(result, 0);
    EXPECT_EQ(control_in_handler, 0x1f80);
    EXPECT_EQ(x87_in_handler, 0x37f);
    EXPECT_EQ(low_in_handler, 0);
    EXPECT_EQ(after, 0x5f80);
    EXPECT_EQ(x87_after, 0x0f7f);
    EXPECT_EQ(left, 0x1234);
}

static volatile unsigned long code_of_fault;

static void skip(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ucontext_t *uc = context;
    code_of_fault = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* mov (%rax), %al */
}

static unsigned long code_at(unsigned long address) {
    code_of_fault = ~0ul;
    __asm__ volatile(".byte 0x8a, 0x00" : "+a"(address) : : "memory");
    return code_of_fault;
}

TEST(error_codes_tell_nothing_of_the_kernels_half) {
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGSEGV, &action, NULL));
    EXPECT_EQ(code_at(0x10), 4);
    EXPECT_EQ(code_at(0xffffffff81000000ul), 5);
    EXPECT_EQ(code_at(0xffff800000000000ul), 5);
    EXPECT_EQ(code_at(0xffffc87ffffff000ul), 5);
}
