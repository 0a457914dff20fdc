# SPDX-License-Identifier: Apache-2.0 OR MIT
# What a guest does with the disk that lies: reads, writes, lets it begin to lie, reads again, and says what came.
exec >/dev/console 2>&1
tell() {
    dmesg | grep 'the host lies' | sed 's/.*the host lies/named/; s/; the device is shut off$//'
    dmesg | grep -E 'virtio_blk|I/O error' | tail -n 2 | sed 's/.*[0-9]] /linux: /'
}
(sleep 40; echo hangs; tell; poweroff -f) &
/bin/witness victim secret 40 >/tmp/word 2>&1 &
word=$!
# Linux would answer from its memory.
forget() { [ ! -w /proc/sys/vm/drop_caches ] || { sync; echo 3 >/proc/sys/vm/drop_caches; }; }
read_at() { dd if=/dev/vda of="$1" bs="$2" skip="$3" count="$4" 2>/tmp/error; }

read_at /tmp/first 4096 0 4
echo "first $? $(cmp -s /tmp/first /disk/replay && echo original)"
dd if=/disk/none of=/dev/vda bs=4096 count=4 conv=notrunc,fsync 2>/dev/null
echo "write $?"
forget
read_at /dev/null 512 4096 1
echo "trigger $?"

read_at /tmp/second 4096 0 4
echo "second $? eio $(grep -c 'Input/output error' /tmp/error) bytes $(wc -c </tmp/second)"
for kind in none replay swap tear; do
    cmp -s /tmp/second /disk/$kind && echo "content $kind"
done
forget
read_at /dev/null 512 6000 1
echo "third $? eio $(grep -c 'Input/output error' /tmp/error)"

wait $word
echo "secret $? $(cat /tmp/word)"
tell
echo alive
