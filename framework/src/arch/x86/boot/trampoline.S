# SPDX-License-Identifier: Apache-2.0 OR MIT
# Where an application processor starts: real mode, in a page below 1 MiB.
#
# Copied to that page; the words at its end are filled in before each start.

# Distances from the page's start.
.set off_tramp32, tramp32 - trampoline_start
.set off_tramp64, tramp64 - trampoline_start
.set off_trampoline_far32, trampoline_far32 - trampoline_start
.set off_trampoline_far64, trampoline_far64 - trampoline_start
.set off_trampoline_gdt_ptr, trampoline_gdt_ptr - trampoline_start
.set off_trampoline_gdt, trampoline_gdt - trampoline_start
.set off_trampoline_cr3, trampoline_cr3 - trampoline_start
.set off_trampoline_stack, trampoline_stack - trampoline_start
.set off_trampoline_arg, trampoline_arg - trampoline_start
.set off_trampoline_entry, trampoline_entry - trampoline_start
.section .rodata.trampoline, "a", @progbits
.global trampoline_start
.global trampoline_end
.align 16
.code16
trampoline_start:
    cli
    cld
    xor eax, eax
    mov ax, cs
    mov ds, ax
    shl eax, 4
    mov ebx, eax                        # EBX = the page
    lea ecx, [ebx + off_tramp32]
    mov [off_trampoline_far32], ecx
    lea ecx, [ebx + off_trampoline_gdt]
    mov [off_trampoline_gdt_ptr + 2], ecx
    lgdtd [off_trampoline_gdt_ptr]
    mov ecx, cr0
    or ecx, 1
    mov cr0, ecx
    jmp fword ptr [off_trampoline_far32]
.code32
tramp32:
    mov ax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, [ebx + off_trampoline_cr3]
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    lea ecx, [ebx + off_tramp64]
    mov [ebx + off_trampoline_far64], ecx
    mov eax, cr0
    or eax, 0x80010001
    mov cr0, eax                        # from here on, the page may be read-only
    jmp fword ptr [ebx + off_trampoline_far64]
.code64
# Where a CPU that waited at the firmware's mailbox comes, in long mode with this
# page mapped one to one.
.global trampoline_awake
trampoline_awake:
    cli
    cld
    lea rbx, [rip + trampoline_start]
    mov ecx, 0xc0000080
    rdmsr
    bts eax, 11                         # NXE
    jc 1f
    wrmsr
1:  mov rax, cr4
    and eax, 0xffffff7f                 # no PGE: forget the firmware's pages
    mov cr4, rax
    mov rax, [rbx + off_trampoline_cr3]
    mov cr3, rax
tramp64:
    mov ebx, ebx
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rsp, [rbx + off_trampoline_stack]
    mov rdi, [rbx + off_trampoline_arg]
    mov rax, [rbx + off_trampoline_entry]
    xor ebp, ebp
    push rbp
    jmp rax
.align 8
trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            # 32-bit code
    .quad 0x00cf93000000ffff            # data
    .quad 0x00af9b000000ffff            # 64-bit code
trampoline_gdt_ptr:
    .word 31
    .long 0
.align 8
trampoline_far32:
    .long 0
    .word 8
.align 8
trampoline_far64:
    .long 0
    .word 24
.align 8
.global trampoline_data
trampoline_data:
trampoline_cr3:   .quad 0
trampoline_stack: .quad 0
trampoline_arg:   .quad 0
trampoline_entry: .quad 0
trampoline_end:
.text
.code64
