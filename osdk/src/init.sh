#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# First program of an interactive run: a shell on the console; leaving it ends the guest.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM="${TERM:-vt100}" USER=root LOGNAME=root SHELL=/bin/sh
[ -e /proc/self ] || mount -t proc proc /proc
[ -e /dev/zero ] || mount -t devtmpfs dev /dev
[ -e /sys/kernel ] || mount -t sysfs sysfs /sys
[ -e /sys/kernel/config/tsm ] || [ ! -d /sys/kernel/config ] || mount -t configfs configfs /sys/kernel/config 2>/dev/null
hostname -F /etc/hostname 2>/dev/null
cd "$HOME"
[ -z "$LINES$COLUMNS" ] || stty rows "$LINES" cols "$COLUMNS" </dev/console
unset LINES COLUMNS
# A session of its own with the console as its terminal: job control and Ctrl-C work.
setsid -c sh -l </dev/console >/dev/console 2>&1
exit $?
