/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Every path of /proc and /sys, so that none appears or vanishes unnoticed. In the list a number stands as N; a path
 * after `?` is only there on some machines, and `*` stands for whatever else a path begins with.
 */
#include "test.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/utsname.h>

static const char *const PATHS[] = {
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/diskstats",
    "/proc/filesystems",
    "/proc/interrupts",
    "/proc/loadavg",
    "/proc/locks",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/mounts",
    "/proc/partitions",
    "/proc/self",
    "/proc/self/auxv",
    "/proc/self/cgroup",
    "/proc/self/cmdline",
    "/proc/self/comm",
    "/proc/self/cwd",
    "/proc/self/environ",
    "/proc/self/exe",
    "/proc/self/fd",
    "/proc/self/fd/N",
    "/proc/self/fdinfo",
    "/proc/self/fdinfo/N",
    "/proc/self/gid_map",
    "/proc/self/io",
    "/proc/self/limits",
    "/proc/self/loginuid",
    "/proc/self/maps",
    "/proc/self/mountinfo",
    "/proc/self/mounts",
    "/proc/self/mountstats",
    "/proc/self/oom_adj",
    "/proc/self/oom_score",
    "/proc/self/oom_score_adj",
    "/proc/self/personality",
    "/proc/self/root",
    "/proc/self/schedstat",
    "/proc/self/sessionid",
    "/proc/self/setgroups",
    "/proc/self/stat",
    "/proc/self/statm",
    "/proc/self/status",
    "/proc/self/task",
    "/proc/self/task/N",
    "/proc/self/task/N/auxv",
    "/proc/self/task/N/cgroup",
    "/proc/self/task/N/cmdline",
    "/proc/self/task/N/comm",
    "/proc/self/task/N/cwd",
    "/proc/self/task/N/environ",
    "/proc/self/task/N/exe",
    "/proc/self/task/N/fd",
    "/proc/self/task/N/fd/N",
    "/proc/self/task/N/fdinfo",
    "/proc/self/task/N/fdinfo/N",
    "/proc/self/task/N/gid_map",
    "/proc/self/task/N/io",
    "/proc/self/task/N/limits",
    "/proc/self/task/N/loginuid",
    "/proc/self/task/N/maps",
    "/proc/self/task/N/mountinfo",
    "/proc/self/task/N/mounts",
    "/proc/self/task/N/mountstats",
    "/proc/self/task/N/oom_adj",
    "/proc/self/task/N/oom_score",
    "/proc/self/task/N/oom_score_adj",
    "/proc/self/task/N/personality",
    "/proc/self/task/N/root",
    "/proc/self/task/N/schedstat",
    "/proc/self/task/N/sessionid",
    "/proc/self/task/N/setgroups",
    "/proc/self/task/N/stat",
    "/proc/self/task/N/statm",
    "/proc/self/task/N/status",
    "/proc/self/task/N/timerslack_ns",
    "/proc/self/task/N/uid_map",
    "/proc/self/task/N/wchan",
    "/proc/self/timerslack_ns",
    "/proc/self/uid_map",
    "/proc/self/wchan",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys",
    "/proc/sys/fs",
    "/proc/sys/fs/aio-max-nr",
    "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/dir-notify-enable",
    "/proc/sys/fs/file-max",
    "/proc/sys/fs/file-nr",
    "/proc/sys/fs/lease-break-time",
    "/proc/sys/fs/leases-enable",
    "/proc/sys/fs/mount-max",
    "/proc/sys/fs/nr_open",
    "/proc/sys/fs/overflowgid",
    "/proc/sys/fs/overflowuid",
    "/proc/sys/fs/pipe-max-size",
    "/proc/sys/fs/pipe-user-pages-hard",
    "/proc/sys/fs/pipe-user-pages-soft",
    "/proc/sys/fs/protected_fifos",
    "/proc/sys/fs/protected_hardlinks",
    "/proc/sys/fs/protected_regular",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/kernel",
    "/proc/sys/kernel/acct",
    "/proc/sys/kernel/arch",
    "/proc/sys/kernel/auto_msgmni",
    "/proc/sys/kernel/cap_last_cap",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/core_pipe_limit",
    "/proc/sys/kernel/core_uses_pid",
    "/proc/sys/kernel/ctrl-alt-del",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/hung_task_timeout_secs",
    "/proc/sys/kernel/kexec_load_disabled",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/msg_next_id",
    "/proc/sys/kernel/msgmax",
    "/proc/sys/kernel/msgmnb",
    "/proc/sys/kernel/msgmni",
    "/proc/sys/kernel/ngroups_max",
    "/proc/sys/kernel/nmi_watchdog",
    "/proc/sys/kernel/oops_limit",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/ostype",
    "/proc/sys/kernel/overflowgid",
    "/proc/sys/kernel/overflowuid",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/panic_on_oops",
    "/proc/sys/kernel/panic_on_warn",
    "/proc/sys/kernel/perf_event_max_sample_rate",
    "/proc/sys/kernel/perf_event_mlock_kb",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/poweroff_cmd",
    "/proc/sys/kernel/print-fatal-signals",
    "/proc/sys/kernel/printk",
    "/proc/sys/kernel/printk_delay",
    "/proc/sys/kernel/printk_ratelimit",
    "/proc/sys/kernel/printk_ratelimit_burst",
    "/proc/sys/kernel/pty",
    "/proc/sys/kernel/pty/max",
    "/proc/sys/kernel/pty/nr",
    "/proc/sys/kernel/pty/reserve",
    "/proc/sys/kernel/random",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sys/kernel/random/entropy_avail",
    "/proc/sys/kernel/random/poolsize",
    "/proc/sys/kernel/random/urandom_min_reseed_secs",
    "/proc/sys/kernel/random/uuid",
    "/proc/sys/kernel/random/write_wakeup_threshold",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/sched_autogroup_enabled",
    "/proc/sys/kernel/sched_deadline_period_max_us",
    "/proc/sys/kernel/sched_deadline_period_min_us",
    "/proc/sys/kernel/sched_rr_timeslice_ms",
    "/proc/sys/kernel/sched_rt_period_us",
    "/proc/sys/kernel/sched_rt_runtime_us",
    "/proc/sys/kernel/sched_schedstats",
    "/proc/sys/kernel/sem",
    "/proc/sys/kernel/sem_next_id",
    "/proc/sys/kernel/shm_next_id",
    "/proc/sys/kernel/shm_rmid_forced",
    "/proc/sys/kernel/shmall",
    "/proc/sys/kernel/shmmax",
    "/proc/sys/kernel/shmmni",
    "/proc/sys/kernel/sysctl_writes_strict",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/tainted",
    "/proc/sys/kernel/task_delayacct",
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/timer_migration",
    "/proc/sys/kernel/unprivileged_bpf_disabled",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/version",
    "/proc/sys/kernel/yama",
    "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/vm",
    "/proc/sys/vm/admin_reserve_kbytes",
    "/proc/sys/vm/compact_memory",
    "/proc/sys/vm/compaction_proactiveness",
    "/proc/sys/vm/dirty_background_bytes",
    "/proc/sys/vm/dirty_background_ratio",
    "/proc/sys/vm/dirty_bytes",
    "/proc/sys/vm/dirty_expire_centisecs",
    "/proc/sys/vm/dirty_ratio",
    "/proc/sys/vm/dirty_writeback_centisecs",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/vm/laptop_mode",
    "/proc/sys/vm/legacy_va_layout",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/sys/vm/nr_hugepages",
    "/proc/sys/vm/nr_overcommit_hugepages",
    "/proc/sys/vm/oom_dump_tasks",
    "/proc/sys/vm/oom_kill_allocating_task",
    "/proc/sys/vm/overcommit_kbytes",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/sys/vm/page-cluster",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/vm/stat_interval",
    "/proc/sys/vm/swappiness",
    "/proc/sys/vm/user_reserve_kbytes",
    "/proc/sys/vm/vfs_cache_pressure",
    "/proc/sys/vm/watermark_boost_factor",
    "/proc/sys/vm/watermark_scale_factor",
    "/proc/sys/vm/zone_reclaim_mode",
    "/proc/sysrq-trigger",
    "/proc/thread-self",
    "/proc/uptime",
    "/proc/version",
    "/proc/vmstat",
    "/sys/block",
    "/sys/block/*",
    "/sys/bus",
    "/sys/class",
    "/sys/class/block",
    "/sys/class/block/*",
    "/sys/class/mem",
    "/sys/class/mem/full",
    "/sys/class/mem/kmsg",
    "/sys/class/mem/null",
    "/sys/class/mem/random",
    "/sys/class/mem/urandom",
    "/sys/class/mem/zero",
    "/sys/class/misc",
    "?/sys/class/misc/tdx_guest",
    "/sys/class/net",
    "/sys/class/tty",
    "/sys/class/tty/console",
    "?/sys/class/tty/hvcN",
    "/sys/class/tty/tty",
    "/sys/class/tty/ttySN",
    "/sys/dev",
    "/sys/dev/block",
    "/sys/dev/block/*",
    "/sys/dev/char",
    "/sys/dev/char/N:N",
    "/sys/devices",
    "/sys/devices/system",
    "/sys/devices/system/cpu",
    "/sys/devices/system/cpu/cpuN",
    "/sys/devices/system/cpu/cpuN/topology",
    "/sys/devices/system/cpu/cpuN/topology/core_id",
    "/sys/devices/system/cpu/cpuN/topology/physical_package_id",
    "/sys/devices/system/cpu/isolated",
    "/sys/devices/system/cpu/kernel_max",
    "/sys/devices/system/cpu/offline",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/sys/devices/system/cpu/present",
    "/sys/devices/virtual",
    "/sys/devices/virtual/block*",
    "/sys/devices/virtual/mem",
    "/sys/devices/virtual/mem/full",
    "/sys/devices/virtual/mem/full/dev",
    "/sys/devices/virtual/mem/full/subsystem",
    "/sys/devices/virtual/mem/full/uevent",
    "/sys/devices/virtual/mem/kmsg",
    "/sys/devices/virtual/mem/kmsg/dev",
    "/sys/devices/virtual/mem/kmsg/subsystem",
    "/sys/devices/virtual/mem/kmsg/uevent",
    "/sys/devices/virtual/mem/null",
    "/sys/devices/virtual/mem/null/dev",
    "/sys/devices/virtual/mem/null/subsystem",
    "/sys/devices/virtual/mem/null/uevent",
    "/sys/devices/virtual/mem/random",
    "/sys/devices/virtual/mem/random/dev",
    "/sys/devices/virtual/mem/random/subsystem",
    "/sys/devices/virtual/mem/random/uevent",
    "/sys/devices/virtual/mem/urandom",
    "/sys/devices/virtual/mem/urandom/dev",
    "/sys/devices/virtual/mem/urandom/subsystem",
    "/sys/devices/virtual/mem/urandom/uevent",
    "/sys/devices/virtual/mem/zero",
    "/sys/devices/virtual/mem/zero/dev",
    "/sys/devices/virtual/mem/zero/subsystem",
    "/sys/devices/virtual/mem/zero/uevent",
    "?/sys/devices/virtual/misc",
    "?/sys/devices/virtual/misc/tdx_guest",
    "?/sys/devices/virtual/misc/tdx_guest/dev",
    "?/sys/devices/virtual/misc/tdx_guest/measurements",
    "?/sys/devices/virtual/misc/tdx_guest/measurements/mrconfigid",
    "?/sys/devices/virtual/misc/tdx_guest/measurements/mrowner",
    "?/sys/devices/virtual/misc/tdx_guest/measurements/mrownerconfig",
    "?/sys/devices/virtual/misc/tdx_guest/measurements/mrtd:shaN",
    "?/sys/devices/virtual/misc/tdx_guest/measurements/rtmrN:shaN",
    "?/sys/devices/virtual/misc/tdx_guest/subsystem",
    "?/sys/devices/virtual/misc/tdx_guest/uevent",
    "/sys/devices/virtual/tty",
    "/sys/devices/virtual/tty/console",
    "/sys/devices/virtual/tty/console/dev",
    "/sys/devices/virtual/tty/console/subsystem",
    "/sys/devices/virtual/tty/console/uevent",
    "?/sys/devices/virtual/tty/hvcN",
    "?/sys/devices/virtual/tty/hvcN/dev",
    "?/sys/devices/virtual/tty/hvcN/subsystem",
    "?/sys/devices/virtual/tty/hvcN/uevent",
    "/sys/devices/virtual/tty/tty",
    "/sys/devices/virtual/tty/tty/dev",
    "/sys/devices/virtual/tty/tty/subsystem",
    "/sys/devices/virtual/tty/tty/uevent",
    "/sys/devices/virtual/tty/ttySN",
    "/sys/devices/virtual/tty/ttySN/dev",
    "/sys/devices/virtual/tty/ttySN/subsystem",
    "/sys/devices/virtual/tty/ttySN/uevent",
    "/sys/firmware",
    "?/sys/firmware/acpi",
    "?/sys/firmware/acpi/tables",
    "?/sys/firmware/acpi/tables/CCEL",
    "?/sys/firmware/acpi/tables/data",
    "?/sys/firmware/acpi/tables/data/CCEL",
    "/sys/fs",
    "/sys/kernel",
    "/sys/kernel/config",
    "/sys/kernel/config/*",
    "/sys/kernel/fscaps",
    "/sys/kernel/mm",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/module",
};

static char seen[COUNT(PATHS)];
static char wrong[1024];

static void note(const char *what, const char *path) {
    size_t length = strlen(wrong);
    snprintf(wrong + length, sizeof wrong - length, " %s%s", what, path);
}

static int is_listed(const char *path) {
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        const char *known = PATHS[i] + (PATHS[i][0] == '?');
        size_t length = strlen(known);
        if (known[length - 1] == '*' ? strncmp(known, path, length - 1) == 0 : strcmp(known, path) == 0) {
            return seen[i] = 1;
        }
    }
    return 0;
}

/* Looks up a path with each number in it as N. */
static void check(const char *path) {
    char general[512];
    size_t length = 0;
    for (const char *c = path; *c && length < sizeof general - 1; c++) {
        if (!isdigit((unsigned char)*c)) {
            general[length++] = *c;
        } else if (length == 0 || general[length - 1] != 'N') {
            general[length++] = 'N';
        }
    }
    general[length] = 0;
    if (!is_listed(general)) {
        note("+", path);
    }
}

static void walk(const char *folder, int skips_numbers) {
    DIR *dir = opendir(folder);
    CHECK(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512];
        if (entry->d_name[0] == '.' || (skips_numbers && isdigit((unsigned char)entry->d_name[0]))) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check(path);
        if (entry->d_type == DT_DIR) {
            walk(path, 0);
        }
    }
    closedir(dir);
}

TEST(every_path_is_listed) {
    struct utsname name;
    OK(uname(&name));
    if (!strstr(name.release, "nacre")) {
        SKIP("the list is Nacre's");
    }
    walk("/proc", 1);
    walk("/proc/self", 0);
    walk("/sys", 0);
    for (size_t i = 0; i < COUNT(PATHS); i++) {
        if (!seen[i] && PATHS[i][0] != '?' && !strchr(PATHS[i], '*')) {
            note("-", PATHS[i]);
        }
    }
    EXPECT_STR(wrong, "");
}
