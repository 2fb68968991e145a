//! The tables behind the filters: what a zygote may call, what a child may call, and what ends
//! either at once.
//!
//! What stands in no table is refused with `EPERM`. A number that the kernel adds tomorrow is
//! therefore refused too.

/// One comparison of a system call's argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) argument: u8,
    pub(crate) wide: bool,
    pub(crate) test: Test,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    Equals(u64),
    Differs(u64),
    Above(u64),
    AtMost(u64),
    /// All bits of the mask are zero.
    Clear(u64),
}

/// One allowed call: permitted where any one of the rules holds, a rule being all of its
/// conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) number: libc::c_long,
    pub(crate) name: &'static str,
    pub(crate) rules: &'static [&'static [Condition]],
    /// Why the fence has this hole; for the reader of the table.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "documentation that a test demands")
    )]
    pub(crate) reason: &'static str,
}

/// A call that no benign program makes: it ends the process by SIGSYS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trapped {
    pub(crate) number: libc::c_long,
    pub(crate) name: &'static str,
}

macro_rules! allow {
    ($call:ident, $reason:literal) => {
        allow!($call, &[], $reason)
    };
    ($call:ident, $rules:expr, $reason:literal) => {
        Allowed {
            number: libc::$call,
            name: stringify!($call),
            rules: $rules,
            reason: $reason,
        }
    };
}

macro_rules! trap {
    ($($(#[$on:meta])* $call:ident),* $(,)?) => {
        &[$($(#[$on])* Trapped { number: libc::$call, name: stringify!($call) }),*]
    };
}

const fn word(argument: u8, test: Test) -> Condition {
    Condition {
        argument,
        wide: false,
        test,
    }
}

const fn long(argument: u8, test: Test) -> Condition {
    Condition {
        argument,
        wide: true,
        test,
    }
}

const NOT_EXECUTABLE: &[&[Condition]] = &[&[word(2, Test::Clear(4))]];
const NOT_SIGSYS: &[&[Condition]] = &[&[word(0, Test::Differs(31))]];
const QUERY_OWN_LIMIT: &[&[Condition]] = &[&[word(0, Test::Equals(0)), long(2, Test::Equals(0))]];
const OWN_LIMIT: &[&[Condition]] = &[&[word(0, Test::Equals(0))]];
const READ_FENCE_FACT: &[&[Condition]] = &[
    &[word(0, Test::Equals(3))],  // PR_GET_DUMPABLE
    &[word(0, Test::Equals(21))], // PR_GET_SECCOMP
    &[word(0, Test::Equals(39))], // PR_GET_NO_NEW_PRIVS
];
const ZYGOTE_PRCTL: &[&[Condition]] = &[
    &[word(0, Test::Equals(1))],                           // PR_SET_PDEATHSIG
    &[word(0, Test::Equals(3))],                           // PR_GET_DUMPABLE
    &[word(0, Test::Equals(4)), long(1, Test::Equals(0))], // PR_SET_DUMPABLE off
    &[word(0, Test::Equals(15))],                          // PR_SET_NAME
    &[word(0, Test::Equals(21))],                          // PR_GET_SECCOMP
    &[word(0, Test::Equals(38)), long(1, Test::Equals(1))], // PR_SET_NO_NEW_PRIVS
    &[word(0, Test::Equals(39))],                          // PR_GET_NO_NEW_PRIVS
];
const PLAIN_FORK: &[&[Condition]] = &[&[long(0, Test::Equals(17))]]; // SIGCHLD, no flag
const KILL_ONE: &[&[Condition]] = &[&[
    word(0, Test::Above(1)),
    word(0, Test::AtMost(0x7fff_ffff)),
    word(1, Test::Equals(9)),
]];
const LOAD_FILTER: &[&[Condition]] = &[&[word(0, Test::Equals(1)), long(1, Test::Equals(0))]];
const DESCRIPTOR_FLAGS: &[&[Condition]] = &[&[word(1, Test::Above(0)), word(1, Test::AtMost(4))]]; // F_GETFD … F_SETFL

/// What untrusted code may call. Everything here works on memory, on the clock or on descriptors
/// that exist already.
///
/// Not even `fstat`: half of the C libraries in use ask by `newfstatat`, whose path no filter can
/// see, and a verdict must not depend on the C library. Streams are opened before the fence.
pub(crate) const CHILD: &[Allowed] = &[
    allow!(SYS_read, "calls arrive on an inherited descriptor"),
    allow!(
        SYS_write,
        "claims and captured output leave on inherited descriptors"
    ),
    allow!(SYS_readv, "read in several buffers"),
    allow!(SYS_writev, "write in several buffers"),
    allow!(
        SYS_lseek,
        "buffered streams ask for their position; pipes answer ESPIPE"
    ),
    allow!(SYS_mmap, NOT_EXECUTABLE, "memory, never executable"),
    allow!(
        SYS_mprotect,
        NOT_EXECUTABLE,
        "the allocator's guard pages, never executable"
    ),
    allow!(SYS_munmap, "memory"),
    allow!(
        SYS_mremap,
        "large reallocations; cannot change the protection"
    ),
    allow!(SYS_madvise, "the allocator returns pages"),
    allow!(SYS_brk, "memory"),
    allow!(SYS_futex, "locks of the interpreter"),
    allow!(SYS_getrandom, "random, hash seeds, uuid"),
    allow!(SYS_clock_gettime, "reading the clock"),
    allow!(SYS_clock_getres, "time.get_clock_info"),
    allow!(
        SYS_clock_nanosleep,
        "time.sleep; the wall clock is limited from outside"
    ),
    allow!(SYS_nanosleep, "sleep in older libraries"),
    allow!(SYS_gettimeofday, "time without a vDSO"),
    #[cfg(target_arch = "x86_64")]
    allow!(SYS_time, "time without a vDSO"),
    allow!(SYS_times, "os.times"),
    allow!(
        SYS_getrusage,
        "time.process_time and resource.getrusage, on itself"
    ),
    allow!(
        SYS_rt_sigaction,
        NOT_SIGSYS,
        "signal.signal; not for the signal that reports a violation"
    ),
    allow!(SYS_rt_sigprocmask, "signal masks of its own"),
    allow!(SYS_rt_sigreturn, "return from a handler"),
    allow!(SYS_rt_sigpending, "signal masks of its own"),
    allow!(SYS_sigaltstack, "faulthandler"),
    allow!(SYS_sched_yield, "spin loops of the interpreter's locks"),
    allow!(SYS_sched_getaffinity, "os.cpu_count"),
    allow!(SYS_getcpu, "without a vDSO"),
    allow!(SYS_getpid, "names a number only"),
    allow!(SYS_gettid, "names a number only"),
    allow!(SYS_getppid, "names a number only"),
    allow!(SYS_getuid, "names a number only"),
    allow!(SYS_geteuid, "names a number only"),
    allow!(SYS_getgid, "names a number only"),
    allow!(SYS_getegid, "names a number only"),
    allow!(
        SYS_getrlimit,
        "sys.setrecursionlimit and resource ask for the stack limit"
    ),
    allow!(
        SYS_prlimit64,
        QUERY_OWN_LIMIT,
        "getrlimit in newer libraries: query only, itself only"
    ),
    allow!(
        SYS_prctl,
        READ_FENCE_FACT,
        "the fence's facts are read back from inside"
    ),
    #[cfg(target_arch = "x86_64")]
    allow!(
        SYS_poll,
        "waiting on inherited descriptors; with RLIMIT_NOFILE 0 it is a sleep"
    ),
    allow!(SYS_ppoll, "poll in newer libraries"),
    #[cfg(target_arch = "x86_64")]
    allow!(SYS_select, "time.sleep in older interpreters"),
    allow!(SYS_pselect6, "select in newer libraries"),
    allow!(
        SYS_restart_syscall,
        "the kernel resumes an interrupted sleep"
    ),
    allow!(SYS_rseq, "the C library's per-thread registration"),
    allow!(SYS_exit, "the end"),
    allow!(SYS_exit_group, "the end"),
];

/// What a zygote may call besides: forking one child after another, feeding it, ending it.
pub(crate) const ZYGOTE_ONLY: &[Allowed] = &[
    allow!(
        SYS_clone,
        PLAIN_FORK,
        "fork one child; no thread, no namespace, no descriptor"
    ),
    allow!(SYS_wait4, "reap a child"),
    allow!(SYS_waitid, "watch a child without reaping it"),
    allow!(
        SYS_kill,
        KILL_ONE,
        "SIGKILL to one process, never to a group, to all or to process 1"
    ),
    allow!(
        SYS_prctl,
        ZYGOTE_PRCTL,
        "death signal, name, non-dumpable and reading back"
    ),
    allow!(SYS_seccomp, LOAD_FILTER, "the child loads its allow-list"),
    allow!(SYS_setrlimit, "the child lowers its limits"),
    allow!(SYS_prlimit64, OWN_LIMIT, "the child lowers its limits"),
    allow!(
        SYS_rt_sigaction,
        "the reporter of violations is installed here"
    ),
    allow!(SYS_rt_sigtimedwait, "wait for SIGCHLD with a deadline"),
    allow!(SYS_recvmsg, "jobs arrive on an inherited socket"),
    allow!(SYS_sendmsg, "results leave on an inherited socket"),
    allow!(SYS_recvfrom, "jobs arrive on an inherited socket"),
    allow!(SYS_sendto, "results leave on an inherited socket"),
    allow!(SYS_pipe2, "a child's own output pipe"),
    allow!(SYS_close, "ends of pipes"),
    allow!(SYS_close_range, "all descriptors the child must not have"),
    allow!(SYS_dup, "standard streams of a child"),
    #[cfg(target_arch = "x86_64")]
    allow!(SYS_dup2, "standard streams of a child"),
    allow!(SYS_dup3, "standard streams of a child"),
    allow!(
        SYS_fcntl,
        DESCRIPTOR_FLAGS,
        "close-on-exec and non-blocking flags only"
    ),
    allow!(SYS_capget, "reading back that no capability is left"),
    allow!(SYS_getresuid, "reading back the uid"),
    allow!(SYS_getresgid, "reading back the gid"),
];

/// What ends a zygote or a child by SIGSYS, so that the attempt is a verdict and not an exception
/// it may catch.
pub(crate) const TRAPPED: &[Trapped] = trap![
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_bpf,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
    SYS_personality,
    SYS_acct,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_quotactl,
    SYS_syslog,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_migrate_pages,
    SYS_move_pages,
    #[cfg(target_arch = "x86_64")]
    SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    SYS_ioperm,
];

#[cfg(test)]
mod tests {
    use super::{CHILD, TRAPPED, ZYGOTE_ONLY};

    #[test]
    fn every_allowed_call_states_a_reason_and_none_is_trapped() {
        for entry in CHILD.iter().chain(ZYGOTE_ONLY) {
            assert!(entry.reason.len() > 5, "{} has no reason", entry.name);
            assert!(
                !TRAPPED.iter().any(|trapped| trapped.number == entry.number),
                "{} is in both",
                entry.name
            );
        }
    }

    #[test]
    fn the_child_may_not_open_fork_exec_signal_or_make_descriptors() {
        let forbidden = [
            libc::SYS_openat,
            libc::SYS_openat2,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_tgkill,
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_dup,
            libc::SYS_dup3,
            libc::SYS_fcntl,
            libc::SYS_ioctl,
            libc::SYS_pipe2,
            libc::SYS_memfd_create,
            libc::SYS_recvmsg,
            libc::SYS_sendmsg,
            libc::SYS_setrlimit,
            libc::SYS_seccomp,
            libc::SYS_pidfd_open,
            libc::SYS_pidfd_send_signal,
            libc::SYS_fstat,
            libc::SYS_newfstatat,
            libc::SYS_statx,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_close,
        ];
        for number in forbidden {
            assert!(
                !CHILD.iter().any(|entry| entry.number == number),
                "call {number} is allowed"
            );
        }
    }

    #[test]
    fn no_call_is_listed_twice_within_a_table() {
        for table in [CHILD, ZYGOTE_ONLY] {
            for (index, entry) in table.iter().enumerate() {
                assert!(
                    !table[..index]
                        .iter()
                        .any(|other| other.number == entry.number),
                    "{}",
                    entry.name
                );
            }
        }
    }
}
