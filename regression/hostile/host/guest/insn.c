// SPDX-License-Identifier: GPL-2.0-or-later
// The instruction layer's test: frames and flags of #VE, #GP and interrupts are exact, in both rings, on two CPUs.
// Prints on the debug console; ends QEMU with status 33 (good) or 35.

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

struct frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax, vector, error, rip, cs, rflags, rsp, ss;
};

extern u64 vectors[], gdt[], start_info;
extern void other(void), leave_user(void);
extern void enter_user(u64 rip, u64 rsp);

#define ROUNDS 25000
#define RF 0x10000ul

static struct { u64 low, high; } idt[256] __attribute__((aligned(16)));
static u8 tss[2][104] __attribute__((aligned(16)));
static u8 kernel_stack[2][16384] __attribute__((aligned(16)));
static u8 fault_stack[2][16384] __attribute__((aligned(16)));
static u8 user_stack[2][16384] __attribute__((aligned(16)));

// What the next exception must look like; one for each CPU.
struct expect { u64 vector, rip, rflags, rsp, cs, error, leave, count; };
static volatile struct expect expect[2];
static volatile u64 interrupts, ve_reason[2];
static volatile int other_done;

static u64 vmcall(u64 function, u64 a, u64 b, u64 c, u64 d, u64 *out) {
    register u64 r10 asm("r10") = 0, r11 asm("r11") = function, r12 asm("r12") = a;
    register u64 r13 asm("r13") = b, r14 asm("r14") = c, r15 asm("r15") = d;
    u64 rax = 0, rcx = 0xfc00;
    asm volatile(".byte 0x66,0x0f,0x01,0xcc"
                 : "+a"(rax), "+c"(rcx), "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)::"memory");
    if (out)
        *out = r11;
    return rax ? rax : r10;
}

static void out8(u16 port, u8 value) { vmcall(30, 1, 1, port, value, 0); }

static void say(const char *text) {
    while (*text)
        out8(0xe9, *text++);
}

static void say_hex(u64 value) {
    for (int n = 60; n >= 0; n -= 4)
        out8(0xe9, "0123456789abcdef"[value >> n & 15]);
    out8(0xe9, ' ');
}

static void end(int good) {
    for (;;)
        out8(0xf4, good ? 0x10 : 0x11);
}

static void fail(const char *what, u64 a, u64 b) {
    say("FAILED: ");
    say(what);
    out8(0xe9, ' ');
    say_hex(a);
    say_hex(b);
    out8(0xe9, '\n');
    end(0);
}

static void same(const char *what, u64 is, u64 should) {
    if (is != should)
        fail(what, is, should);
}

static int this_cpu(void) {
    u16 tr;
    asm volatile("str %0" : "=r"(tr));
    return tr == 0x30 ? 0 : 1;
}

void handler(struct frame *f) {
    if (f->vector == 64) {
        interrupts++;
        u64 eoi = 0x80b;
        asm volatile("wrmsr" ::"c"(eoi), "a"(0), "d"(0));
        return;
    }
    volatile struct expect *e = &expect[this_cpu()];
    if (f->vector != e->vector) {
        say("vector ");
        say_hex(f->vector);
        say_hex(f->error);
        fail("unexpected exception at", f->rip, f->rsp);
    }
    same("rip", f->rip, e->rip);
    same("rflags", f->rflags & ~RF, e->rflags);
    same("rsp", f->rsp, e->rsp);
    same("cs", f->cs, e->cs);
    same("error", f->error, e->error);
    same("ss", f->ss, e->cs == 8 ? 0x10 : 0x23);
    e->count++;
    if (f->vector == 20) {
        u64 rax = 3, rcx = 0, rdx, r10v;
        asm volatile(".byte 0x66,0x0f,0x01,0xcc; mov %%r10, %3"
                     : "+a"(rax), "+c"(rcx), "=d"(rdx), "=r"(r10v)::"r8", "r9", "r10", "r11", "memory");
        same("veinfo", rax, 0);
        ve_reason[this_cpu()] = rcx;
        same("length", r10v & 0xffffffff, 2);
        f->rip += 2;
    }
    if (f->vector == 13)
        f->rip += 4;
    if (e->leave)
        leave_user();
}

void setup_cpu(int cpu) {
    if (cpu == 0) {
        for (u64 *v = vectors; *v; v += 2) {
            idt[*v].low = (v[1] & 0xffff) | 8ul << 16 | 0x8eul << 40 | (v[1] >> 16 & 0xffff) << 48;
            idt[*v].high = v[1] >> 32;
        }
    }
    // On the second CPU, #VE and #GP have a stack of their own, so both ways are seen.
    static struct { u64 low, high; } idt_ist[256] __attribute__((aligned(16)));
    if (cpu == 1) {
        for (int n = 0; n < 256; n++)
            idt_ist[n].low = idt[n].low, idt_ist[n].high = idt[n].high;
        idt_ist[20].low |= 1ul << 32;
        idt_ist[13].low |= 1ul << 32;
    }
    struct { u16 limit; u64 base; } __attribute__((packed)) pointer = {4095, cpu ? (u64)idt_ist : (u64)idt};
    asm volatile("lidt %0" ::"m"(pointer));
    u64 base = (u64)tss[cpu];
    *(u64 *)(tss[cpu] + 4) = (u64)(kernel_stack + cpu + 1);
    *(u64 *)(tss[cpu] + 36) = (u64)(fault_stack + cpu + 1);
    gdt[6 + 2 * cpu] = 103 | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    gdt[7 + 2 * cpu] = base >> 32;
    u16 tr = 0x30 + 16 * cpu;
    asm volatile("ltr %0" ::"r"(tr));
}

static u64 next(u64 *seed) { return *seed = *seed * 6364136223846793005ul + 1442695040888963407ul; }

// Notes what the exception must look like, sets the flags by an addition, and raises it in the middle of a block.
#define RAISE(name, code)                                                                                              \
    __attribute__((noinline)) static void name(u64 x, u64 y, volatile struct expect *e) {                              \
        asm volatile("mov %0, %%r8; add %1, %%r8; pushfq; popq %c3(%2); mov %%rsp, %c4(%2); lea 9f(%%rip), %%r9;"       \
                     "mov %%r9, %c5(%2); mov %6, %%eax; mov $0xfe, %%ecx; mov %0, %%r8; add %1, %%r8; " code              \
                     ::"r"(x), "r"(y), "r"(e), "i"(16), "i"(24), "i"(8), "i"(0x40000000)                                 \
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "memory", "cc");                                        \
    }

RAISE(raise_cpuid, "9: cpuid")
RAISE(raise_rdmsr, "9: rdmsr")
RAISE(raise_wrmsr, "9: wrmsr")

static void ring0(int cpu, u64 seed) {
    volatile struct expect *e = &expect[cpu];
    e->vector = 20;
    e->cs = 8;
    e->error = e->leave = e->count = 0;
    for (int n = 0; n < ROUNDS; n++) {
        u64 x = next(&seed), y = next(&seed);
        raise_cpuid(x, y, e);
        same("reason", ve_reason[cpu], 10);
        raise_rdmsr(x, y, e);
        same("reason", ve_reason[cpu], 31);
        if (n % 8 == 0) {
            raise_wrmsr(x, y, e);
            same("reason", ve_reason[cpu], 32);
        }
    }
    same("exceptions in ring 0", e->count, ROUNDS * 2 + ROUNDS / 8);
}

// TDCALL leaves flags alone, in the middle of a block too.
static void tdcall_flags(u64 seed) {
    for (int n = 0; n < ROUNDS; n++) {
        u64 x = next(&seed), y = next(&seed), before, after, rax = 1;
        asm volatile("mov %3, %%r8; add %4, %%r8; pushfq; pop %0; mov %3, %%r8; add %4, %%r8; .byte 0x66,0x0f,0x01,0xcc; pushfq; pop %1"
                     : "=&b"(before), "=&S"(after), "+a"(rax) : "D"(x), "r"(y) : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
        same("flags behind TDCALL", after, before);
        same("status", rax, 0);
    }
}

static volatile u64 user_seed[2];

// Runs in ring 3: so only its own stack, and TR tells which CPU it is.
static void user_code(void) {
    int cpu = this_cpu();
    u64 seed = user_seed[cpu];
    volatile struct expect *e = &expect[cpu];
    e->vector = 20;
    for (int n = 0; n < ROUNDS; n++)
        raise_cpuid(next(&seed), next(&seed), e);
    e->vector = 13;
    e->leave = 1;
    asm volatile("pushfq; popq %c1(%0); mov %%rsp, %c2(%0); lea 9f(%%rip), %%r9; mov %%r9, %c3(%0); jmp 8f; 8: nop; 9: .byte 0x66,0x0f,0x01,0xcc; ud2"
                 ::"r"(e), "i"(16), "i"(24), "i"(8) : "r9", "memory");
}

static void ring3(int cpu, u64 seed) {
    volatile struct expect *e = &expect[cpu];
    e->cs = 0x2b;
    e->error = e->leave = e->count = 0;
    user_seed[cpu] = seed;
    enter_user((u64)user_code, (u64)(user_stack + cpu + 1) - 8);
    same("exceptions in ring 3", e->count, ROUNDS + 1);
}

// An interrupt ends HLT although interrupts are off at the call; frame and flags of the caller stay.
static void halt(void) {
    for (int n = 0; n < 1000; n++) {
        // Self IPI of vector 64, by the host as every write of the ICR.
        same("icr", vmcall(32, 0x830, 0x40000 | 64, 0, 0, 0), 0);
        u64 before, after, seen = interrupts;
        asm volatile("pushfq; pop %0" : "=r"(before));
        same("hlt", vmcall(12, 0, 0, 0, 0, 0), 0);
        asm volatile("pushfq; pop %0" : "=r"(after));
        same("IF behind HLT", after & 0x200, before & 0x200);
        same("interrupts", interrupts, seen + 1);
    }
}

static void host_work(void) {
    u64 value = 0;
    same("mmio", vmcall(48, 4, 0, 0xfec00000 | 1ul << 47, 0, &value), 0);
    same("in", vmcall(30, 1, 0, 0x71, 0, &value), 0);
    same("bad size", vmcall(30, 3, 0, 0x71, 0, 0), 1ul << 63);
    same("no function", vmcall(0x99, 0, 0, 0, 0, 0), 1ul << 63 | 3);
    same("rdmsr", vmcall(31, 0x1b, 0, 0, 0, &value), 0);
    same("APIC base", value & 0xc00, 0xc00);
}

static u64 find_mailbox(void) {
    u64 rsdp = *(u64 *)(start_info + 32), xsdt = *(u64 *)(rsdp + 24);
    u32 len = *(u32 *)(xsdt + 4);
    for (u32 at = 36; at < len; at += 8) {
        u64 table = *(u64 *)(xsdt + at);
        if (*(u32 *)table == 0x43495041)
            return *(u64 *)(table + *(u32 *)(table + 4) - 8);
    }
    fail("no mailbox", 0, 0);
    return 0;
}

// Code that runs in private memory, then from the shared alias, then at the private address of what is shared now: the host
// must see the last two, and no other fetch.
static u8 moved_code[4096] __attribute__((aligned(4096)));
static u64 alias_pdpt[512] __attribute__((aligned(4096)));
#define SHARED (1ul << 47)

static void run_shared(void) {
    void (*here)(void) = (void (*)(void))moved_code;
    void (*alias)(void) = (void (*)(void))(1ul << 39 | (u64)moved_code);
    u64 pml4;
    asm volatile("mov %%cr3, %0" : "=r"(pml4));
    alias_pdpt[0] = SHARED | 0x83;
    ((volatile u64 *)pml4)[1] = (u64)alias_pdpt | 3;
    moved_code[0] = 0xc3;
    here();
    same("share", vmcall(0x10001, SHARED | (u64)moved_code, 4096, 0, 0, 0), 0);
    alias();
    here();
}

void other_main(void) {
    tdcall_flags(77);
    ring0(1, 7);
    ring3(1, 8);
    other_done = 1;
    for (;;)
        vmcall(12, 1, 0, 0, 0, 0);
}

void main(void) {
    u64 rax = 1, rcx, rdx, r8;
    asm volatile(".byte 0x66,0x0f,0x01,0xcc; mov %%r8, %3" : "+a"(rax), "=c"(rcx), "=d"(rdx), "=r"(r8)::"r8", "r9", "r10", "r11", "memory");
    same("gpaw", rcx, 48);
    u32 cpus = (u32)r8;
    host_work();
    if (cpus > 1) {
        u64 mailbox = find_mailbox();
        *(volatile u32 *)(mailbox + 4) = 1;
        *(volatile u64 *)(mailbox + 8) = (u64)other;
        asm volatile("" ::: "memory");
        *(volatile u16 *)mailbox = 1;
    }
    tdcall_flags(1);
    ring0(0, 2);
    ring3(0, 3);
    halt();
    while (cpus > 1 && !other_done)
        asm volatile("pause");
    run_shared();
    say("good\n");
    end(1);
}
