#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes src/tdx/firmware_bytes.rs of src/tdx/firmware.S, with the binutils of the build machine.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -c -o "$work/firmware.o" src/tdx/firmware.S
objcopy -O binary -j .text "$work/firmware.o" "$work/firmware.bin"
symbol() { nm "$work/firmware.o" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
{
    echo '// SPDX-License-Identifier: GPL-2.0-or-later'
    echo '//! The bytes of firmware.S; made by tools/assemble.sh.'
    echo
    for name in ap32 ap64 low gdt low_end; do
        printf 'pub(super) const %s: usize = %d;\n' "${name^^}" "$(symbol "$name")"
    done
    echo '#[rustfmt::skip]'
    echo 'pub(super) const CODE: &[u8] = &['
    od -An -v -tx1 "$work/firmware.bin" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1, /g; s/^/    /; s/ $//'
    echo '];'
} >src/tdx/firmware_bytes.rs
