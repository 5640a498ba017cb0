//! The system calls of a sandbox, as data with reasons.
//!
//! What is in [`ALLOWED`] works. What is in [`REFUSED`] answers EPERM, because programs expect a
//! refusal of it. Everything else, known or yet to be invented, answers ENOSYS, so that programs
//! fall back to what is here; `clone3` is such a call, whose flags a filter cannot see, and so is
//! `io_setup`, whose requests are counted for the whole machine: one sandbox could take them all
//! (aio-max-nr, proc(5)). Numbers come from the C library's headers for this machine.

use super::When;

/// One line: calls that share a condition and a reason.
pub(crate) struct Line {
    /// Names and numbers.
    pub(crate) calls: &'static [(&'static str, i64)],
    /// With which arguments.
    pub(crate) when: When,
    /// Why.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for readers, and the test that it is there")
    )]
    pub(crate) reason: &'static str,
}

macro_rules! line {
    ($when:expr, $reason:literal: $($call:ident)+) => {
        Line { calls: &[$((stringify!($call), libc::$call)),+], when: $when, reason: $reason }
    };
}

/// What works.
pub(crate) const ALLOWED: &[Line] = &[
    line!(When::Always, "reads and writes open files":
        SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev
        SYS_preadv2 SYS_pwritev2 SYS_lseek),
    line!(When::Always, "opens and closes files":
        SYS_openat SYS_openat2 SYS_close SYS_close_range),
    line!(When::Always, "copies between files without a buffer":
        SYS_sendfile SYS_splice SYS_tee SYS_vmsplice SYS_copy_file_range),
    line!(When::Always, "looks at files":
        SYS_fstat SYS_newfstatat SYS_statx SYS_faccessat SYS_faccessat2 SYS_readlinkat
        SYS_getdents64 SYS_statfs SYS_fstatfs),
    line!(When::Always, "makes, moves and removes files":
        SYS_mkdirat SYS_unlinkat SYS_renameat SYS_renameat2 SYS_linkat SYS_symlinkat),
    line!(When::Always, "makes named pipes; devices need a capability that is gone":
        SYS_mknodat),
    line!(When::Always, "changes sizes, modes, owners and times":
        SYS_truncate SYS_ftruncate SYS_fallocate SYS_fchmod SYS_fchmodat SYS_fchmodat2
        SYS_fchown SYS_fchownat SYS_utimensat SYS_umask),
    line!(When::Always, "extended attributes, as tar and cp -a keep them":
        SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_setxattr SYS_lsetxattr SYS_fsetxattr
        SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr
        SYS_fremovexattr),
    line!(When::Always, "puts data on disk, as package managers and databases must":
        SYS_fsync SYS_fdatasync SYS_sync SYS_syncfs SYS_sync_file_range SYS_msync),
    line!(When::Always, "advice for the page cache":
        SYS_fadvise64 SYS_readahead),
    line!(When::Always, "the working directory":
        SYS_getcwd SYS_chdir SYS_fchdir),
    line!(When::Always, "descriptors, pipes and locks":
        SYS_dup SYS_dup3 SYS_pipe2 SYS_fcntl SYS_flock),
    line!(When::NoTerminalInjection, "devices and terminals; TIOCSTI and TIOCLINUX type into a terminal for its reader":
        SYS_ioctl),
    line!(When::Always, "waits for descriptors":
        SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2
        SYS_eventfd2 SYS_signalfd4),
    line!(When::Always, "timers":
        SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_timer_create
        SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete SYS_getitimer
        SYS_setitimer),
    line!(When::Always, "watches files, as build tools do":
        SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch),
    line!(When::Always, "memory of the process":
        SYS_mmap SYS_munmap SYS_mremap SYS_mprotect SYS_brk SYS_madvise SYS_mincore
        SYS_memfd_create SYS_mseal),
    line!(When::Always, "locked memory within its limit, for keys and garbage collectors":
        SYS_mlock SYS_mlock2 SYS_munlock SYS_mlockall SYS_munlockall),
    line!(When::Always, "memory protection keys, used by JavaScript engines":
        SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect),
    line!(When::NoNewNamespace, "processes and threads; without new namespaces, which open kernel code that only root should reach":
        SYS_clone),
    line!(When::NoNewNamespaceEither, "stops sharing files or the working directory; without new namespaces":
        SYS_unshare),
    line!(When::Always, "programs start and end":
        SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid),
    line!(When::Always, "processes as descriptors":
        SYS_pidfd_open SYS_pidfd_send_signal),
    line!(When::Always, "threads and their locks":
        SYS_futex SYS_futex_waitv SYS_set_robust_list SYS_get_robust_list SYS_set_tid_address
        SYS_rseq SYS_membarrier SYS_gettid),
    line!(When::Always, "signals":
        SYS_kill SYS_tkill SYS_tgkill SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn
        SYS_rt_sigpending SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_rt_sigqueueinfo
        SYS_rt_tgsigqueueinfo SYS_sigaltstack SYS_restart_syscall),
    line!(When::Always, "who am I; changes stay in the sandbox's own ids":
        SYS_getpid SYS_getppid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getresuid
        SYS_getresgid SYS_getgroups SYS_setuid SYS_setgid SYS_setreuid SYS_setregid
        SYS_setresuid SYS_setresgid SYS_setgroups SYS_setfsuid SYS_setfsgid),
    line!(When::Always, "sessions and process groups, for shells":
        SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid),
    line!(When::Always, "capabilities within the nine that are left":
        SYS_capget SYS_capset),
    line!(When::Always, "settings of the process; what matters needs a capability that is gone":
        SYS_prctl),
    line!(When::Always, "a program may restrict itself further":
        SYS_seccomp SYS_landlock_create_ruleset SYS_landlock_add_rule
        SYS_landlock_restrict_self),
    line!(When::Always, "limits and use; hard limits only go down":
        SYS_getrlimit SYS_setrlimit SYS_getrusage SYS_times SYS_sysinfo SYS_uname),
    line!(When::NotTheAgent, "limits by the call that C libraries use, and scheduling; the kernel asks only for the same ids, so that the agent could be made deaf or slow":
        SYS_prlimit64 SYS_sched_setaffinity SYS_sched_setparam SYS_sched_setscheduler
        SYS_sched_setattr),
    line!(When::NeitherAgentNorUser, "priorities within the control group; root inside and the agent are one user":
        SYS_setpriority SYS_ioprio_set),
    line!(When::Always, "scheduling within the control group":
        SYS_sched_yield SYS_sched_getaffinity SYS_sched_getparam SYS_sched_getscheduler
        SYS_sched_getattr SYS_sched_get_priority_max SYS_sched_get_priority_min
        SYS_sched_rr_get_interval SYS_getpriority SYS_ioprio_get SYS_getcpu),
    line!(When::Always, "reads clocks and sleeps":
        SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday),
    line!(When::Always, "random bytes":
        SYS_getrandom),
    line!(When::KnownFamily, "unix sockets; TCP, UDP and echo over IPv4 and IPv6; routing netlink, because the C library lists addresses by it; every other family and protocol is kernel code that sandboxes do not need":
        SYS_socket),
    line!(When::UnixPair, "pairs of unix sockets":
        SYS_socketpair),
    line!(When::Always, "uses sockets":
        SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_connect SYS_getsockname SYS_getpeername
        SYS_getsockopt SYS_setsockopt SYS_shutdown SYS_sendto SYS_sendmsg SYS_sendmmsg
        SYS_recvfrom SYS_recvmsg SYS_recvmmsg),
    line!(When::Always, "System V IPC in the sandbox's own namespace, for databases":
        SYS_shmget SYS_shmat SYS_shmdt SYS_shmctl SYS_semget SYS_semop SYS_semtimedop
        SYS_semctl SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl),
    line!(When::Always, "message queues in the sandbox's own namespace":
        SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify
        SYS_mq_getsetattr),
    line!(When::DefaultPersonality, "asks for the personality or sets the plain one; others switch off address randomisation":
        SYS_personality),
    line!(When::Always, "debuggers; user and pid namespace bound whom they reach, the agent is not dumpable, and the kernel checks calls again after a tracer changed them (4.8)":
        SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev),
];

/// What works as well where programs may be older than the machine's newer calls.
#[cfg(target_arch = "x86_64")]
pub(crate) const ALLOWED_HERE: &[Line] = &[
    line!(When::Always, "reads and changes files by the older calls":
        SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_getdents SYS_mkdir
        SYS_rmdir SYS_unlink SYS_rename SYS_link SYS_symlink SYS_mknod SYS_chmod SYS_chown
        SYS_lchown SYS_utime SYS_utimes SYS_futimesat),
    line!(When::Always, "descriptors and waiting by the older calls":
        SYS_dup2 SYS_pipe SYS_poll SYS_select SYS_epoll_create SYS_epoll_wait SYS_eventfd
        SYS_signalfd SYS_inotify_init),
    line!(When::Always, "processes by the older calls":
        SYS_fork SYS_vfork SYS_getpgrp SYS_alarm SYS_pause SYS_time SYS_arch_prctl),
];

/// Nothing more: this machine never had the older calls.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const ALLOWED_HERE: &[Line] = &[];

/// What is refused with EPERM.
pub(crate) const REFUSED: &[Line] = &[
    line!(When::Always, "mounts: the whole tree of files is set up before":
        SYS_mount SYS_umount2 SYS_pivot_root SYS_chroot SYS_move_mount SYS_open_tree SYS_fsopen
        SYS_fsconfig SYS_fsmount SYS_fspick SYS_mount_setattr SYS_quotactl SYS_quotactl_fd),
    line!(When::Always, "namespaces of others":
        SYS_setns),
    line!(When::Always, "file handles pass by every mount":
        SYS_open_by_handle_at SYS_name_to_handle_at),
    line!(When::Always, "keys are shared between namespaces of one user":
        SYS_add_key SYS_request_key SYS_keyctl),
    line!(When::Always, "programs inside the kernel":
        SYS_bpf),
    line!(When::Always, "counters of the whole machine, and a long list of bugs":
        SYS_perf_event_open),
    line!(When::Always, "holds the kernel in a page fault, which turns races into attacks":
        SYS_userfaultfd),
    line!(When::Always, "a second way into the kernel that no filter sees":
        SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register),
    line!(When::Always, "descriptors of other processes":
        SYS_pidfd_getfd SYS_kcmp),
    line!(When::Always, "memory of other processes moves between nodes":
        SYS_migrate_pages SYS_move_pages SYS_mbind SYS_set_mempolicy
        SYS_set_mempolicy_home_node SYS_process_madvise),
    line!(When::Always, "the kernel itself is replaced or extended":
        SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_kexec_file_load
        SYS_reboot),
    line!(When::Always, "the machine's clock":
        SYS_settimeofday SYS_clock_settime SYS_clock_adjtime SYS_adjtimex),
    line!(When::Always, "the machine's swap, accounting, log and names":
        SYS_swapon SYS_swapoff SYS_acct SYS_syslog SYS_sethostname SYS_setdomainname
        SYS_vhangup),
    line!(When::Always, "watches whole file systems":
        SYS_fanotify_init SYS_fanotify_mark),
];

/// What is refused as well on this machine.
#[cfg(target_arch = "x86_64")]
pub(crate) const REFUSED_HERE: &[Line] =
    &[line!(When::Always, "hardware ports and segment tables":
        SYS_iopl SYS_ioperm SYS_modify_ldt)];

/// Nothing more on this machine.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const REFUSED_HERE: &[Line] = &[];
