# SPDX-License-Identifier: Apache-2.0 OR MIT
# From one task's stack to another's.

.text

# fn switch_stacks(save: *mut u64, next: u64)
.global switch_stacks
.align 16
switch_stacks:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

# Where a new task starts. Its stack held the six registers, RBX with the function to call,
# and this address.
.global task_start
.align 16
task_start:
    xor ebp, ebp
    push rbp
    call rbx
    ud2
