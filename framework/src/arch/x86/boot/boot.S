# SPDX-License-Identifier: Apache-2.0 OR MIT
# From the loader to Rust: PVH's 32-bit entry, long mode, own relocation.
#
# Nothing here assumes where the image was loaded, only that the address is a
# multiple of 2 MiB. EBX holds the physical address of PVH's start info.

.section .note.Xen, "a", @note
.align 4
.long 4, 4, 18              # XEN_ELFNOTE_PHYS32_ENTRY
.asciz "Xen"
.long pvh_entry_phys

.section .text.boot, "ax", @progbits
# Distances from pvh_entry, whose address EBP will hold.
.set off_here, boot_here - pvh_entry
.set off_boot_table_stack, boot_table_stack - pvh_entry
.set off_boot_table_pds, boot_table_pds - pvh_entry
.set off_boot_table_link, boot_table_link - pvh_entry
.set off_boot_gdt, boot_gdt - pvh_entry
.set off_boot_gdt_ptr, boot_gdt_ptr - pvh_entry
.set off_boot64, boot64 - pvh_entry
.code32
.global pvh_entry
pvh_entry:
    cli
    cld
    # EBP = where pvh_entry is; offsets of everything else are in the table.
    # There is no stack yet. The first word of the start info is its magic: use
    # it for one return address, then put it back.
    cmp dword ptr [ebx], {pvh_magic}
    jne 9f
    lea esp, [ebx + 4]
    call boot_here
boot_here:
    pop ebp
    mov dword ptr [ebx], {pvh_magic}
    sub ebp, offset off_here
    mov edi, ebp
    add edi, [ebp + off_boot_table_stack]
    lea esp, [edi + {boot_stack_size}]

    # 4 GiB identity map of 2 MiB pages in boot_pd0..3.
    mov edi, ebp
    add edi, [ebp + off_boot_table_pds]
    mov esi, edi
    xor ecx, ecx
2:  mov eax, ecx
    shl eax, 21
    or eax, 0x83            # present, writable, large
    mov [edi], eax
    mov dword ptr [edi + 4], 0
    add edi, 8
    inc ecx
    cmp ecx, 2048
    jne 2b
    # EDI = boot_pd_high: the kernel's 1 GiB, shifted by where we were loaded.
    mov edx, ebp
    sub edx, [ebp + off_boot_table_link]
    xor ecx, ecx
3:  mov eax, ecx
    shl eax, 21
    add eax, edx
    or eax, 0x83
    mov [edi], eax
    mov dword ptr [edi + 4], 0
    add edi, 8
    inc ecx
    cmp ecx, 512
    jne 3b
    # EDI = boot_pdpt_low, + 4096 = boot_pdpt_high, + 8192 = boot_pml4.
    xor ecx, ecx
4:  mov eax, ecx
    shl eax, 12
    lea eax, [esi + eax + 3]
    mov [edi + ecx * 8], eax
    inc ecx
    cmp ecx, 4
    jne 4b
    lea eax, [esi + 4 * 4096 + 3]
    mov [edi + 4096 + 510 * 8], eax
    lea eax, [edi + 3]
    mov [edi + 8192], eax
    lea eax, [edi + 4096 + 3]
    mov [edi + 8192 + 511 * 8], eax

    mov eax, cr4
    or eax, 0x20            # PAE
    mov cr4, eax
    lea eax, [edi + 8192]
    mov cr3, eax
    mov ecx, 0xc0000080     # EFER: LME, NXE
    rdmsr
    or eax, 0x900
    wrmsr
    mov eax, cr0
    or eax, 0x80010001      # PG, WP, PE
    mov cr0, eax
    # A far return into the 64-bit segment of a GDT on the boot stack.
    lea eax, [ebp + off_boot_gdt]
    mov [ebp + off_boot_gdt_ptr + 2], eax
    lgdt [ebp + off_boot_gdt_ptr]
    lea eax, [ebp + off_boot64]
    push 8
    push eax
    retf
9:  hlt
    jmp 9b

.align 8
boot_table_stack: .long {boot_stack} - pvh_entry
boot_table_pds:   .long {boot_tables} - pvh_entry
boot_table_link:  .long pvh_entry_phys
.align 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_ptr:
    .word 23
    .quad 0

.code64
# Entry code for a machine that starts in long mode may come here: EBX as above, a data
# segment at 16, the first 4 GiB mapped one to one, and the kernel at its link address.
.global boot64
boot64:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    # R12 = start info, R13 = load address - link address.
    mov r12d, ebx
    mov ebp, ebp
    lea r13, [rip + pvh_entry]
    mov eax, [rip + boot_table_link]
    sub r13, rax
    # Relocate: every R_X86_64_RELATIVE entry, through the identity map. The
    # image runs at its link address, so only the addends are stored.
    lea rsi, [rip + __rela_start]
    lea rdi, [rip + __rela_end]
    mov r8, {kernel_virt}
5:  cmp rsi, rdi
    jae 6f
    cmp dword ptr [rsi + 8], 8
    jne 9b
    mov rax, [rsi]
    sub rax, r8
    mov rdx, [rsi + 16]
    mov [rax + r13], rdx
    add rsi, 24
    jmp 5b
6:  lea rax, [rip + boot_high]
    sub rax, r13
    add rax, r8
    jmp rax

.text
boot_high:
    lea rsp, [rip + {boot_stack}]
    add rsp, {boot_stack_size}
    xor ebp, ebp
    mov rdi, r12
    mov rsi, r13
    call {boot_main}
    ud2
