/* SPDX-License-Identifier: Apache-2.0 OR MIT
 * A kernel that says two strings and ends: what osdk makes of a guest can be tested with it.
 * CONSOLE goes to COM1, CONTROL to the control channel; VALUE ends QEMU, TRIPLE faults, HANG hangs, ECHO echoes COM1.
 */
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    mov $0x3f8, %dx
    mov $console, %esi
    call write
#ifdef ECHO
1:  mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz 1b
    mov $0x3f8, %dx
    in %dx, %al
    cmp $4, %al
    je 2f
    out %al, %dx
    jmp 1b
2:
#endif
    mov $0xe9, %dx
    mov $control, %esi
    call write
#ifdef TRIPLE
    lidt zero
    int3
#endif
#ifdef VALUE
    mov $VALUE, %eax
    mov $0xf4, %dx
    out %eax, %dx
#endif
hang:
    cli
    hlt
    jmp hang

write:
    lodsb
    test %al, %al
    jz 1f
    out %al, %dx
    jmp write
1:  ret

    .data
zero:    .quad 0, 0
console: .asciz CONSOLE
control: .asciz CONTROL
