// SPDX-License-Identifier: GPL-2.0-or-later
// The simulated firmware's own code, run by the guest's CPUs: turns the x2APIC on, starts the other CPUs, and lets
// them wait at the wake-up mailbox. `tools/assemble.sh` makes the bytes in firmware.rs of it.
// Words 0xa1a1a1a1 and so on are filled in when it is placed.

    .text
    .code32
// The boot CPU: 32-bit, flat, no paging.
bsp:
    mov     $0x1b, %ecx             // IA32_APIC_BASE: enabled, x2APIC
    rdmsr
    or      $0xc00, %eax
    wrmsr
    mov     $0x80f, %ecx            // spurious vector, APIC on
    xor     %edx, %edx
    mov     $0x1ff, %eax
    wrmsr
    mov     $0xa1a1a1a1, %ebx       // how many other CPUs
    test    %ebx, %ebx
    jz      2f
    mov     $0x830, %ecx            // start-up IPI to all others
    mov     $0xa2a2a2a2, %eax       // 0xc4600 | page
    wrmsr
1:  pause
    cmp     %ebx, 0xa3a3a3a3        // the count
    jne     1b
2:  .byte   0x2e, 0x90              // landing
    hlt

    .balign 16
// Another CPU, in protected mode.
ap32:
    mov     $0x10, %ax
    mov     %ax, %ds
    mov     %ax, %es
    mov     %ax, %ss
    mov     %cr4, %eax
    or      $0x20, %eax             // PAE
    mov     %eax, %cr4
    mov     $0xa4a4a4a4, %eax       // top page table
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx       // EFER.LME
    rdmsr
    or      $0x100, %eax
    wrmsr
    mov     %cr0, %eax
    or      $0x80000001, %eax
    mov     %eax, %cr0
    ljmp    $0x18, $0xa5a5a5a5      // ap64

    .balign 16
    .code64
ap64:
    mov     $0x1b, %ecx
    rdmsr
    or      $0xc00, %eax
    wrmsr
    mov     $0x80f, %ecx
    xor     %edx, %edx
    mov     $0x1ff, %eax
    wrmsr
    mov     $0x802, %ecx            // APIC id
    rdmsr
    mov     %eax, %esi
    mov     $0xa3a3a3a3, %eax
    lock incl (%rax)
    mov     $0xa6a6a6a6, %edi       // mailbox
1:  .byte   0x2e, 0x90              // landing: the plugin lets the thread sleep a little
    pause
    cmpw    $1, (%rdi)              // wake-up, for this CPU?
    jne     1b
    cmp     %esi, 4(%rdi)
    jne     1b
    mov     8(%rdi), %rax
    movw    $0, (%rdi)              // taken
    jmp     *%rax

    .balign 16
    .code16
// Where a start-up IPI leads: a page below 1 MiB.
low:
    cli
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   gdtr - low
    mov     %cr0, %eax
    or      $1, %eax
    mov     %eax, %cr0
    .byte   0x66, 0xea              // far jump to ap32
    .long   0xa7a7a7a7
    .word   8
    .balign 8
gdt:
    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff
gdtr:
    .word   gdtr - gdt - 1
    .long   0xa8a8a8a8              // gdt
low_end:
