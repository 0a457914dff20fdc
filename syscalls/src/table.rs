// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The system-call table of x86-64, sorted by number.
//!
//! A row: number, name, handler in `calls` with the types of its arguments,
//! support level, and what a signal does to the call while it waits (`None`,
//! `Sys`, `NoHand`, `Block`: see [`crate::row::Restart`]). A stub has no handler.
//! The page docs/compatibility.md is written from these rows.

use crate::arg::*;
use crate::row::{Index, index};
use crate::row_macro::syscall_table;
use abi::capability::{CapData, CapHeader};
use abi::fcntl::{AtFlags, CloseRangeFlags, OpenFlags};
use abi::fs::{AccessMode, RenameFlags};
use abi::mman::{MapFlags, Prot, RemapFlags, SyncFlags};
use abi::poll::{PollFd, SigsetArg};
use abi::resource::{Rlimit, Rusage};
use abi::signal::{RawAltStack, RawSigAction, SigInfo};
use abi::stat::{Stat, Statfs, Statx, StatxMask};
use abi::system::{RandomFlags, Sysinfo, Utsname};
use abi::time::{Itimerspec, Itimerval, Sigevent, Timespec, Timeval, Timezone, Tms, Utimbuf};
use time::ClockId;

type Ptr<T> = UserPtr<T>;
type Opt<T> = Option<UserPtr<T>>;
type OptPath = Option<UserPath>;

/// The rows by number.
pub static INDEX: Index = index(ROWS);

syscall_table! {
      0 read                   rw::sys_read(Fd, UserOut)                  Full         Sys;
      1 write                  rw::sys_write(Fd, UserIn)                  Full         Sys;
      2 open                   open::sys_open(UserPath, OpenFlags, Mode)  Full         Sys;
      3 close                  open::sys_close(Fd)                        Full         None;
      4 stat                   stat::sys_stat(UserPath, Ptr<Stat>)        Full         None;
      5 fstat                  stat::sys_fstat(Fd, Ptr<Stat>)             Full         None;
      6 lstat                  stat::sys_lstat(UserPath, Ptr<Stat>)       Full         None;
      7 poll                   poll::sys_poll(Ptr<PollFd>, u32, i32)      Full         Block;
      8 lseek                  rw::sys_lseek(Fd, i64, u32)                Full         None;
      9 mmap                   memory::sys_mmap(Addr, usize, Prot, MapFlags, Fd, u64)
        Partial("MAP_HUGETLB has no pool; MAP_SYNC is refused") None;
     10 mprotect               memory::sys_mprotect(Addr, usize, Kept<Prot>) Full         None;
     11 munmap                 memory::sys_munmap(Addr, usize)           Full         None;
     12 brk                    memory::sys_brk(Addr)                     Full         None;
     13 rt_sigaction           signal::sys_rt_sigaction(SigNum, Opt<RawSigAction>, Opt<RawSigAction>, usize)
        Full None;
     14 rt_sigprocmask         signal::sys_rt_sigprocmask(i32, Opt<u64>, Opt<u64>, usize)
        Full None;
     15 rt_sigreturn           signal::sys_rt_sigreturn()                 Full         None;
     16 ioctl                  fd::sys_ioctl(Fd, u32, usize)
        Partial("the requests of terminals, pipes and files that exist here") Sys;
     17 pread64                rw::sys_pread64(Fd, UserOut, i64)          Full         Sys;
     18 pwrite64               rw::sys_pwrite64(Fd, UserIn, i64)          Full         Sys;
     19 readv                  rw::sys_readv(Fd, IovOut)                  Full         Sys;
     20 writev                 rw::sys_writev(Fd, IovIn)                  Full         Sys;
     21 access                 stat::sys_access(UserPath, AccessMode)     Full         None;
     22 pipe                   fd::sys_pipe(Ptr<[i32; 2]>)                Full         None;
     23 select                 poll::sys_select(i32, Opt<u64>, Opt<u64>, Opt<u64>, Opt<Timeval>)
        Full NoHand;
     24 sched_yield            sched::sys_sched_yield()                   Full         None;
     25 mremap                 memory::sys_mremap(Addr, usize, usize, RemapFlags, Addr)
        Full None;
     26 msync                  memory::sys_msync(Addr, usize, SyncFlags) Full         None;
     27 mincore                memory::sys_mincore(Addr, usize, Addr)   Full         None;
     28 madvise                memory::sys_madvise(Addr, usize, i32)
        Partial("advice about huge pages, merging and poisoning does nothing or is refused") None;
     29 shmget                 ()                                         Stub(ENOSYS) None;
     30 shmat                  ()                                         Stub(ENOSYS) None;
     31 shmctl                 ()                                         Stub(ENOSYS) None;
     32 dup                    fd::sys_dup(Fd)                            Full         None;
     33 dup2                   fd::sys_dup2(Fd, Fd)                       Full         None;
     34 pause                  signal::sys_pause()                        Full         NoHand;
     35 nanosleep              sleep::sys_nanosleep(Ptr<Timespec>, Opt<Timespec>)
        Full Block;
     36 getitimer              timer::sys_getitimer(i32, Ptr<Itimerval>)  Full         None;
     37 alarm                  timer::sys_alarm(u32)                      Full         None;
     38 setitimer              timer::sys_setitimer(i32, Opt<Itimerval>, Opt<Itimerval>)
        Full None;
     39 getpid                 process::sys_getpid()                      Full         None;
     40 sendfile               copy::sys_sendfile(Fd, Fd, Opt<i64>, usize)  Full         Sys;
     41 socket                 socket::sys_socket(i32, u32, i32)
        Partial("no address family exists: EAFNOSUPPORT") None;
     42 connect                socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     43 accept                 socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     44 sendto                 socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     45 recvfrom               socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     46 sendmsg                socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     47 recvmsg                socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     48 shutdown               socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     49 bind                   socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     50 listen                 socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     51 getsockname            socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     52 getpeername            socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     53 socketpair             socket::sys_socketpair(i32, u32, i32, Ptr<i32>)
        Partial("no address family exists: EAFNOSUPPORT") None;
     54 setsockopt             socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     55 getsockopt             socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
     56 clone                  process::sys_clone(Addr, Addr, Ptr<i32>, Ptr<i32>, u64)
        Partial("no new namespaces, no pidfd, no ptrace") None;
     57 fork                   process::sys_fork()                        Full         None;
     58 vfork                  process::sys_vfork()                       Full         None;
     59 execve                 exec::sys_execve(UserPath, UserStrings, UserStrings)
        Partial("ELF, static or with an interpreter, and #! scripts; no binfmt_misc") None;
     60 exit                   process::sys_exit(i32)                     Full         None;
     61 wait4                  wait::sys_wait4(RawPid, Opt<i32>, u32, Opt<Rusage>) Full         Sys;
     62 kill                   signal::sys_kill(RawPid, SigNum)              Full         None;
     63 uname                  system::sys_uname(Ptr<Utsname>)            Full         None;
     64 semget                 ()                                         Stub(ENOSYS) None;
     65 semop                  ()                                         Stub(ENOSYS) None;
     66 semctl                 ()                                         Stub(ENOSYS) None;
     67 shmdt                  ()                                         Stub(ENOSYS) None;
     68 msgget                 ()                                         Stub(ENOSYS) None;
     69 msgsnd                 ()                                         Stub(ENOSYS) None;
     70 msgrcv                 ()                                         Stub(ENOSYS) None;
     71 msgctl                 ()                                         Stub(ENOSYS) None;
     72 fcntl                  fcntl::sys_fcntl(Fd, u32, u64)
        Partial("no leases, no notification, no write hints; owners are kept but get no signals") Sys;
     73 flock                  fcntl::sys_flock(Fd, u32)                     Full         Sys;
     74 fsync                  fd::sys_fsync(Fd)                          Full         None;
     75 fdatasync              fd::sys_fdatasync(Fd)                      Full         None;
     76 truncate               attr::sys_truncate(UserPath, i64)          Full         None;
     77 ftruncate              attr::sys_ftruncate(Fd, i64)               Full         None;
     78 getdents               dir::sys_getdents(Fd, UserOut)             Full         None;
     79 getcwd                 dir::sys_getcwd(UserOut)                   Full         None;
     80 chdir                  dir::sys_chdir(UserPath)                   Full         None;
     81 fchdir                 dir::sys_fchdir(Fd)                        Full         None;
     82 rename                 link::sys_rename(UserPath, UserPath)       Full         None;
     83 mkdir                  dir::sys_mkdir(UserPath, Mode)             Full         None;
     84 rmdir                  link::sys_rmdir(UserPath)                  Full         None;
     85 creat                  open::sys_creat(UserPath, Mode)            Full         Sys;
     86 link                   link::sys_link(UserPath, UserPath)         Full         None;
     87 unlink                 link::sys_unlink(UserPath)                 Full         None;
     88 symlink                link::sys_symlink(UserPath, UserPath)      Full         None;
     89 readlink               stat::sys_readlink(UserPath, UserOut)      Full         None;
     90 chmod                  attr::sys_chmod(UserPath, Mode)            Full         None;
     91 fchmod                 attr::sys_fchmod(Fd, Mode)                 Full         None;
     92 chown                  attr::sys_chown(UserPath, u32, u32)        Full         None;
     93 fchown                 attr::sys_fchown(Fd, u32, u32)             Full         None;
     94 lchown                 attr::sys_lchown(UserPath, u32, u32)       Full         None;
     95 umask                  attr::sys_umask(Mode)                      Full         None;
     96 gettimeofday           time::sys_gettimeofday(Opt<Timeval>, Opt<Timezone>)
        Full None;
     97 getrlimit              limits::sys_getrlimit(u32, Ptr<Rlimit>)    Full         None;
     98 getrusage              limits::sys_getrusage(i32, Ptr<Rusage>)    Full         None;
     99 sysinfo                system::sys_sysinfo(Ptr<Sysinfo>)          Full         None;
    100 times                  time::sys_times(Opt<Tms>)                  Full         None;
    101 ptrace                 ()                                         Stub(ENOSYS) None;
    102 getuid                 ids::sys_getuid()                          Full         None;
    103 syslog                 system::sys_syslog(i32, UserOut)
        Partial("reading, sizes and console level; SYSLOG_ACTION_READ does not wait") None;
    104 getgid                 ids::sys_getgid()                          Full         None;
    105 setuid                 ids::sys_setuid(u32)                       Full         None;
    106 setgid                 ids::sys_setgid(u32)                       Full         None;
    107 geteuid                ids::sys_geteuid()                         Full         None;
    108 getegid                ids::sys_getegid()                         Full         None;
    109 setpgid                group::sys_setpgid(RawPid, RawPid)         Full         None;
    110 getppid                process::sys_getppid()                     Full         None;
    111 getpgrp                group::sys_getpgrp()                       Full         None;
    112 setsid                 group::sys_setsid()                        Full         None;
    113 setreuid               ids::sys_setreuid(u32, u32)                Full         None;
    114 setregid               ids::sys_setregid(u32, u32)                Full         None;
    115 getgroups              ids::sys_getgroups(i32, Ptr<u32>)          Full         None;
    116 setgroups              ids::sys_setgroups(i32, Ptr<u32>)          Full         None;
    117 setresuid              ids::sys_setresuid(u32, u32, u32)          Full         None;
    118 getresuid              ids::sys_getresuid(Ptr<u32>, Ptr<u32>, Ptr<u32>) Full         None;
    119 setresgid              ids::sys_setresgid(u32, u32, u32)          Full         None;
    120 getresgid              ids::sys_getresgid(Ptr<u32>, Ptr<u32>, Ptr<u32>) Full         None;
    121 getpgid                group::sys_getpgid(RawPid)                 Full         None;
    122 setfsuid               ids::sys_setfsuid(u32)                     Full         None;
    123 setfsgid               ids::sys_setfsgid(u32)                     Full         None;
    124 getsid                 group::sys_getsid(RawPid)                  Full         None;
    125 capget                 caps::sys_capget(Ptr<CapHeader>, Opt<CapData>) Full         None;
    126 capset                 caps::sys_capset(Ptr<CapHeader>, Ptr<CapData>) Full         None;
    127 rt_sigpending          signal::sys_rt_sigpending(Ptr<u64>, usize) Full         None;
    128 rt_sigtimedwait        signal::sys_rt_sigtimedwait(Ptr<u64>, Opt<SigInfo>, Opt<Timespec>, usize)
        Full None;
    129 rt_sigqueueinfo        signal::sys_rt_sigqueueinfo(RawPid, SigNum, Ptr<SigInfo>)
        Full None;
    130 rt_sigsuspend          signal::sys_rt_sigsuspend(Ptr<u64>, usize) Full         NoHand;
    131 sigaltstack            signal::sys_sigaltstack(Opt<RawAltStack>, Opt<RawAltStack>)
        Full None;
    132 utime                  attr::sys_utime(UserPath, Opt<Utimbuf>)    Full         None;
    133 mknod                  link::sys_mknod(UserPath, Mode, u32)       Full         None;
    134 uselib                 ()                                         Stub(ENOSYS) None;
    135 personality            process::sys_personality(u32)
        Partial("remembered, only ADDR_NO_RANDOMIZE has an effect at most") None;
    136 ustat                  ()                                         Stub(ENOSYS) None;
    137 statfs                 stat::sys_statfs(UserPath, Ptr<Statfs>)    Full         None;
    138 fstatfs                stat::sys_fstatfs(Fd, Ptr<Statfs>)         Full         None;
    139 sysfs                  ()                                         Stub(ENOSYS) None;
    140 getpriority            sched::sys_getpriority(u32, u32)           Full         None;
    141 setpriority            sched::sys_setpriority(u32, u32, i32)      Full         None;
    142 sched_setparam         sched::sys_sched_setparam(RawPid, Ptr<i32>) Full         None;
    143 sched_getparam         sched::sys_sched_getparam(RawPid, Ptr<i32>) Full         None;
    144 sched_setscheduler     sched::sys_sched_setscheduler(RawPid, i32, Ptr<i32>)
        Partial("real-time policies are refused or run as the fair class") None;
    145 sched_getscheduler     sched::sys_sched_getscheduler(RawPid)      Full         None;
    146 sched_get_priority_max sched::sys_sched_get_priority_max(i32)     Full         None;
    147 sched_get_priority_min sched::sys_sched_get_priority_min(i32)     Full         None;
    148 sched_rr_get_interval  sched::sys_sched_rr_get_interval(RawPid, Ptr<Timespec>)
        Full None;
    149 mlock                  memory::sys_mlock(Addr, usize)            Full         None;
    150 munlock                memory::sys_munlock(Addr, usize)          Full         None;
    151 mlockall               memory::sys_mlockall(u32)                  Full         None;
    152 munlockall             memory::sys_munlockall()                   Full         None;
    153 vhangup                system::sys_vhangup()
        Partial("checks the privilege, then does nothing") None;
    154 modify_ldt             ()                                         Stub(ENOSYS) None;
    155 pivot_root             ()                                         Stub(EINVAL) None;
    156 _sysctl                ()                                         Stub(ENOSYS) None;
    157 prctl                  prctl::sys_prctl(i32, Addr, u64, u64, u64)
        Partial("names, death signal, dumpable, capabilities, no_new_privs, subreaper, securebits, timer slack") None;
    158 arch_prctl             prctl::sys_arch_prctl(Addr, Addr)
        Partial("FS and GS base") None;
    159 adjtimex               ()                                         Stub(ENOSYS) None;
    160 setrlimit              limits::sys_setrlimit(u32, Ptr<Rlimit>)    Full         None;
    161 chroot                 dir::sys_chroot(UserPath)                  Full         None;
    162 sync                   fd::sys_sync()                             Full         None;
    163 acct                   ()                                         Stub(ENOSYS) None;
    164 settimeofday           time::sys_settimeofday(Opt<Timeval>, Opt<Timezone>)
        Partial("the time zone is checked and dropped") None;
    165 mount                  mount::sys_mount(OptPath, UserPath, OptPath, u64, usize)
        Partial("tmpfs, devfs, proc; no propagation") None;
    166 umount2                mount::sys_umount2(UserPath, u32)          Full         None;
    167 swapon                 ()                                         Stub(ENOSYS) None;
    168 swapoff                ()                                         Stub(ENOSYS) None;
    169 reboot                 system::sys_reboot(u32, u32, u32, usize)
        Partial("off and restart; no kexec, no suspend") None;
    170 sethostname            system::sys_sethostname(UserPath, i32)     Full         None;
    171 setdomainname          system::sys_setdomainname(UserPath, i32)   Full         None;
    172 iopl                   ()                                         Stub(ENOSYS) None;
    173 ioperm                 ()                                         Stub(ENOSYS) None;
    174 create_module          ()                                         Stub(ENOSYS) None;
    175 init_module            ()                                         Stub(ENOSYS) None;
    176 delete_module          ()                                         Stub(ENOSYS) None;
    177 get_kernel_syms        ()                                         Stub(ENOSYS) None;
    178 query_module           ()                                         Stub(ENOSYS) None;
    179 quotactl               ()                                         Stub(ENOSYS) None;
    180 nfsservctl             ()                                         Stub(ENOSYS) None;
    181 getpmsg                ()                                         Stub(ENOSYS) None;
    182 putpmsg                ()                                         Stub(ENOSYS) None;
    183 afs_syscall            ()                                         Stub(ENOSYS) None;
    184 tuxcall                ()                                         Stub(ENOSYS) None;
    185 security               ()                                         Stub(ENOSYS) None;
    186 gettid                 process::sys_gettid()                      Full         None;
    187 readahead              rw::sys_readahead(Fd, i64, usize)          Full         None;
    188 setxattr               xattr::sys_setxattr(UserPath, UserPath, Addr, usize, u32) Partial("no attribute is kept") None;
    189 lsetxattr              xattr::sys_lsetxattr(UserPath, UserPath, Addr, usize, u32) Partial("no attribute is kept") None;
    190 fsetxattr              xattr::sys_fsetxattr(Fd, UserPath, Addr, usize, u32) Partial("no attribute is kept") None;
    191 getxattr               xattr::sys_getxattr(UserPath, UserPath) Partial("no attribute is kept") None;
    192 lgetxattr              xattr::sys_lgetxattr(UserPath, UserPath) Partial("no attribute is kept") None;
    193 fgetxattr              xattr::sys_fgetxattr(Fd, UserPath) Partial("no attribute is kept") None;
    194 listxattr              xattr::sys_listxattr(UserPath) Partial("no attribute is kept") None;
    195 llistxattr             xattr::sys_llistxattr(UserPath) Partial("no attribute is kept") None;
    196 flistxattr             xattr::sys_flistxattr(Fd) Partial("no attribute is kept") None;
    197 removexattr            xattr::sys_removexattr(UserPath, UserPath) Partial("no attribute is kept") None;
    198 lremovexattr           xattr::sys_lremovexattr(UserPath, UserPath) Partial("no attribute is kept") None;
    199 fremovexattr           xattr::sys_fremovexattr(Fd, UserPath) Partial("no attribute is kept") None;
    200 tkill                  signal::sys_tkill(RawPid, SigNum)             Full         None;
    201 time                   time::sys_time(Opt<i64>)                   Full         None;
    202 futex                  futex::sys_futex(Ptr<u32>, u32, u32, usize, usize, u32)
        Partial("wait, wake, requeue and their bitset forms; no priority inheritance") Block;
    203 sched_setaffinity      sched::sys_sched_setaffinity(RawPid, u32, Ptr<u8>) Full         None;
    204 sched_getaffinity      sched::sys_sched_getaffinity(RawPid, u32, Ptr<u8>) Full         None;
    205 set_thread_area        ()                                         Stub(ENOSYS) None;
    206 io_setup               ()                                         Stub(ENOSYS) None;
    207 io_destroy             ()                                         Stub(ENOSYS) None;
    208 io_getevents           ()                                         Stub(ENOSYS) None;
    209 io_submit              ()                                         Stub(ENOSYS) None;
    210 io_cancel              ()                                         Stub(ENOSYS) None;
    211 get_thread_area        ()                                         Stub(ENOSYS) None;
    212 lookup_dcookie         ()                                         Stub(ENOSYS) None;
    213 epoll_create           ()                                         Stub(ENOSYS) None;
    214 epoll_ctl_old          ()                                         Stub(ENOSYS) None;
    215 epoll_wait_old         ()                                         Stub(ENOSYS) None;
    216 remap_file_pages       ()                                         Stub(ENOSYS) None;
    217 getdents64             dir::sys_getdents64(Fd, UserOut)           Full         None;
    218 set_tid_address        process::sys_set_tid_address(Addr)        Full         None;
    219 restart_syscall        restart::sys_restart_syscall()             Full         Block;
    220 semtimedop             ()                                         Stub(ENOSYS) None;
    221 fadvise64              rw::sys_fadvise64(Fd, i64, i64, i32)       Full         None;
    222 timer_create           timer::sys_timer_create(i32, Opt<Sigevent>, Ptr<i32>)
        Full None;
    223 timer_settime          timer::sys_timer_settime(i32, u32, Opt<Itimerspec>, Opt<Itimerspec>)
        Full None;
    224 timer_gettime          timer::sys_timer_gettime(i32, Ptr<Itimerspec>) Full         None;
    225 timer_getoverrun       timer::sys_timer_getoverrun(i32)           Full         None;
    226 timer_delete           timer::sys_timer_delete(i32)               Full         None;
    227 clock_settime          time::sys_clock_settime(ClockId, Ptr<Timespec>) Full         None;
    228 clock_gettime          time::sys_clock_gettime(ClockId, Ptr<Timespec>) Full         None;
    229 clock_getres           time::sys_clock_getres(ClockId, Opt<Timespec>) Full         None;
    230 clock_nanosleep        sleep::sys_clock_nanosleep(ClockId, u32, Ptr<Timespec>, Opt<Timespec>)
        Full Block;
    231 exit_group             process::sys_exit_group(i32)               Full         None;
    232 epoll_wait             ()                                         Stub(ENOSYS) None;
    233 epoll_ctl              ()                                         Stub(ENOSYS) None;
    234 tgkill                 signal::sys_tgkill(RawPid, RawPid, SigNum)    Full         None;
    235 utimes                 attr::sys_utimes(UserPath, Opt<[Timeval; 2]>) Full         None;
    236 vserver                ()                                         Stub(ENOSYS) None;
    237 mbind                  ()                                         Stub(ENOSYS) None;
    238 set_mempolicy          ()                                         Stub(ENOSYS) None;
    239 get_mempolicy          ()                                         Stub(ENOSYS) None;
    240 mq_open                ()                                         Stub(ENOSYS) None;
    241 mq_unlink              ()                                         Stub(ENOSYS) None;
    242 mq_timedsend           ()                                         Stub(ENOSYS) None;
    243 mq_timedreceive        ()                                         Stub(ENOSYS) None;
    244 mq_notify              ()                                         Stub(ENOSYS) None;
    245 mq_getsetattr          ()                                         Stub(ENOSYS) None;
    246 kexec_load             ()                                         Stub(ENOSYS) None;
    247 waitid                 wait::sys_waitid(u32, RawPid, Opt<SigInfo>, u32, Opt<Rusage>)
        Full Sys;
    248 add_key                ()                                         Stub(ENOSYS) None;
    249 request_key            ()                                         Stub(ENOSYS) None;
    250 keyctl                 ()                                         Stub(ENOSYS) None;
    251 ioprio_set             ()                                         Stub(ENOSYS) None;
    252 ioprio_get             ()                                         Stub(ENOSYS) None;
    253 inotify_init           ()                                         Stub(ENOSYS) None;
    254 inotify_add_watch      ()                                         Stub(ENOSYS) None;
    255 inotify_rm_watch       ()                                         Stub(ENOSYS) None;
    256 migrate_pages          ()                                         Stub(ENOSYS) None;
    257 openat                 open::sys_openat(DirFd, UserPath, OpenFlags, Mode) Full         Sys;
    258 mkdirat                dir::sys_mkdirat(DirFd, UserPath, Mode)    Full         None;
    259 mknodat                link::sys_mknodat(DirFd, UserPath, Mode, u32) Full         None;
    260 fchownat               attr::sys_fchownat(DirFd, UserPath, u32, u32, AtFlags)
        Full None;
    261 futimesat              attr::sys_futimesat(DirFd, OptPath, Opt<[Timeval; 2]>)
        Full None;
    262 newfstatat             stat::sys_newfstatat(DirFd, UserPath, Ptr<Stat>, AtFlags)
        Full None;
    263 unlinkat               link::sys_unlinkat(DirFd, UserPath, AtFlags) Full         None;
    264 renameat               link::sys_renameat(DirFd, UserPath, DirFd, UserPath)
        Full None;
    265 linkat                 link::sys_linkat(DirFd, UserPath, DirFd, UserPath, AtFlags)
        Full None;
    266 symlinkat              link::sys_symlinkat(UserPath, DirFd, UserPath) Full         None;
    267 readlinkat             stat::sys_readlinkat(DirFd, UserPath, UserOut) Full         None;
    268 fchmodat               attr::sys_fchmodat(DirFd, UserPath, Mode)  Full         None;
    269 faccessat              stat::sys_faccessat(DirFd, UserPath, AccessMode) Full         None;
    270 pselect6               poll::sys_pselect6(i32, Opt<u64>, Opt<u64>, Opt<u64>, Opt<Timespec>, Opt<SigsetArg>)
        Full NoHand;
    271 ppoll                  poll::sys_ppoll(Ptr<PollFd>, u32, Opt<Timespec>, Opt<u64>, usize)
        Full NoHand;
    272 unshare                process::sys_unshare(Addr) Partial("no new namespaces") None;
    273 set_robust_list        process::sys_set_robust_list(Addr, usize)
        Full None;
    274 get_robust_list        process::sys_get_robust_list(RawPid, Ptr<u64>, Ptr<u64>)
        Full None;
    275 splice                 ()                                         Stub(ENOSYS) None;
    276 tee                    ()                                         Stub(ENOSYS) None;
    277 sync_file_range        ()                                         Stub(ENOSYS) None;
    278 vmsplice               ()                                         Stub(ENOSYS) None;
    279 move_pages             ()                                         Stub(ENOSYS) None;
    280 utimensat              attr::sys_utimensat(DirFd, OptPath, Opt<[Timespec; 2]>, u32)
        Full None;
    281 epoll_pwait            ()                                         Stub(ENOSYS) None;
    282 signalfd               ()                                         Stub(ENOSYS) None;
    283 timerfd_create         ()                                         Stub(ENOSYS) None;
    284 eventfd                ()                                         Stub(ENOSYS) None;
    285 fallocate              attr::sys_fallocate(Fd, u32, i64, i64)
        Partial("plain allocation and KEEP_SIZE only") None;
    286 timerfd_settime        ()                                         Stub(ENOSYS) None;
    287 timerfd_gettime        ()                                         Stub(ENOSYS) None;
    288 accept4                socket::sys_accept4(Fd, Addr, Addr, u32)
        Partial("no descriptor is a socket: ENOTSOCK") None;
    289 signalfd4              ()                                         Stub(ENOSYS) None;
    290 eventfd2               ()                                         Stub(ENOSYS) None;
    291 epoll_create1          ()                                         Stub(ENOSYS) None;
    292 dup3                   fd::sys_dup3(Fd, Fd, Strict<OpenFlags>)            Full         None;
    293 pipe2                  fd::sys_pipe2(Ptr<[i32; 2]>, Strict<OpenFlags>)    Full         None;
    294 inotify_init1          ()                                         Stub(ENOSYS) None;
    295 preadv                 rw::sys_preadv(Fd, IovOut, i64)            Full         Sys;
    296 pwritev                rw::sys_pwritev(Fd, IovIn, i64)            Full         Sys;
    297 rt_tgsigqueueinfo      signal::sys_rt_tgsigqueueinfo(RawPid, RawPid, SigNum, Ptr<SigInfo>)
        Full None;
    298 perf_event_open        ()                                         Stub(ENOSYS) None;
    299 recvmmsg               socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
    300 fanotify_init          ()                                         Stub(ENOSYS) None;
    301 fanotify_mark          ()                                         Stub(ENOSYS) None;
    302 prlimit64              limits::sys_prlimit64(RawPid, u32, Opt<Rlimit>, Opt<Rlimit>)
        Full None;
    303 name_to_handle_at      ()                                         Stub(ENOSYS) None;
    304 open_by_handle_at      ()                                         Stub(ENOSYS) None;
    305 clock_adjtime          ()                                         Stub(ENOSYS) None;
    306 syncfs                 fd::sys_syncfs(Fd)                         Full         None;
    307 sendmmsg               socket::sys_on_socket(Fd) Partial("no descriptor is a socket: ENOTSOCK") None;
    308 setns                  ()                                         Stub(ENOSYS) None;
    309 getcpu                 system::sys_getcpu(Opt<u32>, Opt<u32>)     Full         None;
    310 process_vm_readv       ()                                         Stub(ENOSYS) None;
    311 process_vm_writev      ()                                         Stub(ENOSYS) None;
    312 kcmp                   ()                                         Stub(ENOSYS) None;
    313 finit_module           ()                                         Stub(ENOSYS) None;
    314 sched_setattr          ()                                         Stub(ENOSYS) None;
    315 sched_getattr          ()                                         Stub(ENOSYS) None;
    316 renameat2              link::sys_renameat2(DirFd, UserPath, DirFd, UserPath, RenameFlags)
        Full None;
    317 seccomp                ()                                         Stub(ENOSYS) None;
    318 getrandom              system::sys_getrandom(UserOut, RandomFlags) Full         None;
    319 memfd_create           ()                                         Stub(ENOSYS) None;
    320 kexec_file_load        ()                                         Stub(ENOSYS) None;
    321 bpf                    ()                                         Stub(ENOSYS) None;
    322 execveat               exec::sys_execveat(DirFd, UserPath, UserStrings, UserStrings, AtFlags)
        Partial("as execve") None;
    323 userfaultfd            ()                                         Stub(ENOSYS) None;
    324 membarrier             system::sys_membarrier(MembarrierCommand, u32)
        Partial("query, global and private expedited") None;
    325 mlock2                 memory::sys_mlock2(Addr, usize, u32)      Full         None;
    326 copy_file_range        copy::sys_copy_file_range(Fd, Opt<i64>, Fd, Opt<i64>, usize, u32)
        Full Sys;
    327 preadv2                rw::sys_preadv2(Fd, IovOut, i64, u64, u32)
        Partial("RWF_NOWAIT is refused but for devices that never wait, RWF_ATOMIC always") Sys;
    328 pwritev2               rw::sys_pwritev2(Fd, IovIn, i64, u64, u32)
        Partial("as preadv2; RWF_NOAPPEND is refused where O_APPEND is set") Sys;
    329 pkey_mprotect          ()                                         Stub(ENOSYS) None;
    330 pkey_alloc             ()                                         Stub(ENOSYS) None;
    331 pkey_free              ()                                         Stub(ENOSYS) None;
    332 statx                  stat::sys_statx(DirFd, UserPath, AtFlags, StatxMask, Ptr<Statx>)
        Full None;
    333 io_pgetevents          ()                                         Stub(ENOSYS) None;
    334 rseq                   ()                                         Stub(ENOSYS) None;
    424 pidfd_send_signal      ()                                         Stub(ENOSYS) None;
    425 io_uring_setup         ()                                         Stub(ENOSYS) None;
    426 io_uring_enter         ()                                         Stub(ENOSYS) None;
    427 io_uring_register      ()                                         Stub(ENOSYS) None;
    428 open_tree              ()                                         Stub(ENOSYS) None;
    429 move_mount             ()                                         Stub(ENOSYS) None;
    430 fsopen                 ()                                         Stub(ENOSYS) None;
    431 fsconfig               ()                                         Stub(ENOSYS) None;
    432 fsmount                ()                                         Stub(ENOSYS) None;
    433 fspick                 ()                                         Stub(ENOSYS) None;
    434 pidfd_open             ()                                         Stub(ENOSYS) None;
    435 clone3                 process::sys_clone3(Addr, usize)
        Partial("as clone; no set_tid, no cgroup") None;
    436 close_range            open::sys_close_range(u32, u32, CloseRangeFlags) Full         None;
    437 openat2                ()                                         Stub(ENOSYS) None;
    438 pidfd_getfd            ()                                         Stub(ENOSYS) None;
    439 faccessat2             stat::sys_faccessat2(DirFd, UserPath, AccessMode, AtFlags)
        Full None;
    440 process_madvise        ()                                         Stub(ENOSYS) None;
    441 epoll_pwait2           ()                                         Stub(ENOSYS) None;
    442 mount_setattr          ()                                         Stub(ENOSYS) None;
    443 quotactl_fd            ()                                         Stub(ENOSYS) None;
    444 landlock_create_ruleset ()                                         Stub(ENOSYS) None;
    445 landlock_add_rule      ()                                         Stub(ENOSYS) None;
    446 landlock_restrict_self ()                                         Stub(ENOSYS) None;
    447 memfd_secret           ()                                         Stub(ENOSYS) None;
    448 process_mrelease       ()                                         Stub(ENOSYS) None;
    449 futex_waitv            ()                                         Stub(ENOSYS) None;
    450 set_mempolicy_home_node ()                                         Stub(ENOSYS) None;
    451 cachestat              ()                                         Stub(ENOSYS) None;
    452 fchmodat2              attr::sys_fchmodat2(DirFd, UserPath, Mode, AtFlags)
        Full None;
    453 map_shadow_stack       ()                                         Stub(ENOSYS) None;
    454 futex_wake             ()                                         Stub(ENOSYS) None;
    455 futex_wait             ()                                         Stub(ENOSYS) None;
    456 futex_requeue          ()                                         Stub(ENOSYS) None;
    457 statmount              ()                                         Stub(ENOSYS) None;
    458 listmount              ()                                         Stub(ENOSYS) None;
    459 lsm_get_self_attr      ()                                         Stub(ENOSYS) None;
    460 lsm_set_self_attr      ()                                         Stub(ENOSYS) None;
    461 lsm_list_modules       ()                                         Stub(ENOSYS) None;
    462 mseal                  ()                                         Stub(ENOSYS) None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Level, NUMBERS};

    #[test]
    fn rows_are_sorted_and_unique() {
        assert!(ROWS.is_sorted_by(|a, b| a.number < b.number));
        assert!(ROWS.iter().all(|row| usize::from(row.number) < NUMBERS));
    }

    #[test]
    fn index_finds_every_row() {
        for row in ROWS {
            assert_eq!(INDEX[usize::from(row.number)].unwrap().name, row.name);
        }
        assert!(INDEX[400].is_none());
    }

    #[test]
    fn enough_is_served() {
        let served = ROWS.iter().filter(|row| !matches!(row.level, Level::Stub(_))).count();
        assert!(served >= 150, "{served}");
    }

    #[test]
    fn well_known_numbers() {
        for (number, name) in [(0, "read"), (59, "execve"), (231, "exit_group"), (435, "clone3")] {
            assert_eq!(INDEX[number].unwrap().name, name);
        }
    }
}
