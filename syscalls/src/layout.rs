// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The structs that programs and kernel exchange on x86-64, byte for byte.
//!
//! Only layouts live here; services have their own types and the handlers
//! translate. Padding is spelled out, so no kernel byte leaks through it.
//!
//! Spec: the UAPI headers of Linux, x86-64.

framework::pod_struct! {
    /// `struct timespec`.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Timespec {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: i64,
    }
}

framework::pod_struct! {
    /// `struct timeval`.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Timeval {
        /// Seconds.
        pub sec: i64,
        /// Microseconds.
        pub usec: i64,
    }
}

framework::pod_struct! {
    /// `struct itimerval`.
    #[derive(Debug, Default)]
    pub struct Itimerval {
        /// Time between expirations; zero for one expiration.
        pub interval: Timeval,
        /// Time to the next expiration; zero when disarmed.
        pub value: Timeval,
    }
}

framework::pod_struct! {
    /// `struct itimerspec`.
    #[derive(Debug, Default)]
    pub struct Itimerspec {
        /// Time between expirations; zero for one expiration.
        pub interval: Timespec,
        /// Time to the next expiration; zero when disarmed.
        pub value: Timespec,
    }
}

framework::pod_struct! {
    /// `struct timezone`: always zero.
    #[derive(Debug, Default)]
    pub struct Timezone {
        /// Minutes west of Greenwich.
        pub minutes_west: i32,
        /// Kind of daylight saving.
        pub dst_time: i32,
    }
}

framework::pod_struct! {
    /// `struct utimbuf`.
    #[derive(Debug, Default)]
    pub struct Utimbuf {
        /// Access time in seconds.
        pub access: i64,
        /// Modification time in seconds.
        pub modification: i64,
    }
}

framework::pod_struct! {
    /// `struct tms`, in clock ticks.
    #[derive(Debug, Default)]
    pub struct Tms {
        /// User time of the process.
        pub utime: i64,
        /// System time of the process.
        pub stime: i64,
        /// User time of its children that were waited for.
        pub cutime: i64,
        /// System time of these children.
        pub cstime: i64,
    }
}

framework::pod_struct! {
    /// `struct stat`.
    #[derive(Debug, Default)]
    pub struct Stat {
        /// Device of the file.
        pub dev: u64,
        /// Inode number.
        pub ino: u64,
        /// Hard links.
        pub nlink: u64,
        /// Type and permissions.
        pub mode: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Zero.
        pub pad: u32,
        /// Device that a special file stands for.
        pub rdev: u64,
        /// Bytes.
        pub size: i64,
        /// Preferred transfer size.
        pub blksize: i64,
        /// Blocks of 512 bytes.
        pub blocks: i64,
        /// Last access.
        pub atime: Timespec,
        /// Last change of the content.
        pub mtime: Timespec,
        /// Last change of the inode.
        pub ctime: Timespec,
        /// Zero.
        pub reserved: [i64; 3],
    }
}

framework::pod_struct! {
    /// `struct statx_timestamp`.
    #[derive(Debug, Default)]
    pub struct StatxTime {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: u32,
        /// Zero.
        pub pad: i32,
    }
}

framework::pod_struct! {
    /// `struct statx`.
    #[derive(Debug, Default)]
    pub struct Statx {
        /// Which fields are filled in.
        pub mask: u32,
        /// Preferred transfer size.
        pub blksize: u32,
        /// Extra attributes.
        pub attributes: u64,
        /// Hard links.
        pub nlink: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Type and permissions.
        pub mode: u16,
        /// Zero.
        pub pad: u16,
        /// Inode number.
        pub ino: u64,
        /// Bytes.
        pub size: u64,
        /// Blocks of 512 bytes.
        pub blocks: u64,
        /// Which extra attributes are supported.
        pub attributes_mask: u64,
        /// Last access.
        pub atime: StatxTime,
        /// Creation.
        pub btime: StatxTime,
        /// Last change of the inode.
        pub ctime: StatxTime,
        /// Last change of the content.
        pub mtime: StatxTime,
        /// Major number of the device that a special file stands for.
        pub rdev_major: u32,
        /// Its minor number.
        pub rdev_minor: u32,
        /// Major number of the device of the file.
        pub dev_major: u32,
        /// Its minor number.
        pub dev_minor: u32,
        /// The mount.
        pub mnt_id: u64,
        /// Zero.
        pub reserved: [u64; 13],
    }
}

framework::pod_struct! {
    /// `struct statfs`.
    #[derive(Debug, Default)]
    pub struct Statfs {
        /// Magic number of the file-system type.
        pub kind: i64,
        /// Preferred transfer size.
        pub bsize: i64,
        /// Blocks in all.
        pub blocks: u64,
        /// Free blocks.
        pub bfree: u64,
        /// Free blocks for unprivileged users.
        pub bavail: u64,
        /// Inodes in all.
        pub files: u64,
        /// Free inodes.
        pub ffree: u64,
        /// Number of the file system.
        pub fsid: [i32; 2],
        /// Longest name.
        pub namelen: i64,
        /// Size of a block.
        pub frsize: i64,
        /// Mount flags.
        pub flags: i64,
        /// Zero.
        pub spare: [i64; 4],
    }
}

framework::pod_struct! {
    /// `struct rusage`.
    #[derive(Debug, Default)]
    pub struct Rusage {
        /// Time in user mode.
        pub utime: Timeval,
        /// Time in the kernel.
        pub stime: Timeval,
        /// Largest resident size in KiB.
        pub maxrss: i64,
        /// Always zero, as on Linux.
        pub unused: [i64; 3],
        /// Faults that needed no reading.
        pub minflt: i64,
        /// Faults that needed reading.
        pub majflt: i64,
        /// Swaps, block input and output, messages, signals: zero.
        pub zero: [i64; 6],
        /// Times it gave up the CPU.
        pub nvcsw: i64,
        /// Times the CPU was taken.
        pub nivcsw: i64,
    }
}

framework::pod_struct! {
    /// `struct pollfd`.
    #[derive(Debug, Default)]
    pub struct PollFd {
        /// The descriptor; negative: skip.
        pub fd: i32,
        /// What to wait for.
        pub events: i16,
        /// What there is.
        pub revents: i16,
    }
}

framework::pod_struct! {
    /// The last argument of `pselect6`: a signal mask and its size.
    #[derive(Debug, Default)]
    pub struct SigsetArg {
        /// Address of the mask.
        pub addr: u64,
        /// Its size in bytes.
        pub size: u64,
    }
}

framework::pod_struct! {
    /// `struct sysinfo`.
    #[derive(Debug, Default)]
    pub struct Sysinfo {
        /// Seconds since the start.
        pub uptime: i64,
        /// Loads of 1, 5 and 15 minutes, times 65536.
        pub loads: [u64; 3],
        /// Memory in all.
        pub totalram: u64,
        /// Free memory.
        pub freeram: u64,
        /// Shared memory.
        pub sharedram: u64,
        /// Buffers.
        pub bufferram: u64,
        /// Swap in all.
        pub totalswap: u64,
        /// Free swap.
        pub freeswap: u64,
        /// Threads.
        pub procs: u16,
        /// Zero.
        pub pad: [u16; 3],
        /// High memory in all: none.
        pub totalhigh: u64,
        /// Free high memory: none.
        pub freehigh: u64,
        /// Bytes that the memory figures count in.
        pub mem_unit: u32,
        /// Zero.
        pub end_pad: u32,
    }
}

framework::pod_struct! {
    /// `struct flock`.
    #[derive(Debug, Default)]
    pub struct Flock {
        /// `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
        pub kind: i16,
        /// What `start` counts from.
        pub whence: i16,
        /// Zero.
        pub pad: i32,
        /// First byte.
        pub start: i64,
        /// Bytes; zero: to the end.
        pub len: i64,
        /// Who holds it.
        pub pid: i32,
        /// Zero.
        pub end_pad: i32,
    }
}

framework::pod_struct! {
    /// `struct __user_cap_header_struct`.
    #[derive(Debug, Default)]
    pub struct CapHeader {
        /// Layout of the data.
        pub version: u32,
        /// Whose capabilities; zero: one's own.
        pub pid: i32,
    }
}

framework::pod_struct! {
    /// Two of `struct __user_cap_data_struct`: low and high half of each set.
    #[derive(Debug, Default)]
    pub struct CapData {
        /// Low halves: effective, permitted, inheritable.
        pub low: [u32; 3],
        /// High halves: effective, permitted, inheritable.
        pub high: [u32; 3],
    }
}

framework::pod_struct! {
    /// `struct clone_args`.
    #[derive(Debug, Default)]
    pub struct CloneArgs {
        /// `CLONE_*`.
        pub flags: u64,
        /// Where to put the pidfd.
        pub pidfd: u64,
        /// Where the child stores its id.
        pub child_tid: u64,
        /// Where the parent stores the child's id.
        pub parent_tid: u64,
        /// What to send the parent at the end.
        pub exit_signal: u64,
        /// Lowest byte of the stack.
        pub stack: u64,
        /// Its size.
        pub stack_size: u64,
        /// The new FS base.
        pub tls: u64,
        /// Wanted ids.
        pub set_tid: u64,
        /// How many.
        pub set_tid_size: u64,
        /// The cgroup.
        pub cgroup: u64,
    }
}

framework::pod_struct! {
    /// `struct sigevent`.
    #[derive(Debug, Default)]
    pub struct Sigevent {
        /// What the signal carries.
        pub value: u64,
        /// The signal.
        pub signo: i32,
        /// `SIGEV_SIGNAL`, `SIGEV_NONE`, `SIGEV_THREAD_ID`.
        pub notify: i32,
        /// The thread, of `SIGEV_THREAD_ID`.
        pub tid: i32,
        /// The rest of the union.
        pub pad: [i32; 11],
    }
}

framework::pod_struct! {
    /// `struct new_utsname`.
    pub struct Utsname {
        /// System, node, release, version, machine, domain; each ends in NUL.
        pub fields: [[u8; 65]; 6],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_linux() {
        let sizes = [
            (size_of::<Timespec>(), 16),
            (size_of::<Itimerval>(), 32),
            (size_of::<Tms>(), 32),
            (size_of::<Stat>(), 144),
            (size_of::<Statx>(), 256),
            (size_of::<Statfs>(), 120),
            (size_of::<Rusage>(), 144),
            (size_of::<PollFd>(), 8),
            (size_of::<Sysinfo>(), 112),
            (size_of::<Flock>(), 32),
            (size_of::<CapData>(), 24),
            (size_of::<CloneArgs>(), 88),
            (size_of::<Sigevent>(), 64),
            (size_of::<Utsname>(), 390),
        ];
        for (at, (ours, linux)) in sizes.iter().enumerate() {
            assert_eq!(ours, linux, "struct {at} of the list");
        }
    }

    #[test]
    fn offsets_are_those_of_linux() {
        use core::mem::offset_of;
        assert_eq!(offset_of!(Stat, rdev), 40);
        assert_eq!(offset_of!(Stat, atime), 72);
        assert_eq!(offset_of!(Statx, ino), 32);
        assert_eq!(offset_of!(Statx, atime), 64);
        assert_eq!(offset_of!(Statx, rdev_major), 128);
        assert_eq!(offset_of!(Statx, mnt_id), 144);
        assert_eq!(offset_of!(Rusage, nvcsw), 128);
        assert_eq!(offset_of!(Sysinfo, totalhigh), 88);
        assert_eq!(offset_of!(Statfs, fsid), 56);
    }
}
