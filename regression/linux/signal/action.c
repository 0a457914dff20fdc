/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Signal actions, masks, delivery, siginfo and the alternate stack. */
#include "test.h"

#include <ucontext.h>

static volatile int hits, last, code_seen, other;
static volatile pid_t sender;
static volatile union sigval value_seen;
static volatile void *address_seen;

static void count(int signal) {
    hits++;
    last = signal;
}

static void record(int signal, siginfo_t *info, void *context) {
    (void)context;
    hits++;
    last = signal;
    code_seen = info->si_code;
    sender = info->si_pid;
    value_seen = info->si_value;
    address_seen = info->si_addr;
}

static void handle(int signal, void (*body)(int), int flags) {
    struct sigaction action = {.sa_handler = body, .sa_flags = flags};
    OK(sigaction(signal, &action, NULL));
}

static void handle_info(int signal, int flags) {
    struct sigaction action = {.sa_sigaction = record, .sa_flags = flags | SA_SIGINFO};
    OK(sigaction(signal, &action, NULL));
}

static sigset_t one(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

TEST(default_actions_terminate) {
    static const int fatal[] = {SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT};
    for (size_t i = 0; i < COUNT(fatal); i++) {
        EXPECT_SIGNAL(SPAWN(kill(getpid(), fatal[i]); pause()), fatal[i]);
    }
    EXPECT_SIGNAL(SPAWN(kill(getpid(), SIGRTMIN); pause()), SIGRTMIN);
    EXPECT_SIGNAL(SPAWN(kill(getpid(), 64); pause()), 64);
}

TEST(default_actions_dump) {
    static const int core[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    struct rlimit none = {0, 0};
    OK(setrlimit(RLIMIT_CORE, &none));
    for (size_t i = 0; i < COUNT(core); i++) {
        EXPECT_SIGNAL(SPAWN(kill(getpid(), core[i]); pause()), core[i]);
    }
}

TEST(default_actions_ignore) {
    EXPECT_EXIT(SPAWN(kill(getpid(), SIGCHLD); kill(getpid(), SIGURG); kill(getpid(), SIGWINCH); kill(getpid(), SIGCONT)), 0);
}

TEST(default_actions_stop) {
    static const int stop[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < COUNT(stop); i++) {
        /* Only SIGSTOP stops an orphaned group; this one is not orphaned: the parent is in the session. */
        pid_t pid = SPAWN(setpgid(0, 0); kill(getpid(), stop[i]); _exit(3));
        int status;
        EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
        CHECK(WIFSTOPPED(status));
        EXPECT_EQ(WSTOPSIG(status), stop[i]);
        OK(kill(pid, SIGCONT));
        EXPECT_EXIT(pid, 3);
    }
}

TEST(orphaned_group_ignores_tstp) {
    EXPECT_EXIT(SPAWN(OK(setsid()); kill(getpid(), SIGTSTP); kill(getpid(), SIGTTIN); _exit(4)), 4);
}

TEST(handler_runs_and_returns) {
    handle(SIGUSR1, count, 0);
    hits = 0;
    OK(raise(SIGUSR1));
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(last, SIGUSR1);
    OK(raise(SIGUSR1));
    EXPECT_EQ(hits, 2);
}

TEST(kill_and_stop_cannot_be_caught) {
    struct sigaction action = {.sa_handler = count};
    EXPECT_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
    EXPECT_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, 65, NULL, &action, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, 0, NULL, &action, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, BAD_POINTER, NULL, 8), EFAULT);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD_POINTER, 8), EFAULT);
    OK(syscall(SYS_rt_sigaction, SIGKILL, NULL, NULL, 8));
}

TEST(sigaction_returns_old) {
    struct sigaction old;
    handle(SIGUSR1, count, SA_RESTART | SA_NODEFER);
    OK(sigaction(SIGUSR1, NULL, &old));
    CHECK(old.sa_handler == count);
    EXPECT_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_ONSTACK), SA_RESTART | SA_NODEFER);
}

TEST(sigaction_drops_kill_and_stop_from_mask) {
    struct sigaction action = {.sa_handler = count}, old;
    sigfillset(&action.sa_mask);
    OK(sigaction(SIGUSR1, &action, NULL));
    OK(sigaction(SIGUSR1, NULL, &old));
    EXPECT_EQ(sigismember(&old.sa_mask, SIGKILL), 0);
    EXPECT_EQ(sigismember(&old.sa_mask, SIGSTOP), 0);
    EXPECT_EQ(sigismember(&old.sa_mask, SIGTERM), 1);
}

TEST(resethand_restores_default) {
    handle(SIGUSR1, count, SA_RESETHAND);
    hits = 0;
    OK(raise(SIGUSR1));
    EXPECT_EQ(hits, 1);
    EXPECT_SIGNAL(SPAWN(raise(SIGUSR1)), SIGUSR1);
}

static void nested(int signal) {
    hits++;
    if (hits == 1) {
        raise(signal);
        other = hits;
    }
}

TEST(signal_is_blocked_in_its_handler) {
    handle(SIGUSR1, nested, 0);
    hits = 0;
    raise(SIGUSR1);
    EXPECT_EQ(other, 1);
    EXPECT_EQ(hits, 2);
}

TEST(nodefer_lets_it_nest) {
    handle(SIGUSR1, nested, SA_NODEFER);
    hits = 0;
    raise(SIGUSR1);
    EXPECT_EQ(other, 2);
    EXPECT_EQ(hits, 2);
}

static void raise_other(int signal) {
    (void)signal;
    raise(SIGUSR2);
    other = hits;
}

TEST(sa_mask_blocks_during_handler) {
    struct sigaction action = {.sa_handler = raise_other, .sa_mask = one(SIGUSR2)};
    OK(sigaction(SIGUSR1, &action, NULL));
    handle(SIGUSR2, count, 0);
    hits = 0;
    raise(SIGUSR1);
    EXPECT_EQ(other, 0);
    EXPECT_EQ(hits, 1);
}

TEST(sigprocmask_blocks_and_delivers_later) {
    sigset_t set = one(SIGUSR1), old, pending;
    handle(SIGUSR1, count, 0);
    hits = 0;
    OK(sigprocmask(SIG_BLOCK, &set, &old));
    EXPECT_EQ(sigismember(&old, SIGUSR1), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(hits, 0);
    OK(sigpending(&pending));
    EXPECT_EQ(sigismember(&pending, SIGUSR1), 1);
    OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
    EXPECT_EQ(hits, 1);
    OK(sigpending(&pending));
    EXPECT_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(sigprocmask_errors) {
    unsigned long set = 0;
    EXPECT_ERRNO(syscall(SYS_rt_sigprocmask, 7, &set, NULL, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 16), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD_POINTER, NULL, 8), EFAULT);
    EXPECT_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, BAD_POINTER, 8), EFAULT);
    OK(syscall(SYS_rt_sigprocmask, 7, NULL, &set, 8));
}

TEST(kill_and_stop_cannot_be_blocked) {
    sigset_t all, now;
    sigfillset(&all);
    OK(sigprocmask(SIG_SETMASK, &all, NULL));
    OK(sigprocmask(SIG_BLOCK, NULL, &now));
    EXPECT_EQ(sigismember(&now, SIGKILL), 0);
    EXPECT_EQ(sigismember(&now, SIGSTOP), 0);
    EXPECT_EQ(sigismember(&now, SIGTERM), 1);
    EXPECT_SIGNAL(SPAWN(kill(getpid(), SIGKILL)), SIGKILL);
}

TEST(realtime_signals_queue) {
    sigset_t set = one(SIGRTMIN + 1);
    handle_info(SIGRTMIN + 1, 0);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    hits = 0;
    for (int i = 0; i < 5; i++) {
        OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}));
    }
    EXPECT_EQ(hits, 0);
    OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
    EXPECT_EQ(hits, 5);
}

static int order[8];

static void note_order(int signal) {
    order[hits++] = signal;
}

TEST(pending_signals_come_lowest_first) {
    /* The handler of the lowest is set up first, so that it runs last unless masked: mask all while handling. */
    struct sigaction action = {.sa_handler = note_order};
    sigfillset(&action.sa_mask);
    int signals[] = {SIGRTMIN + 2, SIGUSR2, SIGRTMIN, SIGUSR1};
    sigset_t all, old;
    sigfillset(&all);
    OK(sigprocmask(SIG_BLOCK, &all, &old));
    for (int i = 0; i < 4; i++) {
        OK(sigaction(signals[i], &action, NULL));
        OK(kill(getpid(), signals[i]));
    }
    hits = 0;
    OK(sigprocmask(SIG_SETMASK, &old, NULL));
    EXPECT_EQ(hits, 4);
    EXPECT_EQ(order[0], SIGUSR1);
    EXPECT_EQ(order[1], SIGUSR2);
    EXPECT_EQ(order[2], SIGRTMIN);
    EXPECT_EQ(order[3], SIGRTMIN + 2);
}

TEST(siginfo_of_kill) {
    handle_info(SIGUSR1, 0);
    OK(kill(getpid(), SIGUSR1));
    EXPECT_EQ(code_seen, SI_USER);
    EXPECT_EQ(sender, getpid());
    OK(syscall(SYS_tkill, getpid(), SIGUSR1));
    EXPECT_EQ(code_seen, SI_TKILL);
}

TEST(siginfo_of_sigqueue) {
    handle_info(SIGUSR1, 0);
    OK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = (void *)0x123456789abc}));
    EXPECT_EQ(code_seen, SI_QUEUE);
    CHECK(value_seen.sival_ptr == (void *)0x123456789abc);
}

TEST(sigqueueinfo_cannot_forge_kernel_codes) {
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
    pid_t child = SPAWN(pause());
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    info.si_code = SI_TKILL;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    info.si_code = SI_QUEUE;
    OK(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info));
    EXPECT_SIGNAL(child, SIGUSR1);
}

TEST(siginfo_of_child) {
    handle_info(SIGCHLD, 0);
    pid_t pid = SPAWN(_exit(5));
    while (hits == 0) {
        test_sleep_ms(5);
    }
    EXPECT_EQ(code_seen, CLD_EXITED);
    EXPECT_EQ(sender, pid);
    EXPECT_EXIT(pid, 5);
}

TEST(sigchld_on_stop_unless_nocldstop) {
    handle_info(SIGCHLD, 0);
    pid_t pid = SPAWN(for (;;) pause(););
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    test_sleep_ms(20);
    EXPECT_EQ(code_seen, CLD_STOPPED);
    handle_info(SIGCHLD, SA_NOCLDSTOP);
    hits = 0;
    kill(pid, SIGCONT);
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    test_sleep_ms(20);
    EXPECT_EQ(hits, 0);
    kill(pid, SIGKILL);
    EXPECT_SIGNAL(pid, SIGKILL);
}

static void fault_report(int signal, siginfo_t *info, void *context) {
    (void)context;
    test_shared[0] = signal;
    test_shared[1] = info->si_code;
    memcpy((void *)(test_shared + 2), &info->si_addr, sizeof(void *));
    _exit(0);
}

static void expect_fault(int signal, int code, void (*body)(void)) {
    test_shared[0] = 0;
    pid_t pid = SPAWN(struct sigaction action = {.sa_sigaction = fault_report, .sa_flags = SA_SIGINFO};
                      OK(sigaction(signal, &action, NULL)); body());
    EXPECT_EXIT(pid, 0);
    EXPECT_EQ(test_shared[0], signal);
    EXPECT_EQ(test_shared[1], code);
}

static void divide_by_zero(void) {
    __asm__ volatile("xor %%ecx, %%ecx\n mov $1, %%eax\n cltd\n idiv %%ecx" ::: "eax", "ecx", "edx");
}
static void undefined(void) {
    __asm__ volatile("ud2");
}
static void breakpoint(void) {
    __asm__ volatile("int3");
}
static void debug_trap(void) {
    __asm__ volatile(".byte 0xf1"); /* int1 */
}
static void privileged(void) {
    __asm__ volatile("hlt");
}
static void non_canonical(void) {
    *(volatile int *)0x8000000000000000ul = 1;
}
static void jump_to_null(void) {
    ((void (*)(void))0)();
}
static void read_kernel(void) {
    (void)*(volatile int *)0xffffffff81000000ul;
}
static void single_step(void) {
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop" ::: "memory");
}
static void overlong_instruction(void) {
    __asm__ volatile(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90");
}

static void write_unmapped(void) {
    *(volatile int *)0x123450 = 1;
}

TEST(fault_unmapped) {
    expect_fault(SIGSEGV, SEGV_MAPERR, write_unmapped);
    EXPECT_EQ(test_shared[2], 0x123450);
}
TEST(fault_divide) { expect_fault(SIGFPE, FPE_INTDIV, divide_by_zero); }
TEST(fault_undefined) { expect_fault(SIGILL, ILL_ILLOPN, undefined); }
TEST(fault_breakpoint) { expect_fault(SIGTRAP, SI_KERNEL, breakpoint); }
TEST(fault_debug_trap) {
    expect_fault(SIGTRAP, TRAP_BRKPT, debug_trap);
    /* A step before leaves nothing behind that would make it one. */
    expect_fault(SIGTRAP, TRAP_TRACE, single_step);
    expect_fault(SIGTRAP, TRAP_BRKPT, debug_trap);
}
TEST(fault_privileged) { expect_fault(SIGSEGV, SI_KERNEL, privileged); }
TEST(fault_non_canonical) { expect_fault(SIGSEGV, SI_KERNEL, non_canonical); }
TEST(fault_jump_to_null) { expect_fault(SIGSEGV, SEGV_MAPERR, jump_to_null); }
TEST(fault_read_kernel) { expect_fault(SIGSEGV, SEGV_MAPERR, read_kernel); }
TEST(fault_single_step) { expect_fault(SIGTRAP, TRAP_TRACE, single_step); }
TEST(fault_overlong_instruction) { expect_fault(SIGSEGV, SI_KERNEL, overlong_instruction); }

TEST(blocked_fault_kills) {
    sigset_t set = one(SIGSEGV);
    EXPECT_SIGNAL(SPAWN(handle(SIGSEGV, count, 0); sigprocmask(SIG_BLOCK, &set, NULL); *(volatile int *)8 = 1), SIGSEGV);
    EXPECT_SIGNAL(SPAWN(signal(SIGSEGV, SIG_IGN); *(volatile int *)8 = 1), SIGSEGV);
}

TEST(handler_can_skip_faulting_instruction) {
    void skip(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
        hits++;
    }
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGILL, &action, NULL));
    hits = 0;
    __asm__ volatile("ud2");
    __asm__ volatile("ud2");
    EXPECT_EQ(hits, 2);
}

TEST(handler_can_change_registers) {
    void change(int signal, siginfo_t *info, void *context) {
        (void)signal, (void)info;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_R12] = 0x1234567890;
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
    }
    struct sigaction action = {.sa_sigaction = change, .sa_flags = SA_SIGINFO};
    OK(sigaction(SIGILL, &action, NULL));
    long value;
    __asm__ volatile("mov $7, %%r12\n ud2\n mov %%r12, %0" : "=r"(value)::"r12");
    EXPECT_EQ(value, 0x1234567890);
}

TEST(handler_preserves_registers_and_fpu) {
    void clobber(int signal) {
        (void)signal;
        hits++;
        __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n pcmpeqd %%xmm15, %%xmm15\n fninit\n fldpi" ::: "xmm0", "xmm15");
    }
    handle(SIGUSR1, clobber, 0);
    double a = 1.5, b = 0;
    long pid = getpid(), left = 0;
    hits = 0;
    __asm__ volatile("movsd %2, %%xmm15\n mov $0xabcdef, %%r13\n mov $62, %%eax\n mov %3, %%rdi\n mov $10, %%esi\n syscall\n"
                     "movsd %%xmm15, %0\n mov %%r13, %1"
                     : "=m"(b), "=r"(left)
                     : "m"(a), "r"(pid)
                     : "rax", "rdi", "rsi", "rcx", "r11", "r13", "xmm15", "memory");
    EXPECT_EQ(hits, 1);
    CHECK(b == 1.5);
    EXPECT_EQ(left, 0xabcdef);
}

static volatile char *stack_low, *stack_high;
static volatile int on_stack;

static void where(int signal) {
    char here;
    (void)signal;
    on_stack = &here >= stack_low && &here < stack_high;
    stack_t now;
    sigaltstack(NULL, &now);
    other = now.ss_flags;
}

TEST(alternate_stack_is_used) {
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    stack_low = stack, stack_high = stack + sizeof stack;
    OK(sigaltstack(&ss, &old));
    EXPECT_EQ(old.ss_flags, SS_DISABLE);
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    EXPECT_EQ(on_stack, 1);
    EXPECT_EQ(other, SS_ONSTACK);
    handle(SIGUSR1, where, 0);
    raise(SIGUSR1);
    EXPECT_EQ(on_stack, 0);
    OK(sigaltstack(NULL, &old));
    CHECK(old.ss_sp == stack);
}

TEST(alternate_stack_errors) {
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = 100};
    EXPECT_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
    ss = (stack_t){.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = 99};
    EXPECT_ERRNO(sigaltstack(&ss, NULL), EINVAL);
    EXPECT_ERRNO(sigaltstack((stack_t *)BAD_POINTER, NULL), EFAULT);
    ss = (stack_t){.ss_flags = SS_DISABLE};
    OK(sigaltstack(&ss, NULL));
}

TEST(alternate_stack_change_on_it_is_eperm) {
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    OK(sigaltstack(&ss, NULL));
    void change(int signal) {
        (void)signal;
        stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack};
        other = sigaltstack(&mine, NULL) == -1 ? errno : 0;
    }
    handle(SIGUSR1, change, SA_ONSTACK);
    raise(SIGUSR1);
    EXPECT_EQ(other, EPERM);
}

TEST(stack_overflow_is_caught_on_alternate_stack) {
    static char stack[65536];
    EXPECT_EXIT(SPAWN(stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}; OK(sigaltstack(&ss, NULL));
                      struct rlimit limit = {1 << 20, 1 << 20}; OK(setrlimit(RLIMIT_STACK, &limit));
                      void out(int signal) { (void)signal; _exit(12); } handle(SIGSEGV, out, SA_ONSTACK);
                      int recurse(int n) { volatile char block[1024]; block[0] = (char)n; return recurse(n + 1) + block[0]; }
                      recurse(0)), 12);
}

TEST(deep_recursion_dies_by_segv) {
    EXPECT_SIGNAL(SPAWN(int recurse(int n) { volatile char block[4096]; block[n & 4095] = (char)n; return recurse(n + 1) + block[0]; } recurse(0)), SIGSEGV);
}

TEST(handler_without_stack_kills) {
    EXPECT_SIGNAL(SPAWN(handle(SIGUSR1, count, 0); long pid = getpid();
                        __asm__ volatile("mov $0x1000, %%rsp\n mov $62, %%eax\n mov %0, %%rdi\n mov $10, %%esi\n syscall\n ud2" ::"r"(pid) : "rax", "rdi", "rsi")),
                  SIGSEGV);
}

TEST(sigsuspend_swaps_mask) {
    sigset_t block = one(SIGUSR1), none, now;
    sigemptyset(&none);
    handle(SIGUSR1, count, 0);
    OK(sigprocmask(SIG_BLOCK, &block, NULL));
    hits = 0;
    raise(SIGUSR1);
    EXPECT_ERRNO(sigsuspend(&none), EINTR);
    EXPECT_EQ(hits, 1);
    OK(sigprocmask(SIG_BLOCK, NULL, &now));
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
    EXPECT_ERRNO(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigsuspend, BAD_POINTER, 8), EFAULT);
}

TEST(sigtimedwait_takes_pending) {
    sigset_t set = one(SIGUSR1);
    siginfo_t info;
    struct timespec none = {0, 0}, brief = {0, 50000000};
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    EXPECT_ERRNO(sigtimedwait(&set, &info, &none), EAGAIN);
    long long start = test_now_ms();
    EXPECT_ERRNO(sigtimedwait(&set, &info, &brief), EAGAIN);
    EXPECT_GE(test_now_ms() - start, 49);
    OK(kill(getpid(), SIGUSR1));
    EXPECT_EQ(sigtimedwait(&set, &info, &none), SIGUSR1);
    EXPECT_EQ(info.si_pid, getpid());
    EXPECT_EQ(info.si_code, SI_USER);
    pid_t parent = getpid();
    pid_t child = SPAWN(test_sleep_ms(50); kill(parent, SIGUSR1));
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    EXPECT_EQ(info.si_pid, child);
    EXPECT_EXIT(child, 0);
    struct timespec bad = {0, 2000000000};
    EXPECT_ERRNO(sigtimedwait(&set, &info, &bad), EINVAL);
}

TEST(sigtimedwait_interrupted_by_other) {
    sigset_t set = one(SIGUSR1);
    handle(SIGALRM, count, 0);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    struct itimerval timer = {.it_value = {0, 50000}};
    OK(setitimer(ITIMER_REAL, &timer, NULL));
    EXPECT_ERRNO(sigwaitinfo(&set, NULL), EINTR);
}

TEST(stop_discards_pending_cont_and_back) {
    sigset_t set = one(SIGCONT), pending;
    sigaddset(&set, SIGTSTP);
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    raise(SIGTSTP);
    raise(SIGCONT);
    OK(sigpending(&pending));
    EXPECT_EQ(sigismember(&pending, SIGTSTP), 0);
    raise(SIGTSTP);
    OK(sigpending(&pending));
    EXPECT_EQ(sigismember(&pending, SIGCONT), 0);
    EXPECT_EQ(sigismember(&pending, SIGTSTP), 1);
}

TEST(sigcont_wakes_even_if_blocked_or_ignored) {
    sigset_t set = one(SIGCONT);
    pid_t pid = SPAWN(sigprocmask(SIG_BLOCK, &set, NULL); raise(SIGSTOP); _exit(6));
    int status;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    OK(kill(pid, SIGCONT));
    EXPECT_EXIT(pid, 6);
}

TEST(stopped_process_gets_signals_after_cont) {
    pid_t pid = SPAWN(for (;;) pause(););
    kill(pid, SIGSTOP);
    WAIT_STATE(pid, 'T');
    OK(kill(pid, SIGTERM));
    test_sleep_ms(20);
    EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
    OK(kill(pid, SIGCONT));
    EXPECT_SIGNAL(pid, SIGTERM);
}

TEST(ignoring_discards_pending) {
    sigset_t set = one(SIGUSR1), pending;
    OK(sigprocmask(SIG_BLOCK, &set, NULL));
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    OK(sigpending(&pending));
    EXPECT_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(abort_kills_even_if_ignored) {
    EXPECT_SIGNAL(SPAWN(signal(SIGABRT, SIG_IGN); abort()), SIGABRT);
}

TEST(handler_runs_between_busy_instructions) {
    handle(SIGALRM, count, 0);
    hits = 0;
    struct itimerval timer = {.it_value = {0, 20000}};
    OK(setitimer(ITIMER_REAL, &timer, NULL));
    while (hits == 0) {
    }
    EXPECT_EQ(last, SIGALRM);
}

TEST(many_signals_between_processes) {
    handle(SIGUSR1, count, 0);
    hits = 0;
    pid_t parent = getpid();
    pid_t pid = SPAWN(for (int i = 0; i < 500; i++) { OK(kill(parent, SIGUSR1)); if (i % 10 == 0) sched_yield(); });
    EXPECT_EXIT(pid, 0);
    CHECK(hits > 0 && hits <= 500);
}

TEST(pipe_to_nobody_raises_sigpipe) {
    int ends[2];
    OK(pipe(ends));
    close(ends[0]);
    EXPECT_SIGNAL(SPAWN(write(ends[1], "x", 1)), SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    EXPECT_ERRNO(write(ends[1], "x", 1), EPIPE);
}
