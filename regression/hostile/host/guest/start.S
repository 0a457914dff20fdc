// SPDX-License-Identifier: GPL-2.0-or-later
// Start of the test guests: PVH entry, long mode with the first 4 GiB mapped for both rings, vectors.

    .section .note, "a"
    .long   4, 4, 18
    .asciz  "Xen"
    .long   start

    .text
    .code32
    .globl  start
start:
    cli
    mov     $stack_top, %esp
    mov     %ebx, start_info
    movl    $pdpt + 7, pml4
    mov     $4, %ecx
    mov     $pd + 7, %eax
    mov     $pdpt, %edi
1:  mov     %eax, (%edi)
    add     $0x1000, %eax
    add     $8, %edi
    loop    1b
    mov     $2048, %ecx
    mov     $0x87, %eax
    mov     $pd, %edi
1:  mov     %eax, (%edi)
    add     $0x200000, %eax
    add     $8, %edi
    loop    1b
    mov     %cr4, %eax
    or      $0x20, %eax
    mov     %eax, %cr4
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x101, %eax
    wrmsr
    mov     %cr0, %eax
    or      $0x80000000, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $8, $1f
    .code64
1:  mov     $0x10, %ax
    mov     %ax, %ss
    mov     %ax, %ds
    mov     %ax, %es
    xor     %edi, %edi
    call    setup_cpu
    call    main
2:  jmp     2b

// Where the mailbox sends another CPU.
    .globl  other
other:
    mov     $other_stack_top, %esp
    mov     $pml4, %eax
    mov     %rax, %cr3
    lgdt    gdt_pointer
    push    $8
    push    $1f
    lretq
1:  mov     $0x10, %ax
    mov     %ax, %ss
    mov     %ax, %ds
    mov     %ax, %es
    mov     $1, %edi
    call    setup_cpu
    call    other_main
2:  jmp     2b

// enter_user(rip, rsp)
    .globl  enter_user
enter_user:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    str     %ax
    movzwl  %ax, %eax
    mov     %rsp, user_return(%rax)
    push    $0x23
    push    %rsi
    push    $0x2
    push    $0x2b
    push    %rdi
    iretq
// Called by a handler to get out of ring 3: back to where enter_user was called.
    .globl  leave_user
leave_user:
    str     %ax
    movzwl  %ax, %eax
    mov     user_return(%rax), %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

    .macro  vector number, code
    .balign 16
vector_\number:
    .if \code == 0
    push    $0
    .endif
    push    $\number
    jmp     common
    .endm

    vector 2, 0
    vector 3, 0
    vector 6, 0
    vector 8, 1
    vector 13, 1
    vector 14, 1
    vector 20, 0
    vector 64, 0

common:
    push    %rax
    push    %rbx
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %rbp
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, %rdi
    cld
    mov     %rsp, %rbp
    and     $-16, %rsp
    call    handler
    mov     %rbp, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rbp
    pop     %rdi
    pop     %rsi
    pop     %rdx
    pop     %rcx
    pop     %rbx
    pop     %rax
    add     $16, %rsp
    iretq

// Padding, as compilers leave it between functions.
    .fill   256, 1, 0xcc

    .data
    .balign 8
    .globl  vectors
vectors:
    .quad   2, vector_2, 3, vector_3, 6, vector_6, 8, vector_8, 13, vector_13, 14, vector_14, 20, vector_20, 64, vector_64, 0
    .globl  gdt
gdt:
    // null, kernel code and data, (free), user data, user code, two TSS
    .quad   0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0, 0x00cff2000000ffff, 0x00affa000000ffff, 0, 0, 0, 0
gdt_pointer:
    .word   79
    .quad   gdt
    .globl  start_info
start_info: .quad 0

    .bss
    .balign 4096
pml4:   .skip 4096
pdpt:   .skip 4096
pd:     .skip 16384
        .skip 16384
stack_top:
        .skip 16384
other_stack_top:
user_return: .skip 256
