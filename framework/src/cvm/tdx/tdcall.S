# SPDX-License-Identifier: Apache-2.0 OR MIT
# The one TDCALL instruction.
#
# fn tdx_call(regs: *mut [u64; 14]): RAX, RCX, RDX, RBX, RSI, RDI, R8 to R15, in
# and out. RBP is never given away: the module refuses that. What the host or the
# module left in registers must not steer speculation, so all are cleared behind it.

.text
.global tdx_call
.type tdx_call, @function
.align 16
tdx_call:
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov rax, [rdi]
    mov rcx, [rdi + 8]
    mov rdx, [rdi + 16]
    mov rbx, [rdi + 24]
    mov rsi, [rdi + 32]
    mov r8, [rdi + 48]
    mov r9, [rdi + 56]
    mov r10, [rdi + 64]
    mov r11, [rdi + 72]
    mov r12, [rdi + 80]
    mov r13, [rdi + 88]
    mov r14, [rdi + 96]
    mov r15, [rdi + 104]
    mov rdi, [rdi + 40]
    .byte 0x66, 0x0f, 0x01, 0xcc
    xchg rdi, [rsp]
    mov [rdi], rax
    mov [rdi + 8], rcx
    mov [rdi + 16], rdx
    mov [rdi + 24], rbx
    mov [rdi + 32], rsi
    mov [rdi + 48], r8
    mov [rdi + 56], r9
    mov [rdi + 64], r10
    mov [rdi + 72], r11
    mov [rdi + 80], r12
    mov [rdi + 88], r13
    mov [rdi + 96], r14
    mov [rdi + 104], r15
    pop qword ptr [rdi + 40]
    xor eax, eax
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    xor edi, edi
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r11d, r11d
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    ret
.size tdx_call, . - tdx_call
