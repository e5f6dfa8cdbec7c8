/* Every system call an instance may make, by purpose, and why the others are missing; at the end what a
 * zygote may make besides. filter_gen.c compiles the list for each role (make filters);
 * test/native/filter-expectations.ts is the second entry of this double-entry book.
 */
/* clang-format off */
/*
 *   ALLOW(call)                                 always; the kernel then answers from a bitmap without running the
 *                                               filter (since 5.11), so hot calls must never get a condition
 *   ALLOW_IF(call, argument, mask, value)       if (argument & mask) == value
 *   REFUSE_IF(call, argument, mask, value, e)   fails with e if (argument & mask) == value
 *   REFUSE(call, e)                             always fails with e
 *   ABSENT(call)                                fails with ENOSYS, as does every call that is not listed, and
 *                                               every combination of arguments that no line covers
 *   SOCKET(family, protocol)                    socket() may make it; others fail as on a kernel without them
 *   SOCKETPAIR(family)                          socketpair() likewise
 *   FORK(call)                                  a zygote may make it; the line that refuses it counts for instances only
 *   FORK_IF(call, argument, mask, value)        likewise, under a condition
 *
 * Masks: the kernel looks at 32 bits of an int argument, so INT compares just those; comparing 64 would let
 * 1 << 32 | TIOCSTI through (CVE-2019-7303).
 */
#define INT 0xffffffffULL
#define NAMESPACES (CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
                    CLONE_NEWPID | CLONE_NEWNET)

/* Reading, writing, waiting: what an invocation does. */
ALLOW(read) ALLOW(write) ALLOW(readv) ALLOW(writev) ALLOW(pread64) ALLOW(pwrite64) ALLOW(preadv) ALLOW(pwritev)
ALLOW(preadv2) ALLOW(pwritev2) ALLOW(close) ALLOW(lseek) ALLOW(poll) ALLOW(ppoll) ALLOW(select) ALLOW(pselect6)
ALLOW(epoll_create) ALLOW(epoll_create1) ALLOW(epoll_ctl) ALLOW(epoll_wait) ALLOW(epoll_pwait)
ALLOW(epoll_pwait2) ALLOW(eventfd) ALLOW(eventfd2) ALLOW(pipe) ALLOW(pipe2) ALLOW(dup) ALLOW(dup2) ALLOW(dup3)
ALLOW(fcntl) ALLOW(timerfd_create) ALLOW(timerfd_settime) ALLOW(timerfd_gettime) ALLOW(signalfd)
ALLOW(signalfd4) ALLOW(inotify_init) ALLOW(inotify_init1) ALLOW(inotify_add_watch) ALLOW(inotify_rm_watch)

/* Threads and locks. CLONE_NEW* makes namespaces, in which a process is root again over much kernel code. (No
 * signal has the bit of CLONE_NEWTIME, so refusing it costs nothing.) clone3 hides its flags behind a pointer,
 * and libc falls back to clone when it is absent. */
ALLOW(futex) ALLOW(futex_waitv) ALLOW(set_robust_list) ALLOW(get_robust_list) ALLOW(rseq) ALLOW(membarrier)
ALLOW(set_tid_address) ALLOW(gettid) ALLOW(arch_prctl) ALLOW(fork) ALLOW(vfork)
ALLOW_IF(clone, 0, NAMESPACES, 0)
REFUSE_IF(clone, 0, CLONE_NEWTIME, CLONE_NEWTIME, EPERM) REFUSE_IF(clone, 0, CLONE_NEWNS, CLONE_NEWNS, EPERM)
REFUSE_IF(clone, 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP, EPERM) REFUSE_IF(clone, 0, CLONE_NEWUTS, CLONE_NEWUTS, EPERM)
REFUSE_IF(clone, 0, CLONE_NEWIPC, CLONE_NEWIPC, EPERM) REFUSE_IF(clone, 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM)
REFUSE_IF(clone, 0, CLONE_NEWPID, CLONE_NEWPID, EPERM) REFUSE_IF(clone, 0, CLONE_NEWNET, CLONE_NEWNET, EPERM)
ABSENT(clone3)

/* Programs: children of a function are inside its pid namespace and pids limit. */
ALLOW(execve) ALLOW(execveat) ALLOW(exit) ALLOW(exit_group) ALLOW(wait4) ALLOW(waitid) ALLOW(pidfd_open)
ALLOW(pidfd_send_signal) ALLOW(kill) ALLOW(tkill) ALLOW(tgkill) ALLOW(rt_sigqueueinfo) ALLOW(rt_tgsigqueueinfo)
ALLOW(rt_sigaction) ALLOW(rt_sigprocmask) ALLOW(rt_sigreturn) ALLOW(rt_sigpending) ALLOW(rt_sigsuspend)
ALLOW(rt_sigtimedwait) ALLOW(sigaltstack) ALLOW(pause) ALLOW(alarm) ALLOW(restart_syscall) ALLOW(getpid)
ALLOW(getppid) ALLOW(getpgid) ALLOW(getpgrp) ALLOW(getsid) ALLOW(setpgid) ALLOW(setsid)

/* Memory. V8 maps, unmaps and flips code pages all the time; it uses protection keys where there are any. */
ALLOW(mmap) ALLOW(munmap) ALLOW(mremap) ALLOW(mprotect) ALLOW(madvise) ALLOW(brk) ALLOW(msync) ALLOW(mincore)
ALLOW(mlock) ALLOW(mlock2) ALLOW(munlock) ALLOW(mlockall) ALLOW(munlockall) ALLOW(memfd_create)
ALLOW(pkey_alloc) ALLOW(pkey_free) ALLOW(pkey_mprotect) ALLOW(get_mempolicy)

/* Files. What a path reaches is the mount namespace's business. */
ALLOW(open) ALLOW(openat) ALLOW(openat2) ALLOW(creat) ALLOW(close_range) ALLOW(getdents) ALLOW(getdents64)
ALLOW(stat) ALLOW(lstat) ALLOW(fstat) ALLOW(newfstatat) ALLOW(statx) ALLOW(statfs) ALLOW(fstatfs) ALLOW(access)
ALLOW(faccessat) ALLOW(faccessat2) ALLOW(readlink) ALLOW(readlinkat) ALLOW(getcwd) ALLOW(chdir) ALLOW(fchdir)
ALLOW(mkdir) ALLOW(mkdirat) ALLOW(rmdir) ALLOW(unlink) ALLOW(unlinkat) ALLOW(rename) ALLOW(renameat)
ALLOW(renameat2) ALLOW(link) ALLOW(linkat) ALLOW(symlink) ALLOW(symlinkat) ALLOW(umask) ALLOW(chmod)
ALLOW(fchmod) ALLOW(fchmodat) ALLOW(chown) ALLOW(lchown) ALLOW(fchown) ALLOW(fchownat) ALLOW(truncate)
ALLOW(ftruncate) ALLOW(fallocate) ALLOW(fadvise64) ALLOW(readahead) ALLOW(copy_file_range) ALLOW(fsync)
ALLOW(fdatasync) ALLOW(syncfs) ALLOW(sync_file_range) ALLOW(flock) ALLOW(utime) ALLOW(utimes) ALLOW(futimesat)
ALLOW(utimensat) ALLOW(getxattr) ALLOW(lgetxattr) ALLOW(fgetxattr) ALLOW(listxattr) ALLOW(llistxattr)
ALLOW(flistxattr) ALLOW(setxattr) ALLOW(lsetxattr) ALLOW(fsetxattr) ALLOW(removexattr) ALLOW(lremovexattr)
ALLOW(fremovexattr)

/* Nodes: fifos, sockets and plain files, no devices. */
ALLOW_IF(mknod, 1, S_IFMT, 0) ALLOW_IF(mknodat, 2, S_IFMT, 0)
ALLOW_IF(mknod, 1, S_IFMT, S_IFIFO) ALLOW_IF(mknodat, 2, S_IFMT, S_IFIFO)
ALLOW_IF(mknod, 1, S_IFMT, S_IFREG) ALLOW_IF(mknodat, 2, S_IFMT, S_IFREG)
ALLOW_IF(mknod, 1, S_IFMT, S_IFSOCK) ALLOW_IF(mknodat, 2, S_IFMT, S_IFSOCK)
REFUSE_IF(mknod, 1, S_IFMT, S_IFCHR, EPERM) REFUSE_IF(mknodat, 2, S_IFMT, S_IFCHR, EPERM)
REFUSE_IF(mknod, 1, S_IFMT, S_IFBLK, EPERM) REFUSE_IF(mknodat, 2, S_IFMT, S_IFBLK, EPERM)

/* Pages of files handed to pipes by reference are how Dirty Pipe (CVE-2022-0847) and its kin write into the
 * page cache, which layers share; sendfile to a pipe is splice too. EINVAL is what these say on a file system
 * that cannot do it, so libuv, Python and Go copy instead (copy_file_range, then read and write). */
REFUSE(splice, EINVAL) REFUSE(tee, EINVAL) REFUSE(vmsplice, EINVAL) REFUSE(sendfile, EINVAL)

/* Sockets. Any other family or protocol would load a kernel module by its number, and AF_VSOCK is not even
 * confined by a network namespace. */
SOCKET(AF_UNIX, ANY_PROTOCOL)
SOCKET(AF_INET, IPPROTO_IP) SOCKET(AF_INET, IPPROTO_ICMP) SOCKET(AF_INET, IPPROTO_TCP)
SOCKET(AF_INET, IPPROTO_UDP)
SOCKET(AF_INET6, IPPROTO_IP) SOCKET(AF_INET6, IPPROTO_TCP) SOCKET(AF_INET6, IPPROTO_UDP)
SOCKET(AF_INET6, IPPROTO_ICMPV6)
SOCKET(AF_NETLINK, NETLINK_ROUTE) /* getifaddrs, so os.networkInterfaces() */
SOCKETPAIR(AF_UNIX)
ALLOW(bind) ALLOW(connect) ALLOW(listen) ALLOW(accept) ALLOW(accept4) ALLOW(shutdown) ALLOW(getsockname)
ALLOW(getpeername) ALLOW(getsockopt) ALLOW(setsockopt) ALLOW(sendto) ALLOW(recvfrom) ALLOW(sendmsg)
ALLOW(recvmsg) ALLOW(sendmmsg) ALLOW(recvmmsg)

/* ioctl, one by one: flags of descriptors, the terminal a shell asks about, interfaces, cloning of a file.
 * TIOCSTI types into the terminal of whoever started us, TIOCLINUX pastes, TIOCSETD loads line disciplines. */
ALLOW_IF(ioctl, 1, INT, FIOCLEX) ALLOW_IF(ioctl, 1, INT, FIONCLEX) ALLOW_IF(ioctl, 1, INT, FIONBIO)
ALLOW_IF(ioctl, 1, INT, FIOASYNC) ALLOW_IF(ioctl, 1, INT, FIONREAD) ALLOW_IF(ioctl, 1, INT, TIOCOUTQ)
ALLOW_IF(ioctl, 1, INT, TCGETS) ALLOW_IF(ioctl, 1, INT, TCGETS2) ALLOW_IF(ioctl, 1, INT, TCSETS)
ALLOW_IF(ioctl, 1, INT, TCSETSW) ALLOW_IF(ioctl, 1, INT, TCSETSF) ALLOW_IF(ioctl, 1, INT, TCSETS2)
ALLOW_IF(ioctl, 1, INT, TCSETSW2) ALLOW_IF(ioctl, 1, INT, TCSETSF2) ALLOW_IF(ioctl, 1, INT, TCFLSH)
ALLOW_IF(ioctl, 1, INT, TCSBRK) ALLOW_IF(ioctl, 1, INT, TCXONC) ALLOW_IF(ioctl, 1, INT, TIOCGWINSZ)
ALLOW_IF(ioctl, 1, INT, TIOCSWINSZ) ALLOW_IF(ioctl, 1, INT, TIOCGPGRP) ALLOW_IF(ioctl, 1, INT, TIOCSPGRP)
ALLOW_IF(ioctl, 1, INT, TIOCGSID) ALLOW_IF(ioctl, 1, INT, TIOCSCTTY) ALLOW_IF(ioctl, 1, INT, TIOCNOTTY)
ALLOW_IF(ioctl, 1, INT, SIOCGIFCONF) ALLOW_IF(ioctl, 1, INT, SIOCGIFNAME) ALLOW_IF(ioctl, 1, INT, SIOCGIFINDEX)
ALLOW_IF(ioctl, 1, INT, SIOCGIFFLAGS) ALLOW_IF(ioctl, 1, INT, SIOCGIFADDR)
ALLOW_IF(ioctl, 1, INT, SIOCGIFNETMASK) ALLOW_IF(ioctl, 1, INT, SIOCGIFBRDADDR)
ALLOW_IF(ioctl, 1, INT, SIOCGIFMTU) ALLOW_IF(ioctl, 1, INT, SIOCGIFHWADDR) ALLOW_IF(ioctl, 1, INT, SIOCATMARK)
ALLOW_IF(ioctl, 1, INT, FICLONE) ALLOW_IF(ioctl, 1, INT, FICLONERANGE)
REFUSE_IF(ioctl, 1, INT, TIOCSTI, EPERM) REFUSE_IF(ioctl, 1, INT, TIOCLINUX, EPERM)
REFUSE_IF(ioctl, 1, INT, TIOCSETD, EPERM)

/* Time. Setting it is the host's. */
ALLOW(clock_gettime) ALLOW(clock_getres) ALLOW(clock_nanosleep) ALLOW(nanosleep) ALLOW(gettimeofday) ALLOW(time)
ALLOW(times) ALLOW(getitimer) ALLOW(setitimer) ALLOW(timer_create) ALLOW(timer_settime) ALLOW(timer_gettime)
ALLOW(timer_getoverrun) ALLOW(timer_delete)
REFUSE(clock_settime, EPERM) REFUSE(settimeofday, EPERM) REFUSE(adjtimex, EPERM) REFUSE(clock_adjtime, EPERM)

/* What a program asks about itself and the machine, and its own scheduling. */
ALLOW(uname) ALLOW(sysinfo) ALLOW(getcpu) ALLOW(getrandom) ALLOW(getrusage) ALLOW(getrlimit) ALLOW(setrlimit)
ALLOW(prlimit64) ALLOW(getpriority) ALLOW(setpriority) ALLOW(sched_yield) ALLOW(sched_getaffinity)
ALLOW(sched_setaffinity) ALLOW(sched_getparam) ALLOW(sched_setparam) ALLOW(sched_getscheduler)
ALLOW(sched_setscheduler) ALLOW(sched_getattr) ALLOW(sched_setattr) ALLOW(sched_get_priority_max)
ALLOW(sched_get_priority_min) ALLOW(sched_rr_get_interval)

/* Ids: without a capability these change nothing, and programs that try to drop privilege must succeed. */
ALLOW(getuid) ALLOW(geteuid) ALLOW(getgid) ALLOW(getegid) ALLOW(getresuid) ALLOW(getresgid) ALLOW(getgroups)
ALLOW(setuid) ALLOW(setgid) ALLOW(setreuid) ALLOW(setregid) ALLOW(setresuid) ALLOW(setresgid) ALLOW(setgroups)
ALLOW(setfsuid) ALLOW(setfsgid) ALLOW(capget) ALLOW(capset)

/* prctl: names, death signals and questions. PR_SET_MM rewrites what ps shows and reads any file's pages;
 * PR_SET_SECCOMP would put a second filter on every call; PR_SET_PTRACER serves ptrace. */
ALLOW_IF(prctl, 0, INT, PR_SET_NAME) ALLOW_IF(prctl, 0, INT, PR_GET_NAME)
ALLOW_IF(prctl, 0, INT, PR_SET_PDEATHSIG) ALLOW_IF(prctl, 0, INT, PR_GET_PDEATHSIG)
ALLOW_IF(prctl, 0, INT, PR_SET_DUMPABLE) ALLOW_IF(prctl, 0, INT, PR_GET_DUMPABLE)
ALLOW_IF(prctl, 0, INT, PR_SET_KEEPCAPS) ALLOW_IF(prctl, 0, INT, PR_GET_KEEPCAPS)
ALLOW_IF(prctl, 0, INT, PR_SET_NO_NEW_PRIVS) ALLOW_IF(prctl, 0, INT, PR_GET_NO_NEW_PRIVS)
ALLOW_IF(prctl, 0, INT, PR_SET_CHILD_SUBREAPER) ALLOW_IF(prctl, 0, INT, PR_GET_CHILD_SUBREAPER)
ALLOW_IF(prctl, 0, INT, PR_SET_TIMERSLACK) ALLOW_IF(prctl, 0, INT, PR_GET_TIMERSLACK)
ALLOW_IF(prctl, 0, INT, PR_SET_THP_DISABLE) ALLOW_IF(prctl, 0, INT, PR_GET_THP_DISABLE)
ALLOW_IF(prctl, 0, INT, PR_SET_SPECULATION_CTRL) ALLOW_IF(prctl, 0, INT, PR_GET_SPECULATION_CTRL)
ALLOW_IF(prctl, 0, INT, PR_SET_TAGGED_ADDR_CTRL) ALLOW_IF(prctl, 0, INT, PR_GET_TAGGED_ADDR_CTRL)
ALLOW_IF(prctl, 0, INT, PR_GET_SECUREBITS) ALLOW_IF(prctl, 0, INT, PR_GET_SECCOMP)
ALLOW_IF(prctl, 0, INT, PR_CAPBSET_READ) ALLOW_IF(prctl, 0, INT, PR_GET_TID_ADDRESS)
ALLOW_IF(prctl, 0, INT, PR_SET_VMA)
REFUSE_IF(prctl, 0, INT, PR_SET_MM, EPERM) REFUSE_IF(prctl, 0, INT, PR_SET_SECCOMP, EPERM)
REFUSE_IF(prctl, 0, INT, PR_SET_PTRACER, EPERM)

/* Asking for the personality, and the ordinary one. Others weaken address randomisation (ADDR_NO_RANDOMIZE,
 * READ_IMPLIES_EXEC). */
ALLOW_IF(personality, 0, INT, 0) ALLOW_IF(personality, 0, INT, INT)

/* Other processes' memory and descriptors. */
REFUSE(ptrace, EPERM) REFUSE(process_vm_readv, EPERM) REFUSE(process_vm_writev, EPERM) REFUSE(kcmp, EPERM)
REFUSE(pidfd_getfd, EPERM) REFUSE(process_madvise, EPERM) REFUSE(process_mrelease, EPERM)
REFUSE(migrate_pages, EPERM) REFUSE(move_pages, EPERM)

/* Kernel subsystems with a long record of holes that no function needs. */
REFUSE(bpf, EPERM) REFUSE(userfaultfd, EPERM) REFUSE(perf_event_open, EPERM) REFUSE(fanotify_init, EPERM)
REFUSE(fanotify_mark, EPERM) REFUSE(io_uring_setup, EPERM) REFUSE(io_uring_enter, EPERM)
REFUSE(io_uring_register, EPERM) REFUSE(add_key, EPERM) REFUSE(request_key, EPERM) REFUSE(keyctl, EPERM)
REFUSE(seccomp, EPERM) REFUSE(remap_file_pages, EPERM) REFUSE(modify_ldt, EPERM)

/* Namespaces, mounts, and files by number instead of by path. */
REFUSE(setns, EPERM) REFUSE(unshare, EPERM) REFUSE(mount, EPERM) REFUSE(umount2, EPERM)
REFUSE(pivot_root, EPERM) REFUSE(chroot, EPERM) REFUSE(fsopen, EPERM) REFUSE(fsconfig, EPERM)
REFUSE(fsmount, EPERM) REFUSE(fspick, EPERM) REFUSE(move_mount, EPERM) REFUSE(open_tree, EPERM)
REFUSE(mount_setattr, EPERM) REFUSE(open_by_handle_at, EPERM) REFUSE(name_to_handle_at, EPERM)

/* The machine. sync() would write out every file system of the host; syncfs stays inside. */
REFUSE(reboot, EPERM) REFUSE(kexec_load, EPERM) REFUSE(kexec_file_load, EPERM) REFUSE(init_module, EPERM)
REFUSE(finit_module, EPERM) REFUSE(delete_module, EPERM) REFUSE(swapon, EPERM) REFUSE(swapoff, EPERM)
REFUSE(quotactl, EPERM) REFUSE(quotactl_fd, EPERM) REFUSE(acct, EPERM) REFUSE(syslog, EPERM) REFUSE(sync, EPERM)
REFUSE(sethostname, EPERM) REFUSE(setdomainname, EPERM) REFUSE(vhangup, EPERM) REFUSE(iopl, EPERM)
REFUSE(ioperm, EPERM) REFUSE(lookup_dcookie, EPERM)

/* Left out because a kernel may be built without them, and programs take ENOSYS well: System V IPC and message
 * queues (outlive the process that made them), kernel AIO, NUMA placement, secret memory, Landlock. */
ABSENT(shmget) ABSENT(shmat) ABSENT(shmdt) ABSENT(shmctl) ABSENT(semget) ABSENT(semop) ABSENT(semtimedop)
ABSENT(semctl) ABSENT(msgget) ABSENT(msgsnd) ABSENT(msgrcv) ABSENT(msgctl) ABSENT(mq_open) ABSENT(mq_unlink)
ABSENT(mq_timedsend) ABSENT(mq_timedreceive) ABSENT(mq_notify) ABSENT(mq_getsetattr) ABSENT(io_setup)
ABSENT(io_submit) ABSENT(io_getevents) ABSENT(io_pgetevents) ABSENT(io_cancel) ABSENT(io_destroy) ABSENT(mbind)
ABSENT(set_mempolicy) ABSENT(set_mempolicy_home_node) ABSENT(ioprio_get) ABSENT(ioprio_set) ABSENT(memfd_secret)
ABSENT(landlock_create_ruleset) ABSENT(landlock_add_rule) ABSENT(landlock_restrict_self)

/* What a zygote needs to put a clone into its sandbox (zygote.c, clone.c), in the order of its use: entering the
 * namespaces it was handed, a pid and a time namespace for the clone, its own /proc instead of the seed, and closing
 * every lock. Outside those namespaces a zygote has no capability, and then the calls say EPERM. The clone's last step is
 * a filter on top of this one that takes back exactly these lines, so that what is left is the instance's. */
FORK(setns)
FORK_IF(unshare, 0, INT, CLONE_NEWPID | CLONE_NEWTIME)
FORK(sethostname) FORK(fsopen) FORK(fsconfig) FORK(fsmount) FORK(umount2) FORK(move_mount)
FORK_IF(prctl, 0, INT, PR_CAPBSET_DROP) FORK_IF(prctl, 0, INT, PR_CAP_AMBIENT)
FORK(landlock_create_ruleset) FORK(landlock_restrict_self)
FORK_IF(seccomp, 0, INT, SECCOMP_SET_MODE_FILTER)

#undef INT
#undef NAMESPACES
    /* clang-format on */
