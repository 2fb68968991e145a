//! The attacks that a probe attempts under each layer, and what counts as their refusal. Each one
//! runs in a process of its own that may die of it; `attempts.rs` holds the system calls
//! themselves.

use std::ffi::CStr;

use rustix::net::SocketAddrUnix;

#[cfg(target_arch = "x86_64")]
use crate::attempts::call_int80;
use crate::attempts::{
    at_cwd, bind_tcp, clone_three, connect_abstract, connect_tcp, find_interface, fork_with,
    list_root, make_directory, make_executable, open_root, pid, plain, raise_limit,
    read_memory_call, read_memory_file, see_parent, send_udp, signal_parent, socket, trace_parent,
    use_memory,
};

/// What the attacks aim at.
pub(crate) struct Target<'a> {
    /// The process outside the fence.
    pub(crate) pid: libc::pid_t,
    /// `/proc/<pid>/mem` of that process.
    pub(crate) memory_file: &'a CStr,
    /// A directory that a writer would leave behind.
    pub(crate) new_directory: &'a CStr,
    /// Where that process keeps a word that the attacker's own memory does not hold.
    pub(crate) canary: usize,
    /// Of an abstract socket that listens outside.
    pub(crate) listener: Option<&'a SocketAddrUnix>,
    /// Process numbers of the host mean nothing here, so a number that happens to exist is no hit.
    pub(crate) own_pids: bool,
}

/// One attack and what counts as its refusal.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Target<'_>) -> Result<i64, i32>,
    pub(crate) refusals: &'static [i32],
    /// It gives a word read from memory, which is a leak only if it is the canary.
    pub(crate) reads_memory: bool,
}

const FILTERED: &[i32] = &[libc::EPERM, libc::ENOSYS];
const DENIED: &[i32] = &[libc::EACCES, libc::EPERM, libc::ENOSYS];
const DENIED_OR_ABSENT: &[i32] = &[libc::EACCES, libc::EPERM, libc::ENOENT];
const UNWRITABLE: &[i32] = &[libc::EACCES, libc::EPERM, libc::EROFS];
const NO_SUCH_PROCESS: &[i32] = &[libc::ESRCH, libc::ENOSYS];
const NO_NETWORK: &[i32] = &[libc::ENETUNREACH];
const NO_LISTENER: &[i32] = &[libc::ECONNREFUSED];
const ABSENT: &[i32] = &[libc::ENOENT];

const fn attack(
    name: &'static str,
    refusals: &'static [i32],
    run: fn(&Target<'_>) -> Result<i64, i32>,
) -> Attack {
    Attack {
        name,
        run,
        refusals,
        reads_memory: false,
    }
}

const fn reader(
    name: &'static str,
    refusals: &'static [i32],
    run: fn(&Target<'_>) -> Result<i64, i32>,
) -> Attack {
    Attack {
        name,
        run,
        refusals,
        reads_memory: true,
    }
}

/// What seccomp, limits and credentials must stop by themselves.
pub(crate) const BASE: &[Attack] = &[
    attack("open a directory outside", FILTERED, open_root),
    attack("make a directory outside", FILTERED, make_directory),
    attack("look at a path", FILTERED, |_| {
        plain(
            libc::SYS_newfstatat,
            [at_cwd(), c"/".as_ptr().addr() as u64, 0, 0, 0, 0],
        )
    }),
    reader(
        "read the parent's memory by /proc",
        FILTERED,
        read_memory_file,
    ),
    reader(
        "read the parent's memory by process_vm_readv",
        FILTERED,
        read_memory_call,
    ),
    attack("trace the parent", FILTERED, trace_parent),
    attack("signal the parent", FILTERED, signal_parent),
    attack("signal itself", FILTERED, |_| {
        plain(libc::SYS_kill, [pid(), 0, 0, 0, 0, 0])
    }),
    attack("signal a thread", FILTERED, |_| {
        plain(libc::SYS_tgkill, [pid(), pid(), 0, 0, 0, 0])
    }),
    attack("open a handle on the parent", FILTERED, |target| {
        plain(
            libc::SYS_pidfd_open,
            [target.pid.unsigned_abs().into(), 0, 0, 0, 0, 0],
        )
    }),
    attack("fork", FILTERED, |_| fork_with(17)),
    attack("fork like the C library", FILTERED, |_| {
        fork_with(0x0120_0011)
    }),
    attack("start a thread", FILTERED, |_| {
        plain(libc::SYS_clone, [0x0001_0000, 0, 0, 0, 0, 0])
    }),
    attack("fork by clone3", FILTERED, clone_three),
    attack("execute a program", FILTERED, |_| {
        plain(
            libc::SYS_execve,
            [c"/nonexistent".as_ptr().addr() as u64, 0, 0, 0, 0, 0],
        )
    }),
    attack("open an internet socket", FILTERED, |_| {
        socket(libc::AF_INET, libc::SOCK_STREAM)
    }),
    attack("open a unix socket", FILTERED, |_| {
        socket(libc::AF_UNIX, libc::SOCK_STREAM)
    }),
    attack("open a netlink socket", FILTERED, |_| {
        socket(libc::AF_NETLINK, libc::SOCK_RAW)
    }),
    attack("open a vsock socket", FILTERED, |_| {
        socket(libc::AF_VSOCK, libc::SOCK_STREAM)
    }),
    attack("duplicate a descriptor", FILTERED, |_| {
        plain(libc::SYS_dup, [0; 6])
    }),
    attack("control a descriptor", FILTERED, |_| {
        plain(libc::SYS_fcntl, [0, 1, 0, 0, 0, 0])
    }),
    attack("control a device", FILTERED, |_| {
        plain(libc::SYS_ioctl, [0, 0x5401, 0, 0, 0, 0])
    }),
    attack("make a memory file", FILTERED, |_| {
        plain(
            libc::SYS_memfd_create,
            [c"x".as_ptr().addr() as u64, 0, 0, 0, 0, 0],
        )
    }),
    attack("map executable memory", FILTERED, |_| {
        plain(libc::SYS_mmap, [0, 4096, 5, 0x22, u64::MAX, 0])
    }),
    attack("make memory executable", FILTERED, make_executable),
    attack("make shared memory", FILTERED, |_| {
        plain(libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0])
    }),
    attack("raise a limit", FILTERED, raise_limit),
    attack("change the uid", FILTERED, |_| {
        plain(libc::SYS_setresuid, [0; 6])
    }),
    attack("become dumpable", FILTERED, |_| {
        plain(libc::SYS_prctl, [4, 1, 0, 0, 0, 0])
    }),
    attack("enter new namespaces", FILTERED, |_| {
        plain(libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0, 0])
    }),
    attack("set up io_uring", FILTERED, |_| {
        plain(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0])
    }),
    attack("load a BPF program", FILTERED, |_| {
        plain(libc::SYS_bpf, [0, 0, 0, 0, 0, 0])
    }),
    attack("use the key ring", FILTERED, |_| {
        plain(libc::SYS_keyctl, [0, 0, 0, 0, 0, 0])
    }),
    attack("open a performance event", FILTERED, |_| {
        plain(libc::SYS_perf_event_open, [0, 0, 0, 0, 0, 0])
    }),
    attack("handle page faults", FILTERED, |_| {
        plain(libc::SYS_userfaultfd, [0; 6])
    }),
    #[cfg(target_arch = "x86_64")]
    attack("call by the x32 interface", FILTERED, |_| {
        plain(0x4000_0000 | libc::SYS_getpid, [0; 6])
    }),
    #[cfg(target_arch = "x86_64")]
    attack("call by the 32-bit interface", FILTERED, call_int80),
];

/// What Landlock must stop by itself, without a filter.
pub(crate) const LANDLOCK: &[Attack] = &[
    attack("open a directory outside", DENIED, open_root),
    attack("make a directory outside", UNWRITABLE, make_directory),
    reader(
        "read the parent's memory by /proc",
        DENIED_OR_ABSENT,
        read_memory_file,
    ),
    reader(
        "read the parent's memory by process_vm_readv",
        DENIED,
        read_memory_call,
    ),
    attack("trace the parent", DENIED, trace_parent),
    attack("connect by TCP", DENIED, connect_tcp),
    attack("bind a TCP port", DENIED, bind_tcp),
    attack("connect to an abstract socket", DENIED, connect_abstract),
    attack("signal the parent", DENIED, signal_parent),
];

/// What the namespaces must stop by themselves, without a filter and with all capabilities inside.
pub(crate) const NAMESPACES: &[Attack] = &[
    attack("find a file in the root", ABSENT, list_root),
    attack("make a directory", UNWRITABLE, make_directory),
    reader(
        "read the parent's memory by /proc",
        ABSENT,
        read_memory_file,
    ),
    reader(
        "read the parent's memory by process_vm_readv",
        NO_SUCH_PROCESS,
        read_memory_call,
    ),
    attack("trace the parent", NO_SUCH_PROCESS, trace_parent),
    attack("signal the parent", NO_SUCH_PROCESS, signal_parent),
    attack("see the parent's number", NO_SUCH_PROCESS, see_parent),
    attack("send to the network", NO_NETWORK, send_udp),
    attack(
        "find a network interface that is up",
        &[libc::ENODEV],
        find_interface,
    ),
    attack(
        "connect to an abstract socket",
        NO_LISTENER,
        connect_abstract,
    ),
];

/// What a control group of 2 processes and 32 MiB must stop by itself.
pub(crate) const CGROUP: &[Attack] = &[
    attack("fork beyond the bound", &[libc::EAGAIN], |_| fork_with(17)),
    attack("use memory beyond the bound", &[libc::ENOMEM], use_memory),
];
