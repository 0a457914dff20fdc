# SPDX-License-Identifier: Apache-2.0 OR MIT
# Between rings: vectors, SYSCALL, and the way to user mode.
#
# Offsets: cpu_ of the per-CPU block (GS), f_ of UserRegs (the frame).
# While a program runs, TSS.RSP0 and the syscall stack are the end of its
# UserRegs, so that the CPU itself saves RIP, CS, RFLAGS, RSP and SS there.
# NMI, #DB, #MC, #DF and those of a CVM's hardware (vectors 20 and 29) have stacks
# of their own (IST), and find GS from that stack: they may come before SWAPGS,
# whatever the saved CS says.

.macro push_regs
    push rdi
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
.endm

.macro pop_regs
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
.endm

# What the host or a program could have left in registers must not steer
# speculation in the kernel.
.macro clear_regs
    xor eax, eax
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    xor edi, edi
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r11d, r11d
.endm

.text

# fn enter_user(frame: *mut UserRegs); interrupts are off, and stay off.
.global enter_user
.align 16
enter_user:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov gs:[{cpu_kernel_rsp}], rsp
    lea rax, [rdi + {f_size}]
    mov gs:[{cpu_frame_top}], rax
    mov rcx, gs:[{cpu_tss}]
    mov [rcx + 4], rax
    # SYSRET only where it restores exactly what SYSCALL saved.
    mov rcx, [rdi + {f_rip}]
    cmp rcx, [rdi + {f_rcx}]
    jne 2f
    mov r11, [rdi + {f_rflags}]
    cmp r11, [rdi + {f_r11}]
    jne 2f
    mov rsp, rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    add rsp, 8
    pop r10
    pop r9
    pop r8
    pop rax
    add rsp, 8
    pop rdx
    pop rsi
    pop rdi
    mov rsp, [rsp + {f_rsp} - {f_vector}]
    swapgs
    sysretq

    # IRETQ from the kernel stack: should it fault, the frame is still whole.
2:  push {user_ss}
    push qword ptr [rdi + {f_rsp}]
    push qword ptr [rdi + {f_rflags}]
    push {user_cs}
    push qword ptr [rdi + {f_rip}]
    mov r15, [rdi]
    mov r14, [rdi + 8]
    mov r13, [rdi + 16]
    mov r12, [rdi + 24]
    mov rbp, [rdi + 32]
    mov rbx, [rdi + 40]
    mov r11, [rdi + {f_r11}]
    mov r10, [rdi + 56]
    mov r9, [rdi + 64]
    mov r8, [rdi + 72]
    mov rax, [rdi + 80]
    mov rcx, [rdi + {f_rcx}]
    mov rdx, [rdi + 96]
    mov rsi, [rdi + 104]
    mov rdi, [rdi + 112]
    swapgs
.global user_iretq
user_iretq:
    iretq

.global syscall_entry
.align 16
syscall_entry:
    swapgs
    mov gs:[{cpu_scratch}], rsp
    mov rsp, gs:[{cpu_frame_top}]
    push {user_ss}
    push qword ptr gs:[{cpu_scratch}]
    push r11
    push {user_cs}
    push rcx
    push 0
    push {syscall_vector}
    push_regs
back_to_kernel:
    mov rsp, gs:[{cpu_kernel_rsp}]
    clear_regs
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

# Vectors without IST: the vector and an error code (0 if the CPU has none) are
# on the stack already.
.align 16
vector_common:
    test byte ptr [rsp + 24], 3
    jz 3f
    swapgs
from_user:
    cld
    clac
    push_regs
    jmp back_to_kernel

    # From the kernel. An IRETQ to a program that faults has user GS already.
3:  push rax
    lea rax, [rip + user_iretq]
    cmp rax, [rsp + 24]
    pop rax
    je 4f
    cld
    clac
    push_regs
    lea rbp, [rsp + 32]
    mov rdi, rsp
    call {trap_from_kernel}
    pop_regs
    add rsp, 16
    iretq
4:  swapgs
    mov rax, gs:[{cpu_frame_top}]
    mov qword ptr [rax - {f_size} + {f_vector}], 13
    mov qword ptr [rax - {f_size} + {f_error}], 0
    jmp back_to_kernel

# Vectors with IST that a program may cause (#DB, 20, 29).
.align 16
vector_ist_user:
    test byte ptr [rsp + 24], 3
    jz vector_ist
    swapgs
    push rax
    push rdi
    mov rdi, gs:[{cpu_frame_top}]
    mov rax, [rsp + 16]
    mov [rdi - 56], rax
    mov rax, [rsp + 24]
    mov [rdi - 48], rax
    mov rax, [rsp + 32]
    mov [rdi - 40], rax
    mov rax, [rsp + 40]
    mov [rdi - 32], rax
    mov rax, [rsp + 48]
    mov [rdi - 24], rax
    mov rax, [rsp + 56]
    mov [rdi - 16], rax
    mov rax, [rsp + 64]
    mov [rdi - 8], rax
    mov rax, [rsp]
    mov [rdi - 64], rax
    mov rax, [rsp + 8]
    lea rsp, [rdi - 64]
    pop rdi
    jmp from_user

# Vectors with IST: GS may be either; the top of the stack knows the right one.
.align 16
vector_ist:
    cld
    clac
    push_regs
    rdgsbase rbx
    mov rax, rsp
    and rax, -{ist_size}
    mov rax, [rax + {ist_size} - 8]
    wrgsbase rax
    mov rdi, rsp
    call {trap_paranoid}
    wrgsbase rbx
    pop_regs
    add rsp, 16
    iretq

# 256 stubs of 16 bytes each.
.global vector_stubs
.align 16
vector_stubs:
.set vector, 0
.rept 256
    .align 16
    .if (vector == 8) || (vector == 10) || (vector == 11) || (vector == 12) || (vector == 13) || (vector == 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
        push 0
    .endif
    push vector
    .if (vector == 1) || (vector == 20) || (vector == 29)
        jmp vector_ist_user
    .elseif (vector == 2) || (vector == 8) || (vector == 18)
        jmp vector_ist
    .else
        jmp vector_common
    .endif
    .set vector, vector + 1
.endr
